//! A source that fails or lies in the middle of a traversal.

use rstest::rstest;
use workos_directory_mirror::Error;
use workos_directory_mirror::Progress;
use workos_directory_sync::Client;
use workos_directory_sync::Error as ApiError;

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
use crate::world::embedding;
use crate::world::live;

#[rstest]
#[tokio::test]
async fn an_error_at_any_call_deletes_nothing_too_early_and_the_next_run_completes(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let full = Source::new(2, 210, 2);
    let less = full
        .clone()
        .without_users(1, [0, 209])
        .without_users(2, [100])
        .without_membership(2, 1, 0);
    let emulator = live(&less).await;
    let plain = client(&emulator);
    let world = World::on(database).await;
    let calls = {
        world.sync(&full).await.unwrap();
        world.mirror.full_sync(&plain).run().await.unwrap().calls
    };
    assert!(calls > 15, "{calls}");
    for failing in 1..=calls as usize {
        let world = World::on(database).await;
        world.sync(&full).await.unwrap();
        let interposer = Interposer::start(emulator.base_url(), move |call| {
            if call.number == failing {
                Fate::Refuse(503)
            } else {
                Fate::Pass
            }
        })
        .await;
        let broken = client_of(&interposer.base_url, &emulator);
        // One directory after the other, so that the failing call is always the same.
        let sync = world.mirror.full_sync(&broken).directories_at_a_time(1);
        match sync.run().await {
            Err(error) => assert!(
                error.is_interruption() && matches!(error.api(), Some(ApiError::Server(_))),
                "{error}"
            ),
            // It was a lookup, or the control of some.
            Ok(summary) => assert!(summary.absences.undecided > 0, "call {failing}: {summary:?}"),
        }
        // What is marked really is gone.
        let marked = world.deleted().await;
        world
            .mirror
            .full_sync(&plain)
            .directories_at_a_time(1)
            .run()
            .await
            .unwrap();
        world.assert_equals(&plain).await;
        let gone = world.deleted().await;
        assert!(marked.iter().all(|id| gone.contains(id)), "call {failing}");
        assert_eq!(gone.len(), 3 + 6 + 1);
    }
}

#[rstest]
#[tokio::test]
async fn an_error_in_the_middle_of_the_users_marks_no_user(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    world.sync(&Source::new(1, 250, 0)).await.unwrap();
    let emulator = live(&Source::new(1, 250, 0).without_users(1, [3, 120])).await;
    let interposer = Interposer::start(emulator.base_url(), |call| {
        if call.target.contains("/directory_users") && call.target.contains("after=") {
            Fate::Refuse(500)
        } else {
            Fate::Pass
        }
    })
    .await;
    let broken = client_of(&interposer.base_url, &emulator);
    world.mirror.full_sync(&broken).run().await.unwrap_err();
    assert_eq!(world.deleted().await, [""; 0]);
    let run = world
        .column("SELECT state || ': ' || error FROM sync_runs ORDER BY id DESC LIMIT 1")
        .await;
    assert!(run[0].starts_with("interrupted: ") && run[0].contains("500"), "{run:?}");
}

#[rstest]
#[tokio::test]
async fn a_directory_that_fails_does_not_hold_up_the_others(#[values(Sqlite, Postgres)] database: Database) {
    let source = Source::new(3, 5, 1);
    let emulator = live(&source).await;
    let failing = directory_id(1);
    let interposer = Interposer::start(emulator.base_url(), move |call| {
        if call.target.contains("/directory_users") && call.target.contains(&failing) {
            Fate::Refuse(403)
        } else {
            Fate::Pass
        }
    })
    .await;
    let (world, broken) = (World::on(database).await, client_of(&interposer.base_url, &emulator));
    let error = world.mirror.full_sync(&broken).run().await.unwrap_err();
    assert!(
        matches!(&error, Error::Directory { directory, .. } if *directory == directory_id(1)),
        "{error}"
    );
    assert!(matches!(error.api(), Some(ApiError::Forbidden(_))));
    assert_eq!(world.number("SELECT COUNT(*) FROM users").await, 10);
    assert_eq!(world.number("SELECT COUNT(*) FROM memberships").await, 10);
}

