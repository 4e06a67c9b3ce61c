//! Objects of which the source says something that cannot be read: it costs what is odd, and nothing else.

mod bounds;
mod fixtures;
mod quarantine;
mod random;
mod readable;
mod whole;

use rstest::rstest;

use self::fixtures::DIRECTORY;
use self::fixtures::content;
use self::fixtures::directory;
use self::fixtures::group;
use self::fixtures::group_id;
use self::fixtures::text;
use self::fixtures::user;
use self::fixtures::user_id;
use self::fixtures::values;
use crate::raw_source::RawSource;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;

/// What a column is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Text,
    RequiredText,
    Time,
    /// A model: nothing of [`values`] is one but null.
    Model,
    /// An object of anything.
    Attributes,
}

const USER: &[(&str, Field)] = &[
    ("organization_id", Field::Text),
    ("idp_id", Field::Text),
    ("email", Field::Text),
    ("emails", Field::Model),
    ("first_name", Field::Text),
    ("last_name", Field::Text),
    ("name", Field::Text),
    ("job_title", Field::Text),
    ("username", Field::Text),
    ("role", Field::Model),
    ("roles", Field::Model),
    ("created_at", Field::Time),
    ("updated_at", Field::Time),
    ("custom_attributes", Field::Attributes),
    ("raw_attributes", Field::Attributes),
];

const GROUP: &[(&str, Field)] = &[
    ("organization_id", Field::Text),
    ("idp_id", Field::Text),
    ("name", Field::RequiredText),
    ("created_at", Field::Time),
    ("updated_at", Field::Time),
    ("raw_attributes", Field::Attributes),
];

const DIRECTORY_FIELDS: &[(&str, Field)] = &[
    ("organization_id", Field::Text),
    ("external_key", Field::Text),
    ("type", Field::RequiredText),
    ("name", Field::RequiredText),
    ("domain", Field::Text),
    ("created_at", Field::Time),
    ("updated_at", Field::Time),
];

/// What the column has after a value of this name, if that reads; `None` when it is odd and the column stays.
fn expected(field: Field, value: &str) -> Option<Option<&'static str>> {
    match (field, value) {
        (Field::Text | Field::Model | Field::Attributes, "null") => Some(None),
        (Field::Text | Field::RequiredText, "string") => Some(Some("odd")),
        (Field::Text | Field::RequiredText, "half of a surrogate pair" | "invalid UTF-8") => Some(Some("odd\u{FFFD}")),
        (Field::Attributes, "object") => Some(Some(r#"{"x":1}"#)),
        _ => None,
    }
}

/// What a test says of the quarantine: kind, id and path, sorted.
async fn quarantine(world: &World) -> Vec<String> {
    let entries = world.mirror.quarantine(1_000).await.unwrap();
    assert!(
        entries
            .iter()
            .all(|entry| entry.payload.len() <= 4_096 && entry.source == "list"),
        "{entries:?}"
    );
    let mut entries: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            format!(
                "{} {} {}",
                entry.kind,
                entry.id.unwrap_or_default(),
                entry.path.split(['[', '.']).next().unwrap_or_default()
            )
        })
        .collect();
    entries.sort();
    entries
}

/// Puts each value into each field, one odd field for each object, and compares columns and quarantine.
async fn assert_fields(database: Database, table: &'static str, fields: &[(&'static str, Field)]) {
    let (world, number) = (World::on(database).await, fields.len());
    let mut well = content(number + 2, number);
    well.directories.extend((2..number + 2).map(|number| {
        let id = format!("directory_{number}");
        (id.clone(), directory(&id))
    }));
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let columns = async |world: &World| {
        let mut rows = Vec::new();
        for (place, (column, _)) in fields.iter().enumerate() {
            rows.push(world.text(table, column, &object_id(table, place)).await);
        }
        rows
    };
    let before = columns(&world).await;
    assert!(before.iter().all(Option::is_some), "{before:?}");
    for (value, json) in values() {
        let mut odd = well.clone();
        for (place, (column, _)) in fields.iter().enumerate() {
            let object = match table {
                "directories" => &mut odd.directories[place].1,
                "groups" => &mut odd.groups[place].2,
                _ => &mut odd.users[place].2,
            };
            *object = object.with(column, &json);
        }
        // The last user left, and the one before has another name.
        odd.users.pop();
        let neighbour = odd.users.last_mut().unwrap();
        neighbour.2 = neighbour.2.with("first_name", text(value));
        source.set(odd);
        let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
        let mut quarantined = Vec::new();
        for (place, stored) in columns(&world).await.into_iter().enumerate() {
            let (column, field) = fields[place];
            let id = object_id(table, place);
            match expected(field, value) {
                Some(read) => assert_eq!(stored.as_deref(), read, "{value} in {column}"),
                None => {
                    assert_eq!(stored, before[place], "{value} in {column}");
                    quarantined.push(format!("{table} {id} {column}"));
                }
            }
        }
        quarantined.sort();
        assert_eq!(quarantine(&world).await, quarantined, "{value}");
        assert_eq!(summary.quarantined, quarantined.len() as u64, "{value}");
        assert_eq!(
            world.text("users", "first_name", &user_id(number)).await.as_deref(),
            Some(value)
        );
        assert_eq!(world.deleted().await, [user_id(number + 1)], "{value}");
        // It empties by itself, and everything is as it was.
        source.set(well.clone());
        world.mirror.full_sync(&source.client).run().await.unwrap();
        assert_eq!(quarantine(&world).await, [""; 0], "{value}");
        assert_eq!(columns(&world).await, before, "{value}");
        assert_eq!(world.deleted().await, [""; 0], "{value}");
    }
}

