//! The quarantine as people use it: asking again, looking without writing, and when it empties by itself.

use rstest::rstest;
use workos_directory_mirror::RetryOutcome;

use super::fixtures::DIRECTORY;
use super::fixtures::content;
use super::fixtures::directory;
use super::fixtures::group;
use super::fixtures::group_id;
use super::fixtures::text;
use super::fixtures::user;
use super::fixtures::user_id;
use crate::raw_source::RawObject;
use crate::raw_source::RawSource;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;

#[rstest]
#[tokio::test]
async fn retry_quarantined_releases_object_that_reads_well_by_id(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let mut content = content(1, 0);
    content.users[0].2 = content.users[0].2.with("role", "{}").with("name", "7");
    let source = RawSource::start(content.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let entries = world.mirror.quarantine(10).await.unwrap();
    assert_eq!(entries.len(), 2);
    let number = entries[0].number;
    let still = world.mirror.retry_quarantined(&source.client, number).await.unwrap();
    assert_eq!(still, Some(RetryOutcome::StillOdd));
    let again = world.mirror.quarantined_object(number).await.unwrap().unwrap();
    assert_eq!(
        (&again.first_seen_at, again.count, again.source.as_str()),
        (&entries[0].first_seen_at, entries[0].count + 1, "lookup")
    );
    content.by_id.insert(user_id(0), user(&user_id(0)));
    source.set(content);
    let number = world.mirror.quarantine(10).await.unwrap()[0].number;
    let released = world.mirror.retry_quarantined(&source.client, number).await.unwrap();
    assert_eq!(released, Some(RetryOutcome::Released));
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
    assert_eq!(world.text("users", "role", &user_id(0)).await.as_deref(), Some("admin"));
    assert_eq!(
        world.mirror.retry_quarantined(&source.client, number).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn inspect_names_odd_fields_and_counts_objects() {
    let mut content = content(3, 1);
    content.users[1].2 = content.users[1].2.with("role", "{}");
    content.users[2].2 = content.users[2].2.with("state", "null").without("email");
    let source = RawSource::start(content).await;
    let mut odd = Vec::new();
    let inspection = workos_directory_mirror::inspect(&source.client, |object| {
        odd.push(format!("{} {}", object.id.clone().unwrap_or_default(), object.path));
    });
    let inspection = inspection.await.unwrap();
    assert_eq!((inspection.objects, inspection.odd), (5, 2));
    assert_eq!(odd, [format!("{} role", user_id(1)), format!("{} state", user_id(2))]);
}

#[rstest]
#[tokio::test]
async fn retry_quarantined_tells_apart_what_is_gone_undecided_and_without_id(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let mut content = content(3, 0);
    content.users[0].2 = content.users[0].2.with("role", "{}").with("name", "7");
    content.users[1].2 = content.users[1].2.with("role", "{}");
    content.users[2].2 = content.users[2].2.with("id", "7");
    let source = RawSource::start(content.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let entries = world.mirror.quarantine(10).await.unwrap();
    assert_eq!(entries.len(), 4);
    let number_of = |id: Option<String>| entries.iter().find(|entry| entry.id == id).unwrap().number;
    let numbers = [Some(user_id(0)), Some(user_id(1)), None].map(number_of);
    content.users.remove(0);
    content.by_id.insert(user_id(1), user("somebody_else"));
    source.set(content);
    let retry = async |number| {
        let outcome = world.mirror.retry_quarantined(&source.client, number).await;
        outcome.unwrap().unwrap()
    };
    // Both entries of the one who has left go; a response about somebody else says nothing.
    assert_eq!(retry(numbers[0]).await, RetryOutcome::NotFound);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 2);
    assert!(matches!(retry(numbers[1]).await, RetryOutcome::Undecided { .. }));
    assert_eq!(retry(numbers[2]).await, RetryOutcome::CannotBeAsked);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 2);
    assert_eq!(world.deleted().await, [""; 0]);
}

#[tokio::test]
async fn inspect_names_objects_without_id_and_of_other_directories() {
    let mut content = content(2, 2);
    content.users[0].2 = content.users[0].2.with("directory_id", text("directory_other"));
    content.users[1].2 = RawObject::instead("null");
    content.groups[1].2 = content.groups[1].2.without("id");
    content
        .directories
        .push(("x".to_owned(), directory("x").with("id", "[]")));
    let source = RawSource::start(content).await;
    let mut odd = Vec::new();
    let inspection = workos_directory_mirror::inspect(&source.client, |object| {
        odd.push(format!(
            "{} {} {}",
            object.kind,
            object.id.clone().unwrap_or_default(),
            object.path
        ));
    });
    let inspection = inspection.await.unwrap();
    assert_eq!((inspection.objects, inspection.odd), (6, 4));
    let user = format!("users {} directory_id", user_id(0));
    assert_eq!(odd, ["directories  id", "groups  id", user.as_str(), "users  "]);
}

#[rstest]
#[tokio::test]
async fn quarantine_empties_when_directory_of_odd_objects_ends(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let mut content = content(2, 0);
    content
        .directories
        .push(("directory_2".to_owned(), directory("directory_2").with("name", "7")));
    let odd = user("directory_user_x")
        .with("directory_id", text("directory_2"))
        .with("role", "{}");
    content
        .users
        .push(("directory_2".to_owned(), "directory_user_x".to_owned(), odd));
    let source = RawSource::start(content.clone()).await;
    let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(summary.quarantined, 2);
    content.directories.pop();
    content.users.pop();
    source.set(content);
    let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!((summary.directories.deleted, summary.quarantined), (1, 0));
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
}

/// The list's directory has the entry, whatever the object says: else no later list of it would empty it.
#[rstest]
#[tokio::test]
async fn quarantine_empties_when_object_that_named_unknown_directory_reads_well(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let well = content(3, 0);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut odd = well.clone();
    odd.users[0].2 = odd.users[0]
        .2
        .with("state", "7")
        .with("directory_id", text("directory_other"));
    odd.users[1].2 = odd.users[1].2.with("directory_id", text("directory_other"));
    odd.by_id.insert(user_id(1), user(&user_id(1)));
    source.set(odd);
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let entries = world.mirror.quarantine(10).await.unwrap();
    // The other reads well by id.
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(
        entries
            .iter()
            .all(|entry| entry.directory_id.as_deref() == Some(DIRECTORY)),
        "{entries:?}"
    );
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 3);
    source.set(well);
    let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(summary.quarantined, 0);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 3);
}

