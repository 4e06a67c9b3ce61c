//! Events that leave out, clear or misspell what they tell of.

use rstest::rstest;
use serde_json::Value;
use serde_json::json;
use workos_directory_mirror::Change;
use workos_directory_mirror::ChangeKind;
use workos_directory_mirror::EventCounts;
use workos_directory_sync::events::Event;
use workos_directory_sync::types::DirectoryUserEmail;
use workos_directory_sync::types::Role;

use crate::events::all_events;
use crate::interposer::Fate;
use crate::interposer::Interposer;
use crate::source::Source;
use crate::source::directory_id;
use crate::source::group_id;
use crate::source::user_id;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::client_of;
use crate::world::live;

const DIRECTORY: &str = "directory_1";

fn event(id: &str, name: &str, data: &Value) -> Event {
    let event = json!({ "id": id, "event": name, "data": data, "created_at": "2026-10-01T10:00:00.000Z" });
    // By way of text: data is kept as the text that came.
    serde_json::from_str(&event.to_string()).unwrap()
}

/// A user with a value in every column.
pub(crate) fn user(id: &str, updated_at: &str) -> Value {
    json!({
        "id": id, "directory_id": DIRECTORY, "organization_id": "org_1", "idp_id": "i", "email": "a@b.example",
        "emails": [{ "primary": true, "value": "a@b.example" }], "first_name": "A", "last_name": "L", "name": "N",
        "job_title": "J", "username": "U", "state": "active", "role": { "slug": "member" }, "roles": [{ "slug": "member" }],
        "custom_attributes": { "department": "HR", "badge": 7 }, "raw_attributes": { "x": 1 },
        "created_at": "2026-10-01T10:00:00.000Z", "updated_at": updated_at
    })
}

fn group(id: &str) -> Value {
    json!({ "id": id, "directory_id": DIRECTORY, "name": "G", "created_at": "2026-10-01T10:00:00.000Z",
            "updated_at": "2026-10-01T10:00:00.000Z" })
}

async fn apply(world: &World, name: &str, data: &Value) -> EventCounts {
    let number = world.number("SELECT COUNT(*) FROM events").await;
    let events = [event(&format!("event_{number:03}"), name, data)];
    world.mirror.apply_events(&events).await.unwrap()
}

/// A database that knows a user who is in a group.
pub(crate) async fn peopled(database: Database) -> World {
    let world = World::on(database).await;
    let directory = json!({ "id": DIRECTORY, "type": "okta scim v2.0", "state": "active", "name": "D",
        "created_at": "2026-10-01T10:00:00.000Z", "updated_at": "2026-10-01T10:00:00.000Z" });
    apply(&world, "dsync.activated", &directory).await;
    apply(
        &world,
        "dsync.user.created",
        &user("user_1", "2026-10-01T10:00:00.000Z"),
    )
    .await;
    apply(&world, "dsync.group.created", &group("group_1")).await;
    apply(
        &world,
        "dsync.group.user_added",
        &json!({ "user": { "id": "user_1" }, "group": { "id": "group_1" } }),
    )
    .await;
    world
}

async fn changes_after(world: &World, id: i64) -> Vec<Change> {
    world.mirror.changes_after(id, 100).await.unwrap()
}

#[rstest]
#[tokio::test]
async fn event_that_leaves_fields_out_publishes_one_change_and_the_next_sync_none(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 2, 1)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    let found = client.get_directory_user().id(user_id(1, 0)).send().await;
    let mut user = found.unwrap().into_inner();
    user.role = Some(Role::new("admin"));
    user.roles = Some(vec![Role::new("admin")]);
    let mut email = DirectoryUserEmail::default();
    email.value = Some("a@b.example".to_owned());
    user.emails = Some(vec![email]);
    emulator.put_user(user.clone()).unwrap();
    world.mirror.full_sync(&client).run().await.unwrap();
    let before = changes_after(&world, 0).await.pop().unwrap().id;

    user.first_name = Some("B".to_owned());
    user.updated_at = "2026-11-27 10:00:00.123456".parse().unwrap();
    emulator.put_user(user).unwrap();
    let mut event = all_events(&client).await.pop().unwrap();
    let mut data: Value = serde_json::from_str(event.data.as_str()).unwrap();
    let kept = [
        "id",
        "directory_id",
        "state",
        "email",
        "first_name",
        "previous_attributes",
        "created_at",
        "updated_at",
    ];
    data.as_object_mut()
        .unwrap()
        .retain(|name, _| kept.contains(&name.as_str()));
    assert_eq!(data["first_name"], "B");
    event.data = serde_json::from_str(&data.to_string()).unwrap();
    assert_eq!(world.mirror.apply_events(&[event]).await.unwrap().applied, 1);

    let changes = changes_after(&world, before).await;
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].kind, ChangeKind::UserUpdated);
    assert_eq!(
        changes[0].changed_columns.as_ref().unwrap(),
        &["first_name", "updated_at"]
    );
    world.assert_equals(&client).await;
    let summary = world.mirror.full_sync(&client).run().await.unwrap();
    assert!(summary.is_unchanged(), "{summary:?}");
    assert_eq!(changes_after(&world, changes[0].id).await, []);
}

