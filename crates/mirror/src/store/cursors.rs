//! How far GET /events has been read, and when everything was compared last.

use std::time::Duration;

use sqlx::Row;
use workos_directory_sync::Timestamp;

use super::Connection;
use super::Lease;
use super::Store;
use super::leases;
use crate::Error;

/// How far the clocks here and there may differ.
pub(crate) const CLOCKS_DIFFER: Duration = Duration::from_secs(5 * 60);

/// How far GET /events has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) cursor: Option<String>,
    pub(crate) range_start: String,
    /// When it was read last.
    pub(crate) polled_at: Option<String>,
}

impl Store {
    /// Where to go on, or from when on to begin.
    pub(crate) async fn place(&self, scope: &str, range_start: &str) -> Result<Place, Error> {
        sqlx::query("INSERT INTO event_cursors (scope, range_start) VALUES ($1, $2) ON CONFLICT (scope) DO NOTHING")
            .bind(scope)
            .bind(range_start)
            .execute(&self.pool)
            .await?;
        let row = sqlx::query("SELECT cursor, range_start, polled_at FROM event_cursors WHERE scope = $1")
            .bind(scope)
            .fetch_one(&self.pool)
            .await?;
        Ok(Place {
            cursor: row.try_get("cursor")?,
            range_start: row.try_get("range_start")?,
            polled_at: row.try_get("polled_at")?,
        })
    }

    /// Forgets a cursor that is of no use any more, of a list whose lease this worker has.
    pub(crate) async fn lose_cursor(&self, scope: &str, lease: &Lease, range_start: &str) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        leases::check(&mut transaction, lease).await?;
        sqlx::query("UPDATE event_cursors SET cursor = NULL, polled_at = NULL, range_start = $1 WHERE scope = $2")
            .bind(range_start)
            .bind(scope)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The last full sync of everything that came to its end: its number, and when it had begun.
    pub(crate) async fn last_full_sync(&self) -> Result<Option<(i64, String)>, Error> {
        let row = sqlx::query(
            "SELECT id, started_at FROM sync_runs WHERE state = 'finished' AND scope = 'all' ORDER BY id DESC LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| Ok((row.try_get("id")?, row.try_get("started_at")?)))
            .transpose()
    }
}

/// Notes that a list was read to behind an event, or that nothing new was in it.
pub(super) async fn advance(
    connection: &mut Connection,
    scope: &str,
    event: Option<&str>,
    now: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE event_cursors SET cursor = COALESCE($1, cursor), polled_at = $2 WHERE scope = $3")
        .bind(event)
        .bind(now)
        .bind(scope)
        .execute(connection)
        .await?;
    Ok(())
}

/// Before when everything that happened is known: events are read from then on, and a full sync that began later came to
/// its end. `None` where that cannot be said.
pub(super) async fn known_before(connection: &mut Connection) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT range_start, (SELECT MAX(started_at) FROM sync_runs WHERE state = 'finished' AND scope = 'all') AS synced
         FROM event_cursors ORDER BY range_start LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (start, synced): (String, Option<String>) = (row.try_get("range_start")?, row.try_get("synced")?);
    let is_known = start
        .parse::<Timestamp>()
        .ok()
        .zip(synced.and_then(|synced| synced.parse::<Timestamp>().ok()))
        .is_some_and(|(start, synced)| {
            let after = start.as_jiff().saturating_add(CLOCKS_DIFFER);
            after.is_ok_and(|after| synced.as_jiff() >= after)
        });
    Ok(is_known.then_some(start))
}