fn object_id(table: &str, place: usize) -> String {
    match table {
        "directories" => format!("directory_{}", place + 1),
        "groups" => group_id(place),
        _ => user_id(place),
    }
}

#[rstest]
#[case("users", USER)]
#[case("groups", GROUP)]
#[case("directories", DIRECTORY_FIELDS)]
#[tokio::test]
async fn full_sync_keeps_column_of_odd_field_and_mirrors_neighbours(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] table: &'static str,
    #[case] fields: &'static [(&'static str, Field)],
) {
    assert_fields(database, table, fields).await;
}

#[rstest]
#[case("first_name", br#""Ann \ud83d""#)]
#[case("role", b"{}")]
#[tokio::test]
async fn full_sync_ends_leavers_when_one_user_of_30_is_odd(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] field: &str,
    #[case] json: &[u8],
) {
    let world = World::on(database).await;
    let well = content(30, 1);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut odd = well;
    odd.users.truncate(25);
    odd.users[7].2 = odd.users[7].2.with(field, json);
    source.set(odd);
    let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 25);
    let is_odd = field == "role";
    assert_eq!(summary.quarantined, u64::from(is_odd));
    let name = if is_odd { "Ann" } else { "Ann \u{FFFD}" };
    assert_eq!(
        world.text("users", "first_name", &user_id(7)).await.as_deref(),
        Some(name)
    );
    assert_eq!(world.text("users", "role", &user_id(7)).await.as_deref(), Some("admin"));
}

#[rstest]
#[tokio::test]
async fn full_sync_applies_inactive_state_when_every_other_field_is_odd(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let well = content(3, 1);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut odd = well;
    for (field, _) in USER {
        odd.users[0].2 = odd.users[0].2.with(field, "7");
    }
    odd.users[0].2 = odd.users[0].2.with("state", text("inactive")).with("directory_id", "7");
    odd.users[1].2 = odd.users[1]
        .2
        .with("state", text("suspended"))
        .with("directory_id", text("directory_other"));
    source.set(odd);
    world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(world.column("SELECT id FROM active_users").await, [user_id(2)]);
    assert_eq!(
        world.text("users", "state", &user_id(0)).await.as_deref(),
        Some("inactive")
    );
    assert_eq!(
        world.text("users", "email", &user_id(0)).await.as_deref(),
        Some("a@b.example")
    );
    assert_eq!(
        world.text("users", "directory_id", &user_id(0)).await.as_deref(),
        Some(DIRECTORY)
    );
}

/// Values that are no id, no state and no directory's id.
fn unreadable_values() -> Vec<(&'static str, Vec<u8>)> {
    let readable = ["string", "invalid UTF-8", "half of a surrogate pair"];
    values()
        .into_iter()
        .filter(|(value, _)| !readable.contains(value))
        .collect()
}

#[rstest]
#[tokio::test]
async fn full_sync_keeps_user_and_memberships_when_state_or_directory_is_unreadable(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("state", "directory_id")] field: &str,
) {
    let world = World::on(database).await;
    let well = content(4, 2);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    for (value, json) in unreadable_values() {
        let mut odd = well.clone();
        odd.users[0].2 = odd.users[0].2.with(field, &json);
        odd.users.pop();
        source.set(odd);
        world.mirror.full_sync(&source.client).run().await.unwrap();
        assert_eq!(world.deleted().await, [user_id(3)], "{value}");
        assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 3, "{value}");
        let entries = world.mirror.quarantine(10).await.unwrap();
        assert!(
            entries
                .iter()
                .any(|entry| entry.id == Some(user_id(0)) && entry.path == field),
            "{value}: {entries:?}"
        );
        source.set(well.clone());
        world.mirror.full_sync(&source.client).run().await.unwrap();
        assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0, "{value}");
    }
}