#[rstest]
#[tokio::test]
async fn event_clears_what_is_null_or_gone_by_previous_attributes_and_nothing_else(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = peopled(database).await;
    let data = json!({ "id": "user_1", "email": null, "username": "V", "updated_at": "2026-10-01T10:00:01.000Z",
        "previous_attributes": { "email": "a@b.example", "username": "U", "job_title": "J", "role": { "slug": "member" },
            "roles": null, "id": "x", "directory_id": "d", "custom_attributes": { "department": "HR", "new": null } } });
    assert_eq!(apply(&world, "dsync.user.updated", &data).await.applied, 1);
    let row = "SELECT COALESCE(email, '-') || ' ' || COALESCE(job_title, '-') || ' ' || COALESCE(role, '-') || ' '
                   || COALESCE(CAST(roles AS TEXT), '-') || ' ' || CAST(custom_attributes AS TEXT) || ' ' || username || ' '
                   || first_name || ' ' || state || ' ' || directory_id || ' ' || CAST(raw_attributes AS TEXT)
               FROM users";
    assert_eq!(
        world.column(row).await,
        [r#"- - - - {"badge":7} V A active directory_1 {"x":1}"#]
    );
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
    let change = changes_after(&world, 0).await.pop().unwrap();
    let columns = [
        "email",
        "job_title",
        "username",
        "role",
        "roles",
        "updated_at",
        "custom_attributes",
    ];
    assert_eq!(change.changed_columns.unwrap(), columns);
}

#[rstest]
#[case("dsync.user.deleted", json!({ "id": "user_1", "directory_id": DIRECTORY }), &["user_1", "user_1 group_1"])]
#[case("dsync.user.deleted", json!({ "id": "user_1", "state": 7, "directory_id": [], "updated_at": {} }),
    &["user_1", "user_1 group_1"])]
#[case("dsync.group.deleted", json!({ "id": "group_1", "directory_id": DIRECTORY }), &["group_1", "user_1 group_1"])]
#[case("dsync.group.deleted", json!({ "id": "group_1" }), &["group_1", "user_1 group_1"])]
#[case("dsync.deleted", json!({ "id": DIRECTORY }), &[DIRECTORY, "group_1", "user_1", "user_1 group_1"])]
#[case("dsync.group.user_removed", json!({ "user": { "id": "user_1" }, "group": { "id": "group_1" } }), &["user_1 group_1"])]
#[case("dsync.group.user_removed", json!({ "directory_id": "directory_7",
    "user": { "id": "user_1", "directory_id": "directory_8" }, "group": { "id": "group_1", "name": 7 } }), &["user_1 group_1"])]
