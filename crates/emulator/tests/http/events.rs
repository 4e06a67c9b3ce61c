//! Changes and the log that tells of them.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::ManualClock;
use workos_directory_emulator::ObjectError;
use workos_directory_emulator::Population;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::DirectoryGroup;
use workos_directory_sync::types::DirectoryUser;
use workos_directory_sync::types::Event;
use workos_directory_sync::types::EventName;
use workos_directory_sync::types::EventPayload;

use crate::asking::Asking;
use crate::replay::Replay;

const ORGANIZATION: &str = "org_01EHZNVPK3SFK441A1RGBFSHRT";

const ALL_NAMES: &str = "dsync.activated,dsync.deleted,dsync.group.created,dsync.group.deleted,dsync.group.updated,\
    dsync.group.user_added,dsync.group.user_removed,dsync.user.created,dsync.user.deleted,dsync.user.updated";

/// An empty emulator whose clock stands at a known time.
pub(crate) async fn empty() -> (Asking, ManualClock) {
    let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
    let builder = Emulator::builder().population(Population::empty()).clock(clock.clone());
    (Asking::of(builder).await, clock)
}

pub(crate) fn directory(emulator: &Emulator) -> Directory {
    let now = emulator.now();
    let mut directory = Directory::new(
        emulator.new_directory_id(),
        "okta scim v2.0",
        "linked",
        "Acme",
        now,
        now,
    );
    directory.organization_id = Some(ORGANIZATION.to_owned());
    directory.domain = Some("acme.example".to_owned());
    emulator.put_directory(directory.clone()).unwrap();
    directory
}

fn user(emulator: &Emulator, directory: &str) -> DirectoryUser {
    let now = emulator.now();
    let mut user = DirectoryUser::new(emulator.new_user_id(), directory, "active", now, now);
    user.idp_id = Some(user.id.to_lowercase());
    user.email = Some(format!("{}@acme.example", user.id));
    emulator.put_user(user.clone()).unwrap();
    user
}

fn group(emulator: &Emulator, directory: &str) -> DirectoryGroup {
    let group = DirectoryGroup::new(emulator.new_group_id(), directory, "Engineering");
    emulator.put_group(group.clone()).unwrap();
    group
}

pub(crate) async fn events(asking: &Asking) -> Vec<Event> {
    let events = asking.all(&format!("/events?events={ALL_NAMES}")).await;
    events
        .into_iter()
        .map(|event| serde_json::from_str(&event.to_string()).unwrap())
        .collect()
}