#[rstest]
#[tokio::test]
async fn full_sync_quarantines_user_of_another_directory_and_mirrors_the_others(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 5, 0)).await;
    let interposer = Interposer::start(emulator.base_url(), |call| {
        if !call.target.contains("/directory_users") {
            return Fate::Pass;
        }
        Fate::Change(Box::new(|page| {
            page["data"][2]["directory_id"] = directory_id(7).into()
        }))
    })
    .await;
    let (world, broken) = (World::on(database).await, client_of(&interposer.base_url, &emulator));
    let summary = world.mirror.full_sync(&broken).run().await.unwrap();
    assert_eq!((summary.users.inserted, summary.quarantined), (4, 1));
    let entry = world.mirror.quarantine(10).await.unwrap().remove(0);
    assert_eq!((entry.kind.as_str(), entry.path.as_str()), ("users", "directory_id"));
    assert_eq!(entry.directory_id, Some(directory_id(1)));

    // It empties by itself.
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.users.inserted, summary.quarantined), (1, 0));
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn a_wrong_key_is_an_interruption_that_says_so(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 1, 0)).await;
    let stranger = Client::builder()
        .api_key("sk_test_wrong")
        .base_url(emulator.base_url())
        .build()
        .unwrap();
    let world = World::on(database).await;
    let error = world.mirror.full_sync(&stranger).run().await.unwrap_err();
    assert!(matches!(error.api(), Some(ApiError::Unauthorized(_))), "{error}");
    assert_eq!(world.column("SELECT state FROM sync_runs").await, ["interrupted"]);
}

#[rstest]
#[tokio::test]
async fn a_directory_that_vanishes_while_it_is_traversed_is_marked_and_is_no_error(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let source = Source::new(2, 6, 1);
    let world = World::on(database).await;
    world.sync(&source).await.unwrap();
    let emulator = live(&source).await;
    let gone = directory_id(2);
    let interposer = Interposer::start(emulator.base_url(), move |call| {
        if call.target.contains(&gone) {
            Fate::Refuse(404)
        } else {
            Fate::Pass
        }
    })
    .await;
    let client = client_of(&interposer.base_url, &emulator);
    let vanished = std::sync::Mutex::new(Vec::new());
    let sync = world.mirror.full_sync(&client).on_progress(|event| {
        if let Progress::Vanished { directory } = event {
            vanished.lock().unwrap().push(directory.clone());
        }
    });
    let summary = sync.run().await.unwrap();
    assert_eq!((summary.directories.deleted, summary.users.deleted), (1, 6));
    assert_eq!(vanished.into_inner().unwrap(), [directory_id(2)]);
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 4);
}

#[rstest]
#[tokio::test]
async fn a_group_that_is_said_to_be_missing_but_is_not_does_not_lose_its_members(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let source = Source::new(1, 5, 2);
    let world = World::on(database).await;
    world.sync(&source).await.unwrap();
    let emulator = live(&source).await;
    let group = format!("group={}", group_id(1, 0));
    let interposer = Interposer::start(emulator.base_url(), move |call| {
        if call.target.contains(&group) {
            Fate::Refuse(404)
        } else {
            Fate::Pass
        }
    })
    .await;
    let client = client_of(&interposer.base_url, &emulator);
    let error = world.mirror.full_sync(&client).run().await.unwrap_err();
    assert!(matches!(error.api(), Some(ApiError::NotFound(_))), "{error}");
    assert_eq!(world.deleted().await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn no_more_than_one_page_is_fetched_ahead_of_the_database(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 2_000, 0)).await;
    let interposer = Interposer::start(emulator.base_url(), |_| Fate::Pass).await;
    let (world, client) = (World::on(database).await, client_of(&interposer.base_url, &emulator));
    let (calls, written) = (interposer.counter(), std::sync::atomic::AtomicUsize::new(0));
    let order = std::sync::atomic::Ordering::SeqCst;
    world
        .mirror
        .full_sync(&client)
        .on_progress(|event| {
            if let Progress::Page { .. } = event {
                let written = written.fetch_add(1, order) + 1;
                let called = calls.load(order);
                assert!(
                    called <= written + 1,
                    "{called} pages were asked for and {written} written"
                );
            }
        })
        .run()
        .await
        .unwrap();
    assert_eq!(written.into_inner(), 22);
}

