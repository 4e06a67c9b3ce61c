//! Runs and steps.

use super::*;

#[rstest]
#[tokio::test]
async fn a_run_that_was_killed_is_resumed_and_one_of_another_scope_or_day_is_not(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let (first, second) = (time(1).parse().unwrap(), time(2).parse().unwrap());
    let (run, _) = join(&store, wanted("all", &first, None)).await;
    let (resumed, _) = join(&store, wanted("all", &second, Some(&first))).await;
    assert_eq!((resumed.id, resumed.resumed), (run.id, true));
    assert_eq!(resumed.started_at, first);
    let (other, _) = join(&store, wanted("organization org_1", &second, Some(&first))).await;
    assert_eq!((other.id, other.resumed), (run.id + 1, false));
    let (limit, late) = (time(8).parse().unwrap(), time(9).parse().unwrap());
    let (last, _) = join(&store, wanted("organization org_1", &late, Some(&limit))).await;
    assert!(!last.resumed);
    assert_eq!(
        column(&store, "SELECT state FROM sync_runs ORDER BY id").await,
        ["abandoned", "abandoned", "running"]
    );
}

#[rstest]
#[tokio::test]
async fn an_interrupted_run_is_resumed_and_a_failed_or_finished_one_is_not(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let now = time(1).parse().unwrap();
    let nobody = 0;
    let (run, _) = join(&store, wanted("all", &now, Some(&now))).await;
    store
        .leave_run(nobody, run.id, Outcome::Interrupted, &time(1), "network")
        .await
        .unwrap();
    let (run, _) = join(&store, wanted("all", &now, Some(&now))).await;
    assert!(run.resumed);
    store
        .leave_run(nobody, run.id, Outcome::Failed, &time(1), "mass delete")
        .await
        .unwrap();
    let (run, lease) = join(&store, wanted("all", &now, Some(&now))).await;
    assert!(!run.resumed);
    store.listed(held(&lease, &time(1)), None).await.unwrap();
    let state = store.finish_run(&run, &now).await.unwrap();
    assert!(matches!(state, RunState::Finished(_)), "{state:?}");
    assert!(!join(&store, wanted("all", &now, Some(&now))).await.0.resumed);
}

#[rstest]
#[tokio::test]
async fn the_steps_of_old_runs_are_forgotten(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
    for day in 1..=28 {
        let run = new_run(&store, day).await;
        write(&store, &run, day, Kind::Users, Batch::Users(Vec::new())).await;
    }
    assert_eq!(column(&store, "SELECT 'x' FROM sync_steps").await.len(), 20);
    assert_eq!(column(&store, "SELECT 'x' FROM sync_runs").await.len(), 28);
}

#[rstest]
#[tokio::test]
async fn the_planner_hears_how_many_pages_each_way_takes(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
    let run = new_run(&store, 1).await;
    write(&store, &run, 1, Kind::Groups, groups(&["g1", "g2"])).await;
    let users = (0..150).map(|number| told(user(&format!("u{number}"), "x"), &["g1"]));
    write(&store, &run, 1, Kind::Users, Batch::Users(users.collect())).await;
    let known = KnownCounts {
        users: 150,
        groups: 2,
        memberships: 150,
        pages_by_group: 3,
        pages_by_user: 150,
    };
    assert_eq!(store.known_counts(DIRECTORY).await.unwrap(), known);
    assert_eq!(store.last_plan(DIRECTORY).await.unwrap(), None);
    let now = time(1);
    let held = held(&run, &now);
    store
        .choose_plan(key(&run, Kind::Memberships), held, MembershipPlan::Embedded)
        .await
        .unwrap();
    finish(&store, &run, 1, Kind::Memberships).await;
    assert_eq!(
        store.last_plan(DIRECTORY).await.unwrap(),
        Some(MembershipPlan::Embedded)
    );
}