#[tokio::test]
async fn every_change_is_one_event_with_the_payload_of_its_name() {
    let (asking, _) = empty().await;
    let emulator = &asking.emulator;
    let directory = directory(emulator);
    let mut jane = user(emulator, &directory.id);
    let mut group = group(emulator, &directory.id);
    emulator.add_member(&jane.id, &group.id).unwrap();
    emulator.add_member(&jane.id, &group.id).unwrap();
    jane.first_name = Some("Jane".to_owned());
    jane.custom_attributes = Some(serde_json::from_str(r#"{"department":"Finance"}"#).unwrap());
    emulator.put_user(jane.clone()).unwrap();
    emulator.put_user(jane.clone()).unwrap();
    group.name = "Platform".to_owned();
    emulator.put_group(group.clone()).unwrap();
    emulator.remove_member(&jane.id, &group.id).unwrap();
    emulator.delete_user(&jane.id).unwrap();
    emulator.delete_group(&group.id).unwrap();
    emulator.delete_directory(&directory.id).unwrap();

    let log = events(&asking).await;
    let names: Vec<&str> = log.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(
        names,
        [
            "dsync.activated",
            "dsync.user.created",
            "dsync.group.created",
            "dsync.group.user_added",
            "dsync.user.updated",
            "dsync.group.updated",
            "dsync.group.user_removed",
            "dsync.user.deleted",
            "dsync.group.deleted",
            "dsync.deleted",
        ]
    );
    let payloads: Vec<EventPayload> = log.iter().map(|event| event.payload().unwrap()).collect();
    let EventPayload::DsyncActivated(activated) = &payloads[0] else {
        panic!()
    };
    assert_eq!(activated.state.as_str(), "active");
    assert_eq!(activated.domains.as_ref().unwrap()[0].domain, "acme.example");
    let EventPayload::DsyncUserUpdated(updated) = &payloads[4] else {
        panic!()
    };
    let previous: Value = updated.previous_attributes.as_ref().unwrap().decode().unwrap();
    assert_eq!(
        previous,
        json!({ "first_name": null, "custom_attributes": { "department": null } })
    );
    let EventPayload::DsyncGroupUpdated(updated) = &payloads[5] else {
        panic!()
    };
    let previous: Value = updated.previous_attributes.as_ref().unwrap().decode().unwrap();
    assert_eq!(previous, json!({ "name": "Engineering" }));
    let EventPayload::DsyncGroupUserAdded(added) = &payloads[3] else {
        panic!()
    };
    assert_eq!((&added.user.id, &added.group.id), (&jane.id, &group.id));
    // Payloads never have the memberships.
    assert!(!log.iter().any(|event| event.data.as_str().contains("\"groups\"")));
    let ids: BTreeSet<&str> = log.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids.len(), log.len());
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing_and_tells_nothing() {
    let (asking, _) = empty().await;
    let emulator = &asking.emulator;
    let first = directory(emulator);
    let second = directory(emulator);
    let jane = user(emulator, &first.id);
    let there = group(emulator, &second.id);
    let before = events(&asking).await.len();
    assert!(matches!(
        emulator.add_member(&jane.id, &there.id),
        Err(ObjectError::OtherDirectory { .. })
    ));
    assert!(matches!(
        emulator.delete_user(&there.id),
        Err(ObjectError::UnknownUser { .. })
    ));
    assert!(matches!(
        emulator.delete_group(&jane.id),
        Err(ObjectError::UnknownGroup { .. })
    ));
    assert!(matches!(
        emulator.delete_directory("directory_x"),
        Err(ObjectError::UnknownDirectory { .. })
    ));
    let mut moved = jane.clone();
    moved.directory_id.clone_from(&second.id);
    assert!(matches!(emulator.put_user(moved), Err(ObjectError::DuplicateId { .. })));
    let mut old = jane.clone();
    old.id = "directory_user_01EHZNVPK3SFK441A1RGBFSHRT".to_owned();
    assert!(matches!(emulator.put_user(old), Err(ObjectError::NotNew { .. })));
    let mut wrong = jane.clone();
    wrong.id = "user_1".to_owned();
    assert!(matches!(emulator.put_user(wrong), Err(ObjectError::WrongId { .. })));
    assert_eq!(events(&asking).await.len(), before);
    assert_eq!(asking.all_ids("/directory_users").await, [jane.id]);
}

#[tokio::test]
async fn a_directory_that_becomes_linked_is_activated_and_deletion_over_http_is_told() {
    let (asking, _) = empty().await;
    let directory = directory(&asking.emulator);
    asking.emulator.set_directory_state(&directory.id, "unlinked").unwrap();
    asking.emulator.set_directory_state(&directory.id, "linked").unwrap();
    asking.emulator.set_directory_state(&directory.id, "linked").unwrap();
    asking
        .send(asking.request("DELETE", &format!("/directories/{}", directory.id)))
        .await;
    let names: Vec<String> = events(&asking)
        .await
        .iter()
        .map(|event| event.event.to_string())
        .collect();
    assert_eq!(names, ["dsync.activated", "dsync.activated", "dsync.deleted"]);
}

#[tokio::test]
async fn the_log_is_filtered_by_name_organization_and_time_and_is_oldest_first() {
    let (asking, clock) = empty().await;
    let emulator = &asking.emulator;
    let directory = directory(emulator);
    for _ in 0..5 {
        clock.advance(Duration::from_secs(60));
        user(emulator, &directory.id);
    }
    let count = async |query: &str| asking.get(&format!("/events?{query}")).await.ids().len();
    assert_eq!(count("events=dsync.user.created&order=desc").await, 5);
    assert_eq!(
        count("events=dsync.activated&events=dsync.user.created,dsync.new").await,
        6
    );
    assert_eq!(
        count(&format!("events=dsync.user.created&organization_id={ORGANIZATION}")).await,
        5
    );
    assert_eq!(
        count("events=dsync.user.created&organization_id=org_01H00000000000000000000000").await,
        0
    );
    let range = "range_start=2026-11-01T00:02:00Z&range_end=2026-11-01T00:04:00.000Z";
    assert_eq!(count(&format!("events=dsync.user.created&{range}")).await, 2);

    let first = asking.get("/events?events=dsync.user.created&limit=2&order=desc").await;
    let after = first.ids()[1].clone();
    assert_eq!(first.json()["list_metadata"], json!({ "before": null, "after": after }));
    let second = asking
        .get(&format!("/events?events=dsync.user.created&limit=2&after={after}"))
        .await;
    assert!(second.ids()[0] > after && second.ids()[1] > second.ids()[0]);
    let back = asking
        .get(&format!("/events?events=dsync.user.created&before={}", second.ids()[0]))
        .await;
    assert_eq!(back.ids(), first.ids());
}

#[tokio::test]
async fn the_log_forgets_after_ninety_days() {
    let (asking, clock) = empty().await;
    directory(&asking.emulator);
    clock.advance(Duration::from_secs(89 * 24 * 60 * 60));
    assert_eq!(events(&asking).await.len(), 1);
    clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
    assert_eq!(events(&asking).await.len(), 0);
}

#[tokio::test]
async fn the_log_refuses_what_the_api_refuses() {
    let (asking, _) = empty().await;
    for target in ["/events", "/events?events=,", "/events?limit=0"] {
        let answer = asking.get(target).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (400, Some("invalid_events_request"))
        );
    }
    let answer = asking
        .get("/events?events=dsync.deleted&range_start=yesterday&organization_id=x&after=1")
        .await;
    assert_eq!(answer.fields(), ["after", "range_start", "organization_id"]);
    let long = "range_start=2026-01-01T00:00:00Z&range_end=2026-02-01T00:00:00Z";
    assert_eq!(
        asking
            .get(&format!("/events?events=dsync.deleted&{long}"))
            .await
            .fields(),
        ["range_end"]
    );
    let both = "range_start=2026-01-01T00:00:00Z&after=event_01EHZNVPK3SFK441A1RGBFSHRT";
    let answer = asking.get(&format!("/events?events=dsync.deleted&{both}")).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (400, Some("invalid_request_parameters"))
    );
}

