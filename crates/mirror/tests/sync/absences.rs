//! What a list leaves out: asked for by id, with a control; what stays undecided ends within bounds or by approval.

use std::time::Duration;

use rstest::rstest;
use tokio::sync::Notify;
use workos_directory_emulator::Clock as _;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultBody;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::ManualClock;
use workos_directory_mirror::Error;
use workos_directory_mirror::FollowProgress;
use workos_directory_mirror::Kind;
use workos_directory_mirror::MembershipPlan;
use workos_directory_mirror::RepeatedAbsence;
use workos_directory_mirror::WarningKind;
use workos_directory_sync::operations;

use crate::source::Source;
use crate::source::directory_id;
use crate::source::group_id;
use crate::source::organization_id;
use crate::source::user_id;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::embedding;
use crate::world::live;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A mirror of the emulator's directories whose clock the test moves.
async fn mirrored(database: Database, emulator: &Emulator) -> (World, ManualClock) {
    let mut world = World::on(database).await;
    let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
    let time = clock.clone();
    world.mirror = world.mirror.clone().with_clock(move || time.now());
    world.mirror.full_sync(&client(emulator)).run().await.unwrap();
    (world, clock)
}

fn inject(emulator: &Emulator, rule: FaultRule) {
    emulator.faults().inject(rule).unwrap();
}

/// The list of a directory's users leaves out some of them.
fn omit_users(emulator: &Emulator, directory: u32, users: impl Iterator<Item = u32>) {
    let rule = FaultRule::new(Fault::OmittedObjects).on(&operations::LIST_DIRECTORY_USERS);
    let rule = rule
        .scope(directory_id(directory))
        .objects(users.map(|user| user_id(directory, user)));
    inject(emulator, rule);
}

#[rstest]
#[case::end(RepeatedAbsence::End, &[0, 0, 0, 10, 10, 20])]
#[case::keep(RepeatedAbsence::Keep, &[0, 0, 0, 0, 0, 0])]
#[tokio::test]
async fn full_sync_ends_at_most_ten_repeatedly_absent_users_each_day(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] then: RepeatedAbsence,
    #[case] ended: &[usize],
) {
    let emulator = live(&Source::new(1, 250, 0)).await;
    let (world, clock) = mirrored(database, &emulator).await;
    for user in 0..40 {
        emulator.delete_user(&user_id(1, user)).unwrap();
    }
    inject(
        &emulator,
        FaultRule::new(Fault::status(403)).on(&operations::GET_DIRECTORY_USER),
    );
    let (client, mut deleted) = (client(&emulator), Vec::new());
    for _ in 0..6 {
        let sync = world.mirror.full_sync(&client).repeated_absence(then);
        let summary = sync.run().await.unwrap();
        let now = world.deleted().await.len();
        assert_eq!(summary.absences.undecided + summary.absences.remaining, 40 - now as u64);
        deleted.push(now);
        // The third full sync comes before a day is over.
        clock.advance(if deleted.len() < 4 { 9 * HOUR } else { 13 * HOUR });
    }
    assert_eq!(deleted, ended);
    let reasons = world
        .column("SELECT DISTINCT reason FROM changes WHERE kind = 'user_deprovisioned'")
        .await;
    assert!(
        ended.last() == Some(&0) || reasons == ["repeated_absence"],
        "{reasons:?}"
    );
    let freshness = world.mirror.freshness().await.unwrap();
    assert_eq!(freshness.undecided, 40 - *ended.last().unwrap() as u64);
    assert_eq!(freshness.undecided_oldest_seconds, Some((3 * 9 + 3 * 13) * 60 * 60));
}

#[rstest]
#[tokio::test]
async fn full_sync_ends_leavers_when_the_connection_breaks_at_the_lookup_of_one(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 30, 0)).await;
    let (world, _) = mirrored(database, &emulator).await;
    for user in 0..5 {
        emulator.delete_user(&user_id(1, user)).unwrap();
    }
    let rule = FaultRule::new(Fault::Reset { processed: false }).on(&operations::GET_DIRECTORY_USER);
    inject(&emulator, rule.objects([user_id(1, 0)]));
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.users.deleted, summary.absences.undecided), (4, 1));
}

