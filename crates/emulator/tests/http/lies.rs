//! Answers that are not true: lists, counts, objects by id and events that contradict what is there.

use serde_json::Value;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Endpoint;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultBody;
use workos_directory_emulator::FaultRule;
use workos_directory_sync::operations;
use workos_directory_sync::types::DirectoryUser;

use crate::asking::Asking;

const USERS: &workos_directory_sync::operation::Operation = &operations::LIST_DIRECTORY_USERS;

/// An emulator with the list of a directory's users, and what is in it.
struct World {
    asking: Asking,
    directory: String,
    list: String,
    users: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let asking = Asking::new().await;
        let directory = asking.all_ids("/directories").await.remove(0);
        let list = format!("/directory_users?directory={directory}");
        let users = asking.all_ids(&list).await;
        assert!(users.len() > 20, "{}", users.len());
        Self {
            asking,
            directory,
            list,
            users,
        }
    }

    fn inject(&self, rule: FaultRule) {
        self.emulator().faults().inject(rule).unwrap();
    }

    fn emulator(&self) -> &Emulator {
        &self.asking.emulator
    }

    /// The ids of the directory's users, a few on each page.
    async fn pages(&self, limit: usize) -> Vec<Vec<String>> {
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let target = format!("{}&order=asc&limit={limit}{cursor}", self.list);
            let page = self.asking.get(&target).await;
            pages.push(page.ids());
            let Some(after) = page.json()["list_metadata"]["after"].as_str().map(str::to_owned) else {
                return pages;
            };
            cursor = format!("&after={after}");
        }
    }

    /// The directory's users as the API tells of them, byte for byte.
    async fn text(&self) -> String {
        self.asking.get(&format!("{}&limit=100", self.list)).await.text
    }
}

#[tokio::test]
async fn omitted_objects_are_missing_from_full_pages_and_there_by_id() {
    let world = World::new().await;
    let rule = FaultRule::new(Fault::OmittedObjects).on(USERS);
    world.inject(rule.objects([&world.users[0], &world.users[7]]));
    let mut expected = world.users.clone();
    expected.remove(7);
    expected.remove(0);
    let pages = world.pages(5).await;
    assert_eq!(pages.concat(), expected);
    assert!(pages[..pages.len() - 1].iter().all(|page| page.len() == 5));
    let user = world.asking.get(&format!("/directory_users/{}", world.users[0])).await;
    assert_eq!(user.status, 200);
}

#[tokio::test]
async fn omitted_share_is_the_same_in_every_traversal_and_stays_in_its_directory() {
    let world = World::new().await;
    let rule = FaultRule::new(Fault::OmittedObjects).directory(&world.directory);
    let everybody = world.asking.all_ids("/directory_users").await.len();
    world.inject(rule.share(0.3));
    let left = world.asking.all_ids(&world.list).await;
    assert!(left.len() < world.users.len() && left.len() > world.users.len() / 3);
    assert_eq!(world.pages(7).await.concat(), left);
    // A list of several directories loses the users of this one only.
    let all = world.asking.all_ids("/directory_users").await.len();
    assert_eq!(everybody - all, world.users.len() - left.len());
}

#[tokio::test]
async fn omitted_member_is_missing_from_the_group_and_not_from_the_directory() {
    let world = World::new().await;
    let groups = world.asking.all_ids("/directory_groups").await;
    let mut members = Vec::new();
    let mut group = String::new();
    for id in groups {
        group = id;
        members = world.asking.all_ids(&format!("/directory_users?group={group}")).await;
        if members.len() > 1 {
            break;
        }
    }
    let rule = FaultRule::new(Fault::OmittedObjects).on(USERS).scope(&group);
    world.inject(rule.objects([&members[0]]));
    let left = world.asking.all_ids(&format!("/directory_users?group={group}")).await;
    assert_eq!(left, members[1..]);
    assert!(world.asking.all_ids("/directory_users").await.contains(&members[0]));
    let of_user = world
        .asking
        .all_ids(&format!("/directory_groups?user={}", members[0]))
        .await;
    assert!(of_user.contains(&group));
}

