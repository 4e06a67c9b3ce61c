//! Events that could not be applied: kept with the reason, until somebody tries them again.

use serde::Serialize;
use sqlx::Row;

use super::Connection;
use super::Store;
use crate::Error;
use crate::incoming::Incoming;

/// An event that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadEvent {
    /// Its id.
    pub id: String,
    /// Its name, such as `dsync.user.created`.
    pub name: String,
    /// When it happened, by the API's clock.
    pub created_at: String,
    /// Why it could not be applied.
    pub error: String,
}

impl Store {
    /// The oldest events that could not be applied.
    pub(crate) async fn dead_events(&self, limit: u32) -> Result<Vec<DeadEvent>, Error> {
        let rows = sqlx::query(
            "SELECT id, name, created_at, error FROM events WHERE state = 'dead' ORDER BY created_at, id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(DeadEvent {
                    id: row.try_get("id")?,
                    name: row.try_get("name")?,
                    created_at: row.try_get("created_at")?,
                    error: row.try_get::<Option<String>, _>("error")?.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// A dead event as it came.
    pub(crate) async fn dead_event(&self, id: &str) -> Result<Option<String>, Error> {
        Ok(
            sqlx::query_scalar("SELECT payload FROM events WHERE id = $1 AND state = 'dead' AND payload IS NOT NULL")
                .bind(id)
                .fetch_optional(&self.pool)
                .await?,
        )
    }
}

/// Remembers an event that the database refuses to apply.
pub(super) async fn bury(
    connection: &mut Connection,
    event: &Incoming,
    now: &str,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO events (id, name, created_at, received_at, run, state, error, payload)
         VALUES ($1, $2, $3, $4, (SELECT COALESCE(MAX(id), 0) FROM sync_runs), 'dead', $5, $6)
         ON CONFLICT (id) DO UPDATE SET error = excluded.error WHERE events.state = 'dead'",
    )
    .bind(event.id.as_str())
    .bind(event.name.as_str())
    .bind(event.created_at.as_str())
    .bind(now)
    .bind(error)
    .bind(event.payload.as_str())
    .execute(connection)
    .await?;
    Ok(())
}
