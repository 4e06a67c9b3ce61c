//! The official crate for Rust.

use std::future::Future;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use futures_util::TryStreamExt as _;
use serde_json::Value;
use serde_json::json;
use workos::PaginationOrder;
use workos::directory_sync::ListDirectoriesParams;
use workos::directory_sync::ListGroupsParams;
use workos::directory_sync::ListUsersParams;
use workos::events::ListEventsParams;
use workos_directory_sync::events::EventName;

use super::AT_ONCE;
use super::BEHAVIOURS;
use super::MISSING;
use super::SECRET;
use super::World;
use super::assert_saw;
use super::assert_verifies;

/// The client, the words that the tests need of it.
struct Official(workos::Client);

impl Official {
    fn new(world: &World) -> Self {
        let builder = workos::Client::builder().api_key(world.emulator.api_key());
        Self(builder.base_url(world.emulator.base_url()).build())
    }

    async fn directories(&self, params: ListDirectoriesParams) -> Vec<String> {
        let api = self.0.directory_sync();
        let list: Vec<_> = api
            .list_directories_auto_paging(params)
            .try_collect()
            .await
            .expect("directories");
        list.into_iter().map(|directory| directory.id).collect()
    }

    async fn users(&self, params: ListUsersParams) -> Vec<String> {
        let api = self.0.directory_sync();
        let list: Vec<_> = api.list_users_auto_paging(params).try_collect().await.expect("users");
        list.into_iter().map(|user| user.id).collect()
    }

    async fn groups(&self, params: ListGroupsParams) -> Vec<String> {
        let api = self.0.directory_sync();
        let list: Vec<_> = api.list_groups_auto_paging(params).try_collect().await.expect("groups");
        list.into_iter().map(|group| group.id).collect()
    }

    /// A page and whether going on from it and back again leads to it.
    async fn goes_back(&self, directory: &str) -> bool {
        let api = self.0.directory_sync();
        let params = || ListUsersParams {
            directory: Some(directory.to_owned()),
            limit: Some(5),
            ..Default::default()
        };
        let page = api.list_users(params()).await.expect("a page");
        let after = page.list_metadata.after.clone();
        let next = api
            .list_users(ListUsersParams { after, ..params() })
            .await
            .expect("the next");
        let before = Some(next.data[0].id.clone());
        let back = api
            .list_users(ListUsersParams { before, ..params() })
            .await
            .expect("the first");
        let ids =
            |page: &[workos::DirectoryUserWithGroups]| page.iter().map(|user| user.id.clone()).collect::<Vec<_>>();
        ids(&back.data) == ids(&page.data)
    }
}

/// The status of an answer.
async fn status<T>(answer: impl Future<Output = Result<T, workos::Error>>) -> u16 {
    match answer.await {
        Ok(_) => 200,
        Err(workos::Error::Api(error)) => error.status,
        Err(error) => panic!("{error}"),
    }
}