#[rstest]
#[tokio::test]
async fn full_sync_asks_by_id_when_directory_is_unreadable_in_list(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let well = content(3, 2);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut odd = well;
    odd.users[0].2 = odd.users[0].2.with("directory_id", "7");
    odd.groups[0].2 = odd.groups[0].2.with("directory_id", "7");
    let newcomer = user("directory_user_new");
    let listed = newcomer.with("directory_id", "[]");
    odd.users
        .push((DIRECTORY.to_owned(), "directory_user_new".to_owned(), listed));
    odd.by_id.insert("directory_user_new".to_owned(), newcomer);
    odd.by_id
        .insert(user_id(0), user(&user_id(0)).with("first_name", text("Bea")));
    odd.by_id
        .insert(group_id(0), group(&group_id(0)).with("name", text("Crew")));
    source.set(odd);
    let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!((summary.users.inserted, summary.quarantined), (1, 0));
    let stored = [
        world.text("users", "first_name", &user_id(0)).await,
        world.text("groups", "name", &group_id(0)).await,
    ];
    assert_eq!(stored.map(Option::unwrap), ["Bea", "Crew"]);
    assert_eq!(world.deleted().await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn full_sync_of_one_directory_goes_on_when_its_state_is_unreadable(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let well = content(2, 0);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut odd = well;
    odd.directories[0].1 = odd.directories[0].1.with("state", "7");
    odd.users.pop();
    source.set(odd);
    let sync = || world.mirror.full_sync(&source.client).directory(DIRECTORY);
    let summary = sync().run().await.unwrap();
    assert_eq!(summary.quarantined, 1, "{summary:?}");
    assert_eq!(
        world.text("directories", "state", DIRECTORY).await.as_deref(),
        Some("linked")
    );
    let overdue = sync().unreadable_state_after(std::time::Duration::ZERO);
    overdue.run().await.unwrap();
    assert_eq!(
        world.text("directories", "state", DIRECTORY).await.as_deref(),
        Some("unreadable")
    );
}
