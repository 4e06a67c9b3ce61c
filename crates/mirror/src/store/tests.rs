//! The store by itself: pages in, rows out.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use sqlx::Row;

use super::*;
use crate::Kind;
use crate::MembershipPlan;
use crate::record::GROUPS;

pub(super) const DIRECTORY: &str = "directory_1";

async fn store() -> Store {
    Store::open(&Address::SqliteMemory).await.unwrap()
}

async fn new_run(store: &Store, day: u32) -> Run {
    let now = time(day).parse().unwrap();
    store.begin_run("all", &now, None).await.unwrap()
}

fn time(day: u32) -> String {
    format!("2024-01-{day:02}T10:00:00.000Z")
}

fn key(run: &Run, kind: Kind) -> StepKey<'static> {
    StepKey {
        run: run.id,
        directory: if kind == Kind::Directories { "" } else { DIRECTORY },
        kind,
    }
}

fn user(id: &str, name: &str) -> Record {
    let values = USERS.columns.iter().map(|column| match *column {
        "directory_id" => Some(DIRECTORY.to_owned()),
        "state" => Some("active".to_owned()),
        "name" => Some(name.to_owned()),
        "created_at" | "updated_at" => Some(time(1)),
        _ => None,
    });
    Record {
        id: id.to_owned(),
        values: values.collect(),
    }
}

fn group(id: &str) -> Record {
    let values = GROUPS.columns.iter().map(|column| match *column {
        "directory_id" => Some(DIRECTORY.to_owned()),
        "name" => Some(format!("Group {id}")),
        _ => None,
    });
    Record {
        id: id.to_owned(),
        values: values.collect(),
    }
}

fn directory(id: &str) -> Record {
    let values = crate::record::DIRECTORIES.columns.iter().map(|column| match *column {
        "organization_id" | "external_key" | "domain" | "metadata" => None,
        column if column.ends_with("_source") => None,
        column if column.ends_with("_at") => Some(time(1)),
        _ => Some("x".to_owned()),
    });
    Record {
        id: id.to_owned(),
        values: values.collect(),
    }
}

fn told(record: Record, groups: &[&str]) -> (Record, EmbeddedGroups) {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    (record, EmbeddedGroups::Told(groups))
}

fn last_page() -> Checkpoint {
    Checkpoint {
        traversed: true,
        calls: 1,
        ..Checkpoint::default()
    }
}

async fn write(store: &Store, run: &Run, day: u32, kind: Kind, batch: Batch) -> Counts {
    let now = time(day);
    let stamp = Stamp { run: run.id, now: &now };
    store.write(key(run, kind), stamp, batch, last_page()).await.unwrap()
}

async fn finish(store: &Store, run: &Run, day: u32, kind: Kind, guard: Guard) -> Result<u64, Refusal> {
    let now = time(day);
    let stamp = Stamp { run: run.id, now: &now };
    store.finish_step(key(run, kind), stamp, guard).await.unwrap()
}

/// Whether each row of a query is text; the first column of each.
async fn column(store: &Store, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(&store.pool).await.unwrap()
}

fn counts(inserted: u64, updated: u64, restored: u64, unchanged: u64) -> Counts {
    Counts {
        seen: inserted + updated + restored + unchanged,
        inserted,
        updated,
        restored,
        unchanged,
        deleted: 0,
    }
}

#[tokio::test]
async fn a_page_counts_what_is_new_what_differs_and_what_does_not() {
    let store = store().await;
    let run = new_run(&store, 1).await;
    let page = vec![told(user("u1", "Ada"), &[]), told(user("u2", "Bob"), &[])];
    let written = write(&store, &run, 1, Kind::Users, Batch::Users(page)).await;
    assert_eq!(written, counts(2, 0, 0, 0));

    let run = new_run(&store, 2).await;
    let page = vec![
        told(user("u1", "Ada"), &[]),
        told(user("u2", "Robert"), &[]),
        told(user("u3", "Cid"), &[]),
    ];
    let written = write(&store, &run, 2, Kind::Users, Batch::Users(page)).await;
    assert_eq!(written, counts(1, 1, 0, 1));
    assert_eq!(
        column(
            &store,
            "SELECT id || ' ' || name || ' ' || changed_at FROM users ORDER BY id"
        )
        .await,
        [
            format!("u1 Ada {}", time(1)),
            format!("u2 Robert {}", time(2)),
            format!("u3 Cid {}", time(2))
        ]
    );
    assert_eq!(
        column(&store, "SELECT DISTINCT first_seen_at FROM users ORDER BY 1").await,
        [time(1), time(2)]
    );
    assert_eq!(
        column(&store, "SELECT DISTINCT CAST(generation AS TEXT) FROM users").await,
        ["2"]
    );
}

