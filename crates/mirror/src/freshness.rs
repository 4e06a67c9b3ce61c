//! How far a mirror is behind its source.

use serde::Serialize;
use workos_directory_sync::Timestamp;

use crate::Error;
use crate::Mirror;

/// How fresh a mirror is, as [`Mirror::freshness`] finds it. Times are by the clock of the processes that write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Freshness {
    /// When the last full sync of everything that came to its end had begun; null before the first.
    pub full_sync_began_at: Option<String>,
    /// When GET /events was read last; null when it never was.
    pub events_read_at: Option<String>,
    /// Events that webhooks brought and that wait to be applied.
    pub waiting_events: u64,
    /// Events that wait for their user or group.
    pub parked_events: u64,
    /// Events that could not be applied.
    pub dead_events: u64,
    /// Objects and fields that could not be read: [`Mirror::quarantine`] shows them.
    pub quarantined: u64,
    /// Rows that a list did not give, and of which nobody knows yet whether they ended: [`Mirror::deletions`] shows those that
    /// were asked for.
    pub undecided: u64,
    /// For how many seconds the oldest of them has been undecided; null when there is none.
    pub undecided_oldest_seconds: Option<u64>,
    /// Directories whose connection has not worked for a day: what their identity provider changes does not arrive.
    pub unlinked_directories: Vec<String>,
}

impl Freshness {
    /// Since when the source may have changed without the mirror's knowledge; `None` before the first full sync.
    pub fn as_of(&self) -> Option<Timestamp> {
        let full_sync = time(self.full_sync_began_at.as_deref())?;
        // `None` is less than any time.
        time(self.events_read_at.as_deref()).max(Some(full_sync))
    }
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

impl Mirror {
    /// How far this mirror is behind.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn freshness(&self) -> Result<Freshness, Error> {
        self.store.freshness(&self.now()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_last_counts_but_only_after_a_full_sync() {
        let [early, late] = ["2024-01-15T10:00:00.000Z", "2024-01-15T11:00:00.000Z"].map(|text| Some(text.to_owned()));
        let as_of = |full_sync: &Option<String>, events: &Option<String>| {
            let freshness = Freshness {
                full_sync_began_at: full_sync.clone(),
                events_read_at: events.clone(),
                ..Freshness::default()
            };
            freshness.as_of().map(|time| time.to_string())
        };
        assert_eq!(as_of(&None, &late), None);
        assert_eq!(as_of(&early, &None), early);
        assert_eq!(as_of(&early, &late), late);
        assert_eq!(as_of(&late, &early), late);
    }
}
