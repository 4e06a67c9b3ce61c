//! A database in a folder of its own, and what is compared in it.

use serde_json::Value;
use sqlx::AnyPool;
use sqlx::AssertSqlSafe;
use sqlx::Row;
use tokio::sync::OnceCell;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_mirror::Error;
use workos_directory_mirror::Mirror;
use workos_directory_mirror::Summary;
use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::retry::RetryPolicy;

use crate::cluster;
use crate::source::Source;
use crate::truth::Truth;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// A database, and a second connection to it as an application would have.
pub(crate) struct World {
    pub(crate) mirror: Mirror,
    pub(crate) address: String,
    application: AnyPool,
    _folder: tempfile::TempDir,
}

impl World {
    /// A new database.
    pub(crate) async fn on(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = match database {
            Database::Sqlite => {
                let address = sqlite_in(&folder);
                std::fs::write(file_of(&address), EMPTY.get_or_init(empty).await).unwrap();
                address
            }
            Database::Postgres => cluster::database(),
        };
        Self::at(address, folder).await
    }

    /// A copy of the database, which nobody has open.
    pub(crate) async fn copied(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = if self.address.starts_with("sqlite:") {
            let address = sqlite_in(&folder);
            std::fs::copy(file_of(&self.address), file_of(&address)).unwrap();
            address
        } else {
            cluster::copy(&self.address)
        };
        Self::at(address, folder).await
    }

    async fn at(address: String, folder: tempfile::TempDir) -> Self {
        let mirror = Mirror::connect(&address).await.unwrap();
        let application = AnyPool::connect(&address).await.unwrap();
        Self {
            mirror,
            address,
            application,
            _folder: folder,
        }
    }

    /// Closes the database, so that it can be copied.
    pub(crate) async fn close(&self) {
        self.mirror.clone().close().await;
        self.application.close().await;
    }

    /// Mirrors a source that stands alone, as the live API gives it.
    pub(crate) async fn sync(&self, source: &Source) -> Result<Summary, Error> {
        let emulator = live(source).await;
        self.mirror.full_sync(&client(&emulator)).run().await
    }

