//! How pages get into the tables, and what they count.

use sqlx::Row;

use super::*;

#[rstest]
#[tokio::test]
async fn a_page_counts_what_is_new_what_differs_and_what_does_not(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
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

#[rstest]
#[tokio::test]
async fn every_column_is_compared(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
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
        // A text, and JSON as well.
        changed.values[place] = Some("1".to_owned());
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

#[rstest]
#[tokio::test]
async fn an_object_that_comes_twice_in_a_run_counts_once_and_its_last_form_stays(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
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

#[rstest]
#[tokio::test]
async fn a_page_that_cannot_be_written_leaves_neither_rows_nor_checkpoint(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let run = new_run(&store, 1).await;
    let mut broken = user("u2", "Bob");
    broken.values[USERS.columns.iter().position(|column| *column == "state").unwrap()] = None;
    let page = Batch::Users(vec![told(user("u1", "Ada"), &["g1"]), told(broken, &[])]);
    let now = time(1);
    let held = held(&run, &now);
    let error = store
        .write(key(&run, Kind::Users), held, page, last_page())
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
async fn memberships_are_found_by_their_key() {
    let store = store_on(Sqlite).await;
    let rows = sqlx::query(
        "EXPLAIN QUERY PLAN SELECT 1 FROM json_each('[]') AS pair CROSS JOIN memberships AS m
         WHERE m.user_id = pair.value ->> 0 AND m.group_id = pair.value ->> 1",
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

#[rstest]
#[tokio::test]
async fn rows_come_into_a_statement_as_they_are_and_in_their_order(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
    let texts = [
        None,
        Some(""),
        Some("NULL"),
        Some("null"),
        Some(" a,b "),
        Some("{\"a\": [1, null], \"b\": \"\\u0000\\\\\"}"),
        Some("\\"),
        Some("\"\\\""),
        Some("';--$1\n\t\r\u{1}"),
        Some("Þórsdóttir 🦀"),
    ];
    for given in [&texts[..], &texts[..1], &[]] {
        let mut rows = Rows::new(store.dialect, ["first", "second"]);
        for (text, other) in given.iter().zip(given.iter().rev()) {
            rows.push([*text, *other]).unwrap();
        }
        let sql = format!("SELECT first, second FROM {} WHERE $1 = 1", rows.table("given", 2));
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(1_i64);
        let found = rows.bind_to(query).fetch_all(&store.pool).await.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|row| {
                (
                    row.get::<Option<&str>, _>("first"),
                    row.get::<Option<&str>, _>("second"),
                )
            })
            .collect();
        let wanted: Vec<_> = given.iter().copied().zip(given.iter().rev().copied()).collect();
        assert_eq!(found, wanted);
    }
}
