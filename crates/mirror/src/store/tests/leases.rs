//! Leases: who has what, and what becomes of who lost it.

use super::*;
use crate::event_page::EventPage;

/// A worker that is there until its store is closed.
async fn enter(store: &Store) -> i64 {
    store.enter().await.unwrap()
}

async fn join_as(store: &Store, worker: i64) -> Run {
    let now = time(1).parse().unwrap();
    match store.join_run(worker, wanted("all", &now, Some(&now))).await.unwrap() {
        Joined::Run(run) => run,
        other => panic!("{other:?}"),
    }
}

/// Makes a worker one that has not beaten for long.
async fn lapse(store: &Store, worker: i64) {
    sqlx::query("UPDATE workers SET expires_at = clock_timestamp() WHERE id = $1")
        .bind(worker)
        .execute(&store.pool)
        .await
        .unwrap();
}

#[rstest]
#[tokio::test]
async fn who_was_stopped_and_lost_a_lease_to_another_writes_nothing_more(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let now = time(1).parse().unwrap();
    let (run, lost) = join(&store, wanted("all", &now, Some(&now))).await;
    let page = |name| Batch::Users(vec![told(user("u1", name), &["g1"])]);
    write(&store, &lost, 1, Kind::Users, page("Ada")).await;

    let (other, lease) = join(&store, wanted("all", &now, Some(&now))).await;
    assert_eq!(other.id, run.id);
    assert!(lease.token > lost.token);
    let late = time(2);
    let stale = held(&lost, &late);
    let errors = [
        store
            .write(
                key(&lost, Kind::Users),
                stale,
                page("Bob"),
                &Findings::default(),
                last_page(),
            )
            .await
            .unwrap_err(),
        store.finish_step(key(&lost, Kind::Users), stale).await.unwrap_err(),
        store.finish_directories(stale, None).await.unwrap_err(),
        store
            .end_directories(stale, None, ends(AbsenceSettings::default()))
            .await
            .unwrap_err(),
        store
            .choose_plan(key(&lost, Kind::Memberships), stale, MembershipPlan::Embedded)
            .await
            .unwrap_err(),
        store.listed(stale, None).await.unwrap_err(),
        store.end_directory(stale, None).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::TakenOver { run } if run == lost.run), "{error}");
    }
    assert_eq!(column(&store, "SELECT name FROM users").await, ["Ada"]);
    assert_eq!(column(&store, "SELECT state FROM sync_runs").await, ["running"]);

    finish(&store, &lease, 2, Kind::Users).await;
    store.listed(held(&lease, &late), None).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn who_has_a_directory_of_a_run_that_another_run_replaced_writes_nothing_more(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let now = time(1).parse().unwrap();
    let (run, list) = join(&store, wanted("all", &now, None)).await;
    let directories = Batch::Objects(&crate::record::DIRECTORIES, vec![directory(DIRECTORY)]);
    write(&store, &list, 1, Kind::Directories, directories).await;
    store.listed(held(&list, &time(1)), None).await.unwrap();
    let part = store.take_part(0, run.id).await.unwrap().unwrap();
    let page = || Batch::Users(vec![told(user("u1", "Ada"), &[])]);
    write(&store, &part, 1, Kind::Users, page()).await;

    // The directory's lease is nobody else's before the new run has its own list.
    join(&store, wanted("all", &now, None)).await;
    let late = time(2);
    let nothing = Findings::default();
    let written = store.write(
        key(&part, Kind::Users),
        held(&part, &late),
        page(),
        &nothing,
        last_page(),
    );
    let error = written.await.unwrap_err();
    assert!(matches!(error, Error::TakenOver { run } if run == part.run), "{error}");
}

#[rstest]
#[tokio::test]
async fn who_lost_the_list_of_events_neither_applies_nor_forgets_anything(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let place = store.place("all", &time(1)).await.unwrap();
    let stopped = enter(&store).await;
    let lost = store.take_events_lease(stopped).await.unwrap().unwrap();
    store.leave(stopped).await.unwrap();
    let other = enter(&store).await;
    let lease = store.take_events_lease(other).await.unwrap().unwrap();
    assert!(lease.token > lost.token);

    let page = EventPage::default();
    let applied = store.take_event_page(page.whole(), &time(2), ("all", &lost)).await;
    assert!(matches!(applied, Err(Error::TakenOver { run: 0 })), "{applied:?}");
    let forgot = store.lose_cursor("all", &lost, &time(2)).await;
    assert!(matches!(forgot, Err(Error::TakenOver { run: 0 })), "{forgot:?}");
    assert_eq!(store.place("all", &time(3)).await.unwrap(), place);

    store
        .take_event_page(page.whole(), &time(2), ("all", &lease))
        .await
        .unwrap();
    assert_ne!(store.place("all", &time(3)).await.unwrap(), place);
}