#[rstest]
#[tokio::test]
async fn full_sync_mirrors_neighbours_when_id_is_unreadable(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("users", "groups", "directories")] table: &'static str,
) {
    let world = World::on(database).await;
    let well = content(4, 2);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    for (value, json) in unreadable_values() {
        let mut odd = well.clone();
        match table {
            // Another one beside those that are known.
            "users" => odd
                .users
                .push((DIRECTORY.to_owned(), "x".to_owned(), user("x").with("id", &json))),
            "groups" => odd
                .groups
                .push((DIRECTORY.to_owned(), "x".to_owned(), group("x").with("id", &json))),
            _ => odd
                .directories
                .insert(0, ("x".to_owned(), directory("x").with("id", &json))),
        }
        odd.users.remove(3);
        source.set(odd);
        let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
        assert_eq!(world.deleted().await, [user_id(3)], "{value}");
        assert_eq!(summary.quarantined, 1, "{value}");
        assert_eq!(quarantine(&world).await, [format!("{table}  id")], "{value}");
        source.set(well.clone());
        world.mirror.full_sync(&source.client).run().await.unwrap();
        assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0, "{value}");
    }
}

#[rstest]
#[tokio::test]
async fn full_sync_asks_by_id_when_state_is_unreadable_in_list(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let well = content(2, 0);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut odd = well;
    odd.users[0].2 = odd.users[0].2.with("state", "7");
    odd.by_id
        .insert(user_id(0), user(&user_id(0)).with("state", text("inactive")));
    source.set(odd);
    world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(world.column("SELECT id FROM active_users").await, [user_id(1)]);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn full_sync_suspends_user_and_publishes_it_when_state_was_unreadable_for_too_long(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let well = content(2, 1);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut odd = well;
    odd.users[0].2 = odd.users[0].2.with("state", "7");
    odd.directories[0].1 = odd.directories[0].1.with("state", "[]");
    source.set(odd);
    world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 2);
    let sync = world
        .mirror
        .full_sync(&source.client)
        .unreadable_state_after(std::time::Duration::ZERO);
    sync.run().await.unwrap();
    assert_eq!(world.column("SELECT id FROM active_users").await, [user_id(1)]);
    let told = "SELECT kind || ' ' || state FROM changes WHERE state = 'unreadable' ORDER BY 1";
    assert_eq!(
        world.column(told).await,
        ["directory_state_changed unreadable", "user_suspended unreadable"]
    );
}

#[rstest]
#[tokio::test]
async fn full_sync_mirrors_other_directories_when_one_is_unreadable(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("id", "state")] field: &str,
) {
    let world = World::on(database).await;
    let mut content = content(2, 1);
    content.directories.insert(
        0,
        ("directory_0".to_owned(), directory("directory_0").with(field, "{}")),
    );
    let source = RawSource::start(content).await;
    let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!((summary.directories.inserted, summary.users.inserted), (1, 2));
    assert!(summary.quarantined >= 1);
    assert_eq!(world.column("SELECT id FROM directories").await, [DIRECTORY]);
}

/// A new user whose field is odd is mirrored all the same; the address of case 12 is the primary one.
#[rstest]
#[tokio::test]
async fn full_sync_inserts_new_user_with_null_for_odd_field_and_views_give_primary_address(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let mut content = content(1, 0);
    content.users[0].2 = content.users[0].2.with("created_at", "7").with("email", "null");
    let source = RawSource::start(content).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(world.text("users", "created_at", &user_id(0)).await, None);
    assert_eq!(world.column("SELECT email FROM active_users").await, ["a@b.example"]);
}

#[rstest]
#[tokio::test]
async fn full_sync_keeps_embedded_memberships_of_user_that_is_unreadable(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("state", "directory_id", "id", "groups")] field: &str,
) {
    let world = World::on(database).await;
    let mut well = content(3, 1);
    for (_, _, user) in &mut well.users {
        *user = user.with("groups", format!(r#"[{{"id":"{}"}}]"#, group_id(0)));
    }
    // The same by the lists of groups.
    well.members = (0..3).map(|number| (group_id(0), user_id(number))).collect();
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM group_members").await, 3);
    let mut odd = well;
    odd.users[0].2 = odd.users[0].2.with(field, "7");
    source.set(odd);
    world.mirror.full_sync(&source.client).run().await.unwrap();
    if field == "id" {
        // Nothing says who that is. Who stays keeps the memberships.
        let others = "SELECT user_id FROM group_members WHERE user_id <> 'directory_user_00' ORDER BY 1";
        assert_eq!(world.column(others).await, [user_id(1), user_id(2)]);
    } else {
        assert_eq!(world.number("SELECT COUNT(*) FROM group_members").await, 3, "{field}");
    }
}

#[rstest]
#[tokio::test]
async fn full_sync_skips_new_user_whose_directory_is_unreadable_and_mirrors_the_others(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let mut content = content(3, 0);
    content.users[0].2 = content.users[0]
        .2
        .with("state", text("inactive"))
        .with("directory_id", "7");
    let slug = format!(r#"{{"slug":"{}"}}"#, "x".repeat(70_000));
    content.users[1].2 = content.users[1].2.with("role", slug);
    let source = RawSource::start(content).await;
    let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!((summary.users.inserted, summary.quarantined), (2, 2));
    assert_eq!(world.text("users", "role", &user_id(1)).await, None);
}
