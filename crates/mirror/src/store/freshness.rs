//! When the database was last compared with its source, and what it has not applied.

use std::time::Duration;

use sqlx::Row;
use workos_directory_sync::Timestamp;

use super::Store;
use super::absences;
use super::steps::count;
use crate::Error;
use crate::freshness::Freshness;

/// A connection that did not work for less is not worth a warning.
const UNLINKED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    pub(crate) async fn freshness(&self, now: &Timestamp) -> Result<Freshness, Error> {
        let row = sqlx::query(
            "SELECT (SELECT started_at FROM sync_runs WHERE state = 'finished' AND scope = 'all' ORDER BY id DESC LIMIT 1)
                        AS full_sync_began_at,
                    (SELECT MIN(polled_at) FROM event_cursors) AS events_read_at,
                    (SELECT COUNT(*) FROM inbox) AS waiting,
                    (SELECT COUNT(*) FROM events WHERE state = 'parked') AS parked,
                    (SELECT COUNT(*) FROM events WHERE state = 'dead') AS dead,
                    (SELECT COUNT(*) FROM quarantine) AS quarantined",
        )
        .fetch_one(&self.pool)
        .await?;
        let (undecided, oldest) = absences::undecided(&self.pool).await?;
        let oldest = oldest.and_then(|since| since.parse::<Timestamp>().ok());
        let age = oldest.map(|since| now.as_jiff().duration_since(since.as_jiff()).as_secs());
        let unlinked_before = now.as_jiff().saturating_sub(UNLINKED_FOR).map(Timestamp::from);
        let unlinked_directories = sqlx::query_scalar(
            "SELECT id FROM directories WHERE deleted_at IS NULL AND unlinked_since <= $1 ORDER BY id",
        )
        .bind(unlinked_before.map_or_else(|_| String::new(), |time| time.canonical()))
        .fetch_all(&self.pool)
        .await?;
        Ok(Freshness {
            full_sync_began_at: row.try_get("full_sync_began_at")?,
            events_read_at: row.try_get("events_read_at")?,
            waiting_events: count(&row, "waiting")?,
            parked_events: count(&row, "parked")?,
            dead_events: count(&row, "dead")?,
            quarantined: count(&row, "quarantined")?,
            undecided,
            undecided_oldest_seconds: age.map(|age| u64::try_from(age).unwrap_or(0)),
            unlinked_directories,
        })
    }
}