/// Everything that the other SDKs are asked for, too. The second value is what it writes of the objects that it got.
async fn look(world: &World) -> (Value, Value) {
    let official = Official::new(world);
    let api = official.0.directory_sync();
    let home = &world.directories[0];
    let directories = official
        .directories(ListDirectoriesParams {
            limit: Some(2),
            ..Default::default()
        })
        .await;
    let of_organization = ListDirectoriesParams {
        organization_id: home.organization_id.clone(),
        ..Default::default()
    };
    let found = ListDirectoriesParams {
        search: Some(home.name.to_lowercase()),
        ..Default::default()
    };
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    for directory in &directories {
        let directory = Some(directory.clone());
        let limit = Some(7);
        users.extend(
            official
                .users(ListUsersParams {
                    directory: directory.clone(),
                    limit,
                    ..Default::default()
                })
                .await,
        );
        groups.extend(
            official
                .groups(ListGroupsParams {
                    directory,
                    ..Default::default()
                })
                .await,
        );
    }
    let (mut members, mut groups_of_users) = (Vec::new(), Vec::new());
    for group in &groups {
        let group = Some(group.clone());
        members.push(
            official
                .users(ListUsersParams {
                    group,
                    limit: Some(100),
                    ..Default::default()
                })
                .await,
        );
    }
    for user in &users {
        let user = Some(user.clone());
        groups_of_users.push(
            official
                .groups(ListGroupsParams {
                    user,
                    ..Default::default()
                })
                .await,
        );
    }
    let in_home = || ListUsersParams {
        directory: Some(home.id.clone()),
        ..Default::default()
    };
    let oldest_first = ListUsersParams {
        order: Some(PaginationOrder::Asc),
        limit: Some(3),
        ..in_home()
    };
    let by_idp_id = ListUsersParams {
        idp_id: Some("interop".to_owned()),
        ..in_home()
    };
    let by_email = ListUsersParams {
        email: Some("interop@acme.example".to_owned()),
        ..in_home()
    };

    let (mut got_directories, mut got_users, mut got_groups) = (Vec::new(), Vec::new(), Vec::new());
    for id in &directories {
        got_directories.push(api.get_directory(id).await.expect("a directory"));
    }
    for id in &users {
        got_users.push(api.get_user(id).await.expect("a user"));
    }
    for id in &groups {
        got_groups.push(api.get_group(id).await.expect("a group"));
    }
    let at_once = users.iter().cycle().take(AT_ONCE).map(|id| api.get_user(id));
    let at_once = futures_util::future::try_join_all(at_once).await.expect("users");
    let names = EventName::KNOWN.iter().map(|name| name.as_str().to_owned()).collect();
    let params = ListEventsParams {
        limit: Some(2),
        ..ListEventsParams::new(names)
    };
    let events: Vec<_> = official
        .0
        .events()
        .list_events_auto_paging(params)
        .try_collect()
        .await
        .expect("events");
    let seen = json!({
        "directories": directories,
        "directories_of_organization": official.directories(of_organization).await,
        "directories_found": official.directories(found).await,
        "users": users,
        "oldest_first": official.users(oldest_first).await,
        "by_idp_id": official.users(by_idp_id).await,
        "by_email": official.users(by_email).await,
        "back_is_where_it_came_from": official.goes_back(&home.id).await,
        "groups": groups,
        "members": members,
        "groups_of_users": groups_of_users,
        "got": {
            "directories": got_directories.iter().map(|one| &one.name).collect::<Vec<_>>(),
            "users": got_users.iter().map(|one| &one.email).collect::<Vec<_>>(),
            "groups": got_groups.iter().map(|one| &one.name).collect::<Vec<_>>(),
        },
        "at_once": at_once.iter().map(|one| &one.id).collect::<Vec<_>>(),
        "missing": status(api.get_user(MISSING)).await,
        "synced": api.create_directory_sync(world.syncable()).await.expect("it is of Google").status,
        "events": events.iter().map(|event| (&event.id, &event.event)).collect::<Vec<_>>(),
    });
    let encoded = json!({ "directories": got_directories, "users": got_users, "groups": got_groups });
    (seen, encoded)
}

/// The webhooks that it takes for genuine, and what it says of those that are not.
fn judge(world: &World) -> (Vec<(String, String)>, Vec<&'static str>) {
    let (mut events, mut forged) = (Vec::new(), Vec::new());
    let verifier = workos::WebhookVerifier::new(SECRET);
    let stranger = workos::WebhookVerifier::new("whsec_other");
    for webhook in &world.webhooks {
        let event = verifier
            .construct_event(&webhook.signature, &webhook.body)
            .expect("it is signed");
        events.push((event.id, event.event));
        for refused in [
            verifier.construct_event(&webhook.signature, &format!("{} ", webhook.body)),
            stranger.construct_event(&webhook.signature, &webhook.body),
        ] {
            let word = if matches!(refused, Err(workos::Error::Webhook(_))) {
                "refused"
            } else {
                "accepted"
            };
            forged.push(word);
        }
    }
    (events, forged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn official_crate_for_rust_sees_what_our_client_sees_in_both_behaviours() {
    for behaviour in BEHAVIOURS {
        let world = World::start(behaviour).await;
        let (mut seen, encoded) = look(&world).await;
        let (webhooks, forged) = judge(&world);
        seen["webhooks"] = json!(webhooks);
        seen["forged"] = json!(forged);

        let official = Official::new(&world);
        let api = official.0.directory_sync();
        let mut deleted = Vec::new();
        for directory in &world.directories {
            api.delete_directory(&directory.id).await.expect("deleted");
            deleted.push(status(api.get_directory(&directory.id)).await);
        }
        seen["deleted"] = json!(deleted);
        seen["left"] = json!(official.directories(ListDirectoriesParams::default()).await.len());
        assert_saw(&seen, &world.expected());
        world.assert_reads(&encoded);

        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_millis();
        let body = &world.webhooks[0].body;
        let signature = workos::compute_webhook_signature(SECRET, &now.to_string(), body);
        assert_verifies(&format!("t={now}, v1={signature}"), body);
    }
}
