//! Purging what has been over for long, and seeing what a full sync would change.

use std::time::Duration;

use rstest::rstest;
use workos_directory_mirror::Error;
use workos_directory_mirror::Pending;
use workos_directory_mirror::Purged;

use crate::events::change;
use crate::source::Source;
use crate::source::user_id;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::live;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[rstest]
#[tokio::test]
async fn a_purge_deletes_only_what_has_been_over_for_as_long_and_is_not_waited_for(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 12, 4)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    world.mirror.full_sync(&client).run().await.unwrap();
    change(&emulator, &client).await;
    world.mirror.follow(&client).poll().await.unwrap();
    let slow = world.mirror.changes("slow");
    let all = slow.page(1_000).await.unwrap();
    slow.acknowledge(&all[9]).await.unwrap();

    assert_eq!(world.mirror.purge_after(40 * DAY).await.unwrap(), Purged::default());
    let refused = world.mirror.purge_after(29 * DAY).await.unwrap_err();
    assert!(matches!(refused, Error::Setting { .. }), "{refused}");

    let later = jiff::Timestamp::now() + 41 * DAY;
    let mirror = world.mirror.clone().with_clock(move || later);
    let purged = mirror.purge_after(40 * DAY).await.unwrap();
    assert_eq!((purged.users, purged.groups, purged.directories), (1, 1, 0));
    assert_eq!((purged.changes, purged.events), (10, 8));
    assert_eq!(world.deleted().await, [""; 0]);
    world.assert_equals_but_metadata(&client).await;
    assert_eq!(slow.page(1_000).await.unwrap(), all[10..]);
    assert!(mirror.full_sync(&client).run().await.unwrap().users.inserted == 0);
}

#[rstest]
#[tokio::test]
async fn a_diff_says_what_a_full_sync_does_and_changes_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 12, 4)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    world.mirror.full_sync(&client).run().await.unwrap();
    let equal = world.mirror.diff(&client).await.unwrap();
    assert!(equal.is_empty(), "{equal:?}");
    assert_eq!((equal.users.unchanged, equal.memberships.unchanged), (12, 24));

    change(&emulator, &client).await;
    world
        .execute("UPDATE users SET deleted_at = '2024-01-15T10:00:00.000Z' WHERE id LIKE '%7'")
        .await;
    let before = world.number("SELECT COUNT(*) FROM sync_runs").await;
    let diff = world.mirror.diff(&client).await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM sync_runs").await, before);
    let restored = diff
        .differences
        .iter()
        .find(|difference| difference.change == Pending::Restore);
    assert_eq!(restored.unwrap().id, user_id(1, 7));
    let summary = world.mirror.full_sync(&client).run().await.unwrap();
    assert_eq!(diff.directories, summary.directories);
    assert_eq!(diff.groups, summary.groups);
    assert_eq!(diff.users, summary.users);
    assert_eq!(diff.memberships.inserted, summary.memberships.inserted);
    assert_eq!(diff.memberships.seen, summary.memberships.seen);
    assert!(world.mirror.diff(&client).await.unwrap().is_empty());
    world.assert_equals(&client).await;
}

#[rstest]
#[tokio::test]
async fn a_mirror_says_when_it_saw_the_source_and_what_waits(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 12, 4)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    let never = world.mirror.freshness().await.unwrap();
    assert_eq!((never.as_of(), &never.events_read_at), (None, &None));

    world.mirror.full_sync(&client).run().await.unwrap();
    let full_sync = world.mirror.freshness().await.unwrap();
    assert!(full_sync.as_of().is_some() && full_sync.events_read_at.is_none());

    world.mirror.follow(&client).poll().await.unwrap();
    let polled = world.mirror.freshness().await.unwrap();
    assert_eq!(polled.full_sync_began_at, full_sync.full_sync_began_at);
    assert!(polled.as_of() > full_sync.as_of(), "{polled:?}");
    let events = [polled.waiting_events, polled.parked_events, polled.dead_events];
    assert_eq!(events, [0; 3]);
}