#[tokio::test]
async fn deletion_needs_ids_only(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] name: &str,
    #[case] data: Value,
    #[case] deleted: &[&str],
) {
    let world = peopled(database).await;
    let counts = apply(&world, name, &data).await;
    assert_eq!((counts.applied, counts.dead), (1, 0));
    assert_eq!(world.deleted().await, deleted);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn deletion_of_a_whole_user_without_created_at_is_applied(#[values(Sqlite, Postgres)] database: Database) {
    let world = peopled(database).await;
    let mut data = user("user_1", "2026-10-01T10:00:00.000Z");
    data.as_object_mut().unwrap().remove("created_at");
    assert_eq!(apply(&world, "dsync.user.deleted", &data).await.applied, 1);
    assert_eq!(world.deleted().await, ["user_1", "user_1 group_1"]);
    // And one who comes without it.
    data["id"] = "user_2".into();
    assert_eq!(apply(&world, "dsync.user.created", &data).await.applied, 1);
    let created_at = "SELECT COALESCE(created_at, '-') FROM users WHERE id = 'user_2'";
    assert_eq!(world.column(created_at).await, ["-"]);
}

#[rstest]
#[case("dsync.user.deleted", "dsync.user.created", user("new", "2026-10-01T10:00:00.000Z"))]
#[case("dsync.group.deleted", "dsync.group.created", group("new"))]
#[case("dsync.deleted", "dsync.activated", json!({ "id": "new", "state": "active" }))]
#[tokio::test]
async fn deletion_with_an_id_only_that_comes_first_keeps_the_object_from_coming(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] deleted: &str,
    #[case] created: &str,
    #[case] data: Value,
) {
    let world = World::on(database).await;
    assert_eq!(apply(&world, deleted, &json!({ "id": "new" })).await.applied, 1);
    assert_eq!(apply(&world, created, &data).await.stale, 1);
    assert_eq!(world.deleted().await, ["new"]);
    assert_eq!(changes_after(&world, 0).await, []);
}

#[rstest]
#[tokio::test]
async fn later_of_two_updates_within_a_millisecond_wins_in_any_order(
    #[values(Sqlite, Postgres)] database: Database,
    #[values([0, 1], [1, 0])] order: [usize; 2],
) {
    let world = peopled(database).await;
    let mut earlier = user("user_1", "2026-11-27 10:00:00.123100");
    earlier["first_name"] = "Earlier".into();
    let mut later = user("user_1", "2026-11-27 10:00:00.123900");
    later["first_name"] = "Later".into();
    // Its id says otherwise.
    let events = [
        event("event_31", "dsync.user.updated", &earlier),
        event("event_30", "dsync.user.updated", &later),
    ];
    for place in order {
        world.mirror.apply_events(&[events[place].clone()]).await.unwrap();
    }
    assert_eq!(world.column("SELECT first_name FROM users").await, ["Later"]);
    assert_eq!(
        world.column("SELECT updated_at_source FROM users").await,
        ["2026-11-27 10:00:00.123900"]
    );
}

