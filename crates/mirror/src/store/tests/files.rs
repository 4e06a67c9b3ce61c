//! What kinds of files can be opened.

use super::*;

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

#[tokio::test]
async fn what_a_webhook_brought_is_on_the_disk_before_the_webhook_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Address::SqliteFile(folder.path().join("mirror.sqlite")))
        .await
        .unwrap();
    let mut connection = store.pool.acquire().await.unwrap();
    for (wait, full) in [(true, 2), (false, 1)] {
        store.wait_for_disk(&mut connection, wait).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(synchronous, full);
    }
}

/// The tables as the first versions made them, with what a sync had written then.
#[rstest]
#[tokio::test]
async fn a_database_of_any_older_version_is_brought_up_to_date_with_what_is_in_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let all = match database {
        Sqlite => sqlx::migrate!("migrations/sqlite"),
        Postgres => sqlx::migrate!("migrations/postgres"),
    };
    for older in 1..all.migrations.len() {
        let folder = tempfile::tempdir().unwrap();
        let address = match database {
            Sqlite => Address::SqliteFile(folder.path().join("mirror.sqlite")),
            Postgres => Address::parse(&cluster::database()).unwrap(),
        };
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&address.url()).await.unwrap();
        let old = sqlx::migrate::Migrator {
            migrations: all.migrations[..older].to_vec().into(),
            ..sqlx::migrate::Migrator::DEFAULT
        };
        old.run(&pool).await.unwrap();
        sqlx::raw_sql(
            "INSERT INTO directories (id, type, state, name, created_at, updated_at, generation, first_seen_at, changed_at)
             VALUES ('directory_1', 't', 'linked', 'n', 'a', 'a', 1, 'a', 'a');
             INSERT INTO users (id, directory_id, state, created_at, updated_at, generation, first_seen_at, changed_at)
             VALUES ('u1', 'directory_1', 'active', 'a', 'a', 1, 'a', 'a');
             INSERT INTO groups (id, directory_id, name, generation, first_seen_at, changed_at)
             VALUES ('g1', 'directory_1', 'g', 1, 'a', 'a');
             INSERT INTO memberships (user_id, group_id, generation, first_seen_at, changed_at)
             VALUES ('u1', 'g1', 1, 'a', 'a'), ('u1', 'gone', 1, 'a', 'a');
             INSERT INTO sync_runs (scope, state, started_at) VALUES ('all', 'running', '2024-01-01T10:00:00.000Z')",
        )
        .execute(&pool)
        .await
        .unwrap();
        pool.close().await;

        let store = Store::open(&address).await.unwrap();
        assert_eq!(
            column(&store, "SELECT user_id FROM group_members").await,
            ["u1"],
            "{older}"
        );
        // What was there before there was an outbox counts as told; later it is up to who wrote it.
        if older < 4 {
            assert_eq!(
                column(&store, "SELECT group_id FROM memberships WHERE told = 1").await,
                ["g1"]
            );
        }
        // The next sync goes on, and sees what is gone.
        let run = new_run(&store, 2).await;
        write(&store, &run, 2, Kind::Users, Batch::Users(Vec::new())).await;
        assert_eq!(finish(&store, &run, 2, Kind::Users).await, 1);
        assert_eq!(
            column(&store, "SELECT kind FROM changes WHERE kind LIKE 'user%'").await,
            ["user_deprovisioned"]
        );
        store.close().await;
    }
}
