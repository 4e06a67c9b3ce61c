//! Keeps two syncs of one database apart, within a process and between processes.

use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::AnyConnection;
use sqlx::Connection as _;
use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::Error;
use crate::address::Address;

/// A server notices within half a minute that the process is gone with its machine or network. Then another sync takes the
/// run over, and the fencing token of the run keeps this one from writing, should it come back.
const KEEP_ALIVE: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// How long a server waits for a lock before it says that it is taken. A sync that has just ended leaves it to the server
/// to notice that.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '2s'";

/// The lock of PostgreSQL belongs to a session, in a database and schema; it ends with the session, however that ends.
const LOCK: &str = "SELECT pg_advisory_lock(hashtextextended('workos-directory-mirror ' || current_schema(), 0))";

/// PostgreSQL's code for a lock that was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// What is locked: a database.
///
/// For a file it is a lock of the operating system on a file beside it, which ends with the process however that ends. The
/// database file itself cannot serve: closing it a second time within a process would drop SQLite's own locks. For a
/// server it is an advisory lock of a session that does nothing else.
#[derive(Debug)]
pub(crate) struct SyncLock {
    database: Address,
    here: Arc<Mutex<()>>,
}

/// Held by a sync while it runs.
#[derive(Debug)]
pub(crate) struct Held {
    _here: OwnedMutexGuard<()>,
    file: Option<File>,
    session: Option<AnyConnection>,
}

impl SyncLock {
    /// The lock of a database.
    pub(crate) fn new(database: Address) -> Self {
        Self {
            database,
            here: Arc::default(),
        }
    }

    /// Takes the lock, or says who has it.
    pub(crate) async fn take(&self) -> Result<Held, Error> {
        let here = Arc::clone(&self.here).try_lock_owned().map_err(|_| Error::Busy {
            database: "this database in this program".to_owned(),
        })?;
        let mut held = Held {
            _here: here,
            file: None,
            session: None,
        };
        match &self.database {
            Address::SqliteMemory => {}
            Address::SqliteFile(path) => held.file = Some(lock_file(&beside(path))?),
            Address::Postgres(_) => held.session = Some(self.lock_session().await?),
        }
        Ok(held)
    }

    async fn lock_session(&self) -> Result<AnyConnection, Error> {
        let mut session = AnyConnection::connect(&self.database.url())
            .await
            .map_err(|source| self.database.failed(source))?;
        sqlx::raw_sql(KEEP_ALIVE).execute(&mut session).await?;
        sqlx::raw_sql(LOCK_TIMEOUT).execute(&mut session).await?;
        match sqlx::raw_sql(LOCK).execute(&mut session).await {
            Ok(_) => Ok(session),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                Err(Error::Busy {
                    database: format!("the database {}", self.database),
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The lock file of a database file, by whichever of its names that is opened.
fn beside(database: &Path) -> PathBuf {
    let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut path = database.into_os_string();
    path.push(".lock");
    path.into()
}

fn lock_file(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::Lock {
        path: path.to_owned(),
        source,
    };
    // It stays when the sync ends: removing it would let a third process lock a file that is no longer there.
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy {
            database: format!("the database (lock file `{}`)", path.display()),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn lock(database: &Path) -> SyncLock {
        SyncLock::new(Address::SqliteFile(database.to_owned()))
    }

    #[tokio::test]
    async fn a_second_sync_is_told_and_a_third_may_go_after_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("mirror.sqlite");
        // Two locks stand for two processes: the operating system's lock belongs to the open file, not to the process.
        let one = lock(&database);
        let other = lock(&database);
        let held = one.take().await.unwrap();
        assert!(matches!(one.take().await, Err(Error::Busy { .. })));
        assert!(matches!(other.take().await, Err(Error::Busy { .. })));
        drop(held);
        other.take().await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_file_that_cannot_be_made_is_named() {
        let lock = lock(Path::new("/nowhere/mirror.sqlite"));
        let message = lock.take().await.unwrap_err().to_string();
        assert!(message.contains("/nowhere/mirror.sqlite.lock"), "{message}");
    }
}
