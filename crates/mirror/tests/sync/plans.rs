//! Memberships are right by each way to find them out, with the fewest calls.

use rstest::rstest;
use std::sync::Mutex;

use workos_directory_emulator::Emulator;
use workos_directory_mirror::MembershipPlan;
use workos_directory_mirror::Progress;
use workos_directory_mirror::Summary;
use workos_directory_sync::operations;

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

/// Mirrors through an address and tells the plans that were chosen, and the calls that were expected for them.
async fn planned(world: &World, base_url: &str, emulator: &Emulator) -> (Summary, Vec<(MembershipPlan, u64)>) {
    let plans = Mutex::new(Vec::new());
    let client = client_of(base_url, emulator);
    let summary = world
        .mirror
        .full_sync(&client)
        .on_progress(|event| {
            if let Progress::Planned { plan, calls, .. } = event {
                plans.lock().unwrap().push((*plan, *calls));
            }
        })
        .run()
        .await
        .unwrap();
    (summary, plans.into_inner().unwrap())
}

#[rstest]
#[tokio::test]
async fn embedded_groups_need_no_further_call(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = embedding(&Source::new(1, 150, 3)).await;
    let world = World::on(database).await;
    let (summary, plans) = planned(&world, emulator.base_url(), &emulator).await;
    assert_eq!(plans, [(MembershipPlan::Embedded, 0)]);
    assert_eq!(summary.calls, 1 + 1 + 2);
    world.assert_equals(&client(&emulator)).await;
}

#[rstest]
#[tokio::test]
async fn few_groups_are_asked_for_their_users_when_nothing_is_embedded(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 150, 2)).await;
    let world = World::on(database).await;
    let (summary, plans) = planned(&world, emulator.base_url(), &emulator).await;
    assert_eq!(plans[0].0, MembershipPlan::UsersPerGroup);
    // Each group has all of the 150 users.
    assert_eq!(summary.calls, 1 + 1 + 2 + 2 * 2);
    world.assert_equals(&client(&emulator)).await;
    let (second, plans) = planned(&world, emulator.base_url(), &emulator).await;
    assert_eq!(plans, [(MembershipPlan::UsersPerGroup, 4)]);
    assert_eq!(second.calls, summary.calls);
}

#[rstest]
#[tokio::test]
async fn few_users_are_asked_for_their_groups(#[values(Sqlite, Postgres)] database: Database) {
    let mut source = Source::new(1, 4, 250);
    for group in 10..240 {
        source = source.with_membership(1, 2, group);
    }
    let emulator = live(&source).await;
    let world = World::on(database).await;
    let (summary, plans) = planned(&world, emulator.base_url(), &emulator).await;
    assert_eq!(plans[0].0, MembershipPlan::GroupsPerUser);
    assert_eq!(emulator.requests(&operations::LIST_DIRECTORY_USERS), 1);
    assert_eq!(summary.calls, 1 + 3 + 1 + (3 + 3));
    world.assert_equals(&client(&emulator)).await;
}

#[rstest]
#[tokio::test]
async fn groups_that_only_some_users_embed_are_not_trusted(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = embedding(&Source::new(1, 20, 2)).await;
    // One user does not say its groups, as users in events do not.
    let interposer = Interposer::start(emulator.base_url(), |call| {
        if !call.target.contains("groups=true") {
            return Fate::Pass;
        }
        Fate::Change(Box::new(|page| {
            page["data"][7].as_object_mut().unwrap().remove("groups");
        }))
    })
    .await;
    let world = World::on(database).await;
    let (summary, plans) = planned(&world, &interposer.base_url, &emulator).await;
    assert_eq!(plans[0].0, MembershipPlan::UsersPerGroup);
    world.assert_equals(&client(&emulator)).await;
    // Those that came both ways count once.
    assert_eq!((summary.memberships.seen, summary.memberships.inserted), (40, 40));
}

#[rstest]
#[tokio::test]
async fn a_server_that_refuses_the_parameter_is_asked_without_it(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 120, 2)).await;
    let interposer = Interposer::start(emulator.base_url(), |call| {
        if call.target.contains("groups=") {
            Fate::Refuse(422)
        } else {
            Fate::Pass
        }
    })
    .await;
    let world = World::on(database).await;
    let (summary, _) = planned(&world, &interposer.base_url, &emulator).await;
    world.assert_equals(&client(&emulator)).await;
    assert_eq!(summary.calls as usize, interposer.calls());
}

#[rstest]
#[tokio::test]
async fn the_forecast_is_what_a_run_takes(#[values(Sqlite, Postgres)] database: Database) {
    for emulator in [
        live(&Source::new(3, 130, 4)).await,
        embedding(&Source::new(3, 130, 4)).await,
        live(&Source::new(2, 3, 20)).await,
    ] {
        let (world, client) = (World::on(database).await, client(&emulator));
        let unknown = world.mirror.full_sync(&client).forecast().await.unwrap();
        assert_eq!(world.number("SELECT COUNT(*) FROM directories").await, 0);
        let first = world.mirror.full_sync(&client).run().await.unwrap();
        let known = world.mirror.full_sync(&client).forecast().await.unwrap();
        let second = world.mirror.full_sync(&client).run().await.unwrap();
        assert_eq!(known.calls, second.calls);
        assert_eq!(known.directories.len() as u64, first.directories.seen);
        // Without a first run, embedded groups and the sizes of groups are not known.
        assert!(unknown.calls >= known.calls, "{} {}", unknown.calls, known.calls);
    }
}