    /// The first column of a query, as text.
    pub(crate) async fn column(&self, sql: &'static str) -> Vec<String> {
        let rows = sqlx::query(sql).fetch_all(&self.application).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Changes something behind the mirror's back.
    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.application).await.unwrap();
    }

    /// A number.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.application).await.unwrap()
    }

    /// A column of a row, as text.
    pub(crate) async fn text(&self, table: &str, column: &str, id: &str) -> Option<String> {
        let sql = format!("SELECT CAST({column} AS TEXT) FROM {table} WHERE id = $1");
        let value = sqlx::query_scalar(AssertSqlSafe(sql)).bind(id.to_owned());
        value.fetch_one(&self.application).await.unwrap()
    }

    /// What is marked as deleted, of any kind.
    pub(crate) async fn deleted(&self) -> Vec<String> {
        self.column(
            "SELECT id FROM directories WHERE deleted_at IS NOT NULL
             UNION ALL SELECT id FROM users WHERE deleted_at IS NOT NULL
             UNION ALL SELECT id FROM groups WHERE deleted_at IS NOT NULL
             UNION ALL SELECT user_id || ' ' || group_id FROM memberships WHERE deleted_at IS NOT NULL ORDER BY 1",
        )
        .await
    }

    /// Asserts that what is not deleted is what the API gives, row for row and column for column.
    pub(crate) async fn assert_equals(&self, client: &Client) {
        self.assert_is(&Truth::listed(client).await).await;
    }

    /// The same without the counts in the directories' metadata, which no event tells.
    pub(crate) async fn assert_equals_but_metadata(&self, client: &Client) {
        self.assert_is_but_metadata(&Truth::listed(client).await).await;
    }

    /// Asserts that what is not deleted is the truth.
    pub(crate) async fn assert_is(&self, truth: &Truth) {
        self.assert_directories(truth, &["metadata"]).await;
        self.assert_members(truth).await;
    }

    /// The same without the counts in the directories' metadata.
    pub(crate) async fn assert_is_but_metadata(&self, truth: &Truth) {
        self.assert_directories(truth, &[]).await;
        self.assert_members(truth).await;
    }

    async fn assert_directories(&self, truth: &Truth, metadata: &[&str]) {
        self.assert_table(
            "directories",
            &[
                "organization_id",
                "external_key",
                "type",
                "state",
                "name",
                "domain",
                "created_at",
                "updated_at",
            ],
            metadata,
            &truth.directories,
        )
        .await;
    }

    /// Asserts the users, groups and memberships.
    pub(crate) async fn assert_members(&self, truth: &Truth) {
        self.assert_table(
            "groups",
            &[
                "directory_id",
                "organization_id",
                "idp_id",
                "name",
                "created_at",
                "updated_at",
            ],
            &["raw_attributes"],
            &truth.groups,
        )
        .await;
        self.assert_table(
            "users",
            &[
                "directory_id",
                "organization_id",
                "idp_id",
                "email",
                "first_name",
                "last_name",
                "name",
                "job_title",
                "username",
                "state",
                "created_at",
                "updated_at",
            ],
            &["emails", "custom_attributes", "raw_attributes"],
            &truth.users,
        )
        .await;
        let stored = self
            .column("SELECT user_id || ' ' || group_id FROM memberships WHERE deleted_at IS NULL ORDER BY 1")
            .await;
        assert_eq!(stored, truth.memberships, "memberships");
    }

    async fn assert_table(&self, table: &str, texts: &[&str], json: &[&str], objects: &[Value]) {
        let texts_of_json = json.iter().map(|column| format!("CAST({column} AS TEXT) AS {column}"));
        let sources = texts.iter().filter(|column| column.ends_with("_at"));
        let columns: Vec<String> = std::iter::once("id".to_owned())
            .chain(texts.iter().map(|column| (*column).to_owned()))
            .chain(sources.map(|column| format!("{column}_source")))
            .chain(texts_of_json)
            .collect();
        let sql = format!(
            "SELECT {} FROM {table} WHERE deleted_at IS NULL ORDER BY id",
            columns.join(", ")
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&self.application)
            .await
            .unwrap();
        let ids: Vec<&str> = rows.iter().map(|row| row.get("id")).collect();
        let expected: Vec<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{table}");
        for (row, object) in rows.iter().zip(objects) {
            for &column in texts {
                // The text of the source, where the column that sorts has another form of it.
                let source = column
                    .ends_with("_at")
                    .then(|| row.get::<Option<String>, _>(format!("{column}_source").as_str()))
                    .flatten();
                let stored = source.or_else(|| row.get(column));
                assert_eq!(
                    stored.as_deref(),
                    object[column].as_str(),
                    "{column} of {}",
                    object["id"]
                );
            }
            for &column in json {
                let stored: Option<&str> = row.get(column);
                let stored = stored.map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
                assert_eq!(stored, object[column], "{column} of {}", object["id"]);
            }
        }
    }
}

fn sqlite_in(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("mirror.sqlite").display())
}

fn file_of(address: &str) -> &str {
    address.trim_start_matches("sqlite:")
}

/// A SQLite file with all tables and nothing in them: making them takes longer than many a test.
static EMPTY: OnceCell<Vec<u8>> = OnceCell::const_new();

async fn empty() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let address = sqlite_in(&folder);
    Mirror::connect(&address).await.unwrap().close().await;
    std::fs::read(file_of(&address)).unwrap()
}

/// An emulator that embeds no groups, as the live API does for new teams.
pub(crate) async fn live(source: &Source) -> Emulator {
    Emulator::builder()
        .behaviour(Behaviour::Live)
        .seed_file(source.0.clone())
        .start()
        .await
        .unwrap()
}

/// An emulator that embeds groups.
pub(crate) async fn embedding(source: &Source) -> Emulator {
    Emulator::builder()
        .behaviour(Behaviour::Reference)
        .seed_file(source.0.clone())
        .start()
        .await
        .unwrap()
}

pub(crate) fn client(emulator: &Emulator) -> Client {
    client_of(emulator.base_url(), emulator)
}

/// A client of the emulator that goes another way.
pub(crate) fn client_of(base_url: &str, emulator: &Emulator) -> Client {
    Client::builder()
        .api_key(emulator.api_key())
        .base_url(base_url)
        // Each call counts, none waits.
        .retry(RetryPolicy::off())
        .rate_limits(RateLimits::off())
        .build()
        .unwrap()
}
