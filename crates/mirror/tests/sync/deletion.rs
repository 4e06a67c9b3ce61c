//! What is gone at the source is marked, what returns is unmarked, and implausibly much is refused.

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
    let summary = world
        .mirror
        .full_sync(&client(&emulator))
        .deleted_at_once_percent(60)
        .run()
        .await
        .unwrap();
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
async fn a_directory_with_many_users_does_not_go_unasked(#[values(Sqlite, Postgres)] database: Database) {
    let both = Source::new(2, 50, 1);
    let world = World::on(database).await;
    world.sync(&both).await.unwrap();
    let emulator = live(&both.clone().without_directory(2).with_name(1, 0, "New")).await;
    let client = client(&emulator);
    let error = world.mirror.full_sync(&client).run().await.unwrap_err();
    let Error::MassDelete { kind, gone, of, .. } = error else {
        panic!("{error}");
    };
    assert_eq!((kind, gone, of), (Kind::Users, 50, 100));
    assert_eq!(world.deleted().await, [""; 0]);
    // What is not a deletion has been mirrored.
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM users WHERE first_name = 'New'")
            .await,
        1
    );
    assert_eq!(
        world.column("SELECT state FROM sync_runs ORDER BY id DESC").await[0],
        "failed"
    );

    let summary = world
        .mirror
        .full_sync(&client)
        .allow_mass_delete(true)
        .run()
        .await
        .unwrap();
    assert_eq!(summary.users.deleted, 50);
    world.assert_equals(&client).await;
}

#[rstest]
#[tokio::test]
async fn a_directory_that_lost_many_users_keeps_them_until_that_is_allowed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let full = Source::new(2, 100, 2);
    let less = full.clone().without_users(1, 0..30).without_users(2, 0..5);
    let world = World::on(database).await;
    world.sync(&full).await.unwrap();
    let emulator = live(&less).await;
    let client = client(&emulator);
    let error = world.mirror.full_sync(&client).run().await.unwrap_err();
    let Error::Directory { directory, source } = error else {
        panic!("{error}");
    };
    assert_eq!(directory, directory_id(1));
    assert!(
        matches!(
            *source,
            Error::MassDelete {
                kind: Kind::Users,
                gone: 30,
                of: 100,
                ..
            }
        ),
        "{source}"
    );
    // The other directory is not held up.
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM users WHERE deleted_at IS NOT NULL")
            .await,
        5
    );

    world
        .mirror
        .full_sync(&client)
        .allow_mass_delete(true)
        .run()
        .await
        .unwrap();
    world.assert_equals(&client).await;
}

#[rstest]
#[tokio::test]
async fn a_source_that_suddenly_has_nothing_deletes_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    world.sync(&Source::new(2, 40, 2)).await.unwrap();
    let error = world.sync(&Source::default()).await.unwrap_err();
    assert!(matches!(error, Error::MassDelete { .. }), "{error}");
    assert_eq!(world.deleted().await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn a_list_of_groups_that_is_suddenly_empty_ends_no_membership(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let emulator = live(&Source::new(1, 40, 4)).await;
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    let hiccup = Interposer::start(emulator.base_url(), |call| {
        if !call.target.contains("directory_groups?") {
            return Fate::Pass;
        }
        Fate::Change(Box::new(|answer| answer["data"] = serde_json::json!([])))
    })
    .await;
    // Four groups are few, but they have all of the 80 memberships.
    let error = world
        .mirror
        .full_sync(&client_of(&hiccup.base_url, &emulator))
        .run()
        .await
        .unwrap_err();
    let Error::Directory { source, .. } = error else {
        panic!("{error}");
    };
    let Error::MassDelete { kind, gone, of, .. } = *source else {
        panic!("{source}");
    };
    assert_eq!((kind, gone, of), (Kind::Memberships, 80, 80));
    assert_eq!(world.deleted().await, [""; 0]);
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    world.assert_equals(&client(&emulator)).await;
}
