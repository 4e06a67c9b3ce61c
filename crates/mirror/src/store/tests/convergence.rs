//! After any history, one complete traversal makes the database equal to the source.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

/// What a directory has at one time: users by number with their name's number, and groups of each.
type Source = BTreeMap<u8, (u8, BTreeSet<u8>)>;

fn source() -> impl Strategy<Value = Source> {
    let user = (0..3_u8, proptest::collection::btree_set(0..4_u8, 0..4));
    proptest::collection::btree_map(0..12_u8, user, 0..12)
}

/// Traverses a source, cut into pages of `page` users, possibly giving up after some pages.
async fn sync(store: &Store, run: &Lease, source: &Source, page: usize, pages: usize) {
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
    finish(store, run, 1, Kind::Users).await;
    finish(store, run, 1, Kind::Memberships).await;
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

/// How many databases that takes: those of a server take longer to make.
fn cases(database: Database) -> u32 {
    match database {
        Sqlite => 64,
        Postgres => 12,
    }
}

#[rstest]
fn after_any_history_one_complete_traversal_makes_the_database_equal(#[values(Sqlite, Postgres)] database: Database) {
    let config = ProptestConfig {
        cases: cases(database),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let history = proptest::collection::vec((source(), 1..5_usize, 0..9_usize), 0..6);
    let proved = TestRunner::new(config).run(&(history, source(), 1..6_usize), |(history, last, page)| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(converges(database, &history, &last, page))
    });
    proved.unwrap();
}

async fn converges(
    database: Database,
    history: &[(Source, usize, usize)],
    last: &Source,
    page: usize,
) -> Result<(), TestCaseError> {
    let store = store_on(database).await;
    for (source, page, pages) in history {
        let run = new_run(&store, 1).await;
        sync(&store, &run, source, *page, *pages).await;
    }
    let run = new_run(&store, 1).await;
    sync(&store, &run, last, page, usize::MAX).await;
    prop_assert_eq!(&mirrored(&store).await, last);

    // And another one changes nothing.
    let sql = "SELECT id || COALESCE(deleted_at, '') || changed_at FROM users ORDER BY 1";
    let before = column(&store, sql).await;
    let now = time(1).parse().unwrap();
    let (run, lease) = join(&store, wanted("all", &now, None)).await;
    sync(&store, &lease, last, page, usize::MAX).await;
    store.listed(held(&lease, &time(1)), None).await.unwrap();
    while let Some(part) = store.take_part(0, run.id).await.unwrap() {
        store.end_directory(held(&part, &time(1)), None).await.unwrap();
    }
    let state = store.finish_run(&run, &now).await.unwrap();
    let RunState::Finished(summary) = state else {
        panic!("{state:?}");
    };
    prop_assert!(summary.is_unchanged(), "{:?}", summary);
    prop_assert_eq!(summary.users.seen, last.len() as u64);
    prop_assert_eq!(
        summary.memberships.seen,
        last.values().map(|(_, groups)| groups.len() as u64).sum::<u64>()
    );
    prop_assert_eq!(before, column(&store, sql).await);
    store.close().await;
    Ok(())
}
