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