#[tokio::test]
async fn every_column_is_compared() {
    let store = store().await;
    let run = new_run(&store, 1).await;
    write(
        &store,
        &run,
        1,
        Kind::Users,
        Batch::Users(vec![told(user("u1", "Ada"), &[])]),
    )
    .await;
    for (place, column) in USERS.columns.iter().enumerate() {
        let run = new_run(&store, 2).await;
        let mut changed = user("u1", "Ada");
        changed.values[place] = Some("other".to_owned());
        let written = write(&store, &run, 2, Kind::Users, Batch::Users(vec![told(changed, &[])])).await;
        assert_eq!(written, counts(0, 1, 0, 0), "{column}");
        let run = new_run(&store, 3).await;
        let back = Batch::Users(vec![told(user("u1", "Ada"), &[])]);
        assert_eq!(
            write(&store, &run, 3, Kind::Users, back).await,
            counts(0, 1, 0, 0),
            "{column}"
        );
    }
}

#[tokio::test]
async fn an_object_that_comes_twice_in_a_run_counts_once_and_its_last_form_stays() {
    let store = store().await;
    let run = new_run(&store, 1).await;
    let batch = || Batch::Users(vec![told(user("u1", "Ada"), &["g1"])]);
    write(&store, &run, 1, Kind::Users, batch()).await;
    let again = Batch::Users(vec![told(user("u1", "Ada L."), &["g1"])]);
    assert_eq!(write(&store, &run, 1, Kind::Users, again).await, Counts::default());
    assert_eq!(column(&store, "SELECT name FROM users").await, ["Ada L."]);
    assert_eq!(
        store.step(key(&run, Kind::Memberships)).await.unwrap().counts,
        counts(1, 0, 0, 0)
    );
}

#[tokio::test]
async fn what_was_not_seen_is_marked_and_comes_back_when_it_returns() {
    let store = store().await;
    let run = new_run(&store, 1).await;
    let both = || Batch::Users(vec![told(user("u1", "Ada"), &["g1"]), told(user("u2", "Bob"), &["g1"])]);
    write(&store, &run, 1, Kind::Users, both()).await;
    write(
        &store,
        &run,
        1,
        Kind::Groups,
        Batch::Objects(&GROUPS, vec![group("g1")]),
    )
    .await;
    assert_eq!(
        column(&store, "SELECT user_id FROM group_members ORDER BY 1").await,
        ["u1", "u2"]
    );

    let run = new_run(&store, 2).await;
    write(
        &store,
        &run,
        2,
        Kind::Users,
        Batch::Users(vec![told(user("u1", "Ada"), &["g1"])]),
    )
    .await;
    assert_eq!(finish(&store, &run, 2, Kind::Users, Guard::AtMost(20)).await, Ok(1));
    assert_eq!(column(&store, "SELECT id FROM active_users").await, ["u1"]);
    assert_eq!(
        column(
            &store,
            "SELECT user_id || ' ' || deleted_at FROM memberships WHERE deleted_at IS NOT NULL"
        )
        .await,
        [format!("u2 {}", time(2))]
    );
    let step = store.step(key(&run, Kind::Memberships)).await.unwrap();
    assert_eq!((step.counts.deleted, step.counts.unchanged), (1, 1));

    let run = new_run(&store, 3).await;
    assert_eq!(write(&store, &run, 3, Kind::Users, both()).await, counts(0, 0, 1, 1));
    assert_eq!(
        store.step(key(&run, Kind::Memberships)).await.unwrap().counts,
        counts(0, 0, 1, 1)
    );
    assert_eq!(finish(&store, &run, 3, Kind::Users, Guard::AtMost(20)).await, Ok(0));
    assert_eq!(
        column(&store, "SELECT user_id FROM group_members ORDER BY 1").await,
        ["u1", "u2"]
    );
}