#[rstest]
#[tokio::test]
async fn full_sync_keeps_repeatedly_absent_users_of_a_list_that_contradicts_itself(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 250, 0)).await;
    let (world, clock) = mirrored(database, &emulator).await;
    inject(
        &emulator,
        FaultRule::new(Fault::EarlyEnd { empty: true })
            .on(&operations::LIST_DIRECTORY_USERS)
            .skip(1),
    );
    inject(
        &emulator,
        FaultRule::new(Fault::status(403)).on(&operations::GET_DIRECTORY_USER),
    );
    for _ in 0..5 {
        world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
        clock.advance(13 * HOUR);
    }
    assert_eq!(world.deleted().await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn approval_ends_undecided_users_once_unless_there_are_more_or_it_is_too_old(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(1, 50, 0)).await;
    let (world, clock) = mirrored(database, &emulator).await;
    omit_users(&emulator, 1, 0..5);
    inject(
        &emulator,
        FaultRule::new(Fault::status(403)).on(&operations::GET_DIRECTORY_USER),
    );
    let client = client(&emulator);
    let sync = || world.mirror.full_sync(&client).run();
    let approve = |at_most| world.mirror.approve_deletions(directory_id(1), Kind::Users, at_most);
    sync().await.unwrap();
    approve(4).await.unwrap();
    assert_eq!(sync().await.unwrap().users.deleted, 0, "there are more");
    approve(5).await.unwrap();
    clock.advance(25 * HOUR);
    assert_eq!(sync().await.unwrap().users.deleted, 0, "it is too old");
    approve(9).await.unwrap();
    assert_eq!(sync().await.unwrap().users.deleted, 5);
    let reasons = world
        .column("SELECT DISTINCT reason FROM changes WHERE kind = 'user_deprovisioned'")
        .await;
    assert_eq!(reasons, ["approved"]);
    omit_users(&emulator, 1, 5..7);
    assert_eq!(sync().await.unwrap().users.deleted, 0, "it was used");
    assert_eq!(world.mirror.deletions().await.unwrap()[0].count, 2);
}

#[rstest]
#[case::forbidden(Fault::status(403))]
#[case::sick(Fault::status(503))]
#[case::not_in_the_form_of_the_api(Fault::error(404, FaultBody::Html))]
#[tokio::test]
async fn full_sync_ends_nobody_whom_the_api_does_not_decide(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] fault: Fault,
) {
    let emulator = live(&Source::new(1, 20, 2)).await;
    let (world, _) = mirrored(database, &emulator).await;
    for user in 0..3 {
        emulator.delete_user(&user_id(1, user)).unwrap();
    }
    inject(&emulator, FaultRule::new(fault).on(&operations::GET_DIRECTORY_USER));
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.users.deleted, summary.absences.undecided), (0, 3));
    let pending = world.mirror.deletions().await.unwrap().remove(0);
    assert_eq!((pending.kind, pending.count, pending.sample.len()), (Kind::Users, 3, 3));
    emulator.faults().clear();
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    world.assert_equals(&client(&emulator)).await;
}

/// Something in front of the API says of everything that it does not exist, in the API's own form.
#[rstest]
#[tokio::test]
async fn full_sync_ends_nobody_when_the_control_is_not_found_either(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(2, 20, 2)).await;
    let (world, _) = mirrored(database, &emulator).await;
    omit_users(&emulator, 1, 0..3);
    inject(
        &emulator,
        FaultRule::new(Fault::OmittedObjects)
            .on(&operations::LIST_DIRECTORIES)
            .objects([directory_id(2)]),
    );
    for by_id in [
        &operations::GET_DIRECTORY,
        &operations::GET_DIRECTORY_USER,
        &operations::GET_DIRECTORY_GROUP,
    ] {
        inject(&emulator, FaultRule::new(Fault::status(404)).on(by_id));
    }
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!(summary.absences.undecided, 3 + 1);
    assert_eq!(world.deleted().await, [""; 0]);
    emulator.faults().clear();
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    world.assert_equals(&client(&emulator)).await;
    assert_eq!(world.mirror.freshness().await.unwrap().undecided, 0);
}

