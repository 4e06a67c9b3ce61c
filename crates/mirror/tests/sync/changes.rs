//! The outbox: replayed, it is what the tables are, and each change is one.

use std::time::Duration;

use futures_util::StreamExt as _;
use rstest::rstest;
use workos_directory_mirror::Change;
use workos_directory_mirror::ChangeKind;
use workos_directory_mirror::Mirror;

use crate::application::assert_replays;
use crate::events::all_events;
use crate::source::Source;
use crate::source::group_id;
use crate::source::user_id;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::live;

/// Everything that was not acknowledged, page by page.
async fn read(mirror: &Mirror, consumer: &str) -> Vec<Change> {
    let changes = mirror.changes(consumer);
    let mut all = Vec::new();
    loop {
        let page = changes.page(7).await.unwrap();
        let Some(last) = page.last() else {
            return all;
        };
        changes.acknowledge(last).await.unwrap();
        all.extend(page);
    }
}

fn kinds(changes: &[Change]) -> Vec<&'static str> {
    changes.iter().map(|change| change.kind.as_str()).collect()
}

#[rstest]
#[tokio::test]
async fn each_change_is_told_once_and_a_sync_that_changes_nothing_tells_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 4, 2)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    world.mirror.full_sync(&client).run().await.unwrap();
    let first = read(&world.mirror, "app").await;
    // A directory, 2 groups, 4 users and 8 memberships.
    assert_eq!(first.len(), 15);
    world.mirror.full_sync(&client).run().await.unwrap();
    assert_eq!(read(&world.mirror, "app").await, []);

    emulator.set_user_state(&user_id(1, 0), "suspended").unwrap();
    emulator.set_user_state(&user_id(1, 0), "active").unwrap();
    emulator.set_user_state(&user_id(1, 1), "inactive").unwrap();
    emulator.remove_member(&user_id(1, 0), &group_id(1, 0)).unwrap();
    // Who is inactive at the source already.
    emulator.delete_user(&user_id(1, 3)).unwrap();
    emulator.delete_group(&group_id(1, 1)).unwrap();
    world.mirror.follow(&client).poll().await.unwrap();
    let changes = read(&world.mirror, "app").await;
    assert_eq!(
        kinds(&changes),
        [
            "user_suspended",
            "user_restored",
            // Who becomes inactive is deleted at this source, memberships first.
            "left_group",
            "left_group",
            "user_deprovisioned",
            "left_group",
            "left_group",
            "left_group",
            "user_deleted",
            "left_group",
            "left_group",
            "group_deleted",
        ]
    );
    world.mirror.apply_events(&all_events(&client).await).await.unwrap();
    world.mirror.full_sync(&client).run().await.unwrap();
    assert_eq!(read(&world.mirror, "app").await, []);
    assert_replays(&world).await;
}

#[rstest]
#[tokio::test]
async fn an_event_of_what_a_full_sync_has_brought_already_tells_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 4, 2)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    emulator.set_user_state(&user_id(1, 0), "suspended").unwrap();
    emulator.add_member(&user_id(1, 2), &group_id(1, 1)).unwrap();
    world.mirror.full_sync(&client).run().await.unwrap();
    read(&world.mirror, "app").await;
    let counts = world.mirror.apply_events(&all_events(&client).await).await.unwrap();
    assert!(counts.applied > 0, "{counts:?}");
    assert_eq!(read(&world.mirror, "app").await, []);
}

#[rstest]
#[tokio::test]
async fn a_membership_that_came_first_is_told_when_its_user_and_group_are_there(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 1, 1)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    let user = client
        .get_directory_user()
        .id(user_id(1, 0))
        .send()
        .await
        .unwrap()
        .into_inner();
    let mut other = user.clone();
    other.id = emulator.new_user_id();
    emulator.put_user(other.clone()).unwrap();
    emulator.add_member(&other.id, &group_id(1, 0)).unwrap();
    let mut events = all_events(&client).await;
    events.reverse();
    for event in &events {
        world.mirror.apply_events(std::slice::from_ref(event)).await.unwrap();
    }
    assert_eq!(kinds(&read(&world.mirror, "app").await), ["user_created"]);
    world.mirror.full_sync(&client).run().await.unwrap();
    let told = read(&world.mirror, "app").await;
    let of_other = told.iter().filter(|change| change.user_id.as_ref() == Some(&other.id));
    assert_eq!(
        of_other.map(|change| change.kind).collect::<Vec<_>>(),
        [ChangeKind::JoinedGroup]
    );
    assert_replays(&world).await;
}

#[rstest]
#[tokio::test]
async fn what_was_not_acknowledged_comes_again_and_each_consumer_has_its_own_place(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    world.sync(&Source::new(1, 3, 1)).await.unwrap();
    let app = world.mirror.changes("app").interval(Duration::from_millis(1));
    let page = app.page(3).await.unwrap();
    assert_eq!(app.page(3).await.unwrap(), page);
    app.acknowledge(&page[1]).await.unwrap();
    assert_eq!(app.page(1).await.unwrap(), page[2..]);
    // An older acknowledgement that comes late does not lead back.
    app.acknowledge(&page[0]).await.unwrap();
    let streamed = app.stream().take(2).map(Result::unwrap).collect::<Vec<_>>().await;
    assert_eq!(streamed[0], page[2]);
    assert_eq!(world.mirror.changes("other").page(3).await.unwrap(), page);
    let consumers = world.mirror.consumers().await.unwrap();
    let places: Vec<_> = consumers
        .iter()
        .map(|consumer| (consumer.name.as_str(), consumer.waiting))
        .collect();
    // A directory, a group, 3 users and 3 memberships.
    assert_eq!(places, [("app", 6), ("other", 8)]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_beside_many_writers_sees_every_change_in_the_order_of_the_ids(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let mirror = world.mirror.clone();
    let reader = tokio::spawn(async move {
        let app = mirror.changes("app").interval(Duration::from_millis(1));
        let told = app.stream().map(Result::unwrap).map(|change| change.id).take(1_840);
        told.collect::<Vec<_>>().await
    });
    // Each directory is one, and has 4 groups, 75 users and 150 memberships.
    let expected = 8 * (1 + 4 + 75 + 150);
    world.sync(&Source::new(8, 75, 4)).await.unwrap();
    let told = tokio::time::timeout(Duration::from_secs(30), reader)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(told.len(), expected);
    assert!(told.is_sorted());
    assert_eq!(world.number("SELECT COUNT(*) FROM changes").await, 1_840);
}
