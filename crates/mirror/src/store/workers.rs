//! Workers: who shares the work of the database, and how it is known that one of them is gone.
//!
//! In PostgreSQL a worker has a session that does nothing but beat. It counts as gone at once when the session ends, as
//! that of a process that was killed does, and after [`LEASE`] when it stops beating, as a process does that is stopped or
//! cut off. An SQLite file has one process for each kind of work, which the lock files beside it see to: whoever else is
//! written down there is gone.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::Connection;
use super::Dialect;
use super::Store;
use crate::Error;

/// How long a worker has its leases without beating, by the database's clock.
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// Who has not beaten for that long will not come back.
const FORGOTTEN: &str = "clock_timestamp() - interval '1 day'";

/// When a worker that beats now is gone unless it beats again.
fn expiry() -> String {
    format!("clock_timestamp() + interval '{} seconds'", LEASE.as_secs())
}

impl Dialect {
    /// Whether a row of `workers` is somebody else who is there.
    pub(super) fn is_there(self, worker: &str) -> String {
        match self {
            Self::Sqlite => "FALSE".to_owned(),
            Self::Postgres => format!(
                "({worker}.expires_at > clock_timestamp()
                 AND EXISTS (SELECT 1 FROM pg_stat_activity AS a WHERE a.pid = {worker}.session))"
            ),
        }
    }
}

impl Store {
    /// Notes a new worker that has no session of its own.
    pub(crate) async fn enter(&self) -> Result<i64, Error> {
        let mut transaction = self.begin().await?;
        let worker = enter(&mut transaction).await?;
        transaction.commit().await?;
        Ok(worker)
    }

    /// Forgets a worker that has no session of its own.
    pub(crate) async fn leave(&self, worker: i64) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?;
        Ok(leave(&mut connection, worker).await?)
    }
}

/// Notes a new worker, whose session this is, and returns its number.
pub(crate) async fn enter(session: &mut Connection) -> Result<i64, sqlx::Error> {
    let (forget, enter) = match Dialect::of(session) {
        Dialect::Sqlite => (
            "DELETE FROM workers WHERE started_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day')".to_owned(),
            "INSERT INTO workers DEFAULT VALUES RETURNING id".to_owned(),
        ),
        Dialect::Postgres => (
            format!("DELETE FROM workers WHERE expires_at < {FORGOTTEN}"),
            format!(
                "INSERT INTO workers (session, expires_at) VALUES (pg_backend_pid(), {}) RETURNING id",
                expiry()
            ),
        ),
    };
    sqlx::query(AssertSqlSafe(forget)).execute(&mut *session).await?;
    sqlx::query_scalar(AssertSqlSafe(enter)).fetch_one(session).await
}

/// Says that a worker is there, and whether it is still known.
pub(crate) async fn beat(session: &mut Connection, worker: i64) -> Result<bool, sqlx::Error> {
    let sql = format!("UPDATE workers SET expires_at = {} WHERE id = $1", expiry());
    let beaten = sqlx::query(AssertSqlSafe(sql)).bind(worker).execute(session).await?;
    Ok(beaten.rows_affected() == 1)
}

/// Forgets a worker that goes. What it had is free.
pub(crate) async fn leave(session: &mut Connection, worker: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM workers WHERE id = $1")
        .bind(worker)
        .execute(session)
        .await?;
    Ok(())
}
