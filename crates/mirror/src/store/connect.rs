//! How each database is opened: its address, its settings, to write or only to read.

use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::AnyPool;
use sqlx::Connection as _;
use sqlx::any::AnyConnectOptions;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::MigrateError;

use super::Dialect;
use super::Store;
use super::schema;
use super::schema::Schema;
use crate::Error;
use crate::address::Address;

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

/// What a connection begins with that only reads. The journal's mode is a property of the file and stays as it is.
const SQLITE_READ_ONLY: &str = "PRAGMA busy_timeout = 30000; PRAGMA cache_size = -16384; PRAGMA query_only = ON";

/// Likewise, for a server.
const POSTGRES_READ_ONLY: &str = "SET plan_cache_mode = force_custom_plan; SET jit = off;
    SET idle_in_transaction_session_timeout = '30s'; SET default_transaction_read_only = on";

impl Store {
    /// Opens the database, makes it where it is missing, and brings its tables to this version's form.
    pub(crate) async fn open(address: &Address) -> Result<Self, Error> {
        let dialect = dialect(address);
        let settings = match dialect {
            Dialect::Sqlite => SQLITE_SETTINGS,
            Dialect::Postgres => POSTGRES_SETTINGS,
        };
        probe(address, &address.url(), dialect, settings).await?;
        let pool = pool(address, &address.url(), dialect, settings).await?;
        schema::migrations(dialect)
            .run(&pool)
            .await
            .map_err(|error| match error {
                MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => Error::TooNew(Box::new(error)),
                _ => Error::Migrate(Box::new(error)),
            })?;
        Ok(Self { pool, dialect })
    }

    /// Opens a database that is there to read it: makes nothing, changes nothing, and says which form its tables have.
    pub(crate) async fn open_read_only(address: &Address) -> Result<(Self, Schema), Error> {
        if let Address::SqliteMemory = address {
            // It ends with this process: what is made in it is nobody's.
            let store = Self::open(address).await?;
            let schema = Schema::current(store.dialect);
            return Ok((store, schema));
        }
        if let Address::SqliteFile(path) = address
            && !path.exists()
        {
            return Err(Error::Missing { path: path.clone() });
        }
        let dialect = dialect(address);
        let settings = match dialect {
            Dialect::Sqlite => SQLITE_READ_ONLY,
            Dialect::Postgres => POSTGRES_READ_ONLY,
        };
        let url = address.read_only_url();
        let schema = probe(address, &url, dialect, settings).await?;
        if schema.found == 0 {
            return Err(Error::NoTables {
                database: address.to_string(),
            });
        }
        let pool = pool(address, &url, dialect, settings).await?;
        Ok((Self { pool, dialect }, schema))
    }

    /// The form of tables that were migrated.
    pub(crate) fn schema(&self) -> Schema {
        Schema::current(self.dialect)
    }

    /// Ends the connections. SQLite folds its write-ahead log into the file. A server that does not answer is not waited for.
    pub(crate) async fn close(&self) {
        match self.dialect {
            Dialect::Sqlite => self.pool.close().await,
            Dialect::Postgres => drop(tokio::time::timeout(CLOSE_TIMEOUT, self.pool.close()).await),
        }
    }
}

fn dialect(address: &Address) -> Dialect {
    match address {
        Address::SqliteMemory | Address::SqliteFile(_) => Dialect::Sqlite,
        Address::Postgres(_) => Dialect::Postgres,
    }
}

async fn pool(address: &Address, url: &str, dialect: Dialect, settings: &'static str) -> Result<AnyPool, Error> {
    let failed = |source| address.failed(source);
    let options: AnyConnectOptions = url.parse().map_err(failed)?;
    let pool = match dialect {
        // SQLite has one writer: one connection, whose transactions take turns. It does not end before the store: a
        // database in memory would end with it.
        Dialect::Sqlite => AnyPoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .acquire_timeout(TURN_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false),
        Dialect::Postgres => AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT_TIMEOUT),
    };
    pool.after_connect(move |connection, _| {
        Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(drop) })
    })
    .connect_with(options)
    .await
    .map_err(failed)
}

/// Opens a connection that is no part of a pool.
pub(crate) async fn connect(address: &Address) -> Result<AnyConnection, Error> {
    connect_to(address, &address.url()).await
}

async fn connect_to(address: &Address, url: &str) -> Result<AnyConnection, Error> {
    sqlx::any::install_default_drivers();
    let failed = |source| address.failed(source);
    tokio::time::timeout(CONNECT_TIMEOUT, AnyConnection::connect(url))
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
/// hold every name, and one that another program has its tables in, before anything is changed in it.
async fn probe(address: &Address, url: &str, dialect: Dialect, settings: &'static str) -> Result<Schema, Error> {
    let mut connection = connect_to(address, url).await?;
    let failed = |source| address.failed(source);
    let schema = Schema::read(&mut connection, dialect).await.map_err(failed)?;
    let schema = schema.ok_or_else(|| Error::ForeignTables {
        database: address.to_string(),
    })?;
    sqlx::raw_sql(settings).execute(&mut connection).await.map_err(failed)?;
    if dialect == Dialect::Postgres {
        let encoding: String = sqlx::query_scalar("SHOW server_encoding")
            .fetch_one(&mut connection)
            .await?;
        if encoding != "UTF8" {
            return Err(Error::Encoding { encoding });
        }
    }
    connection.close().await?;
    Ok(schema)
}
