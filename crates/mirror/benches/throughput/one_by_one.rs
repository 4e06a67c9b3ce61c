//! The loop of the API's guide, by the official crate: for each user of each page, one upsert.

use std::time::Instant;

use futures_util::TryStreamExt as _;
use sqlx::PgPool;
use sqlx::SqlitePool;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use workos::DirectoryUserWithGroupsState;
use workos::directory_sync::ListUsersParams;

use crate::process;
use crate::process::Report;

/// How the loop uses its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// As sqlx's guide begins: a pool with its defaults.
    Plain,
    /// One connection that is not tried before each use, and whose commits do not wait for the disk.
    Tuned,
}

impl Habit {
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Tuned];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tuned => "tuned",
        }
    }
}

/// The same lines for two types of pool.
macro_rules! every_user {
    ($pool:expr, $base_url:expr, $api_key:expr) => {{
        let pool = $pool.expect("a database");
        sqlx::raw_sql(
            "CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT, first_name TEXT, last_name TEXT, active INTEGER)",
        )
        .execute(&pool)
        .await
        .expect("a table");
        let start = Instant::now();
        let client = workos::Client::builder().api_key($api_key).base_url($base_url).build();
        let sync = client.directory_sync();
        let directories = sync.list_directories(Default::default()).await.expect("directories");
        let parameters = ListUsersParams {
            directory: directories.data.into_iter().next().map(|directory| directory.id),
            limit: Some(100),
            ..ListUsersParams::default()
        };
        let mut listed = std::pin::pin!(sync.list_users_auto_paging(parameters));
        let mut users = 0;
        while let Some(user) = listed.try_next().await.expect("a page") {
            users += 1;
            sqlx::query(
                "INSERT INTO people (id, email, first_name, last_name, active) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (id) DO UPDATE SET email = excluded.email, first_name = excluded.first_name,
                     last_name = excluded.last_name, active = excluded.active",
            )
            .bind(user.id)
            .bind(user.email)
            .bind(user.first_name)
            .bind(user.last_name)
            .bind(i32::from(matches!(user.state, DirectoryUserWithGroupsState::Active)))
            .execute(&pool)
            .await
            .expect("an upsert");
        }
        let seconds = start.elapsed().as_secs_f64();
        pool.close().await;
        (users, seconds)
    }};
}

/// The process: runs the loop once, and reports.
pub(crate) async fn run(habit: &str, address: &str, base_url: &str, api_key: &str) {
    let is_tuned = habit == Habit::Tuned.name();
    let (users, seconds) = if address.starts_with("sqlite") {
        let address = format!("{address}?mode=rwc");
        let pool = if is_tuned {
            let options = SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
            let options = options.after_connect(|connection, _| {
                // As the mirror does it.
                let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384";
                Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(drop) })
            });
            options.connect(&address).await
        } else {
            SqlitePool::connect(&address).await
        };
        every_user!(pool, base_url, api_key)
    } else {
        let pool = if is_tuned {
            let options = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
            options.connect(address).await
        } else {
            PgPool::connect(address).await
        };
        every_user!(pool, base_url, api_key)
    };
    let report = Report {
        seconds,
        users,
        rows: users,
        inserted: users,
        calls: 0,
        peak_megabytes: process::peak_megabytes(),
    };
    report.send();
}
