//! A sync of a part touches nothing else, and two syncs do not meet.

use rstest::rstest;
use workos_directory_mirror::Error;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Error as ApiError;

use crate::interposer::Fate;
use crate::interposer::Interposer;
use crate::source::Source;
use crate::source::directory_id;
use crate::source::organization_id;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::client_of;
use crate::world::live;

#[rstest]
#[tokio::test]
async fn an_organization_is_mirrored_alone_whether_or_not_the_server_filters(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let source = Source::new(3, 5, 1);
    for server_filters in [true, false] {
        let emulator = live(&source).await;
        let interposer = Interposer::start(emulator.base_url(), move |call| {
            let is_filtered = call.target.contains("organization_id");
            if is_filtered && !server_filters {
                Fate::Refuse(422)
            } else {
                Fate::Pass
            }
        })
        .await;
        let (world, client) = (World::on(database).await, client_of(&interposer.base_url, &emulator));
        let sync = world.mirror.full_sync(&client).organization(organization_id(2));
        let summary = sync.run().await.unwrap();
        assert_eq!((summary.directories.seen, summary.users.seen), (1, 5));
        assert_eq!(world.column("SELECT id FROM directories").await, [directory_id(2)]);
    }
}

#[rstest]
#[tokio::test]
async fn a_directory_is_mirrored_alone_and_others_are_not_taken_for_deleted(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let source = Source::new(3, 5, 1);
    let world = World::on(database).await;
    world.sync(&source).await.unwrap();
    let emulator = live(
        &source
            .clone()
            .without_users(2, [1])
            .without_users(3, [1])
            .without_directory(1),
    )
    .await;
    let client = client(&emulator);
    let sync = world
        .mirror
        .full_sync(&client)
        .directory(directory_id(2))
        .directory(directory_id(2));
    let summary = sync.run().await.unwrap();
    assert_eq!((summary.directories.seen, summary.users.deleted), (1, 1));
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM users WHERE deleted_at IS NOT NULL")
            .await,
        1
    );

    // One that is gone is marked when it is asked for, and one that never was is an error.
    let summary = world
        .mirror
        .full_sync(&client)
        .directory(directory_id(1))
        .run()
        .await
        .unwrap();
    assert_eq!((summary.directories.deleted, summary.users.deleted), (1, 5));
    let error = world
        .mirror
        .full_sync(&client)
        .directory(directory_id(9))
        .run()
        .await
        .unwrap_err();
    assert!(matches!(error.api(), Some(ApiError::NotFound(_))), "{error}");
}

#[rstest]
#[tokio::test]
async fn a_second_sync_that_cannot_share_the_work_is_told_that_one_is_running(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let source = Source::new(1, 5, 1);
    let emulator = live(&source).await;
    let (came, mut coming) = tokio::sync::mpsc::unbounded_channel();
    let interposer = Interposer::start(emulator.base_url(), move |_| {
        came.send(()).unwrap();
        Fate::Hang
    })
    .await;
    let world = World::on(database).await;
    let (slow, quick) = (client_of(&interposer.base_url, &emulator), client(&emulator));
    let other = Mirror::connect(&world.address).await.unwrap();
    let mut running = std::pin::pin!(world.mirror.full_sync(&slow).run());
    tokio::select! {
        ended = &mut running => panic!("{ended:?}"),
        _ = coming.recv() => {
            // Both by the same handle and by another one, which stands for another process.
            for mirror in [&world.mirror, &other] {
                let sync = mirror.full_sync(&quick);
                // With a server only one of another scope cannot.
                let sync = if database == Sqlite { sync } else { sync.organization("org_1") };
                let error = sync.run().await.unwrap_err();
                assert!(matches!(error, Error::Busy { .. }), "{error}");
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn settings_that_make_no_sense_are_refused_before_anything_happens(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::default()).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    for sync in [
        world.mirror.full_sync(&client).directories_at_a_time(0),
        world.mirror.full_sync(&client).deleted_at_once_percent(101),
    ] {
        assert!(matches!(sync.run().await.unwrap_err(), Error::Setting { .. }));
    }
    assert_eq!(emulator.total_requests(), 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM sync_runs").await, 0);
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_said_without_its_password() {
    let refuses = crate::cluster::guarded(&crate::cluster::database());
    for (address, what) in [
        ("mysql://mirror:hunter2@db.example/mirror".to_owned(), "`mysql`"),
        ("postgres://mirror:hunter2@127.0.0.1:1/mirror".to_owned(), "127.0.0.1:1"),
        (refuses.replace('@', ":hunter2@"), "authentication"),
    ] {
        let error = Mirror::connect(&address).await.unwrap_err();
        let message = format!("{error} {error:?}");
        assert!(message.contains(what) && !message.contains("hunter2"), "{message}");
    }
    let [_, password] = crate::cluster::GUARDED;
    let mirror = Mirror::connect(&refuses.replace('@', &format!(":{password}@")))
        .await
        .unwrap();
    assert!(!format!("{mirror:?}").contains(password));
    let error = Mirror::connect("sqlite:/nowhere/mirror.sqlite").await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/mirror.sqlite"), "{error}");
}
