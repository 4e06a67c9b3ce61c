//! Events in stretches: what one transaction makes of many.

use super::*;
use crate::incoming::Incoming;
use crate::incoming::Meaning;

/// Events in the order of their ids.
fn events(meanings: Vec<Meaning>) -> Vec<Incoming> {
    let numbered = (1..).zip(meanings).map(|(number, meaning): (u32, _)| Incoming {
        id: format!("event_{number:06}"),
        name: "dsync".to_owned(),
        created_at: time(2),
        payload: "{}".to_owned(),
        meaning,
        odd: Vec::new(),
    });
    numbered.collect()
}

fn membership(user: &str, group: &str, joined: bool) -> Meaning {
    Meaning::Membership {
        user: user.to_owned(),
        group: group.to_owned(),
        joined,
    }
}

fn joined(user: &str, group: &str) -> Meaning {
    membership(user, group, true)
}

/// A user who came without saying their groups.
fn told_nothing(id: &str) -> (Record, EmbeddedGroups) {
    (user(id, "n"), EmbeddedGroups::Untold)
}

async fn take(store: &Store, events: &[Incoming]) -> EventCounts {
    store.take_events(events, &time(3)).await.unwrap()
}

/// Pages of a run that bring a group and its members before those.
async fn memberships_before_their_users(store: &Store) -> Lease {
    let run = new_run(store, 1).await;
    write(store, &run, 1, Kind::Groups, groups(&["g1"])).await;
    let pairs = ["u1", "u2"].map(|user| (user.to_owned(), "g1".to_owned()));
    write(store, &run, 1, Kind::Memberships, Batch::Memberships(pairs.to_vec())).await;
    run
}

async fn told(store: &Store) -> Vec<String> {
    let sql = "SELECT kind || COALESCE(' ' || user_id, '') || COALESCE(' ' || group_id, '') FROM changes ORDER BY id";
    column(store, sql).await
}

#[rstest]
#[tokio::test]
async fn a_group_that_comes_after_a_thousand_of_its_members_gets_all_of_them_at_once(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let ids: Vec<_> = (0..1_200).map(|number| format!("u{number:04}")).collect();
    let users = ids.iter().map(|id| Meaning::Put(&USERS, user(id, "n")));
    let pairs = ids.iter().map(|id| joined(id, "g1"));
    let mut all = events(users.chain(pairs).chain([Meaning::Put(&GROUPS, group("g1"))]).collect());
    let last = all.pop().unwrap();
    let counts = take(&store, &all).await;
    assert_eq!((counts.applied, counts.parked), (1_200, 1_200));
    assert_eq!(take(&store, &[last]).await.applied, 1);
    let members = column(&store, "SELECT user_id FROM group_members ORDER BY user_id").await;
    assert_eq!(members, ids);
    assert_eq!(
        column(&store, "SELECT DISTINCT state FROM events").await,
        ["applied"],
        "none waits"
    );
    assert_eq!(
        told(&store).await[1_200..1_202],
        ["group_created g1", "joined_group u0000 g1"]
    );
}

#[rstest]
#[tokio::test]
async fn events_of_one_page_follow_each_other_also_where_something_is_deleted_in_between(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let put = |id| Meaning::Put(&USERS, user(id, "n"));
    let gone = |id| Meaning::Gone(&USERS, user(id, "n"));
    let page = events(vec![
        Meaning::Put(&DIRECTORIES, directory(DIRECTORY)),
        Meaning::Put(&GROUPS, group("g1")),
        put("u1"),
        joined("u1", "g1"),
        put("u2"),
        joined("u2", "g1"),
        gone("u1"),
        gone("u1"),
        gone("u3"),
        put("u1"),
        joined("u1", "g1"),
        put("u4"),
        joined("u4", "g1"),
        Meaning::Gone(&DIRECTORIES, directory(DIRECTORY)),
        put("u5"),
    ]);
    let counts = take(&store, &page).await;
    assert_eq!((counts.applied, counts.stale, counts.repeated), (11, 4, 0));
    assert_eq!(
        told(&store).await,
        [
            "directory_state_changed",
            "group_created g1",
            "user_created u1",
            "joined_group u1 g1",
            "user_created u2",
            "joined_group u2 g1",
            "left_group u1 g1",
            "user_deprovisioned u1",
            "user_created u4",
            "joined_group u4 g1",
            "left_group u2 g1",
            "left_group u4 g1",
            "user_deprovisioned u2",
            "user_deprovisioned u4",
            "group_deleted g1",
            "directory_deleted",
        ]
    );
    assert_eq!(
        column(&store, "SELECT id FROM users WHERE deleted_at IS NULL").await,
        [""; 0]
    );
    let again = take(&store, &page).await;
    assert_eq!((again.repeated, again.applied), (15, 0));
    assert_eq!(told(&store).await.len(), 16, "nothing is told twice");
}

#[rstest]
#[tokio::test]
async fn memberships_that_waited_for_a_user_are_told_before_the_next_event(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    memberships_before_their_users(&store).await;
    let mut suspended = user("u1", "n");
    let state = USERS.columns.iter().position(|column| *column == "state").unwrap();
    suspended.values[state] = Some("suspended".to_owned());
    let page = events(vec![
        Meaning::Put(&USERS, user("u1", "n")),
        Meaning::Put(&USERS, suspended),
        Meaning::Put(&USERS, user("u2", "n")),
    ]);
    assert_eq!(take(&store, &page).await.applied, 3);
    let expected = [
        "group_created g1",
        "user_created u1",
        "joined_group u1 g1",
        "user_suspended u1",
        "user_created u2",
        "joined_group u2 g1",
    ];
    assert_eq!(told(&store).await, expected);
}