#[rstest]
#[tokio::test]
async fn full_sync_applies_the_state_and_directory_that_an_absent_user_has_by_id(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(2, 6, 2)).await;
    let (world, _) = mirrored(database, &emulator).await;
    emulator.set_user_state(&user_id(1, 0), "suspended").unwrap();
    let mut moved = client(&emulator)
        .get_directory_user()
        .id(user_id(1, 1))
        .send()
        .await
        .unwrap()
        .into_inner();
    moved.directory_id = directory_id(2);
    let moved = serde_json::to_string(&moved.directory_id).unwrap();
    let moved = FaultRule::new(Fault::replaced_field("/directory_id", moved));
    inject(&emulator, moved.objects([user_id(1, 1)]));
    omit_users(&emulator, 1, 0..2);
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.absences.refreshed, summary.users.deleted), (2, 0));
    let rows = "SELECT id || ' ' || state || ' ' || directory_id FROM users WHERE state <> 'active' OR id LIKE '%1000000000001' ORDER BY 1";
    let suspended = format!("{} suspended {}", user_id(1, 0), directory_id(1));
    assert!(world.column(rows).await.contains(&suspended));
    let moved = "SELECT directory_id FROM users AS u WHERE EXISTS
                 (SELECT 1 FROM changes AS c WHERE c.user_id = u.id AND c.kind = 'user_updated' AND c.reason = 'moved')";
    assert_eq!(world.column(moved).await, [directory_id(2)]);
    let left = "SELECT DISTINCT user_id FROM memberships WHERE deleted_at IS NOT NULL";
    assert_eq!(world.column(left).await, [user_id(1, 1)]);
}

#[rstest]
#[tokio::test]
async fn scoped_full_sync_of_another_environment_is_refused_before_it_writes(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    world.sync(&Source::new(3, 2, 0)).await.unwrap();
    let other = live(&Source::default().with_directory(77).with_user(77, 1)).await;
    let client = client(&other);
    let sync = || world.mirror.full_sync(&client);
    let organizations = client.list_directories().stream().try_collect().await.unwrap();
    let organization = organizations[0].organization_id.clone().unwrap();
    for sync in [sync().directory(directory_id(77)), sync().organization(organization)] {
        let error = sync.run().await.unwrap_err();
        assert!(
            matches!(error, Error::OtherEnvironment { known: 3, found: 1 }),
            "{error}"
        );
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM directories").await, 3);
    sync()
        .directory(directory_id(77))
        .allow_other_environment(true)
        .run()
        .await
        .unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM directories").await, 4);
}

#[rstest]
#[tokio::test]
async fn poll_applies_no_event_of_another_environment(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    world.sync(&Source::new(3, 2, 0)).await.unwrap();
    let other = live(&Source::default().with_directory(77)).await;
    let user = Source::default().with_user(77, 1).0.users.remove(0);
    other.put_user(user).unwrap();
    let client = client(&other);
    for _ in 0..2 {
        let error = world.mirror.follow(&client).poll().await.unwrap_err();
        assert!(matches!(error, Error::OtherEnvironment { known: 3, .. }), "{error}");
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM events").await, 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM users").await, 6);
    let follow = world.mirror.follow(&client).allow_other_environment(true);
    assert_eq!(follow.poll().await.unwrap().applied, 1);
}