#[rstest]
#[tokio::test]
async fn memberships_follow_the_time_of_their_event_with_all_digits(#[values(Sqlite, Postgres)] database: Database) {
    let world = peopled(database).await;
    let data = json!({ "user": { "id": "user_1" }, "group": { "id": "group_1" } });
    let mut removed = event("event_9", "dsync.group.user_removed", &data);
    removed.created_at = "2026-11-27T10:00:00.1231Z".parse().unwrap();
    let mut added = event("event_8", "dsync.group.user_added", &data);
    added.created_at = "2026-11-27T10:00:00.12315Z".parse().unwrap();
    let mut first = event("event_99", "dsync.group.user_removed", &data);
    first.created_at = "2026-11-27T10:00:00.123Z".parse().unwrap();
    let counts = world.mirror.apply_events(&[removed, added, first]).await.unwrap();
    assert_eq!((counts.applied, counts.stale), (2, 1));
    assert_eq!(world.deleted().await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn activated_directory_whose_domains_have_no_id_is_applied_and_deactivated_sets_its_state(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let directory = json!({ "id": "directory_2", "type": "okta scim v2.0", "state": "active", "name": "D",
        "domains": [{ "object": "organization_domain", "domain": "b.example" }],
        "created_at": "2026-10-01T10:00:00.000Z", "updated_at": "2026-10-01T10:00:00.000Z" });
    assert_eq!(apply(&world, "dsync.activated", &directory).await.applied, 1);
    assert_eq!(
        apply(&world, "dsync.deactivated", &json!({ "id": "directory_2" }))
            .await
            .applied,
        1
    );
    let row = "SELECT state || ' ' || domain || ' ' || type || ' ' || name FROM directories";
    assert_eq!(world.column(row).await, ["unlinked b.example okta scim v2.0 D"]);
    let states: Vec<_> = changes_after(&world, 0)
        .await
        .into_iter()
        .map(|change| (change.kind, change.state))
        .collect();
    let changed = ChangeKind::DirectoryStateChanged;
    assert_eq!(
        states,
        [
            (changed, Some("linked".to_owned())),
            (changed, Some("unlinked".to_owned()))
        ]
    );
}

#[rstest]
#[tokio::test]
async fn odd_field_of_an_event_keeps_its_column_and_is_quarantined_until_an_event_has_it_well(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = peopled(database).await;
    let mut odd = user("user_1", "2026-10-01T10:00:01.000Z");
    odd["state"] = "suspended".into();
    odd["role"] = json!({ "slug": 7 });
    odd["emails"] = 7.into();
    odd["directory_id"] = 7.into();
    assert_eq!(apply(&world, "dsync.user.updated", &odd).await.applied, 1);
    let row = "SELECT state || ' ' || role || ' ' || directory_id || ' ' || CAST(emails AS TEXT) FROM users";
    let emails = r#"[{"primary":true,"type":null,"value":"a@b.example"}]"#;
    assert_eq!(
        world.column(row).await,
        [format!("suspended member directory_1 {emails}")]
    );
    let entries = world.mirror.quarantine(10).await.unwrap();
    let mut paths: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["directory_id", "emails", "role.slug"]);
    for entry in &entries {
        assert_eq!((entry.kind.as_str(), entry.source.as_str()), ("users", "event"));
        assert_eq!(
            (entry.id.as_deref(), entry.directory_id.as_deref()),
            (Some("user_1"), Some(DIRECTORY))
        );
    }

    // What it does not say stays odd.
    let data =
        json!({ "id": "user_1", "role": null, "directory_id": DIRECTORY, "updated_at": "2026-10-01T10:00:02.000Z" });
    apply(&world, "dsync.user.updated", &data).await;
    let entries = world.mirror.quarantine(10).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(),
        ["emails"]
    );
    apply(&world, "dsync.user.deleted", &json!({ "id": "user_1" })).await;
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn stale_event_neither_fills_nor_empties_the_quarantine_and_a_deleted_directory_empties_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = peopled(database).await;
    let mut data = user("user_1", "2026-09-01T10:00:00.000Z");
    data["role"] = 7.into();
    assert_eq!(apply(&world, "dsync.user.updated", &data).await.stale, 1);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
    let odd = json!({ "id": "group_1", "name": null, "updated_at": "2026-10-01T10:00:01.000Z" });
    apply(&world, "dsync.group.updated", &odd).await;
    assert_eq!(world.column("SELECT name FROM groups").await, ["G"]);
    apply(&world, "dsync.group.updated", &group("group_1")).await;
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 1);
    apply(&world, "dsync.deleted", &json!({ "id": DIRECTORY })).await;
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn unreadable_state_of_a_known_user_stays_until_the_next_sync_and_of_an_unknown_one_is_a_dead_letter(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 2, 0)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    world.mirror.full_sync(&client).run().await.unwrap();
    emulator.set_user_state(&user_id(1, 0), "suspended").unwrap();
    let mut events = all_events(&client).await;
    let mut data: Value = serde_json::from_str(events[0].data.as_str()).unwrap();
    data["state"] = json!({});
    events[0].data = serde_json::from_str(&data.to_string()).unwrap();
    assert_eq!(world.mirror.apply_events(&events).await.unwrap().applied, 1);
    let states = "SELECT state FROM users ORDER BY id LIMIT 1";
    assert_eq!(world.column(states).await, ["active"]);
    let entry = world.mirror.quarantine(10).await.unwrap().remove(0);
    assert_eq!(
        (entry.path.as_str(), entry.directory_id),
        ("state", Some(directory_id(1)))
    );
    let summary = world.mirror.full_sync(&client).run().await.unwrap();
    assert_eq!((summary.users.updated, summary.quarantined), (1, 0));
    assert_eq!(world.column(states).await, ["suspended"]);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);

    for (number, (field, value)) in [("state", json!(7)), ("directory_id", Value::Null)]
        .into_iter()
        .enumerate()
    {
        let mut data = user("stranger", "2026-10-01T10:00:00.000Z");
        data[field] = value;
        let events = [event(&format!("event_{number}"), "dsync.user.created", &data)];
        assert_eq!(world.mirror.apply_events(&events).await.unwrap().dead, 1);
    }
    let dead = world.mirror.dead_events(10).await.unwrap();
    assert!(
        dead.iter().all(|event| event.error.contains("is not known")),
        "{dead:?}"
    );
    assert_eq!(world.number("SELECT COUNT(*) FROM users").await, 2);
}