#[rstest]
#[tokio::test]
async fn memberships_that_waited_for_a_user_are_told_with_the_page_that_brings_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let run = memberships_before_their_users(&store).await;
    let page = Batch::Users(vec![told_nothing("u1")]);
    write(&store, &run, 1, Kind::Users, page).await;
    assert_eq!(
        told(&store).await,
        ["group_created g1", "user_created u1", "joined_group u1 g1"]
    );
}

#[rstest]
#[tokio::test]
async fn what_an_event_began_again_meanwhile_is_not_marked_with_what_is_gone(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    memberships_before_their_users(&store).await;
    let users = || Batch::Users(vec![told_nothing("u1"), told_nothing("u2")]);
    let run = new_run(&store, 1).await;
    write(&store, &run, 1, Kind::Users, users()).await;
    let mut twice = events(vec![membership("u1", "g1", false), joined("u1", "g1")]);
    let again = twice.split_off(1);
    take(&store, &twice).await;
    let run = new_run(&store, 2).await;
    write(&store, &run, 2, Kind::Groups, groups(&["g1"])).await;
    write(&store, &run, 2, Kind::Users, users()).await;
    write(&store, &run, 2, Kind::Memberships, Batch::Memberships(Vec::new())).await;
    take(&store, &again).await;
    assert_eq!(finish(&store, &run, 2, Kind::Memberships).await, 1);
    let members = column(&store, "SELECT user_id FROM memberships WHERE deleted_at IS NULL").await;
    assert_eq!(members, ["u1"]);
}

#[rstest]
#[tokio::test]
async fn a_directory_that_an_event_tells_of_meanwhile_is_not_gone_though_the_list_has_it_not(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let run = new_run(&store, 1).await;
    let listed = |ids: &[&str]| Batch::Objects(&DIRECTORIES, ids.iter().map(|id| directory(id)).collect());
    write(&store, &run, 1, Kind::Directories, listed(&["d1", "d2"])).await;
    let run = new_run(&store, 2).await;
    write(&store, &run, 2, Kind::Directories, listed(&[])).await;
    take(&store, &events(vec![Meaning::Put(&DIRECTORIES, directory("d1"))])).await;
    let now = time(2);
    let held = held(&run, &now);
    store.finish_directories(held, None).await.unwrap();
    for absence in store.due_directories(held).await.unwrap() {
        store.note_missing(held, &absence).await.unwrap();
    }
    store
        .end_directories(held, None, ends(AbsenceSettings::default()))
        .await
        .unwrap();
    let left = column(&store, "SELECT id FROM directories WHERE deleted_at IS NULL").await;
    assert_eq!(left, ["d1"]);
}

#[rstest]
#[tokio::test]
async fn what_a_gone_directory_has_by_its_groups_alone_ends_with_it(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
    memberships_before_their_users(&store).await;
    take(&store, &events(vec![Meaning::Gone(&DIRECTORIES, directory(DIRECTORY))])).await;
    let members = column(&store, "SELECT user_id FROM memberships WHERE deleted_at IS NULL").await;
    assert_eq!(members, [""; 0]);
    assert_eq!(
        told(&store).await,
        ["group_created g1", "group_deleted g1"],
        "nobody was told of a directory that was not known"
    );
}

#[rstest]
#[tokio::test]
async fn an_event_that_is_named_twice_in_one_page_is_taken_once(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
    let [event] = &events(vec![Meaning::Put(&USERS, user("u1", "n"))])[..] else {
        panic!("there is one");
    };
    let counts = take(&store, &[event.clone(), event.clone()]).await;
    assert_eq!((counts.applied, counts.stale, counts.repeated), (1, 0, 1));
    assert_eq!(told(&store).await, ["user_created u1"]);
}

#[rstest]
#[tokio::test]
async fn a_purge_leaves_what_waits_for_its_user(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
    let all = events(vec![joined("u1", "g1"), Meaning::Nothing]);
    take(&store, &all).await;
    assert_eq!(store.purge(&time(30)).await.unwrap().events, 1);
    assert_eq!(column(&store, "SELECT state FROM events").await, ["parked"]);
}

#[rstest]
#[tokio::test]
async fn a_page_brings_a_membership_back_whose_group_was_taken_for_gone_when_an_event_told_of_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let run = memberships_before_their_users(&store).await;
    write(&store, &run, 1, Kind::Users, Batch::Users(vec![told_nothing("u1")])).await;
    let run = new_run(&store, 2).await;
    write(&store, &run, 2, Kind::Groups, groups(&[])).await;
    assert_eq!(finish(&store, &run, 2, Kind::Groups).await, 1);
    let run = new_run(&store, 3).await;
    assert_eq!(take(&store, &events(vec![joined("u1", "g1")])).await.stale, 1);
    write(&store, &run, 3, Kind::Groups, groups(&["g1"])).await;
    let pairs = Batch::Memberships(vec![("u1".to_owned(), "g1".to_owned())]);
    write(&store, &run, 3, Kind::Memberships, pairs).await;
    let members = column(&store, "SELECT user_id FROM group_members").await;
    assert_eq!(members, ["u1"]);
}
