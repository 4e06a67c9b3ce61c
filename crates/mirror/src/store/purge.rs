//! What is deleted for good, on request.

use serde::Serialize;

use super::Store;
use super::outbox;
use crate::Error;

/// What a purge deleted, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Purged {
    /// Directories that were gone, with nothing left in them.
    pub directories: u64,
    /// Users that were gone.
    pub users: u64,
    /// Groups that were gone.
    pub groups: u64,
    /// Memberships that had ended.
    pub memberships: u64,
    /// Events that were done with.
    pub events: u64,
    /// Changes that every consumer is done with.
    pub changes: u64,
}

impl Store {
    /// Deletes what was over before a time. Rows stay that something still refers to, events that wait or could not be
    /// applied, and changes that a consumer has not acknowledged.
    pub(crate) async fn purge(&self, before: &str) -> Result<Purged, Error> {
        let mut transaction = self.begin().await?;
        outbox::lock(&mut transaction).await?;
        let mut purged = Purged::default();
        // Memberships first, then what they are of, then what that is in.
        for (count, sql) in [
            (&mut purged.memberships, "DELETE FROM memberships WHERE deleted_at < $1"),
            (
                &mut purged.users,
                "DELETE FROM users WHERE deleted_at < $1
                 AND NOT EXISTS (SELECT 1 FROM memberships AS m WHERE m.user_id = users.id)",
            ),
            (
                &mut purged.groups,
                "DELETE FROM groups WHERE deleted_at < $1
                 AND NOT EXISTS (SELECT 1 FROM memberships AS m WHERE m.group_id = groups.id)",
            ),
            (
                &mut purged.directories,
                "DELETE FROM directories WHERE deleted_at < $1
                 AND NOT EXISTS (SELECT 1 FROM users AS u WHERE u.directory_id = directories.id)
                 AND NOT EXISTS (SELECT 1 FROM groups AS g WHERE g.directory_id = directories.id)",
            ),
            (
                &mut purged.events,
                "DELETE FROM events WHERE received_at < $1 AND state IN ('applied', 'stale', 'kept')",
            ),
            (
                &mut purged.changes,
                "DELETE FROM changes WHERE changed_at < $1
                 AND NOT EXISTS (SELECT 1 FROM change_consumers WHERE position < changes.id)",
            ),
        ] {
            let deleted = sqlx::query(sql).bind(before).execute(&mut *transaction).await?;
            *count = deleted.rows_affected();
        }
        transaction.commit().await?;
        Ok(purged)
    }
}