#[tokio::test]
async fn a_deleted_group_ends_its_memberships() {
    let store = store().await;
    let run = new_run(&store, 1).await;
    write(
        &store,
        &run,
        1,
        Kind::Groups,
        Batch::Objects(&GROUPS, vec![group("g1"), group("g2")]),
    )
    .await;
    write(
        &store,
        &run,
        1,
        Kind::Users,
        Batch::Users(vec![told(user("u1", "Ada"), &["g1", "g2"])]),
    )
    .await;
    let run = new_run(&store, 2).await;
    write(
        &store,
        &run,
        2,
        Kind::Groups,
        Batch::Objects(&GROUPS, vec![group("g2")]),
    )
    .await;
    assert_eq!(finish(&store, &run, 2, Kind::Groups, Guard::AtMost(20)).await, Ok(1));
    assert_eq!(
        column(&store, "SELECT group_id FROM memberships WHERE deleted_at IS NULL").await,
        ["g2"]
    );
}

#[tokio::test]
async fn the_guard_marks_nothing_and_leaves_the_step_open() {
    let store = store().await;
    let run = new_run(&store, 1).await;
    let users = |range: std::ops::Range<u32>| {
        Batch::Users(
            range
                .map(|number| told(user(&format!("u{number}"), "x"), &[]))
                .collect(),
        )
    };
    write(&store, &run, 1, Kind::Users, users(0..100)).await;
    let run = new_run(&store, 2).await;
    // Newcomers do not make the loss look smaller.
    write(&store, &run, 2, Kind::Users, users(30..200)).await;
    let refusal = Refusal {
        gone: 30,
        of: 100,
        limit_percent: 20,
    };
    assert_eq!(
        finish(&store, &run, 2, Kind::Users, Guard::AtMost(20)).await,
        Err(refusal)
    );
    assert!(!store.step(key(&run, Kind::Users)).await.unwrap().finished);
    assert_eq!(
        column(&store, "SELECT id FROM users WHERE deleted_at IS NOT NULL")
            .await
            .len(),
        0
    );
    assert_eq!(finish(&store, &run, 2, Kind::Users, Guard::Off).await, Ok(30));
    assert!(store.step(key(&run, Kind::Users)).await.unwrap().finished);
}

#[tokio::test]
async fn a_directory_that_is_gone_takes_everything_with_it() {
    let store = store().await;
    let run = new_run(&store, 1).await;
    let both = vec![directory(DIRECTORY), directory("directory_2")];
    write(
        &store,
        &run,
        1,
        Kind::Directories,
        Batch::Objects(&crate::record::DIRECTORIES, both),
    )
    .await;
    write(
        &store,
        &run,
        1,
        Kind::Groups,
        Batch::Objects(&GROUPS, vec![group("g1")]),
    )
    .await;
    let users = (0..20).map(|number| told(user(&format!("u{number}"), "x"), &["g1"]));
    write(&store, &run, 1, Kind::Users, Batch::Users(users.collect())).await;

    let run = new_run(&store, 2).await;
    let one = vec![directory("directory_2")];
    write(
        &store,
        &run,
        2,
        Kind::Directories,
        Batch::Objects(&crate::record::DIRECTORIES, one),
    )
    .await;
    let now = time(2);
    let stamp = Stamp { run: run.id, now: &now };
    let refused = store.finish_directories(stamp, None, Guard::AtMost(20)).await.unwrap();
    assert!(refused.is_err());
    assert_eq!(
        column(&store, "SELECT id FROM users WHERE deleted_at IS NOT NULL")
            .await
            .len(),
        0
    );
    assert_eq!(
        store
            .finish_directories(stamp, Some("org_other"), Guard::Off)
            .await
            .unwrap(),
        Ok(0)
    );
    assert_eq!(store.finish_directories(stamp, None, Guard::Off).await.unwrap(), Ok(1));
    for (table, all) in [("users", 20), ("memberships", 20), ("groups", 1), ("directories", 2)] {
        let sql = format!("SELECT COUNT(*), COUNT(deleted_at) FROM {table}");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_one(&store.pool)
            .await
            .unwrap();
        let deleted = if table == "directories" { 1 } else { all };
        assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (all, deleted), "{table}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_written_leaves_neither_rows_nor_checkpoint() {
    let store = store().await;
    let run = new_run(&store, 1).await;
    let mut broken = user("u2", "Bob");
    broken.values[USERS.columns.iter().position(|column| *column == "state").unwrap()] = None;
    let page = Batch::Users(vec![told(user("u1", "Ada"), &["g1"]), told(broken, &[])]);
    let now = time(1);
    let stamp = Stamp { run: run.id, now: &now };
    let error = store
        .write(key(&run, Kind::Users), stamp, page, last_page())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Database(_)), "{error}");
    assert_eq!(
        column(&store, "SELECT id FROM users UNION ALL SELECT user_id FROM memberships")
            .await
            .len(),
        0
    );
    assert!(!store.step(key(&run, Kind::Users)).await.unwrap().traversed);
}

