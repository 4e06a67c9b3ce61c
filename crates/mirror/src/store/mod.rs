//! The database: everything that is SQL, and nothing that knows of the API.
//!
//! Each method that writes is one transaction: objects, counts and the place where the traversal goes on are written
//! together or not at all. Dropping a method's future rolls its transaction back.
//!
//! ```text
//! objects      directories, users and groups: compare, insert, update, restore, stamp
//! memberships  the same for pairs of user and group
//! gone         what a complete traversal did not see, and the guard
//! runs         runs, steps and their counts
//! counts       how many objects there are, for the planner
//! ```

mod counts;
mod gone;
mod memberships;
mod objects;
mod runs;

use std::time::Duration;

use sqlx::Sqlite;
use sqlx::SqlitePool;
use sqlx::Transaction;
use sqlx::migrate::MigrateError;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::sqlite::SqliteSynchronous;

pub(crate) use self::counts::KnownCounts;
pub(crate) use self::gone::Guard;
pub(crate) use self::gone::Refusal;
pub(crate) use self::runs::Checkpoint;
pub(crate) use self::runs::Outcome;
pub(crate) use self::runs::Run;
pub(crate) use self::runs::Step;
pub(crate) use self::runs::StepKey;
use crate::Counts;
use crate::Error;
use crate::address::Address;
use crate::record::EmbeddedGroups;
use crate::record::Record;
use crate::record::Table;
use crate::record::USERS;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long to wait for another program that is writing the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a transaction waits for the ones before it. The longest marks a whole directory as deleted.
const TURN_TIMEOUT: Duration = Duration::from_secs(600);

/// The page cache, as SQLite writes it: negative means KiB. Memberships are read and written in the order of one key and
/// indexed by another, which the default of 2 MB makes slow.
const CACHE_SIZE: &str = "-16384";

/// What statements run on: named once, so that the engine does not say which database it is.
type Connection = sqlx::SqliteConnection;

/// What a statement answers.
type DatabaseRow = sqlx::sqlite::SqliteRow;

/// The database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// SQLite has one writer: one connection, whose transactions take turns.
    pool: SqlitePool,
}

/// What a page has.
#[derive(Clone, Debug)]
pub(crate) enum Batch {
    /// Directories or groups.
    Objects(&'static Table, Vec<Record>),
    /// Users and the groups that came with them.
    Users(Vec<(Record, EmbeddedGroups)>),
    /// Pairs of user and group.
    Memberships(Vec<(String, String)>),
}

/// What rows are stamped with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    /// The run, which is the generation.
    pub(crate) run: i64,
    /// The time, in canonical form.
    pub(crate) now: &'a str,
}

impl Store {
    /// Opens the database, makes it where it is missing, and brings its tables to this version's form.
    pub(crate) async fn open(address: &Address) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", CACHE_SIZE);
        let (path, options) = match address {
            Address::SqliteMemory => (":memory:".into(), options.in_memory(true)),
            // A transaction that was written before a power cut can be lost, but not half of it: the next run writes it
            // again.
            Address::SqliteFile(path) => (
                path.clone(),
                options
                    .filename(path)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal),
            ),
        };
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .acquire_timeout(TURN_TIMEOUT)
            // A database in memory ends with its connection.
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|source| Error::Open { path, source })?;
        MIGRATIONS.run(&pool).await.map_err(|error| match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => Error::TooNew(Box::new(error)),
            _ => Error::Migrate(Box::new(error)),
        })?;
        Ok(Self { pool })
    }

    /// Ends the connection and folds the write-ahead log into the file.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        // Taking the write lock at once: a transaction that reads first and then has to wait for it would fail.
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Writes a page: its objects, what they count, and where the step goes on.
    pub(crate) async fn write(
        &self,
        key: StepKey<'_>,
        stamp: Stamp<'_>,
        batch: Batch,
        checkpoint: Checkpoint,
    ) -> Result<Counts, Error> {
        let mut transaction = self.begin().await?;
        let counts = match batch {
            Batch::Objects(table, records) => objects::apply(&mut transaction, table, stamp, records).await?,
            Batch::Memberships(pairs) => memberships::apply(&mut transaction, stamp, pairs).await?,
            Batch::Users(users) => {
                let page = split(users);
                let counts = objects::apply(&mut transaction, &USERS, stamp, page.records).await?;
                let embedded = memberships::apply(&mut transaction, stamp, page.pairs).await?;
                runs::note_embedded(&mut transaction, key, embedded, page.untold).await?;
                counts
            }
        };
        runs::advance(&mut transaction, key, stamp, &checkpoint, counts).await?;
        transaction.commit().await?;
        Ok(counts)
    }
}

/// A page of users, taken apart.
#[derive(Default)]
struct UserPage {
    records: Vec<Record>,
    /// User and group.
    pairs: Vec<(String, String)>,
    /// How many users did not say their groups.
    untold: u64,
}

fn split(users: Vec<(Record, EmbeddedGroups)>) -> UserPage {
    let mut page = UserPage::default();
    for (record, groups) in users {
        match groups {
            EmbeddedGroups::Told(groups) => {
                page.pairs
                    .extend(groups.into_iter().map(|group| (record.id.clone(), group)));
            }
            EmbeddedGroups::Untold => page.untold += 1,
        }
        page.records.push(record);
    }
    page
}

/// A JSON array, the one parameter of a statement that works on a whole page.
fn json_array<T: serde::Serialize>(values: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(values).map_err(|error| sqlx::Error::Encode(error.into()))
}

#[cfg(test)]
mod tests;