#[rstest]
#[tokio::test]
async fn full_sync_ends_nobody_of_a_list_with_an_unreadable_id(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("id", "directory_id")] field: &'static str,
    #[values("directories?", "directory_users?", "directory_groups?")] list: &'static str,
) {
    let emulator = live(&Source::new(2, 5, 2)).await;
    let interposer = Interposer::start(emulator.base_url(), move |call| {
        if !call.target.contains(list) {
            return Fate::Pass;
        }
        Fate::Change(Box::new(move |page| {
            if let Some(object) = page["data"].get_mut(1) {
                object[if list == "directories?" { "id" } else { field }] = serde_json::json!({ "odd": 1 });
            }
        }))
    })
    .await;
    let (world, broken) = (World::on(database).await, client_of(&interposer.base_url, &emulator));
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    let summary = world.mirror.full_sync(&broken).run().await.unwrap();
    // By id the directory of a user or group can be read.
    let reads_well_by_id = field == "directory_id" && list != "directories?";
    assert_eq!(summary.quarantined == 0, reads_well_by_id, "{summary:?}");
    assert_eq!(world.deleted().await, [""; 0]);

    // The next list that reads well ends who has left.
    emulator.delete_user(&user_id(1, 4)).unwrap();
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.users.deleted, summary.quarantined), (1, 0));
    world.assert_equals(&client(&emulator)).await;
}

#[rstest]
#[tokio::test]
async fn full_sync_with_an_odd_role_ends_leavers_and_mirrors_the_others(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let full = Source::new(1, 30, 0);
    let emulator = live(&full).await;
    let world = World::on(database).await;
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    for user in 0..5 {
        emulator.delete_user(&user_id(1, user)).unwrap();
    }
    let interposer = Interposer::start(emulator.base_url(), |call| {
        if !call.target.contains("/directory_users?") {
            return Fate::Pass;
        }
        Fate::Change(Box::new(|page| page["data"][2]["role"] = serde_json::json!({})))
    })
    .await;
    let odd = client_of(&interposer.base_url, &emulator);
    let summary = world.mirror.full_sync(&odd).run().await.unwrap();
    assert_eq!(
        (summary.users.deleted, summary.users.seen, summary.quarantined),
        (5, 25, 1)
    );
    assert_eq!(world.mirror.quarantine(9).await.unwrap()[0].path, "role");
}

#[rstest]
#[tokio::test]
async fn full_sync_keeps_the_memberships_of_a_user_whose_state_or_groups_cannot_be_read(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("state", "groups")] field: &'static str,
) {
    let emulator = embedding(&Source::new(1, 5, 3)).await;
    let interposer = Interposer::start(emulator.base_url(), move |call| {
        if !call.target.contains("/directory_users") {
            return Fate::Pass;
        }
        // In the list and by id.
        Fate::Change(Box::new(move |answer| match answer.get_mut("data") {
            Some(page) => page[1][field] = 7.into(),
            None => answer[field] = 7.into(),
        }))
    })
    .await;
    let (world, odd) = (World::on(database).await, client_of(&interposer.base_url, &emulator));
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    let summary = world.mirror.full_sync(&odd).run().await.unwrap();
    assert_eq!(summary.memberships.deleted, 0);
    assert_eq!(world.deleted().await, [""; 0]);
    world.assert_equals(&client(&emulator)).await;
}
