//! When the database was last compared with its source, and what it has not applied.

use sqlx::Row;

use super::Store;
use super::steps::count;
use crate::Error;
use crate::freshness::Freshness;

impl Store {
    pub(crate) async fn freshness(&self) -> Result<Freshness, Error> {
        let row = sqlx::query(
            "SELECT (SELECT started_at FROM sync_runs WHERE state = 'finished' AND scope = 'all' ORDER BY id DESC LIMIT 1)
                        AS full_sync_began_at,
                    (SELECT MIN(polled_at) FROM event_cursors) AS events_read_at,
                    (SELECT COUNT(*) FROM inbox) AS waiting,
                    (SELECT COUNT(*) FROM events WHERE state = 'parked') AS parked,
                    (SELECT COUNT(*) FROM events WHERE state = 'dead') AS dead",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Freshness {
            full_sync_began_at: row.try_get("full_sync_began_at")?,
            events_read_at: row.try_get("events_read_at")?,
            waiting_events: count(&row, "waiting")?,
            parked_events: count(&row, "parked")?,
            dead_events: count(&row, "dead")?,
        })
    }
}