/// A new organization of the same environment is not another environment.
#[rstest]
#[tokio::test]
async fn scoped_full_sync_of_a_new_directory_is_allowed_when_the_api_knows_another_one(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    world.sync(&Source::new(3, 2, 0)).await.unwrap();
    let emulator = live(&Source::new(3, 2, 0).with_directory(77).with_user(77, 1)).await;
    let client = client(&emulator);
    world
        .mirror
        .full_sync(&client)
        .directory(directory_id(77))
        .run()
        .await
        .unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM directories").await, 4);
    world
        .mirror
        .full_sync(&client)
        .organization(organization_id(1))
        .run()
        .await
        .unwrap();
}

#[rstest]
#[tokio::test]
async fn the_last_directory_ends_by_approval_only(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 3, 1)).await;
    let (world, _) = mirrored(database, &emulator).await;
    emulator.delete_directory(&directory_id(1)).unwrap();
    let client = client(&emulator);
    let sync = || world.mirror.full_sync(&client).allow_other_environment(true).run();
    let summary = sync().await.unwrap();
    assert_eq!((summary.directories.deleted, summary.absences.undecided), (0, 1));
    world
        .mirror
        .approve_deletions(directory_id(1), Kind::Directories, 1)
        .await
        .unwrap();
    sync().await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 0);
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM directories WHERE deleted_at IS NULL")
            .await,
        0
    );
}

#[rstest]
#[tokio::test]
async fn memberships_end_when_both_sides_lists_leave_them_out(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 40, 4)).await;
    let (world, _) = mirrored(database, &emulator).await;
    // So many that the list alone is not believed.
    let members = "SELECT user_id FROM group_members WHERE group_id LIKE '%0000000000' ORDER BY 1";
    let members = world.column(members).await;
    assert!(members.len() > 4);
    for user in &members {
        emulator.remove_member(user, &group_id(1, 0)).unwrap();
    }
    let before = emulator.total_requests();
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!(summary.memberships.deleted, members.len() as u64);
    assert_eq!(summary.absences.asked, members.len() as u64, "one list for each user");
    assert_eq!(emulator.total_requests() - before, summary.calls);
    world.assert_equals(&client(&emulator)).await;
}

#[rstest]
#[tokio::test]
async fn full_sync_lists_groups_when_embedded_groups_turn_empty(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = embedding(&Source::new(1, 40, 4)).await;
    let (world, _) = mirrored(database, &emulator).await;
    assert_eq!(plans(&world).await, [MembershipPlan::Embedded.as_str()]);
    inject(
        &emulator,
        FaultRule::new(Fault::replaced_field("/groups", "[]")).on(&operations::LIST_DIRECTORY_USERS),
    );
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!(summary.memberships.deleted, 0);
    assert_ne!(plans(&world).await, [MembershipPlan::Embedded.as_str()]);
    let warnings: Vec<_> = summary.warnings.iter().map(|warning| warning.what).collect();
    assert_eq!(warnings, [WarningKind::EmbeddedGroupsTurnedEmpty]);
}

/// How the last full sync found out the memberships.
async fn plans(world: &World) -> Vec<String> {
    world
        .column("SELECT plan FROM sync_steps WHERE plan IS NOT NULL AND run_id = (SELECT MAX(id) FROM sync_runs)")
        .await
}

#[rstest]
#[tokio::test]
async fn first_full_sync_that_is_shorter_than_the_counts_says_so(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 40, 0)).await;
    omit_users(&emulator, 1, 0..7);
    let world = World::on(database).await;
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    let [warning] = &summary.warnings[..] else {
        panic!("{:?}", summary.warnings);
    };
    assert_eq!((warning.kind, warning.what), (Kind::Users, WarningKind::FirstSyncShort));
    assert_eq!(warning.directory, directory_id(1));
}

