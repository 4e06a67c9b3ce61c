//! A run that is cut off at any point goes on where it was.

use rstest::rstest;
use workos_directory_emulator::Emulator;
use workos_directory_mirror::Progress;
use workos_directory_sync::Error as ApiError;

use crate::cut::cut;
use crate::interposer::Fate;
use crate::interposer::Interposer;
use crate::source::Source;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::client_of;
use crate::world::embedding;
use crate::world::live;

/// Starts a run and drops it when a certain call is made.
async fn drop_at(world: &World, emulator: &Emulator, number: usize) {
    let (came, mut coming) = tokio::sync::mpsc::unbounded_channel();
    let interposer = Interposer::start(emulator.base_url(), move |call| {
        if call.number < number {
            return Fate::Pass;
        }
        came.send(()).unwrap();
        Fate::Hang
    })
    .await;
    let client = client_of(&interposer.base_url, emulator);
    tokio::select! {
        ended = world.mirror.full_sync(&client).directories_at_a_time(1).run() => panic!("{ended:?}"),
        _ = coming.recv() => {}
    }
}

#[rstest]
#[tokio::test]
async fn a_run_that_is_dropped_at_any_call_goes_on_there_and_completes(#[values(Sqlite, Postgres)] database: Database) {
    let full = Source::new(2, 210, 2);
    let less = full
        .clone()
        .without_users(1, [0, 209])
        .without_users(2, [100])
        .without_membership(2, 1, 0);
    for emulator in [live(&less).await, embedding(&less).await] {
        let client = client(&emulator);
        let calls = {
            let world = World::on(database).await;
            world.sync(&full).await.unwrap();
            world.mirror.full_sync(&client).run().await.unwrap().calls
        };
        for number in 1..=calls as usize {
            let world = World::on(database).await;
            world.sync(&full).await.unwrap();
            drop_at(&world, &emulator, number).await;
            assert_eq!(
                world
                    .number("SELECT COUNT(*) FROM sync_runs WHERE state = 'running'")
                    .await,
                1
            );
            let before = emulator.total_requests();
            let summary = world
                .mirror
                .full_sync(&client)
                .directories_at_a_time(1)
                .run()
                .await
                .unwrap();
            assert!(summary.resumed);
            assert_eq!(
                (summary.users.seen, summary.users.deleted),
                (417, 3),
                "dropped at {number}"
            );
            assert_eq!(summary.memberships.deleted, 7, "dropped at {number}");
            let made = emulator.total_requests() - before;
            world.assert_equals(&client).await;
            // A page may have come and not been written; all others are not asked for again.
            assert!(
                made <= calls - number as u64 + 2,
                "dropped at {number} of {calls}, then {made} calls"
            );
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_future_that_is_dropped_between_any_two_polls_leaves_a_usable_database(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let source = Source::new(1, 120, 1);
    let emulator = embedding(&source).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    let mut completed = false;
    for polls in 0..400 {
        let sync = world.mirror.full_sync(&client).resume_within(std::time::Duration::ZERO);
        let ended = cut(sync.run(), polls).await;
        if let Some(ended) = ended {
            ended.unwrap();
            completed = true;
            break;
        }
    }
    assert!(completed, "the run never came to its end");
    world.mirror.full_sync(&client).run().await.unwrap();
    world.assert_equals(&client).await;
}

#[rstest]
#[tokio::test]
async fn a_run_that_is_too_old_starts_anew(#[values(Sqlite, Postgres)] database: Database) {
    let source = Source::new(1, 210, 1);
    let emulator = live(&source).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    drop_at(&world, &emulator, 4).await;
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let mirror = world.mirror.clone().with_clock(move || tomorrow);
    let summary = mirror.full_sync(&client).run().await.unwrap();
    assert!(!summary.resumed);
    assert_eq!(
        world.column("SELECT state FROM sync_runs ORDER BY id").await,
        ["abandoned", "finished"]
    );
}

#[rstest]
#[tokio::test]
async fn a_cursor_that_is_refused_later_starts_its_list_again(#[values(Sqlite, Postgres)] database: Database) {
    let source = Source::new(1, 320, 0);
    let emulator = live(&source).await;
    let world = World::on(database).await;
    // Directories, groups, two pages of users.
    drop_at(&world, &emulator, 5).await;
    for refusal in [400, 404, 422] {
        let first = std::sync::atomic::AtomicBool::new(true);
        let interposer = Interposer::start(emulator.base_url(), move |call| {
            let order = std::sync::atomic::Ordering::SeqCst;
            if call.target.contains("after=") && first.swap(false, order) {
                Fate::Refuse(refusal)
            } else {
                Fate::Pass
            }
        })
        .await;
        let client = client_of(&interposer.base_url, &emulator);
        let summary = world.mirror.full_sync(&client).run().await.unwrap();
        assert!(summary.resumed);
        assert_eq!((summary.users.seen, summary.users.inserted), (320, 320));
        // The next refusal meets a new run that was cut off at the same place.
        let pool = sqlx::AnyPool::connect(&world.address).await.unwrap();
        for table in [
            "users",
            "memberships",
            "groups",
            "directories",
            "sync_steps",
            "sync_runs",
        ] {
            let sql = format!("DELETE FROM {table}");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
        }
        pool.close().await;
        drop_at(&world, &emulator, 5).await;
    }
}

#[rstest]
#[tokio::test]
async fn an_unreachable_source_is_an_interruption(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 1, 0)).await;
    let client = client(&emulator);
    emulator.shutdown().await;
    let world = World::on(database).await;
    let error = world.mirror.full_sync(&client).run().await.unwrap_err();
    assert!(
        error.is_interruption() && matches!(error.api(), Some(ApiError::Network(_))),
        "{error}"
    );
}

#[rstest]
#[tokio::test]
async fn the_progress_of_a_resumed_run_says_so(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 210, 0)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    drop_at(&world, &emulator, 4).await;
    let resumed = std::sync::Mutex::new(None);
    let sync = world.mirror.full_sync(&client).on_progress(|event| {
        if let Progress::Started { resumed: is, .. } = event {
            *resumed.lock().unwrap() = Some(*is);
        }
    });
    sync.run().await.unwrap();
    assert_eq!(resumed.into_inner().unwrap(), Some(true));
}
