//! Runs and steps.

use super::*;

#[rstest]
#[tokio::test]
async fn a_run_that_was_killed_is_resumed_and_one_of_another_scope_or_day_is_not(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let (first, second) = (time(1).parse().unwrap(), time(2).parse().unwrap());
    let run = store.begin_run("all", &first, None).await.unwrap();
    let resumed = store.begin_run("all", &second, Some(&first)).await.unwrap();
    assert_eq!((resumed.id, resumed.resumed), (run.id, true));
    assert_eq!(resumed.started_at, first);
    let other = store
        .begin_run("organization org_1", &second, Some(&first))
        .await
        .unwrap();
    assert_eq!((other.id, other.resumed), (run.id + 1, false));
    let (limit, late) = (time(8).parse().unwrap(), time(9).parse().unwrap());
    let last = store
        .begin_run("organization org_1", &late, Some(&limit))
        .await
        .unwrap();
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
    let run = store.begin_run("all", &now, Some(&now)).await.unwrap();
    store
        .abort_run(&run, Outcome::Interrupted, &time(1), "network")
        .await
        .unwrap();
    let run = store.begin_run("all", &now, Some(&now)).await.unwrap();
    assert!(run.resumed);
    store
        .abort_run(&run, Outcome::Failed, &time(1), "mass delete")
        .await
        .unwrap();
    let run = store.begin_run("all", &now, Some(&now)).await.unwrap();
    assert!(!run.resumed);
    store.finish_run(&run, &now).await.unwrap();
    assert!(!store.begin_run("all", &now, Some(&now)).await.unwrap().resumed);
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
    write(
        &store,
        &run,
        1,
        Kind::Groups,
        Batch::Objects(&GROUPS, vec![group("g1"), group("g2")]),
    )
    .await;
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
    let stamp = stamp(&run, &now);
    store
        .choose_plan(key(&run, Kind::Memberships), stamp, MembershipPlan::Embedded)
        .await
        .unwrap();
    finish(&store, &run, 1, Kind::Memberships, Guard::Off).await.unwrap();
    assert_eq!(
        store.last_plan(DIRECTORY).await.unwrap(),
        Some(MembershipPlan::Embedded)
    );
}

#[rstest]
#[tokio::test]
async fn who_was_stopped_and_lost_the_run_to_another_writes_nothing_more(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let now = time(1).parse().unwrap();
    let stopped = store.begin_run("all", &now, Some(&now)).await.unwrap();
    let page = |name| Batch::Users(vec![told(user("u1", name), &["g1"])]);
    write(&store, &stopped, 1, Kind::Users, page("Ada")).await;

    let other = store.begin_run("all", &now, Some(&now)).await.unwrap();
    assert_eq!((other.id, other.holder), (stopped.id, stopped.holder + 1));
    let late = time(2);
    let stamp = stamp(&stopped, &late);
    let errors = [
        store
            .write(key(&stopped, Kind::Users), stamp, page("Bob"), last_page())
            .await
            .unwrap_err(),
        store
            .finish_step(key(&stopped, Kind::Users), stamp, Guard::Off)
            .await
            .unwrap_err(),
        store.finish_directories(stamp, None, Guard::Off).await.unwrap_err(),
        store.remove_directory(stamp, DIRECTORY, Guard::Off).await.unwrap_err(),
        store
            .choose_plan(key(&stopped, Kind::Memberships), stamp, MembershipPlan::Embedded)
            .await
            .unwrap_err(),
        store.finish_run(&stopped, &now).await.unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(error, Error::TakenOver { run } if run == stopped.id),
            "{error}"
        );
    }
    store
        .abort_run(&stopped, Outcome::Failed, &late, "stopped")
        .await
        .unwrap();
    assert_eq!(column(&store, "SELECT name FROM users").await, ["Ada"]);
    assert_eq!(column(&store, "SELECT state FROM sync_runs").await, ["running"]);

    finish(&store, &other, 2, Kind::Users, Guard::Off).await.unwrap();
    store.finish_run(&other, &now).await.unwrap();
}
