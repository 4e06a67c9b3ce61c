//! Keeps two syncs of one database apart, within a process and between processes.

use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::Error;

/// What is locked: a database.
///
/// For a file it is a lock of the operating system on a file beside it, which ends with the process however that ends. The
/// database file itself cannot serve: closing it a second time within a process would drop SQLite's own locks.
#[derive(Debug)]
pub(crate) struct SyncLock {
    path: Option<PathBuf>,
    here: Arc<Mutex<()>>,
}

/// Held by a sync while it runs.
#[derive(Debug)]
pub(crate) struct Held {
    _here: OwnedMutexGuard<()>,
    _file: Option<File>,
}

impl SyncLock {
    /// The lock of a database file, or of a database in memory.
    pub(crate) fn new(database: Option<&Path>) -> Self {
        let path = database.map(|database| {
            let mut path = database.as_os_str().to_owned();
            path.push(".lock");
            path.into()
        });
        Self {
            path,
            here: Arc::default(),
        }
    }

    /// Takes the lock, or says who has it.
    pub(crate) fn take(&self) -> Result<Held, Error> {
        let here = Arc::clone(&self.here).try_lock_owned().map_err(|_| Error::Busy {
            database: "this database in this program".to_owned(),
        })?;
        let file = self.path.as_deref().map(lock_file).transpose()?;
        Ok(Held {
            _here: here,
            _file: file,
        })
    }
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

    #[test]
    fn a_second_sync_is_told_and_a_third_may_go_after_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("mirror.sqlite");
        // Two locks stand for two processes: the operating system's lock belongs to the open file, not to the process.
        let one = SyncLock::new(Some(&database));
        let other = SyncLock::new(Some(&database));
        let held = one.take().unwrap();
        assert!(matches!(one.take(), Err(Error::Busy { .. })));
        assert!(matches!(other.take(), Err(Error::Busy { .. })));
        drop(held);
        other.take().unwrap();
    }

    #[test]
    fn a_lock_file_that_cannot_be_made_is_named() {
        let lock = SyncLock::new(Some(Path::new("/nowhere/mirror.sqlite")));
        let message = lock.take().unwrap_err().to_string();
        assert!(message.contains("/nowhere/mirror.sqlite.lock"), "{message}");
    }
}
