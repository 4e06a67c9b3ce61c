//! The quarantine, for those who look at it: what the source said that cannot be read, and asking for it again.

use serde::Serialize;
use workos_directory_sync::Client;

use crate::Error;
use crate::Kind;
use crate::Mirror;
use crate::QuarantinedObject;
use crate::full_sync::lookup;
use crate::full_sync::lookup::Lookup;
use crate::record::DIRECTORIES;
use crate::record::GROUPS;
use crate::record::USERS;

/// What became of an object of the quarantine that was asked for again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RetryOutcome {
    /// It reads well: it is mirrored, and out of the quarantine.
    Released,
    /// It is mirrored as far as it can be read, and stays in the quarantine.
    StillOdd,
    /// There is none any more: it is out of the quarantine.
    NotFound,
    /// The API does not say.
    Undecided {
        /// Why, on one line.
        reason: String,
    },
    /// It cannot be asked for: its id cannot be read, or it is an event. The next full sync reads it again.
    CannotBeAsked,
}

impl Mirror {
    /// Returns what the source said that cannot be read, the oldest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn quarantine(&self, limit: u32) -> Result<Vec<QuarantinedObject>, Error> {
        self.store.quarantine(limit).await
    }

    /// Returns an entry of the quarantine by its number; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn quarantined_object(&self, number: i64) -> Result<Option<QuarantinedObject>, Error> {
        self.store.quarantined(number).await
    }

    /// Returns how many entries the quarantine has.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn quarantined_count(&self) -> Result<u64, Error> {
        self.store.count_quarantined().await
    }

    /// Asks for an object of the quarantine by its id, and mirrors it as far as it can be read. `None` when there is no entry
    /// of this number.
    ///
    /// # Errors
    ///
    /// What the API or the database refuses.
    pub async fn retry_quarantined(&self, client: &Client, number: i64) -> Result<Option<RetryOutcome>, Error> {
        let Some(entry) = self.store.quarantined(number).await? else {
            return Ok(None);
        };
        let table = [&DIRECTORIES, &USERS, &GROUPS]
            .into_iter()
            .find(|table| table.name() == entry.kind && table.kind != Kind::Memberships);
        let (Some(table), Some(id)) = (table, entry.id) else {
            return Ok(Some(RetryOutcome::CannotBeAsked));
        };
        let outcome = match lookup::look_up(client, table, &id).await? {
            Lookup::Found(object, mut findings) => {
                let outcome = if findings.odd.is_empty() {
                    RetryOutcome::Released
                } else {
                    RetryOutcome::StillOdd
                };
                findings.released.push(id);
                self.store
                    .apply_lookup(table, Some(object.record), &findings, &self.now().canonical())
                    .await?;
                outcome
            }
            Lookup::Unreadable(findings) => {
                self.store
                    .apply_lookup(table, None, &findings, &self.now().canonical())
                    .await?;
                RetryOutcome::StillOdd
            }
            Lookup::NotFound(_) => {
                self.store.release_quarantined(table.kind, &id).await?;
                RetryOutcome::NotFound
            }
            Lookup::Undecided { reason, .. } => RetryOutcome::Undecided { reason },
        };
        Ok(Some(outcome))
    }
}
