//! A directory that has ended, with all that is in it.
//!
//! Rows stay; `deleted_at` says since when they are gone. What depends on a deleted row goes with it in the same
//! transaction.

use sqlx::AssertSqlSafe;

use super::Connection;
use super::Dialect;
use super::Stamp;
use super::StepKey;
use super::json_array;
use super::outbox;
use super::quarantine;
use super::steps;
use crate::ChangeReason;
use crate::Kind;

/// Whether an event ended the step's directory since its run began. What is still on its way is older, and nothing else
/// would end it again before the next full sync.
pub(super) async fn has_ended(connection: &mut Connection, key: StepKey<'_>) -> Result<bool, sqlx::Error> {
    let ended: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM directories WHERE id = $1 AND deleted_at IS NOT NULL AND event_run >= $2")
            .bind(key.directory)
            .bind(key.run)
            .fetch_optional(connection)
            .await?;
    Ok(ended.is_some())
}

/// Marks directories and all that is in them, and returns how many directories were active until now. What it marks is
/// counted with a step of a full sync, if there is one.
pub(super) async fn remove_directories(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    counted: Option<StepKey<'_>>,
    ids: &[String],
    reason: Option<ChangeReason>,
) -> Result<u64, sqlx::Error> {
    if ids.is_empty() {
        return Ok(0);
    }
    let ids = json_array(ids)?;
    outbox::lock(connection).await?;
    let strings = Dialect::of(connection).strings("$2");
    let mut removed = 0;
    // Memberships first: they are found through the users and groups.
    for (kind, of_directories) in [
        (
            Kind::Memberships,
            format!("user_id IN (SELECT id FROM users WHERE directory_id IN ({strings}))"),
        ),
        (
            Kind::Memberships,
            format!("group_id IN (SELECT id FROM groups WHERE directory_id IN ({strings}))"),
        ),
        (Kind::Users, format!("directory_id IN ({strings})")),
        (Kind::Groups, format!("directory_id IN ({strings})")),
        (Kind::Directories, format!("id IN ({strings})")),
    ] {
        if kind != Kind::Memberships {
            sqlx::query(AssertSqlSafe(outbox::of_gone(kind, &of_directories, reason)))
                .bind(stamp.now)
                .bind(&ids)
                .execute(&mut *connection)
                .await?;
        }
        let sql =
            format!("UPDATE {kind} SET deleted_at = $1, changed_at = $1 WHERE deleted_at IS NULL AND {of_directories}");
        let marked = sqlx::query(AssertSqlSafe(sql))
            .bind(stamp.now)
            .bind(&ids)
            .execute(&mut *connection)
            .await?
            .rows_affected();
        if kind == Kind::Directories {
            removed = marked;
        } else if let Some(key) = counted {
            steps::add_deleted(connection, key.of(kind), marked).await?;
        }
        if kind == Kind::Memberships {
            outbox::ended_memberships(connection, stamp.now).await?;
        }
    }
    quarantine::release_directories(connection, &ids).await?;
    Ok(removed)
}