#[tokio::test]
async fn the_database_refuses_to_finish_nothing_but_what_was_traversed() {
    let store = store().await;
    let run = new_run(&store, 1).await;
    write(
        &store,
        &run,
        1,
        Kind::Users,
        Batch::Users(vec![told(user("u1", "Ada"), &[])]),
    )
    .await;
    let run = new_run(&store, 2).await;
    let now = time(2);
    let stamp = Stamp { run: run.id, now: &now };
    let more = Checkpoint {
        cursor: Some("u0".to_owned()),
        calls: 1,
        ..Checkpoint::default()
    };
    store
        .write(key(&run, Kind::Users), stamp, Batch::Users(Vec::new()), more)
        .await
        .unwrap();
    let error = store
        .finish_step(key(&run, Kind::Users), stamp, Guard::Off)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::CutShort { kind: Kind::Users }), "{error}");
    assert_eq!(column(&store, "SELECT id FROM active_users").await, ["u1"]);
}

#[tokio::test]
async fn a_run_that_was_killed_is_resumed_and_one_of_another_scope_or_day_is_not() {
    let store = store().await;
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

#[tokio::test]
async fn an_interrupted_run_is_resumed_and_a_failed_or_finished_one_is_not() {
    let store = store().await;
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

#[tokio::test]
async fn the_steps_of_old_runs_are_forgotten() {
    let store = store().await;
    for day in 1..=28 {
        let run = new_run(&store, day).await;
        write(&store, &run, day, Kind::Users, Batch::Users(Vec::new())).await;
    }
    assert_eq!(column(&store, "SELECT 'x' FROM sync_steps").await.len(), 20);
    assert_eq!(column(&store, "SELECT 'x' FROM sync_runs").await.len(), 28);
}

#[tokio::test]
async fn the_planner_hears_how_many_pages_each_way_takes() {
    let store = store().await;
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
    let stamp = Stamp { run: run.id, now: &now };
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

#[tokio::test]
async fn memberships_are_found_by_their_key() {
    let store = store().await;
    let rows = sqlx::query(
        "EXPLAIN QUERY PLAN SELECT 1 FROM json_each('[]') AS pair CROSS JOIN memberships AS m
         ON m.user_id = pair.value ->> 0 AND m.group_id = pair.value ->> 1",
    )
    .fetch_all(&store.pool)
    .await
    .unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    assert!(
        plan.iter()
            .any(|line| line == "SEARCH m USING PRIMARY KEY (user_id=? AND group_id=?)"),
        "{plan:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "dear diary, ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let error = Store::open(&Address::SqliteFile(path.clone())).await.unwrap_err();
    assert!(error.chain().contains("notes.txt"), "{}", error.chain());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let missing = folder.path().join("no/such/folder/mirror.sqlite");
    let error = Store::open(&Address::SqliteFile(missing)).await.unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::SqliteFile(folder.path().join("mirror.sqlite"));
    let store = Store::open(&address).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'tomorrow', true, x'00', 1)",
    )
    .execute(&store.pool)
    .await
    .unwrap();
    store.close().await;
    let error = Store::open(&address).await.unwrap_err();
    assert!(matches!(error, Error::TooNew(_)), "{error}");
}

#[tokio::test]
async fn a_file_keeps_what_was_written_and_closes_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirror.sqlite");
    let store = Store::open(&Address::SqliteFile(path.clone())).await.unwrap();
    assert_eq!(column(&store, "PRAGMA journal_mode").await, ["wal"]);
    let run = new_run(&store, 1).await;
    write(
        &store,
        &run,
        1,
        Kind::Users,
        Batch::Users(vec![told(user("u1", "Ada"), &[])]),
    )
    .await;
    store.close().await;
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["mirror.sqlite"]);
    let store = Store::open(&Address::SqliteFile(path)).await.unwrap();
    assert_eq!(column(&store, "SELECT id FROM active_users").await, ["u1"]);
}

