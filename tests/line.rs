//! The whole line once: the emulator, `dsync sync` as a process of its own into SQLite, and the official crate `workos` as the
//! witness. What it lists is what the database holds, row for row.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde_json::Value;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use workos::directory_sync::ListDirectoriesParams;
use workos::directory_sync::ListGroupsParams;
use workos::directory_sync::ListUsersParams;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;

/// The command under test, which `cargo test --workspace` builds beside this test.
fn dsync() -> PathBuf {
    let deps = std::env::current_exe().expect("a test has a path");
    let folder = deps
        .parent()
        .and_then(Path::parent)
        .expect("it lies in target/PROFILE/deps");
    let path = folder.join(format!("dsync{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: run `cargo test --workspace`, which builds it",
        path.display()
    );
    path
}

fn sync(emulator: &Emulator, database: &Path, more: &[&str]) -> Output {
    Command::new(dsync())
        .args(["sync", "--rate-limit", "off", "--output", "json", "--database"])
        .arg(format!("sqlite:{}", database.display()))
        .args(more)
        .env("WORKOS_BASE_URL", emulator.base_url())
        .env("WORKOS_API_KEY", emulator.api_key())
        .output()
        .expect("dsync starts")
}

async fn open(database: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    SqlitePool::connect_with(options).await.expect("the database opens")
}

/// Rows as JSON objects by id, without what is null.
async fn rows(pool: &SqlitePool, query: &'static str) -> BTreeMap<String, Value> {
    let rows: Vec<String> = sqlx::query_scalar(query)
        .fetch_all(pool)
        .await
        .expect("the query is good");
    rows.iter()
        .map(|row| by_id(serde_json::from_str(row).expect("rows are JSON")))
        .collect()
}

/// What the official crate lists, as JSON objects by id, without what the mirror keeps elsewhere or not at all.
fn listed<T: Serialize>(objects: &[T]) -> BTreeMap<String, Value> {
    let object = |object: &T| {
        let mut value = serde_json::to_value(object).expect("models are JSON");
        let fields = value.as_object_mut().expect("a model is an object");
        fields.remove("object");
        fields.remove("groups");
        by_id(value)
    };
    objects.iter().map(object).collect()
}

fn by_id(mut value: Value) -> (String, Value) {
    let fields = value.as_object_mut().expect("an object");
    fields.retain(|_, field| !field.is_null());
    (fields["id"].as_str().expect("an id").to_owned(), value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_official_crate_lists_is_what_dsync_sync_wrote_row_for_row() {
    let population = Population {
        directories: 3,
        users: 731,
        groups: 23,
        memberships: 1_500,
        ..Population::default()
    };
    let emulator = Emulator::builder()
        .population(population)
        .start()
        .await
        .expect("it starts");
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("mirror.sqlite");
    let output = sync(&emulator, &database, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("the summary is JSON");
    assert_eq!(summary["users"]["inserted"], 731);
    let pool = open(&database).await;

    let official = workos::Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url())
        .build();
    let api = official.directory_sync();
    let directories: Vec<_> = api
        .list_directories_auto_paging(ListDirectoriesParams::default())
        .try_collect()
        .await
        .expect("directories");
    assert_eq!(directories.len(), 3);
    let mirrored = rows(
        &pool,
        "SELECT json_object('id', id, 'organization_id', organization_id, 'external_key', external_key, 'type', type,
             'state', state, 'name', name, 'domain', domain, 'metadata', json(metadata),
             'created_at', coalesce(created_at_source, created_at),
             'updated_at', coalesce(updated_at_source, updated_at))
         FROM directories WHERE deleted_at IS NULL",
    )
    .await;
    assert_eq!(mirrored, listed(&directories));

    let (mut users, mut groups) = (Vec::new(), Vec::new());
    let mut memberships = BTreeSet::new();
    for directory in &directories {
        let params = ListUsersParams {
            directory: Some(directory.id.clone()),
            ..Default::default()
        };
        users.extend(
            api.list_users_auto_paging(params)
                .try_collect::<Vec<_>>()
                .await
                .expect("users"),
        );
        let params = ListGroupsParams {
            directory: Some(directory.id.clone()),
            ..Default::default()
        };
        groups.extend(
            api.list_groups_auto_paging(params)
                .try_collect::<Vec<_>>()
                .await
                .expect("groups"),
        );
    }
    for group in &groups {
        let params = ListUsersParams {
            group: Some(group.id.clone()),
            limit: Some(100),
            ..Default::default()
        };
        let members: Vec<_> = api.list_users_auto_paging(params).try_collect().await.expect("members");
        memberships.extend(members.into_iter().map(|user| (user.id, group.id.clone())));
    }
    assert_eq!((users.len(), groups.len(), memberships.len()), (731, 23, 1_500));
    let mirrored = rows(
        &pool,
        "SELECT json_object('id', id, 'directory_id', directory_id, 'organization_id', organization_id, 'idp_id', idp_id,
             'email', email, 'emails', json(emails), 'first_name', first_name, 'last_name', last_name, 'name', name,
             'job_title', job_title, 'username', username, 'state', state,
             'role', CASE WHEN role IS NULL THEN NULL ELSE json_object('slug', role) END,
             'roles', CASE WHEN roles IS NULL THEN NULL ELSE
                 (SELECT json_group_array(json_object('slug', value)) FROM json_each(roles)) END,
             'custom_attributes', json(custom_attributes), 'raw_attributes', json(raw_attributes),
             'created_at', coalesce(created_at_source, created_at),
             'updated_at', coalesce(updated_at_source, updated_at))
         FROM users WHERE deleted_at IS NULL",
    )
    .await;
    assert_eq!(mirrored, listed(&users));
    let mirrored = rows(
        &pool,
        "SELECT json_object('id', id, 'directory_id', directory_id, 'organization_id', organization_id, 'idp_id', idp_id,
             'name', name, 'raw_attributes', json(raw_attributes),
             'created_at', coalesce(created_at_source, created_at),
             'updated_at', coalesce(updated_at_source, updated_at))
         FROM groups WHERE deleted_at IS NULL",
    )
    .await;
    assert_eq!(mirrored, listed(&groups));
    let mirrored: Vec<(String, String)> =
        sqlx::query_as("SELECT user_id, group_id FROM memberships WHERE deleted_at IS NULL")
            .fetch_all(&pool)
            .await
            .expect("memberships");
    assert_eq!(mirrored.len(), memberships.len());
    assert_eq!(mirrored.into_iter().collect::<BTreeSet<_>>(), memberships);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_the_official_crate_deletes_is_marked_by_the_next_sync() {
    let emulator = Emulator::start().await.expect("it starts");
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("mirror.sqlite");
    assert!(sync(&emulator, &database, &[]).status.success());

    let official = workos::Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url())
        .build();
    let api = official.directory_sync();
    let page = api
        .list_directories(ListDirectoriesParams::default())
        .await
        .expect("directories");
    let gone = &page.data[0].id;
    api.delete_directory(gone).await.expect("deleted");

    // The list does not have it, the API does not know it by its id, and it knows the other one.
    let output = sync(&emulator, &database, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pool = open(&database).await;
    let left: Vec<String> = sqlx::query_scalar("SELECT DISTINCT directory_id FROM users WHERE deleted_at IS NULL")
        .fetch_all(&pool)
        .await
        .expect("users");
    assert_eq!(left, [page.data[1].id.clone()]);
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE directory_id = $1 AND deleted_at IS NOT NULL")
        .bind(gone)
        .fetch_one(&pool)
        .await
        .expect("users");
    assert_eq!(kept, 500);
}
