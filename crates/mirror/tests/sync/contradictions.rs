//! Lists that contradict themselves or the directory: what they leave out is asked for by id, and nobody ends who is there.

use rstest::rstest;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultRule;
use workos_directory_mirror::Summary;
use workos_directory_mirror::WarningKind;
use workos_directory_sync::operations::LIST_DIRECTORY_GROUPS;
use workos_directory_sync::operations::LIST_DIRECTORY_USERS;

use crate::source::Source;
use crate::source::directory_id;
use crate::source::user_id;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::live;

/// Mirrors a source, then once more while it lies about the users of its directory.
async fn lied_to(
    database: Database,
    source: &Source,
    lies: impl IntoIterator<Item = FaultRule>,
) -> (World, Emulator, Summary) {
    let (world, emulator) = (World::on(database).await, live(source).await);
    let client = client(&emulator);
    world.mirror.full_sync(&client).run().await.unwrap();
    for lie in lies {
        emulator.faults().inject(lie).unwrap();
    }
    let summary = world.mirror.full_sync(&client).run().await.unwrap();
    emulator.faults().clear();
    (world, emulator, summary)
}

fn warnings(summary: &Summary) -> Vec<WarningKind> {
    summary.warnings.iter().map(|warning| warning.what).collect()
}

fn lie(fault: Fault) -> FaultRule {
    FaultRule::new(fault).on(&LIST_DIRECTORY_USERS).scope(directory_id(1))
}

/// Nobody has left: everybody stays, and nothing is published.
async fn assert_nobody_ended(world: &World, emulator: &Emulator) {
    assert_eq!(world.deleted().await, [""; 0]);
    let published = "SELECT kind FROM changes WHERE kind LIKE '%deprovisioned' OR kind LIKE '%left%'";
    assert_eq!(world.column(published).await, [""; 0]);
    world.assert_equals(&client(emulator)).await;
}

/// Case 2: one user and five groups, whose lists turn empty while the counts say otherwise.
#[rstest]
#[tokio::test]
async fn full_sync_keeps_user_and_groups_when_lists_turn_empty_against_counts(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let lies = [&LIST_DIRECTORY_USERS, &LIST_DIRECTORY_GROUPS].map(|list| FaultRule::new(Fault::EmptyList).on(list));
    let (world, emulator, summary) = lied_to(database, &Source::new(1, 1, 5), lies).await;
    let warnings = warnings(&summary);
    assert!(warnings.contains(&WarningKind::ListTurnedEmpty), "{warnings:?}");
    assert!(warnings.contains(&WarningKind::ListContradictsCounts), "{warnings:?}");
    // Each of them by id. Who is in which group no list can say while lists are empty.
    assert_eq!((summary.absences.refreshed, summary.absences.undecided), (6, 2));
    assert_nobody_ended(&world, &emulator).await;
}

/// Case 6: the second page begins with the last id of the first and misses its own first.
#[rstest]
#[tokio::test]
async fn full_sync_keeps_user_when_shifted_page_misses_it(#[values(Sqlite, Postgres)] database: Database) {
    let (world, emulator, summary) = lied_to(database, &Source::new(1, 200, 2), [lie(Fault::ShiftedPage)]).await;
    assert!(warnings(&summary).contains(&WarningKind::RepeatedObject), "{summary:?}");
    assert_eq!((summary.absences.asked, summary.absences.refreshed), (1, 1));
    assert_nobody_ended(&world, &emulator).await;
}

/// Case 7: of three pages the third has nothing.
#[rstest]
#[tokio::test]
async fn full_sync_keeps_users_when_list_ends_early_with_empty_page(#[values(Sqlite, Postgres)] database: Database) {
    let early_end = lie(Fault::EarlyEnd { empty: true }).skip(2).times(1);
    let (world, emulator, summary) = lied_to(database, &Source::new(1, 250, 0), [early_end]).await;
    let warnings = warnings(&summary);
    assert!(warnings.contains(&WarningKind::EndedEarly), "{warnings:?}");
    assert!(warnings.contains(&WarningKind::ListContradictsCounts), "{warnings:?}");
    assert_eq!((summary.absences.asked, summary.absences.refreshed), (50, 50));
    assert_nobody_ended(&world, &emulator).await;
}

/// The same while some have really left: only they end.
#[rstest]
#[case::shifted_page(Fault::ShiftedPage)]
#[case::repeated_object(Fault::RepeatedObject)]
#[case::early_end(Fault::EarlyEnd { empty: true })]
#[case::early_end_with_objects(Fault::EarlyEnd { empty: false })]
#[case::left_out(Fault::OmittedObjects)]
#[case::counts(Fault::WrongCounts { active_users: Some(900), inactive_users: Some(0), groups: Some(90) })]
#[tokio::test]
async fn full_sync_ends_only_leavers_when_list_lies(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] fault: Fault,
) {
    let (world, emulator) = (World::on(database).await, live(&Source::new(1, 250, 2)).await);
    let client = client(&emulator);
    world.mirror.full_sync(&client).run().await.unwrap();
    for user in [0, 99, 100, 249] {
        emulator.delete_user(&user_id(1, user)).unwrap();
    }
    let rule = match &fault {
        Fault::WrongCounts { .. } => FaultRule::new(fault),
        Fault::OmittedObjects => lie(fault).share(0.3),
        Fault::EarlyEnd { .. } => lie(fault).skip(1),
        _ => lie(fault),
    };
    emulator.faults().inject(rule).unwrap();
    let summary = world.mirror.full_sync(&client).run().await.unwrap();
    emulator.faults().clear();
    assert_eq!((summary.users.deleted, summary.absences.ended), (4, 4), "{summary:?}");
    assert_eq!((summary.absences.undecided, summary.absences.remaining), (0, 0));
    world.assert_members(&crate::truth::Truth::listed(&client).await).await;
}
