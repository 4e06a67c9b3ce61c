//! The database equals the source, and says so when nothing changed.

use rstest::rstest;
use std::sync::Mutex;

use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_mirror::Kind;
use workos_directory_mirror::Progress;

use crate::source::Source;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::live;

fn population() -> Population {
    Population {
        seed: 7,
        directories: 3,
        users: 730,
        groups: 36,
        memberships: 1_900,
    }
}

#[rstest]
#[tokio::test]
async fn the_database_equals_a_live_source_row_for_row(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = Emulator::builder().population(population()).start().await.unwrap();
    let (world, client) = (World::on(database).await, client(&emulator));
    let summary = world.mirror.full_sync(&client).run().await.unwrap();
    world.assert_equals(&client).await;
    let seen = [Kind::Directories, Kind::Users, Kind::Groups, Kind::Memberships].map(|kind| summary.counts(kind).seen);
    assert_eq!(seen, [3, 730, 36, 1_900]);
    assert_eq!(summary.users.inserted, 730);
}

#[rstest]
#[tokio::test]
async fn the_database_equals_a_source_that_embeds_groups_row_for_row(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = Emulator::builder()
        .behaviour(Behaviour::Reference)
        .population(population())
        .start()
        .await
        .unwrap();
    let (world, client) = (World::on(database).await, client(&emulator));
    let summary = world.mirror.full_sync(&client).run().await.unwrap();
    world.assert_equals(&client).await;
    // One page of directories; for each directory one page of groups and three of users.
    assert_eq!(summary.calls, 1 + 3 + 9);
}

#[rstest]
#[tokio::test]
async fn a_second_run_reports_everything_unchanged_and_writes_no_change(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let source = Source::new(2, 250, 5);
    let emulator = live(&source).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    let first = world.mirror.full_sync(&client).run().await.unwrap();
    let state = "SELECT id || changed_at || first_seen_at FROM users
                 UNION ALL SELECT user_id || group_id || changed_at FROM memberships ORDER BY 1";
    let before = world.column(state).await;
    let second = world.mirror.full_sync(&client).run().await.unwrap();
    assert!(second.is_unchanged(), "{second:?}");
    assert_eq!(second.users.unchanged, 500);
    assert_eq!(second.memberships.unchanged, first.memberships.inserted);
    assert_eq!(second.calls, first.calls);
    assert_eq!(world.column(state).await, before);
    world.assert_equals(&client).await;
}

#[rstest]
#[tokio::test]
async fn changes_that_leave_updated_at_alone_arrive(#[values(Sqlite, Postgres)] database: Database) {
    let source = Source::new(1, 30, 3);
    let world = World::on(database).await;
    world.sync(&source).await.unwrap();
    let source = source
        .without_membership(1, 4, 1)
        .with_membership(1, 4, 0)
        .with_name(1, 9, "Zoë");
    let emulator = live(&source).await;
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.users.updated, summary.users.unchanged), (1, 29));
    assert_eq!((summary.memberships.inserted, summary.memberships.deleted), (1, 1));
    world.assert_equals(&client(&emulator)).await;
}

#[rstest]
#[tokio::test]
async fn a_row_that_was_changed_by_hand_is_mended(#[values(Sqlite, Postgres)] database: Database) {
    let source = Source::new(1, 3, 1);
    let world = World::on(database).await;
    world.sync(&source).await.unwrap();
    let pool = sqlx::AnyPool::connect(&world.address).await.unwrap();
    sqlx::query("UPDATE users SET state = 'active'")
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("DELETE FROM memberships").execute(&pool).await.unwrap();
    let emulator = live(&source).await;
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    world.assert_equals(&client(&emulator)).await;
}

#[rstest]
#[tokio::test]
async fn an_empty_source_makes_an_empty_database(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let summary = world.sync(&Source::default()).await.unwrap();
    assert_eq!((summary.directories.seen, summary.calls), (0, 1));
    let summary = world.sync(&Source::new(1, 0, 0)).await.unwrap();
    assert_eq!((summary.directories.inserted, summary.calls), (1, 3));
}

#[rstest]
#[tokio::test]
async fn the_views_have_those_who_may_act_now(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    // Users 3 and 4 are not active.
    world.sync(&Source::new(1, 5, 2)).await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM users").await, 5);
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 3);
    assert_eq!(world.number("SELECT COUNT(*) FROM group_members").await, 6);
}

#[rstest]
#[tokio::test]
async fn the_summary_and_the_progress_tell_the_same_and_are_kept(#[values(Sqlite, Postgres)] database: Database) {
    let source = Source::new(2, 120, 2);
    let emulator = live(&source).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    let events = Mutex::new(Vec::new());
    let summary = world
        .mirror
        .full_sync(&client)
        .on_progress(|event| events.lock().unwrap().push(event.clone()))
        .run()
        .await
        .unwrap();
    let events = events.into_inner().unwrap();
    assert!(matches!(events[0], Progress::Started { resumed: false, .. }));
    assert!(events.iter().any(|event| matches!(
        event,
        Progress::Listed {
            directories: 2,
            users: Some(240),
            groups: Some(_),
        }
    )));
    let mut users = 0;
    for event in &events {
        if let Progress::Finished {
            kind: Kind::Users,
            counts,
            ..
        } = event
        {
            users += counts.seen;
        }
    }
    assert_eq!(users, summary.users.seen);
    let kept = world
        .column("SELECT CAST(summary AS TEXT) FROM sync_runs WHERE state = 'finished'")
        .await;
    let kept: serde_json::Value = serde_json::from_str(&kept[0]).unwrap();
    assert_eq!(kept, serde_json::to_value(&summary).unwrap());
    assert_eq!(kept["users"]["seen"], 240);
    assert_eq!(kept["calls"], emulator.total_requests());
}

#[rstest]
#[tokio::test]
async fn a_sync_runs_in_a_task_of_its_own(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 3, 1)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    let mirror = world.mirror.clone();
    let task = tokio::spawn(async move { mirror.full_sync(&client).run().await });
    assert_eq!(task.await.unwrap().unwrap().users.seen, 3);
}
