//! Leases: who does what.
//!
//! A lease belongs to a worker for as long as that is there. Taking it makes its token grow, and each transaction that is
//! written under it checks the token first and keeps others from taking it until it ends: what a worker writes is
//! written while it has the lease, or not at all.

use sqlx::Any;
use sqlx::AssertSqlSafe;
use sqlx::Row;
use sqlx::Transaction;

use super::Connection;
use super::Dialect;
use super::Stamp;
use super::Store;
use crate::Error;

/// The list of events.
const EVENTS: &str = "events";

/// The list of directories.
const DIRECTORIES: &str = "directories";

/// What the lease of a directory begins with; its id follows.
const DIRECTORY: &str = "directory ";

/// What is absent, between full syncs.
const ABSENCES: &str = "absences";

/// The run of the list of events. Runs of full syncs are greater.
const EVENTS_RUN: i64 = 0;

/// The run of what is absent, between full syncs.
const ABSENCES_RUN: i64 = -1;

/// A lease that this worker took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    resource: String,
    /// The full sync that it belongs to.
    pub(crate) run: i64,
    pub(super) token: i64,
}

impl Lease {
    /// The directory that it is about; `None` for the list of directories.
    pub(crate) fn directory(&self) -> Option<&str> {
        self.resource.strip_prefix(DIRECTORY)
    }

    /// Whether it is that of a part of a full sync.
    pub(crate) fn is_of_full_sync(&self) -> bool {
        self.run > EVENTS_RUN
    }
}

/// What is written under a lease, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    pub(crate) lease: &'a Lease,
    /// The time, in canonical form.
    pub(crate) now: &'a str,
}

impl<'a> Held<'a> {
    /// What rows are stamped with.
    pub(super) fn stamp(self) -> Stamp<'a> {
        Stamp {
            run: self.lease.run,
            now: self.now,
        }
    }
}

impl Store {
    /// Takes the list of events, if nobody has it.
    pub(crate) async fn take_events_lease(&self, worker: i64) -> Result<Option<Lease>, Error> {
        self.take_single(worker, EVENTS, EVENTS_RUN).await
    }

    /// Takes what is absent, between full syncs, if nobody has it.
    pub(crate) async fn take_absences_lease(&self, worker: i64) -> Result<Option<Lease>, Error> {
        self.take_single(worker, ABSENCES, ABSENCES_RUN).await
    }

    async fn take_single(&self, worker: i64, resource: &str, run: i64) -> Result<Option<Lease>, Error> {
        sqlx::query(
            "INSERT INTO leases (resource, run_id, token) VALUES ($1, $2, 0) ON CONFLICT (resource) DO NOTHING",
        )
        .bind(resource)
        .bind(run)
        .execute(&self.pool)
        .await?;
        self.take(worker, run).await
    }

    /// Takes the first part of a full sync that is not done and that nobody has.
    pub(crate) async fn take_part(&self, worker: i64, run: i64) -> Result<Option<Lease>, Error> {
        self.take(worker, run).await
    }

