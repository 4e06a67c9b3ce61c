//! The inbox: events that a webhook brought, kept until they are applied.

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Connection;
use super::Dialect;
use super::Lease;
use super::Rows;
use super::Store;
use super::cursors;
use super::dead;
use super::events;
use super::json_array;
use super::leases;
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
    /// Since when, in canonical form.
    pub(crate) refused_since: Option<String>,
}

/// When an event is tried again that the database refused alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deferral<'a> {
    pub(crate) next_try_at: &'a str,
    pub(crate) refused_since: &'a str,
    /// Why, on one line.
    pub(crate) error: &'a str,
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

    /// The oldest events that wait and whose time has come; those that were refused come last, or are all that there are
    /// when only `deferred` ones are wanted.
    pub(crate) async fn waiting(&self, now: &str, deferred: bool, limit: i64) -> Result<Vec<Waiting>, Error> {
        let least = i64::from(deferred);
        let rows = sqlx::query(
            "SELECT id, payload, attempts, refused_since FROM inbox
             WHERE attempts >= $1 AND (next_try_at IS NULL OR next_try_at <= $2) ORDER BY attempts, number LIMIT $3",
        )
        .bind(least)
        .bind(now)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Waiting {
                    id: row.try_get("id")?,
                    payload: row.try_get("payload")?,
                    attempts: row.try_get("attempts")?,
                    refused_since: row.try_get("refused_since")?,
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

    /// Notes that the database refused an event, and when it is tried again.
    pub(crate) async fn put_off(&self, id: &str, deferral: Deferral<'_>) -> Result<(), Error> {
        sqlx::query(
            "UPDATE inbox SET attempts = attempts + 1, next_try_at = $2, refused_since = $3, error = $4 WHERE id = $1",
        )
        .bind(id)
        .bind(deferral.next_try_at)
        .bind(deferral.refused_since)
        .bind(deferral.error)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Whether other events were applied since a time.
    pub(crate) async fn were_applied_since(&self, time: &str) -> Result<bool, Error> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT id FROM events WHERE received_at > $1 AND state = 'applied' LIMIT 1")
                .bind(time)
                .fetch_optional(&self.pool)
                .await?;
        Ok(found.is_some())
    }

    /// Moves an event of a list into the inbox, to be tried again, and the list's cursor behind it.
    pub(crate) async fn defer_listed(
        &self,
        event: &Incoming,
        deferral: Deferral<'_>,
        list: (&str, &Lease),
    ) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        leases::check(&mut transaction, list.1).await?;
        sqlx::query(
            "INSERT INTO inbox (id, received_at, payload, attempts, next_try_at, refused_since, error)
             VALUES ($1, $2, $3, 1, $4, $2, $5) ON CONFLICT (id) DO NOTHING",
        )
        .bind(event.id.as_str())
        .bind(deferral.refused_since)
        .bind(event.payload.as_str())
        .bind(deferral.next_try_at)
        .bind(deferral.error)
        .execute(&mut *transaction)
        .await?;
        cursors::advance(&mut transaction, list.0, Some(&event.id), deferral.refused_since).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Gives up an event of a list: it is dead, with its error, and the list's cursor is behind it.
    pub(crate) async fn bury_listed(
        &self,
        event: &Incoming,
        now: &str,
        error: &str,
        list: (&str, &Lease),
    ) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        leases::check(&mut transaction, list.1).await?;
        dead::bury(&mut transaction, event, now, error).await?;
        cursors::advance(&mut transaction, list.0, Some(&event.id), now).await?;
        transaction.commit().await?;
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