#[rstest]
#[tokio::test]
async fn undated_event_is_applied_when_it_happened_after_what_is_known(#[values(Sqlite, Postgres)] database: Database) {
    let world = peopled(database).await;
    let happened = |id: &str, at: &str, state: &str, updated_at: Value| {
        let data = json!({ "id": "user_1", "state": state, "updated_at": updated_at });
        let mut event = event(id, "dsync.user.updated", &data);
        event.created_at = at.parse().unwrap();
        event
    };
    // As a list brings it.
    world.execute("UPDATE users SET event_id = NULL, event_at = NULL").await;
    // Before the row's `updated_at`; after it; before that event; within its millisecond.
    for (id, at, state, updated_at, wanted) in [
        (
            "event_1",
            "2026-10-01T09:00:00.000Z",
            "suspended",
            Value::Null,
            "active",
        ),
        (
            "event_2",
            "2026-10-01T11:00:00.000Z",
            "suspended",
            json!("soon"),
            "suspended",
        ),
        ("event_3", "2026-10-01T10:30:00.000Z", "active", json!(7), "suspended"),
        (
            "event_4",
            "2026-10-01T12:00:00.000Z",
            "active",
            json!("2026-10-01T12:00:00.000700Z"),
            "active",
        ),
        ("event_5", "2026-10-01T12:00:00.000Z", "inactive", json!({}), "inactive"),
    ] {
        let counts = world
            .mirror
            .apply_events(&[happened(id, at, state, updated_at)])
            .await
            .unwrap();
        assert_eq!(counts.dead, 0, "{id}");
        assert_eq!(world.column("SELECT state FROM users").await, [wanted], "{id}");
    }
}

#[rstest]
#[tokio::test]
async fn event_without_a_readable_id_is_quarantined_and_stops_no_other_of_its_list(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(0, 1, 2)] place: usize,
) {
    let emulator = live(&Source::new(1, 12, 4)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    world.mirror.full_sync(&client).run().await.unwrap();
    emulator.set_user_state(&user_id(1, 2), "suspended").unwrap();
    emulator.remove_member(&user_id(1, 0), &group_id(1, 0)).unwrap();
    emulator.delete_user(&user_id(1, 5)).unwrap();
    let id = all_events(&client).await[place].id.clone();
    let interposer = Interposer::start(emulator.base_url(), move |_| {
        let id = id.clone();
        Fate::Change(Box::new(move |response| {
            let events = response["data"].as_array_mut().unwrap();
            for event in events.iter_mut().filter(|event| event["id"] == id.as_str()) {
                event["id"] = json!({});
            }
        }))
    })
    .await;
    let odd = client_of(&interposer.base_url, &emulator);
    let counts = world.mirror.follow(&odd).poll().await.unwrap();
    assert_eq!((counts.applied, counts.dead), (2, 0));
    let entry = world.mirror.quarantine(10).await.unwrap().remove(0);
    assert_eq!(
        (entry.kind.as_str(), entry.path.as_str(), entry.source.as_str()),
        ("events", "id", "event")
    );
    assert!(entry.payload.contains("dsync"));
    world.mirror.follow(&odd).poll().await.unwrap();
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 1);

    // A full sync brings what it told.
    world.mirror.full_sync(&client).run().await.unwrap();
    world.assert_equals(&client).await;
    world.mirror.follow(&client).poll().await.unwrap();
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn list_goes_on_behind_a_page_of_events_without_readable_ids(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 12, 4)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    world.mirror.full_sync(&client).run().await.unwrap();
    emulator.set_user_state(&user_id(1, 2), "suspended").unwrap();
    emulator.delete_user(&user_id(1, 5)).unwrap();
    let interposer = Interposer::start(emulator.base_url(), |call| {
        if call.target.contains("after=") {
            return Fate::Pass;
        }
        Fate::Change(Box::new(|response| {
            let mut first = response["data"][0].take();
            response["list_metadata"]["after"] = first["id"].take();
            response["data"] = json!([first]);
        }))
    })
    .await;
    let odd = client_of(&interposer.base_url, &emulator);
    assert_eq!(world.mirror.follow(&odd).poll().await.unwrap().applied, 1);
    assert_eq!(interposer.calls(), 2);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 1);
}