    async fn take(&self, worker: i64, run: i64) -> Result<Option<Lease>, Error> {
        let skip = match self.dialect {
            // Has one writer at a time.
            Dialect::Sqlite => "",
            // Another one is taking it right now, or is writing under it.
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        // What this worker has already, it is doing already. A part of a run belongs to those who take part in it.
        let sql = format!(
            "UPDATE leases SET worker = $1, token = token + 1
             WHERE resource = (
                 SELECT l.resource FROM leases AS l
                 WHERE l.run_id = $2 AND l.ended_at IS NULL
                   AND (l.worker IS NULL OR (l.worker <> $1 AND NOT EXISTS (
                       SELECT 1 FROM workers AS w
                       WHERE w.id = l.worker AND (l.run_id <= 0 OR w.run_id = l.run_id) AND {})))
                 ORDER BY l.resource LIMIT 1{skip})
             RETURNING resource, run_id, token",
            self.dialect.is_there("w")
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(worker)
            .bind(run)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| {
            Ok(Lease {
                resource: row.try_get("resource")?,
                run: row.try_get("run_id")?,
                token: row.try_get("token")?,
            })
        })
        .transpose()
    }

    /// Notes that a directory is done, perhaps with errors.
    pub(crate) async fn end_directory(&self, held: Held<'_>, error: Option<&str>) -> Result<(), Error> {
        let mut transaction = self.begin_as(held).await?;
        end(&mut transaction, held, error).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Begins a transaction of a full sync: from now on nobody takes the lease, and no event changes anything, before the
    /// transaction ends.
    pub(super) async fn begin_as(&self, held: Held<'_>) -> Result<Transaction<'static, Any>, Error> {
        let mut transaction = self.begin().await?;
        let sql = format!(
            "SELECT id FROM sync_runs WHERE id = $1 AND state = 'running'{}",
            self.dialect.for_share()
        );
        let found: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(held.lease.run)
            .fetch_optional(&mut *transaction)
            .await?;
        if found.is_none() {
            return Err(Error::TakenOver { run: held.lease.run });
        }
        check(&mut transaction, held.lease).await?;
        Ok(transaction)
    }
}

impl Dialect {
    /// Keeps others from changing the rows that were selected until the transaction ends.
    fn for_share(self) -> &'static str {
        match self {
            // Has one writer at a time.
            Self::Sqlite => "",
            Self::Postgres => " FOR SHARE",
        }
    }
}

/// Checks that a lease is still this worker's, and that it stays so until the transaction ends.
pub(super) async fn check(connection: &mut Connection, lease: &Lease) -> Result<(), Error> {
    let sql = format!(
        "SELECT token FROM leases WHERE resource = $1 AND run_id = $2 AND token = $3{}",
        Dialect::of(connection).for_share()
    );
    let found: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(lease.resource.as_str())
        .bind(lease.run)
        .bind(lease.token)
        .fetch_optional(connection)
        .await?;
    found.map(drop).ok_or(Error::TakenOver { run: lease.run })
}

/// Notes that what a lease is about is done, perhaps with errors.
pub(super) async fn end(connection: &mut Connection, held: Held<'_>, error: Option<&str>) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE leases SET worker = NULL, ended_at = $1, error = $2 WHERE resource = $3")
        .bind(held.now)
        .bind(error)
        .bind(held.lease.resource.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes the list of directories the first part of a run.
pub(super) async fn open_list(connection: &mut Connection, run: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO leases (resource, run_id, token) VALUES ($1, $2, 0)
         ON CONFLICT (resource) DO UPDATE SET
             run_id = excluded.run_id, token = leases.token + 1, worker = NULL, ended_at = NULL, error = NULL",
    )
    .bind(DIRECTORIES)
    .bind(run)
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the directories that a run has seen its other parts, and forgets those of older runs.
pub(super) async fn open_directories(connection: &mut Connection, run: i64) -> Result<(), sqlx::Error> {
    // `WHERE` tells SQLite that ON does not belong to the SELECT.
    sqlx::query(
        "INSERT INTO leases (resource, run_id, token)
         SELECT $2 || id, $1, 0 FROM directories WHERE generation = $1 AND deleted_at IS NULL
         ON CONFLICT (resource) DO UPDATE SET
             run_id = excluded.run_id, token = leases.token + 1, worker = NULL, ended_at = NULL, error = NULL",
    )
    .bind(run)
    .bind(DIRECTORY)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM leases WHERE run_id <> $1 AND run_id > $2")
        .bind(run)
        .bind(EVENTS_RUN)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives up what a worker has of a run.
pub(super) async fn give_up(connection: &mut Connection, worker: i64, run: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE leases SET worker = NULL WHERE worker = $1 AND run_id = $2")
        .bind(worker)
        .bind(run)
        .execute(connection)
        .await?;
    Ok(())
}