#[tokio::test]
async fn shifted_page_repeats_the_last_object_and_misses_its_own_first() {
    let world = World::new().await;
    world.inject(FaultRule::new(Fault::ShiftedPage).on(USERS).times(1));
    let seen = world.pages(10).await.concat();
    let mut expected = world.users.clone();
    expected[10] = expected[9].clone();
    assert_eq!(seen, expected);
    assert_eq!(world.pages(10).await.concat(), world.users);
}

#[tokio::test]
async fn repeated_object_moves_the_others_on_and_loses_none() {
    let world = World::new().await;
    world.inject(FaultRule::new(Fault::RepeatedObject).on(USERS));
    let pages = world.pages(10).await;
    assert!(pages.iter().all(|page| page.len() <= 10));
    assert_eq!(pages[1][0], pages[0][9]);
    let mut seen = pages.concat();
    seen.dedup();
    assert_eq!(seen, world.users);
    // Even pages of a single object come to an end.
    let mut seen = world.pages(1).await.concat();
    seen.dedup();
    assert_eq!(seen, world.users);
}

#[tokio::test]
async fn list_ends_early_or_turns_empty() {
    let world = World::new().await;
    world.inject(
        FaultRule::new(Fault::EarlyEnd { empty: false })
            .on(USERS)
            .skip(1)
            .times(1),
    );
    assert_eq!(world.pages(10).await.concat(), world.users[..20]);
    world.inject(
        FaultRule::new(Fault::EarlyEnd { empty: true })
            .on(USERS)
            .skip(2)
            .times(1),
    );
    assert_eq!(world.pages(10).await.concat(), world.users[..20]);
    world.inject(FaultRule::new(Fault::EmptyList).scope(&world.directory));
    let empty = world.asking.get(&world.list).await;
    assert_eq!(
        empty.text,
        r#"{"object":"list","data":[],"list_metadata":{"before":null,"after":null}}"#
    );
    assert!(!world.asking.get("/directory_users").await.ids().is_empty());
}

#[tokio::test]
async fn counts_of_a_directory_contradict_what_it_has() {
    let world = World::new().await;
    let counts = Fault::WrongCounts {
        active_users: Some(7_000),
        inactive_users: None,
        groups: Some(0),
    };
    world.inject(FaultRule::new(counts).directory(&world.directory));
    let list = world.asking.get("/directories?limit=100").await.json();
    let one = world
        .asking
        .get(&format!("/directories/{}", world.directory))
        .await
        .json();
    let wrong = |metadata: &Value| metadata["users"]["active"] == 7_000 && metadata["groups"] == 0;
    assert!(wrong(&one["metadata"]));
    let directories = list["data"].as_array().unwrap();
    assert_eq!(directories.iter().filter(|one| wrong(&one["metadata"])).count(), 1);
}

