//! Keeps two processes from doing the same work on one SQLite file, and two tasks within a process.
//!
//! A server needs no lock: there workers share the work by leases.

use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::Error;
use crate::address::Address;

/// What is locked: a kind of work on a database.
///
/// It is a lock of the operating system on a file beside the database, which ends with the process however that ends. The
/// database file itself cannot serve: closing it a second time within a process would drop SQLite's own locks.
#[derive(Debug)]
pub(crate) struct Lock {
    database: Address,
    syncing: Arc<Mutex<()>>,
    following: Arc<Mutex<()>>,
}

/// What one process at a time does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A full sync.
    Sync,
    /// Reading the list of events.
    Follow,
}

impl Work {
    /// What the lock file's name ends with, after the database file's.
    fn suffix(self) -> &'static str {
        match self {
            Self::Sync => ".lock",
            Self::Follow => ".follow.lock",
        }
    }

    /// Who has the lock.
    fn holder(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Follow => "follower",
        }
    }
}

/// Held while the work goes on.
#[derive(Debug)]
pub(crate) struct Locked {
    _here: Option<OwnedMutexGuard<()>>,
    file: Option<File>,
}

impl Lock {
    /// The locks of a database.
    pub(crate) fn new(database: Address) -> Self {
        Self {
            database,
            syncing: Arc::default(),
            following: Arc::default(),
        }
    }

    /// Which database it is.
    pub(crate) fn database(&self) -> &Address {
        &self.database
    }

    /// Takes a lock, or says who has it.
    pub(crate) fn take(&self, work: Work) -> Result<Locked, Error> {
        if let Address::Postgres(_) = self.database {
            return Ok(Locked {
                _here: None,
                file: None,
            });
        }
        let here = match work {
            Work::Sync => &self.syncing,
            Work::Follow => &self.following,
        };
        let here = Arc::clone(here).try_lock_owned().map_err(|_| Error::Busy {
            who: work.holder(),
            database: "this database in this program".to_owned(),
        })?;
        let file = match &self.database {
            Address::SqliteFile(path) => Some(lock_file(work, &beside(path, work.suffix()))?),
            _ => None,
        };
        Ok(Locked {
            _here: Some(here),
            file,
        })
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that another thread is just starting has it, too, until it becomes
        // its program.
        if let Some(file) = &self.file {
            drop(file.unlock());
        }
    }
}

/// The lock file of a database file, by whichever of its names that is opened.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut path = database.into_os_string();
    path.push(suffix);
    path.into()
}

fn lock_file(work: Work, path: &Path) -> Result<File, Error> {
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
            who: work.holder(),
            database: format!("the database (lock file `{}`)", path.display()),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn lock(database: &Path) -> Lock {
        Lock::new(Address::SqliteFile(database.to_owned()))
    }

    #[test]
    fn a_second_process_is_told_and_a_third_may_go_after_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("mirror.sqlite");
        // Two locks stand for two processes: the operating system's lock belongs to the open file, not to the process.
        let one = lock(&database);
        let other = lock(&database);
        let held = one.take(Work::Sync).unwrap();
        assert!(matches!(one.take(Work::Sync), Err(Error::Busy { .. })));
        assert!(matches!(other.take(Work::Sync), Err(Error::Busy { .. })));
        let following = other.take(Work::Follow).unwrap();
        assert!(matches!(one.take(Work::Follow), Err(Error::Busy { .. })));
        drop((held, following));
        other.take(Work::Sync).unwrap();
    }

    #[test]
    fn a_lock_ends_although_a_process_that_is_being_started_has_its_file_still() {
        let directory = tempfile::tempdir().unwrap();
        let lock = lock(&directory.path().join("mirror.sqlite"));
        let held = lock.take(Work::Sync).unwrap();
        let _inherited = held.file.as_ref().unwrap().try_clone().unwrap();
        drop(held);
        lock.take(Work::Sync).unwrap();
    }

    #[test]
    fn a_lock_file_that_cannot_be_made_is_named() {
        let lock = lock(Path::new("/nowhere/mirror.sqlite"));
        let message = lock.take(Work::Sync).unwrap_err().to_string();
        assert!(message.contains("/nowhere/mirror.sqlite.lock"), "{message}");
    }
}