/// Counts that are always too high stop nothing.
#[rstest]
#[tokio::test]
async fn full_sync_ends_leavers_of_a_directory_whose_counts_are_stale(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 20, 2)).await;
    let stale = Fault::WrongCounts {
        active_users: Some(500),
        inactive_users: None,
        groups: Some(50),
    };
    inject(&emulator, FaultRule::new(stale));
    let (world, _) = mirrored(database, &emulator).await;
    emulator.delete_user(&user_id(1, 3)).unwrap();
    emulator.delete_group(&group_id(1, 1)).unwrap();
    let summary = world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    assert_eq!((summary.users.deleted, summary.groups.deleted), (1, 1));
    assert_eq!(summary.absences.undecided, 0);
    emulator.faults().clear();
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    world.assert_equals(&client(&emulator)).await;
}

#[rstest]
#[tokio::test]
async fn full_sync_takes_no_more_calls_without_absences_and_one_control_with_them(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let emulator = live(&Source::new(3, 30, 0)).await;
    let (world, _) = mirrored(database, &emulator).await;
    let client = client(&emulator);
    let calls = async || {
        let before = emulator.total_requests();
        world.mirror.full_sync(&client).run().await.unwrap();
        emulator.total_requests() - before
    };
    let without = calls().await;
    for user in 0..4 {
        emulator.delete_user(&user_id(2, user)).unwrap();
    }
    assert_eq!(calls().await, without + 4 + 1);
    assert_eq!(calls().await, without);
}

#[rstest]
#[tokio::test]
async fn follow_asks_for_what_a_full_sync_left_and_uses_approvals(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(2, 30, 2)).await;
    let (world, clock) = mirrored(database, &emulator).await;
    omit_users(&emulator, 1, 0..2);
    inject(
        &emulator,
        FaultRule::new(Fault::status(403))
            .on(&operations::GET_DIRECTORY_USER)
            .objects([0, 1].map(|user| user_id(1, user))),
    );
    for user in 2..12 {
        emulator.delete_user(&user_id(1, user)).unwrap();
    }
    let client = client(&emulator);
    let summary = world.mirror.full_sync(&client).max_lookups(3).run().await.unwrap();
    assert_eq!(summary.absences.remaining, 9);
    world
        .mirror
        .approve_deletions(directory_id(1), Kind::Users, 2)
        .await
        .unwrap();
    clock.advance(Duration::from_secs(120));
    let done = Notify::new();
    let follow = world
        .mirror
        .follow(&client)
        .interval(Duration::from_millis(1))
        .on_progress(|progress| {
            if matches!(progress, FollowProgress::AskedForAbsent) {
                done.notify_one();
            }
        });
    // Events tell of the others, too: only passes ask.
    let ended = follow.run(async {
        loop {
            done.notified().await;
            if world
                .number("SELECT COUNT(*) FROM users WHERE deleted_at IS NOT NULL")
                .await
                == 12
            {
                break;
            }
        }
    });
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap()
        .unwrap();
    let reasons = "SELECT reason || ' ' || CAST(COUNT(*) AS TEXT) FROM changes WHERE kind = 'user_deprovisioned' AND reason IS NOT NULL GROUP BY reason ORDER BY 1";
    assert!(world.column(reasons).await.contains(&"approved 2".to_owned()));
    assert_eq!(world.mirror.freshness().await.unwrap().undecided, 0);
}

#[rstest]
#[tokio::test]
async fn freshness_names_directories_that_were_not_linked_for_a_day(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(2, 1, 0)).await;
    let (world, clock) = mirrored(database, &emulator).await;
    let unlinked = async || world.mirror.freshness().await.unwrap().unlinked_directories;
    emulator.set_directory_state(&directory_id(2), "unlinked").unwrap();
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    clock.advance(23 * HOUR);
    assert_eq!(unlinked().await, [""; 0]);
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    clock.advance(HOUR);
    assert_eq!(unlinked().await, [directory_id(2)]);
    emulator.set_directory_state(&directory_id(2), "linked").unwrap();
    world.mirror.full_sync(&client(&emulator)).run().await.unwrap();
    clock.advance(48 * HOUR);
    assert_eq!(unlinked().await, [""; 0]);
}
