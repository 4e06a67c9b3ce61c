//! What is gone at the source is marked, what returns is unmarked, and what a list alone does not have stays.

use rstest::rstest;
use workos_directory_mirror::Error;
use workos_directory_mirror::Kind;

use crate::interposer::Fate;
use crate::interposer::Interposer;
use crate::source::Source;
use crate::source::directory_id;
use crate::source::user_id;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::client_of;
use crate::world::live;

#[rstest]
#[tokio::test]
async fn what_is_gone_is_marked_and_what_returns_is_unmarked(#[values(Sqlite, Postgres)] database: Database) {
    let full = Source::new(2, 40, 4);
    let less = full
        .clone()
        .without_users(1, [5, 6])
        .without_group(2, 3)
        .without_membership(2, 0, 1);
    let world = World::on(database).await;
    world.sync(&full).await.unwrap();

    let emulator = live(&less).await;
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.users.deleted, summary.groups.deleted), (2, 1));
    // Two users with two groups each, a group of twenty, one membership alone.
    assert_eq!(summary.memberships.deleted, 4 + 20 + 1);
    world.assert_equals(&client(&emulator)).await;
    assert_eq!(world.number("SELECT COUNT(*) FROM users").await, 80);
    assert!(world.deleted().await.contains(&user_id(1, 5)));

    let emulator = live(&full).await;
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.users.restored, summary.groups.restored), (2, 1));
    assert_eq!((summary.memberships.restored, summary.memberships.inserted), (25, 0));
    world.assert_equals(&client(&emulator)).await;
    assert_eq!(world.deleted().await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn a_directory_that_is_gone_takes_its_users_with_it(#[values(Sqlite, Postgres)] database: Database) {
    let both = Source::new(2, 8, 2);
    let world = World::on(database).await;
    world.sync(&both).await.unwrap();
    let emulator = live(&both.clone().without_directory(2)).await;
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.directories.deleted, summary.users.deleted), (1, 8));
    assert_eq!((summary.groups.deleted, summary.memberships.deleted), (2, 16));
    world.assert_equals(&client(&emulator)).await;

    let summary = world.sync(&both).await.unwrap();
    assert_eq!((summary.directories.restored, summary.users.restored), (1, 8));
    assert_eq!(world.deleted().await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn full_sync_ends_any_number_of_leavers_that_the_api_does_not_know(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let full = Source::new(2, 100, 2);
    let less = full.clone().without_users(1, 0..60).without_users(2, 0..5);
    let world = World::on(database).await;
    world.sync(&full).await.unwrap();
    let emulator = live(&less).await;
    let client = client(&emulator);
    let summary = world.mirror.full_sync(&client).run().await.unwrap();
    assert_eq!(summary.users.deleted, 65);
    assert_eq!(
        (
            summary.absences.ended,
            summary.absences.undecided,
            summary.absences.remaining
        ),
        (65, 0, 0)
    );
    world.assert_equals(&client).await;
    assert_eq!(
        world
            .column("SELECT DISTINCT reason FROM changes WHERE kind = 'user_deprovisioned'")
            .await,
        ["confirmed"]
    );
}

#[rstest]
#[tokio::test]
async fn full_sync_asks_for_no_more_than_max_lookups_and_the_next_one_goes_on(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let full = Source::new(1, 40, 0);
    let world = World::on(database).await;
    world.sync(&full).await.unwrap();
    let emulator = live(&full.clone().without_users(1, 0..25)).await;
    let client = client(&emulator);
    let mut ended = Vec::new();
    for _ in 0..3 {
        let summary = world.mirror.full_sync(&client).max_lookups(10).run().await.unwrap();
        ended.push((summary.users.deleted, summary.absences.remaining));
    }
    assert_eq!(ended, [(10, 15), (10, 5), (5, 0)]);
    world.assert_equals(&client).await;
}

#[rstest]
#[tokio::test]
async fn full_sync_above_the_guard_ends_nobody_until_that_is_approved(#[values(Sqlite, Postgres)] database: Database) {
    let full = Source::new(1, 100, 0);
    let world = World::on(database).await;
    world.sync(&full).await.unwrap();
    let emulator = live(&full.clone().without_users(1, 0..30)).await;
    let client = client(&emulator);
    let sync = || world.mirror.full_sync(&client).deleted_at_once_percent(20).run();
    let summary = sync().await.unwrap();
    assert_eq!((summary.users.deleted, summary.absences.undecided), (0, 30));
    assert_eq!(world.deleted().await, [""; 0]);
    let pending = world.mirror.deletions().await.unwrap().remove(0);
    assert_eq!(
        (pending.directory, pending.kind, pending.count),
        (directory_id(1), Kind::Users, 30)
    );

    let approval = world.mirror.approve_deletions(directory_id(1), Kind::Users, 30);
    approval.await.unwrap();
    assert_eq!(sync().await.unwrap().users.deleted, 30);
    world.assert_equals(&client).await;
}

#[rstest]
#[tokio::test]
async fn full_sync_of_a_source_without_any_known_directory_is_refused_before_it_writes(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    world.sync(&Source::new(30, 1, 0)).await.unwrap();
    let other = Source::default().with_directory(77).with_user(77, 1);
    for source in [Source::default(), other.clone()] {
        let error = world.sync(&source).await.unwrap_err();
        assert!(matches!(error, Error::OtherEnvironment { known: 30, .. }), "{error}");
        assert_eq!(world.deleted().await, [""; 0]);
        assert_eq!(world.number("SELECT COUNT(*) FROM directories").await, 30);
    }
    let emulator = live(&other).await;
    let client = client(&emulator);
    let sync = world.mirror.full_sync(&client).allow_other_environment(true);
    sync.run().await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM directories").await, 31);
}

#[rstest]
#[tokio::test]
async fn full_sync_keeps_everybody_when_lists_turn_empty_and_objects_answer_by_id(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("linked", "validating", "unlinked")] state: &'static str,
) {
    let world = World::on(database).await;
    let emulator = live(&Source::new(1, 10, 5)).await;
    emulator.set_directory_state(&directory_id(1), state).unwrap();
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    let liar = Interposer::start(emulator.base_url(), |call| {
        if !call.target.contains("directory_users?") && !call.target.contains("directory_groups?") {
            return Fate::Pass;
        }
        Fate::Change(Box::new(|answer| answer["data"] = serde_json::json!([])))
    })
    .await;
    let lied_to = client_of(&liar.base_url, &emulator);
    let summary = world.mirror.full_sync(&lied_to).run().await.unwrap();
    assert_eq!((summary.users.deleted, summary.groups.deleted), (0, 0));
    assert_eq!(world.deleted().await, [""; 0]);
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    world.assert_equals(&client(&emulator)).await;
}

#[rstest]
#[tokio::test]
async fn full_sync_keeps_members_of_groups_whose_list_turns_empty(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let emulator = live(&Source::new(1, 40, 4)).await;
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    let hiccup = Interposer::start(emulator.base_url(), |call| {
        if !call.target.contains("directory_users?") || !call.target.contains("group=") {
            return Fate::Pass;
        }
        Fate::Change(Box::new(|answer| answer["data"] = serde_json::json!([])))
    })
    .await;
    let lied_to = client_of(&hiccup.base_url, &emulator);
    world.mirror.full_sync(&lied_to).run().await.unwrap();
    assert_eq!(world.deleted().await, [""; 0]);
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    world.assert_equals(&client(&emulator)).await;
}
