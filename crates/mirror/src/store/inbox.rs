//! The inbox: events that a webhook brought, kept until they are applied.

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Connection;
use super::Dialect;
use super::Rows;
use super::Store;
use super::dead;
use super::events;
use super::json_array;
use crate::Error;
use crate::EventCounts;
use crate::incoming::Incoming;

/// An event in the inbox.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: String,
    /// The event as JSON.
    pub(crate) payload: String,
    /// How often the database refused it alone.
    pub(crate) attempts: i64,
}

impl Store {
    /// Keeps events until they are applied, all or none; they outlive a power cut. One that waits already is not kept
    /// twice.
    pub(crate) async fn keep(&self, events: &[&Incoming], now: &str) -> Result<(), Error> {
        let mut rows = Rows::new(self.dialect, ["id", "payload"]);
        for event in events {
            rows.push([Some(event.id.as_str()), Some(event.payload.as_str())])?;
        }
        // `WHERE true` tells SQLite that ON does not belong to the SELECT.
        let sql = format!(
            "INSERT INTO inbox (id, received_at, payload)
             SELECT id, $1, payload FROM {} WHERE true ON CONFLICT (id) DO NOTHING",
            rows.table("event", 2)
        );
        let mut connection = self.pool.acquire().await?;
        self.wait_for_disk(&mut connection, true).await?;
        let kept = rows
            .bind_to(sqlx::query(AssertSqlSafe(sql)).bind(now))
            .execute(&mut *connection)
            .await;
        self.wait_for_disk(&mut connection, false).await?;
        kept?;
        Ok(())
    }

    /// Says whether commits wait until they are on the disk. Those of PostgreSQL do as the server is set.
    pub(super) async fn wait_for_disk(&self, connection: &mut Connection, wait: bool) -> Result<(), Error> {
        if self.dialect == Dialect::Sqlite {
            let sql = if wait {
                "PRAGMA synchronous = FULL"
            } else {
                "PRAGMA synchronous = NORMAL"
            };
            sqlx::query(sql).execute(connection).await?;
        }
        Ok(())
    }

    /// The oldest events that wait; those that were refused come last.
    pub(crate) async fn waiting(&self, limit: i64) -> Result<Vec<Waiting>, Error> {
        let rows = sqlx::query("SELECT id, payload, attempts FROM inbox ORDER BY attempts, number LIMIT $1")
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Waiting {
                    id: row.try_get("id")?,
                    payload: row.try_get("payload")?,
                    attempts: row.try_get("attempts")?,
                })
            })
            .collect()
    }

    /// How many events wait.
    pub(crate) async fn count_waiting(&self) -> Result<u64, Error> {
        let row = sqlx::query("SELECT COUNT(*) AS waiting FROM inbox")
            .fetch_one(&self.pool)
            .await?;
        Ok(super::steps::count(&row, "waiting")?)
    }

    /// Applies events of the inbox and takes them out of it, all or nothing.
    pub(crate) async fn take_waiting(&self, incoming: &[Incoming], now: &str) -> Result<EventCounts, Error> {
        let mut transaction = self.begin().await?;
        let counts = events::take_all(&mut transaction, incoming, now).await?;
        let ids = json_array(&incoming.iter().map(|event| &event.id).collect::<Vec<_>>())?;
        let sql = format!("DELETE FROM inbox WHERE id IN ({})", self.dialect.strings("$1"));
        sqlx::query(AssertSqlSafe(sql))
            .bind(ids)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(counts)
    }

    /// Notes that the database refused an event.
    pub(crate) async fn note_refused(&self, id: &str) -> Result<(), Error> {
        sqlx::query("UPDATE inbox SET attempts = attempts + 1 WHERE id = $1")
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Gives an event up: it is dead, with its error, and does not wait any more.
    pub(crate) async fn bury(&self, event: &Incoming, now: &str, error: &str) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        dead::bury(&mut transaction, event, now, error).await?;
        sqlx::query("DELETE FROM inbox WHERE id = $1")
            .bind(event.id.as_str())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