/// A change by numbers, which are taken modulo what is there.
#[derive(Clone, Debug)]
enum Step {
    Directory,
    User(usize),
    Rename(usize, u8),
    Suspend(usize),
    DeleteUser(usize),
    Group(usize),
    DeleteGroup(usize),
    Join(usize, usize),
    Leave(usize, usize),
    DeleteDirectory(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0..64_usize;
    prop_oneof![
        1 => Just(Step::Directory),
        6 => number().prop_map(Step::User),
        3 => (number(), any::<u8>()).prop_map(|(user, name)| Step::Rename(user, name)),
        2 => number().prop_map(Step::Suspend),
        2 => number().prop_map(Step::DeleteUser),
        3 => number().prop_map(Step::Group),
        1 => number().prop_map(Step::DeleteGroup),
        9 => (number(), number()).prop_map(|(user, group)| Step::Join(user, group)),
        4 => (number(), number()).prop_map(|(user, group)| Step::Leave(user, group)),
        1 => number().prop_map(Step::DeleteDirectory),
    ]
}

/// Carries a step out on what is there; a step without anything to act on does nothing.
fn carry_out(emulator: &Emulator, replay: &Replay, step: &Step) {
    fn nth<T>(items: impl ExactSizeIterator<Item = T>, number: usize) -> Option<T> {
        let mut items = items;
        let length = items.len();
        if length == 0 { None } else { items.nth(number % length) }
    }
    let renamed = |number: usize, change: &dyn Fn(&mut DirectoryUser)| {
        if let Some(user) = nth(replay.users.values(), number) {
            let mut user = user.clone();
            change(&mut user);
            user.updated_at = emulator.now().into();
            emulator.put_user(user).unwrap();
        }
    };
    match *step {
        Step::Directory => drop(directory(emulator)),
        Step::User(number) => drop(nth(replay.directories.iter(), number).map(|id| user(emulator, id))),
        Step::Group(number) => drop(nth(replay.directories.iter(), number).map(|id| group(emulator, id))),
        Step::Rename(number, name) => renamed(number, &|user| user.first_name = Some(format!("name {name}"))),
        Step::Suspend(number) => renamed(number, &|user| user.state = "suspended".into()),
        Step::DeleteUser(number) => {
            nth(replay.users.keys(), number)
                .into_iter()
                .for_each(|id| emulator.delete_user(id).unwrap());
        }
        Step::DeleteGroup(number) => {
            nth(replay.groups.keys(), number)
                .into_iter()
                .for_each(|id| emulator.delete_group(id).unwrap());
        }
        Step::DeleteDirectory(number) => {
            nth(replay.directories.iter(), number)
                .into_iter()
                .for_each(|id| emulator.delete_directory(id).unwrap());
        }
        Step::Join(user, group) | Step::Leave(user, group) => {
            let (Some(user), Some(group)) = (nth(replay.users.values(), user), nth(replay.groups.values(), group))
            else {
                return;
            };
            if user.directory_id != group.directory_id {
                return;
            }
            match step {
                Step::Join(..) => emulator.add_member(&user.id, &group.id).unwrap(),
                _ => emulator.remove_member(&user.id, &group.id).unwrap(),
            }
        }
    }
}

async fn check(steps: Vec<Step>) {
    let (asking, clock) = empty().await;
    let mut replay = Replay::default();
    let mut seen = 0;
    for step in &steps {
        clock.advance(Duration::from_millis(7));
        carry_out(&asking.emulator, &replay, step);
        let log = events(&asking).await;
        log[seen..].iter().for_each(|event| replay.apply(event));
        seen = log.len();
    }

    replay.assert_shown_by(&asking).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn who_replays_the_log_knows_what_the_lists_show(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(steps));
    }
}

#[test]
fn every_name_of_the_log_is_one_that_the_document_knows() {
    assert!(ALL_NAMES.split(',').all(|name| EventName::from(name).is_known()));
}