/// What a directory has at one time: users by number with their name's number, and groups of each.
type Source = std::collections::BTreeMap<u8, (u8, BTreeSet<u8>)>;

fn source() -> impl Strategy<Value = Source> {
    let user = (0..3_u8, proptest::collection::btree_set(0..4_u8, 0..4));
    proptest::collection::btree_map(0..12_u8, user, 0..12)
}

/// Traverses a source, cut into pages of `page` users, possibly giving up after some pages.
async fn sync(store: &Store, run: &Run, source: &Source, page: usize, pages: usize) {
    let users: Vec<_> = source
        .iter()
        .map(|(number, (name, groups))| {
            let groups = groups.iter().map(|group| format!("g{group}")).collect();
            (
                user(&format!("u{number}"), &format!("name {name}")),
                EmbeddedGroups::Told(groups),
            )
        })
        .collect();
    let mut written = 0;
    for (place, part) in users.chunks(page).enumerate() {
        if place == pages {
            return;
        }
        write(store, run, 1, Kind::Users, Batch::Users(part.to_vec())).await;
        written += part.len();
    }
    assert_eq!(written, users.len());
    write(store, run, 1, Kind::Memberships, Batch::Memberships(Vec::new())).await;
    if users.is_empty() {
        write(store, run, 1, Kind::Users, Batch::Users(Vec::new())).await;
    }
    finish(store, run, 1, Kind::Users, Guard::Off).await.unwrap();
    finish(store, run, 1, Kind::Memberships, Guard::Off).await.unwrap();
}

/// What the database has, in the form of a source.
async fn mirrored(store: &Store) -> Source {
    let mut source = Source::new();
    for text in column(store, "SELECT id || ' ' || name FROM users WHERE deleted_at IS NULL").await {
        let (id, name) = text.split_once(" name ").unwrap();
        source.insert(id[1..].parse().unwrap(), (name.parse().unwrap(), BTreeSet::new()));
    }
    for text in column(
        store,
        "SELECT user_id || ' ' || group_id FROM memberships WHERE deleted_at IS NULL",
    )
    .await
    {
        let (user, group) = text.split_once(" g").unwrap();
        source
            .get_mut(&user[1..].parse().unwrap())
            .unwrap()
            .1
            .insert(group.parse().unwrap());
    }
    source
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_history_one_complete_traversal_makes_the_database_equal(
        history in proptest::collection::vec((source(), 1..5_usize, 0..9_usize), 0..6),
        last in source(),
        page in 1..6_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = store().await;
            for (source, page, pages) in &history {
                let run = new_run(&store, 1).await;
                sync(&store, &run, source, *page, *pages).await;
            }
            let run = new_run(&store, 1).await;
            sync(&store, &run, &last, page, usize::MAX).await;
            prop_assert_eq!(mirrored(&store).await, last.clone());

            // And another one changes nothing.
            let before = column(&store, "SELECT id || COALESCE(deleted_at, '') || changed_at FROM users ORDER BY 1").await;
            let run = new_run(&store, 1).await;
            sync(&store, &run, &last, page, usize::MAX).await;
            let summary = store.finish_run(&run, &time(1).parse().unwrap()).await.unwrap();
            prop_assert!(summary.is_unchanged(), "{:?}", summary);
            prop_assert_eq!(summary.users.seen, last.len() as u64);
            prop_assert_eq!(
                summary.memberships.seen,
                last.values().map(|(_, groups)| groups.len() as u64).sum::<u64>()
            );
            let after = column(&store, "SELECT id || COALESCE(deleted_at, '') || changed_at FROM users ORDER BY 1").await;
            prop_assert_eq!(before, after);
            Ok(())
        })?;
    }
}
