//! How each database is opened: its address, its settings, its migrations.

use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::Connection as _;
use sqlx::any::AnyConnectOptions;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::MigrateError;
use sqlx::migrate::Migrator;

use super::Dialect;
use super::Store;
use crate::Error;
use crate::address::Address;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a transaction waits for the ones before it. The longest marks a whole directory as deleted.
const TURN_TIMEOUT: Duration = Duration::from_secs(600);

/// How long PostgreSQL may take to open a connection, and to let a worker in.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long closing them may take: a connection that was given up in the middle of a statement waits for that.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many connections a process takes: one for each directory at a time, and some for what goes on beside them.
const CONNECTIONS: u32 = 8;

/// What a SQLite connection begins with. It waits for other programs that are writing the same file. Memberships are read
/// and written in the order of one key and indexed by another, which the default page cache of 2 MB makes slow (negative
/// means KiB). A transaction that was written before a power cut can be lost, but not half of it: the next run writes it
/// again.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 30000; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;
    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";

/// What a PostgreSQL connection begins with. Plans are made for each statement: one that was made while the tables were
/// empty would read them whole ever after. Compiling them takes longer than running them: they look up a page of rows. A
/// process that was stopped within a transaction does not hold up the others.
const POSTGRES_SETTINGS: &str = "SET plan_cache_mode = force_custom_plan; SET jit = off;
    SET idle_in_transaction_session_timeout = '30s'";

impl Store {
    /// Opens the database, makes it where it is missing, and brings its tables to this version's form.
    pub(crate) async fn open(address: &Address) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let failed = |source| address.failed(source);
        let options: AnyConnectOptions = address.url().parse().map_err(failed)?;
        let (dialect, settings, pool) = match address {
            // SQLite has one writer: one connection, whose transactions take turns. It does not end before the store: a
            // database in memory would end with it.
            Address::SqliteMemory | Address::SqliteFile(_) => (
                Dialect::Sqlite,
                SQLITE_SETTINGS,
                AnyPoolOptions::new()
                    .max_connections(1)
                    .min_connections(1)
                    .acquire_timeout(TURN_TIMEOUT)
                    .idle_timeout(None)
                    .max_lifetime(None)
                    .test_before_acquire(false),
            ),
            Address::Postgres(_) => (
                Dialect::Postgres,
                POSTGRES_SETTINGS,
                AnyPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .acquire_timeout(CONNECT_TIMEOUT),
            ),
        };
        probe(address, dialect, settings).await?;
        let pool = pool
            .after_connect(move |connection, _| {
                Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(drop) })
            })
            .connect_with(options)
            .await
            .map_err(failed)?;
        let migrations = match dialect {
            Dialect::Sqlite => &SQLITE,
            Dialect::Postgres => &POSTGRES,
        };
        migrations.run(&pool).await.map_err(|error| match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => Error::TooNew(Box::new(error)),
            _ => Error::Migrate(Box::new(error)),
        })?;
        Ok(Self { pool, dialect })
    }

    /// Ends the connections. SQLite folds its write-ahead log into the file. A server that does not answer is not waited for.
    pub(crate) async fn close(&self) {
        match self.dialect {
            Dialect::Sqlite => self.pool.close().await,
            Dialect::Postgres => drop(tokio::time::timeout(CLOSE_TIMEOUT, self.pool.close()).await),
        }
    }
}

/// Opens a connection that is no part of a pool.
pub(crate) async fn connect(address: &Address) -> Result<AnyConnection, Error> {
    let failed = |source| address.failed(source);
    tokio::time::timeout(CONNECT_TIMEOUT, AnyConnection::connect(&address.url()))
        .await
        .map_err(|_| failed(no_answer(CONNECT_TIMEOUT)))?
        .map_err(failed)
}

/// What is said of a server that does not answer.
pub(crate) fn no_answer(within: Duration) -> sqlx::Error {
    let text = format!("it did not answer within {} s", within.as_secs());
    std::io::Error::new(std::io::ErrorKind::TimedOut, text).into()
}

/// Connects once, since the pool would try again and again and then not say why it failed. Refuses a database that cannot
/// hold every name.
async fn probe(address: &Address, dialect: Dialect, settings: &'static str) -> Result<(), Error> {
    let mut connection = connect(address).await?;
    let failed = |source| address.failed(source);
    sqlx::raw_sql(settings).execute(&mut connection).await.map_err(failed)?;
    if dialect == Dialect::Postgres {
        let encoding: String = sqlx::query_scalar("SHOW server_encoding")
            .fetch_one(&mut connection)
            .await?;
        if encoding != "UTF8" {
            return Err(Error::Encoding { encoding });
        }
    }
    Ok(connection.close().await?)
}
