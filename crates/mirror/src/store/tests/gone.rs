//! What is marked as deleted, and what is not.

use sqlx::Row;

use super::*;

#[rstest]
#[tokio::test]
async fn what_was_not_seen_is_marked_and_comes_back_when_it_returns(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
    let run = new_run(&store, 1).await;
    let both = || Batch::Users(vec![told(user("u1", "Ada"), &["g1"]), told(user("u2", "Bob"), &["g1"])]);
    write(&store, &run, 1, Kind::Users, both()).await;
    write(&store, &run, 1, Kind::Groups, groups(&["g1"])).await;
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
    assert_eq!(finish(&store, &run, 2, Kind::Users).await, 1);
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
    assert_eq!(finish(&store, &run, 3, Kind::Users).await, 0);
    assert_eq!(
        column(&store, "SELECT user_id FROM group_members ORDER BY 1").await,
        ["u1", "u2"]
    );
}

#[rstest]
#[tokio::test]
async fn a_deleted_group_ends_its_memberships(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
    let run = new_run(&store, 1).await;
    write(&store, &run, 1, Kind::Groups, groups(&["g1", "g2"])).await;
    write(
        &store,
        &run,
        1,
        Kind::Users,
        Batch::Users(vec![told(user("u1", "Ada"), &["g1", "g2"])]),
    )
    .await;
    let run = new_run(&store, 2).await;
    write(&store, &run, 2, Kind::Groups, groups(&["g2"])).await;
    assert_eq!(finish(&store, &run, 2, Kind::Groups).await, 1);
    assert_eq!(
        column(&store, "SELECT group_id FROM memberships WHERE deleted_at IS NULL").await,
        ["g2"]
    );
}

#[rstest]
#[tokio::test]
async fn confirmed_absences_above_the_share_wait_until_they_are_approved(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
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
    write(&store, &run, 2, Kind::Users, users(30..100)).await;
    let settings = AbsenceSettings {
        deleted_at_once_percent: Some(20),
        ..AbsenceSettings::default()
    };
    assert_eq!(finish_with(&store, &run, 2, Kind::Users, settings).await, 0);
    let deleted = "SELECT id FROM users WHERE deleted_at IS NOT NULL";
    assert_eq!(column(&store, deleted).await.len(), 0);

    let (now, held_until) = (time(2), time(3));
    let held = held(&run, &now);
    // Fewer than there are: none ends.
    for (at_most, ended) in [(29, 0), (30, 30)] {
        let approved = store.approve(DIRECTORY, Kind::Users, at_most, &now, &held_until);
        approved.await.unwrap();
        assert_eq!(store.end_absent(held, DIRECTORY, ends(settings)).await.unwrap(), ended);
    }
    assert_eq!(column(&store, deleted).await.len(), 30);
    assert_eq!(
        column(
            &store,
            "SELECT DISTINCT reason FROM changes WHERE kind = 'user_deprovisioned'"
        )
        .await,
        ["approved"]
    );
}

#[rstest]
#[tokio::test]
async fn a_directory_that_is_gone_takes_everything_with_it(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
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
    write(&store, &run, 1, Kind::Groups, groups(&["g1"])).await;
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
    let held = held(&run, &now);
    store.finish_directories(held, Some("org_other")).await.unwrap();
    assert_eq!(store.due_directories(held).await.unwrap().len(), 0);
    store.finish_directories(held, None).await.unwrap();
    for absence in store.due_directories(held).await.unwrap() {
        store.note_missing(held, &absence).await.unwrap();
    }
    let ended = store.end_directories(held, None, ends(AbsenceSettings::default()));
    assert_eq!(ended.await.unwrap(), [DIRECTORY]);
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

#[rstest]
#[tokio::test]
async fn a_step_that_was_not_traversed_cannot_be_finished(#[values(Sqlite, Postgres)] database: Database) {
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
    let run = new_run(&store, 2).await;
    let now = time(2);
    let held = held(&run, &now);
    let more = Checkpoint {
        cursor: Some("u0".to_owned()),
        calls: 1,
        ..Checkpoint::default()
    };
    store
        .write(
            key(&run, Kind::Users),
            held,
            Batch::Users(Vec::new()),
            &Findings::default(),
            more,
        )
        .await
        .unwrap();
    let error = store.finish_step(key(&run, Kind::Users), held).await.unwrap_err();
    assert!(matches!(error, Error::CutShort { kind: Kind::Users }), "{error}");
    assert_eq!(column(&store, "SELECT id FROM active_users").await, ["u1"]);
}

/// A plan that looks at each user for each membership takes hours where there are some 100,000 of both: what a user of a large
/// directory leaves behind is found by the memberships that have just ended.
#[tokio::test]
async fn one_user_who_is_gone_from_a_large_directory_is_told_of_within_seconds() {
    let store = store_on(Postgres).await;
    let run = new_run(&store, 1).await;
    sqlx::raw_sql(
        "INSERT INTO groups (id, directory_id, name, generation, first_seen_at, changed_at)
         VALUES ('g', 'directory_1', 'g', 2, '', '');
         INSERT INTO users (id, directory_id, state, created_at, updated_at, generation, first_seen_at, changed_at)
         SELECT 'directory_user_01JA0000000000000000' || n, 'directory_1', 'active', '', '', CASE n WHEN 7 THEN 1 ELSE 2 END, '', ''
         FROM generate_series(1, 200000) AS n;
         INSERT INTO memberships (user_id, group_id, generation, first_seen_at, changed_at, told)
         SELECT id, 'g', generation, '', '', 1 FROM users;
         ANALYZE",
    )
    .execute(&store.pool)
    .await
    .unwrap();
    drop(run);
    let run = new_run(&store, 2).await;
    write(&store, &run, 2, Kind::Users, Batch::Users(Vec::new())).await;
    let finished = finish(&store, &run, 2, Kind::Users);
    let finished = tokio::time::timeout(std::time::Duration::from_secs(60), finished).await;
    assert_eq!(finished.unwrap(), 1);
    assert_eq!(
        column(&store, "SELECT kind FROM changes ORDER BY id").await,
        ["user_deprovisioned", "left_group"]
    );
}