#[tokio::test]
async fn field_of_one_object_is_replaced_by_any_bytes_and_the_rest_stays_as_it_is() {
    let world = World::new().await;
    let before = world.text().await;
    let user = &world.users[3];
    let rule = |fault| FaultRule::new(fault).objects([user]);
    world.inject(rule(Fault::replaced_field("/first_name", r#""Ann \ud83d""#)));
    world.inject(rule(Fault::replaced_field("/role", "{}")));
    world.inject(rule(Fault::omitted_fields(["/custom_attributes", "/emails/0/type"])));
    let hit = world.text().await;
    assert!(hit.contains(r#""first_name":"Ann \ud83d""#) && hit.contains(r#""role":{}"#));
    let objects = |text: &str| {
        let page: Value = serde_json::from_str(&text.replace(r"\ud83d", "?")).unwrap();
        page["data"].as_array().unwrap().clone()
    };
    for (before, hit) in objects(&before).into_iter().zip(objects(&hit)) {
        if before["id"].as_str() == Some(user) {
            assert_eq!(hit["first_name"], "Ann ?");
            assert!(hit.get("custom_attributes").is_none());
            assert!(hit["emails"][0].get("type").is_none() && hit["emails"][0]["value"].is_string());
        } else {
            assert_eq!(before, hit);
        }
    }
    let by_id = world.asking.get(&format!("/directory_users/{user}")).await.text;
    assert!(by_id.contains(r#""first_name":"Ann \ud83d""#));
    let other = world
        .asking
        .get(&format!("/directory_users/{}", world.users[4]))
        .await
        .text;
    assert!(!other.contains("Ann"));

    world.emulator().faults().clear();
    let bytes = Fault::ReplacedField {
        path: "/last_name".to_owned(),
        json: None,
        hex: Some("22ff22".to_owned()),
    };
    world.inject(rule(bytes));
    let target = format!("{}&limit=100", world.list);
    let request = world.asking.request("GET", &target);
    let body = request.send().await.unwrap().bytes().await.unwrap();
    let place = body.windows(3).position(|window| window == b"\"\xff\"").unwrap();
    assert!(body[..place].ends_with(b"\"last_name\":"));
}

#[tokio::test]
async fn answer_by_id_fails_for_some_and_a_404_looks_like_the_apis_own_or_a_proxys() {
    let world = World::new().await;
    let get = async |id: &str| world.asking.get(&format!("/directory_users/{id}")).await;
    let own = get("directory_user_01ECAZ4NV9QMV47GW873HDCX74").await;
    let rule = |body| FaultRule::new(Fault::error(404, body)).on(&operations::GET_DIRECTORY_USER);
    world.inject(rule(FaultBody::Json).objects([&world.users[1]]));
    world.inject(rule(FaultBody::Html).objects([&world.users[2]]));
    let (api, proxy) = (get(&world.users[1]).await, get(&world.users[2]).await);
    assert_eq!((own.status, api.status, proxy.status), (404, 404, 404));
    let expected = own
        .text
        .replace("directory_user_01ECAZ4NV9QMV47GW873HDCX74", &world.users[1]);
    assert_eq!(api.text, expected);
    assert_eq!(proxy.header("content-type"), "text/html");
    assert_eq!(get(&world.users[3]).await.status, 200);
    // Lists are not hit by rules for ids.
    assert_eq!(world.pages(10).await.concat(), world.users);
    // A rule for a directory is about its users, too.
    world.emulator().faults().clear();
    world.inject(FaultRule::new(Fault::status(403)).directory(&world.directory));
    assert_eq!(get(&world.users[3]).await.status, 403);
    assert_eq!(world.asking.get(&world.list).await.status, 403);
    assert_eq!(world.asking.get("/directories").await.status, 200);
    let others = world.asking.all_ids("/directories").await.remove(1);
    let other = format!("/directory_users?directory={others}");
    assert_eq!(world.asking.get(&other).await.status, 200);
}

#[tokio::test]
async fn events_are_trimmed_in_the_log_and_in_webhooks_by_rules_of_their_own() {
    let world = World::new().await;
    let endpoint = Endpoint::pulled("whsec_test");
    let endpoint = world.emulator().webhooks().register(endpoint).unwrap();
    let updated = || FaultRule::new(Fault::omitted_fields(["/data/state"])).events(["dsync.user.updated"]);
    world.inject(updated().on(&operations::LIST_EVENTS));
    let trimmed = FaultRule::new(Fault::omitted_fields(["/created_at"]));
    world.inject(trimmed.on_webhooks().objects([&world.users[0]]));
    let surrogate = Fault::replaced_field("/data/first_name", r#""\ud83d""#);
    world.inject(
        FaultRule::new(surrogate)
            .on_webhooks()
            .objects([&world.users[1]])
            .times(1),
    );
    for id in &world.users[..2] {
        let text = world.asking.get(&format!("/directory_users/{id}")).await.text;
        let mut user: DirectoryUser = serde_json::from_str(&text).unwrap();
        user.last_name = Some("Changed".to_owned());
        world.emulator().put_user(user).unwrap();
    }
    let log = world.asking.get("/events?events=dsync.user.updated").await.json();
    let log = log["data"].as_array().unwrap();
    assert_eq!(log.len(), 2);
    assert!(
        log.iter()
            .all(|event| event["data"].get("state").is_none() && event["created_at"].is_string())
    );
    let posted = world.emulator().webhooks().drain(&endpoint).unwrap();
    let [first, second] = posted.as_slice() else {
        panic!("{posted:?}")
    };
    let event: Value = serde_json::from_str(&first.body).unwrap();
    assert!(event.get("created_at").is_none() && event["data"]["state"] == "active");
    assert!(second.body.contains(r#""first_name":"\ud83d""#));
    let signer = workos_directory_sync::events::WebhookVerifier::new("whsec_test").unwrap();
    signer
        .verify_signature(first.signature.as_bytes(), first.body.as_bytes())
        .unwrap();
}