#[tokio::test]
async fn a_lease_is_one_workers_until_that_stops_beating() {
    let store = store_on(Postgres).await;
    let (one, two) = (enter(&store).await, enter(&store).await);
    let run = join_as(&store, one).await;
    assert_eq!(join_as(&store, two).await.id, run.id);
    let lease = store.take_part(one, run.id).await.unwrap().unwrap();
    for _ in 0..2 {
        assert_eq!(store.take_part(two, run.id).await.unwrap(), None);
        assert_eq!(store.take_part(one, run.id).await.unwrap(), None);
    }
    lapse(&store, one).await;
    // It does not take from itself, whoever it takes itself for.
    assert_eq!(store.take_part(one, run.id).await.unwrap(), None);
    let taken = store.take_part(two, run.id).await.unwrap().unwrap();
    assert!(taken.token > lease.token);
    assert_eq!(store.take_part(one, run.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_worker_whose_session_has_ended_is_gone_at_once() {
    let store = store_on(Postgres).await;
    let (one, two) = (enter(&store).await, enter(&store).await);
    let run = join_as(&store, one).await;
    join_as(&store, two).await;
    store.take_part(one, run.id).await.unwrap().unwrap();
    sqlx::query("UPDATE workers SET session = 0 WHERE id = $1")
        .bind(one)
        .execute(&store.pool)
        .await
        .unwrap();
    assert!(store.take_part(two, run.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_run_with_workers_is_joined_and_one_of_another_scope_is_refused_until_they_are_gone() {
    let store = store_on(Postgres).await;
    let (one, two) = (enter(&store).await, enter(&store).await);
    let now = time(1).parse().unwrap();
    let run = join_as(&store, one).await;
    let other = wanted("organization org_1", &now, Some(&now));
    assert!(matches!(
        store.join_run(two, other).await.unwrap(),
        Joined::Occupied { run: id, scope } if id == run.id && scope == "all"
    ));
    // One that wants a new run waits for a while whether they end, and then joins them.
    let anew = wanted("all", &now, None);
    let patient = Wanted { can_wait: true, ..anew };
    assert!(matches!(
        store.join_run(two, patient).await.unwrap(),
        Joined::Occupied { .. }
    ));
    assert!(matches!(store.join_run(two, anew).await.unwrap(), Joined::Run(joined) if joined.id == run.id));
    store.leave(two).await.unwrap();
    lapse(&store, one).await;
    let third = enter(&store).await;
    assert!(matches!(store.join_run(third, other).await.unwrap(), Joined::Run(new) if new.id > run.id));
}

#[tokio::test]
async fn a_run_goes_on_while_one_worker_is_left_and_the_last_notes_why_it_left() {
    let store = store_on(Postgres).await;
    let (one, two) = (enter(&store).await, enter(&store).await);
    let run = join_as(&store, one).await;
    join_as(&store, two).await;
    store.take_part(one, run.id).await.unwrap().unwrap();
    let leave = |worker, error| {
        let store = &store;
        async move {
            store
                .leave_run(worker, run.id, Outcome::Interrupted, &time(2), error)
                .await
                .unwrap();
            column(store, "SELECT state || ' ' || COALESCE(error, '-') FROM sync_runs").await
        }
    };
    assert_eq!(leave(one, "its network").await, ["running -"]);
    // What it had is free.
    assert!(store.take_part(two, run.id).await.unwrap().is_some());
    assert_eq!(leave(two, "its network, too").await, ["interrupted its network, too"]);
}

#[tokio::test]
async fn a_run_is_finished_when_all_parts_are_whoever_did_them_and_failed_when_one_did() {
    let store = store_on(Postgres).await;
    let now = time(1).parse().unwrap();
    for error in [None, Some("no")] {
        let (one, two) = (enter(&store).await, enter(&store).await);
        let run = join_as(&store, one).await;
        join_as(&store, two).await;
        let list = store.take_part(one, run.id).await.unwrap().unwrap();
        let directories = Batch::Objects(&crate::record::DIRECTORIES, vec![directory("d1"), directory("d2")]);
        let late = time(2);
        let key = StepKey::directories(run.id);
        store
            .write(key, held(&list, &late), directories, &Findings::default(), last_page())
            .await
            .unwrap();
        store.listed(held(&list, &late), None).await.unwrap();

        let parts = [
            store.take_part(one, run.id).await.unwrap().unwrap(),
            store.take_part(two, run.id).await.unwrap().unwrap(),
        ];
        assert_eq!(parts.each_ref().map(Lease::directory), [Some("d1"), Some("d2")]);
        store.end_directory(held(&parts[0], &late), None).await.unwrap();
        assert!(matches!(store.finish_run(&run, &now).await.unwrap(), RunState::Open));
        store.end_directory(held(&parts[1], &late), error).await.unwrap();
        for _ in 0..2 {
            match (store.finish_run(&run, &now).await.unwrap(), error) {
                (RunState::Finished(summary), None) => assert_eq!(summary.directories.seen, 2),
                (
                    RunState::Ended {
                        error,
                        can_go_on: false,
                    },
                    Some(expected),
                ) => assert_eq!(error, expected),
                (state, _) => panic!("{state:?}"),
            }
        }
        store.leave(one).await.unwrap();
        store.leave(two).await.unwrap();
    }
}

#[tokio::test]
async fn one_who_wanted_a_run_that_others_have_done_meanwhile_gets_theirs() {
    let store = store_on(Postgres).await;
    let now = time(1).parse().unwrap();
    let (run, lease) = join(&store, wanted("all", &now, None)).await;
    store.listed(held(&lease, &time(1)), None).await.unwrap();
    store.finish_run(&run, &now).await.unwrap();
    let worker = enter(&store).await;
    let later = |known| Wanted {
        unless_after: Some(known),
        ..wanted("all", &now, None)
    };
    assert!(matches!(
        store.join_run(worker, later(run.id - 1)).await.unwrap(),
        Joined::Done(summary) if summary.run == run.id
    ));
    assert!(matches!(
        store.join_run(worker, later(run.id)).await.unwrap(),
        Joined::Run(_)
    ));
}
