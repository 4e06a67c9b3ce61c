//! What a complete traversal did not see is marked as deleted, unless that is implausibly much.
//!
//! Rows stay; `deleted_at` says since when they are gone. What depends on a deleted row goes with it in the same
//! transaction: the memberships of a user or group, everything in a directory. The guard looks at those memberships, too: a
//! handful of groups can have all of them.

use sqlx::AssertSqlSafe;

use super::Connection;
use super::Dialect;
use super::Held;
use super::Stamp;
use super::StepKey;
use super::Store;
use super::json_array;
use super::outbox;
use super::quarantine;
use super::steps;
use crate::Error;
use crate::Kind;

/// How much may be marked as deleted at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// This share of what was there before, in percent.
    AtMost(u8),
    /// Everything.
    Off,
}

/// So few deletions are never refused: a share says nothing about a directory of a dozen people.
const FEW: u64 = 10;

/// The guard's refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What would be marked.
    pub(crate) kind: Kind,
    /// How many would be marked.
    pub(crate) gone: u64,
    /// Of how many.
    pub(crate) of: u64,
    /// The share that is allowed.
    pub(crate) limit_percent: u8,
}

impl Guard {
    fn check(self, kind: Kind, gone: u64, of: u64) -> Result<(), Refusal> {
        match self {
            Self::AtMost(limit_percent)
                if gone > FEW && u128::from(gone) * 100 > u128::from(of) * u128::from(limit_percent) =>
            {
                Err(Refusal {
                    kind,
                    gone,
                    of,
                    limit_percent,
                })
            }
            _ => Ok(()),
        }
    }
}

impl Store {
    /// Ends a step of a directory whose traversal is complete: marks what it did not see. A refusal marks nothing and
    /// leaves the step open.
    pub(crate) async fn finish_step(
        &self,
        key: StepKey<'_>,
        held: Held<'_>,
        guard: Guard,
    ) -> Result<Result<u64, Refusal>, Error> {
        let mut transaction = self.begin_as(held).await?;
        let stamp = held.stamp();
        steps::require_traversed(&mut transaction, key).await?;
        let (gone, active) = gone_and_active(&mut transaction, key).await?;
        let gone = if quarantine::hides_absences(&mut transaction, key).await? {
            0
        } else {
            gone
        };
        let newcomers = steps::newcomers(&mut transaction, key).await?;
        if let Err(refusal) = guard.check(key.kind, gone, active.saturating_sub(newcomers)) {
            return Ok(Err(refusal));
        }
        if gone > 0 {
            if guard != Guard::Off && key.kind != Kind::Memberships {
                let (ended, active) = ended_and_active(&mut transaction, key).await?;
                if let Err(refusal) = guard.check(Kind::Memberships, ended, active) {
                    return Ok(Err(refusal));
                }
            }
            mark(&mut transaction, key, stamp).await?;
        }
        quarantine::sweep(&mut transaction, key).await?;
        steps::finish_step(&mut transaction, key, stamp, gone).await?;
        transaction.commit().await?;
        Ok(Ok(gone))
    }

    /// Ends the step that lists the directories: marks those that are gone, with all that is in them. Only directories of
    /// the organization are looked at, if one is given.
    pub(crate) async fn finish_directories(
        &self,
        held: Held<'_>,
        organization: Option<&str>,
        guard: Guard,
    ) -> Result<Result<u64, Refusal>, Error> {
        let mut transaction = self.begin_as(held).await?;
        let stamp = held.stamp();
        steps::require_traversed(&mut transaction, StepKey::directories(stamp.run)).await?;
        let ids: Vec<String> = sqlx::query_scalar(
            // A page of a directory that an event deleted meanwhile can have brought users and groups: those go as well. So
            // do those that events told of while nobody told of their directory.
            "SELECT id FROM directories AS d
             WHERE generation < $1 AND event_run < $1 AND ($2 IS NULL OR organization_id = $2)
               AND (deleted_at IS NULL
                    OR EXISTS (SELECT 1 FROM users AS u WHERE u.directory_id = d.id AND u.deleted_at IS NULL)
                    OR EXISTS (SELECT 1 FROM groups AS g WHERE g.directory_id = d.id AND g.deleted_at IS NULL))
             UNION SELECT directory_id FROM users
             WHERE directory_id NOT IN (SELECT id FROM directories)
               AND deleted_at IS NULL AND ($2 IS NULL OR organization_id = $2)
             GROUP BY directory_id HAVING MAX(event_run) < $1
             UNION SELECT directory_id FROM groups
             WHERE directory_id NOT IN (SELECT id FROM directories)
               AND deleted_at IS NULL AND ($2 IS NULL OR organization_id = $2)
             GROUP BY directory_id HAVING MAX(event_run) < $1",
        )
        .bind(stamp.run)
        .bind(organization)
        .fetch_all(&mut *transaction)
        .await?;
        let ids = match quarantine::hides_absences(&mut transaction, StepKey::directories(stamp.run)).await? {
            true => Vec::new(),
            false => ids,
        };
        let removed = remove_directories(&mut transaction, stamp, &ids, organization, guard).await?;
        if let Ok(removed) = removed {
            if organization.is_none() {
                quarantine::sweep(&mut transaction, StepKey::directories(stamp.run)).await?;
            }
            steps::finish_step(&mut transaction, StepKey::directories(stamp.run), stamp, removed).await?;
            transaction.commit().await?;
        }
        Ok(removed)
    }

    /// Marks one directory, with all that is in it.
    pub(crate) async fn remove_directory(
        &self,
        held: Held<'_>,
        id: &str,
        guard: Guard,
    ) -> Result<Result<u64, Refusal>, Error> {
        let mut transaction = self.begin_as(held).await?;
        let stamp = held.stamp();
        let removed = remove_directories(&mut transaction, stamp, &[id.to_owned()], None, guard).await?;
        if let Ok(removed) = removed {
            steps::add_deleted(&mut transaction, StepKey::directories(stamp.run), removed).await?;
            transaction.commit().await?;
        }
        Ok(removed)
    }
}

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

/// How many rows of the step's directory this run did not see, and how many there are.
async fn gone_and_active(connection: &mut Connection, key: StepKey<'_>) -> Result<(u64, u64), sqlx::Error> {
    let from = match key.kind {
        Kind::Memberships => {
            "memberships AS t JOIN users AS u ON u.id = t.user_id WHERE u.directory_id = $1".to_owned()
        }
        kind => format!("{kind} AS t WHERE t.directory_id = $1"),
    };
    let sql = format!(
        "SELECT COUNT(*) FILTER (WHERE t.generation < $2 AND t.event_run < $2) AS gone, COUNT(*) AS active FROM {from} AND t.deleted_at IS NULL"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(key.directory)
        .bind(key.run)
        .fetch_one(connection)
        .await?;
    Ok((steps::count(&row, "gone")?, steps::count(&row, "active")?))
}

/// How many memberships would end with the users or groups that this run did not see, and how many the directory has.
async fn ended_and_active(connection: &mut Connection, key: StepKey<'_>) -> Result<(u64, u64), sqlx::Error> {
    let owner = match key.kind {
        Kind::Users => "u",
        _ => "g",
    };
    let sql = format!(
        "SELECT COUNT(*) FILTER (WHERE {owner}.deleted_at IS NULL AND {owner}.generation < $2 AND {owner}.event_run < $2)
                    AS ended,
                COUNT(*) AS active
         FROM users AS u
         JOIN memberships AS m ON m.user_id = u.id AND m.deleted_at IS NULL
         LEFT JOIN groups AS g ON g.id = m.group_id
         WHERE u.directory_id = $1"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(key.directory)
        .bind(key.run)
        .fetch_one(connection)
        .await?;
    Ok((steps::count(&row, "ended")?, steps::count(&row, "active")?))
}

async fn mark(connection: &mut Connection, key: StepKey<'_>, stamp: Stamp<'_>) -> Result<(), sqlx::Error> {
    let of_directory = match key.kind {
        Kind::Memberships => "user_id IN (SELECT id FROM users WHERE directory_id = $2)",
        _ => "directory_id = $2",
    };
    let condition = format!("{of_directory} AND generation < $3 AND event_run < $3");
    outbox::lock(connection).await?;
    let told = (key.kind != Kind::Memberships).then(|| outbox::of_gone(key.kind, &condition, None));
    let marked = format!(
        "UPDATE {} SET deleted_at = $1, changed_at = $1 WHERE deleted_at IS NULL AND {condition}",
        key.kind
    );
    for sql in told.into_iter().chain([marked]) {
        sqlx::query(AssertSqlSafe(sql))
            .bind(stamp.now)
            .bind(key.directory)
            .bind(key.run)
            .execute(&mut *connection)
            .await?;
    }
    let orphans = match key.kind {
        Kind::Users => "user_id",
        Kind::Groups => "group_id",
        _ => return outbox::ended_memberships(connection, stamp.now).await,
    };
    let sql = format!(
        "UPDATE memberships SET deleted_at = $1, changed_at = $1
         WHERE deleted_at IS NULL
           AND {orphans} IN (SELECT id FROM {} WHERE directory_id = $2 AND deleted_at IS NOT NULL)",
        key.kind
    );
    let marked = sqlx::query(AssertSqlSafe(sql))
        .bind(stamp.now)
        .bind(key.directory)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    steps::add_deleted(connection, key.of(Kind::Memberships), marked).await?;
    outbox::ended_memberships(connection, stamp.now).await
}

/// Marks directories and all that is in them, and returns how many directories were active until now. The guard looks at
/// the users: a directory without people is no loss.
async fn remove_directories(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    ids: &[String],
    organization: Option<&str>,
    guard: Guard,
) -> Result<Result<u64, Refusal>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Ok(0));
    }
    let ids = json_array(ids)?;
    let dialect = Dialect::of(connection);
    let sql = format!(
        "SELECT COUNT(*) FILTER (WHERE u.directory_id IN ({})) AS gone, COUNT(*) AS active
         FROM users AS u
         WHERE u.deleted_at IS NULL
           AND ($2 IS NULL OR u.directory_id IN (SELECT id FROM directories WHERE organization_id = $2))",
        dialect.strings("$1")
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(&ids)
        .bind(organization)
        .fetch_one(&mut *connection)
        .await?;
    if let Err(refusal) = guard.check(Kind::Users, steps::count(&row, "gone")?, steps::count(&row, "active")?) {
        return Ok(Err(refusal));
    }
    outbox::lock(connection).await?;
    let strings = dialect.strings("$2");
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
            sqlx::query(AssertSqlSafe(outbox::of_gone(kind, &of_directories, None)))
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
        } else {
            steps::add_deleted(connection, StepKey::directories(stamp.run).of(kind), marked).await?;
        }
        if kind == Kind::Memberships {
            outbox::ended_memberships(connection, stamp.now).await?;
        }
    }
    Ok(Ok(removed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_refuses_more_than_the_share_but_never_a_few() {
        let guard = Guard::AtMost(20);
        assert_eq!(guard.check(Kind::Users, 20, 100), Ok(()));
        assert_eq!(
            guard.check(Kind::Users, 21, 100),
            Err(Refusal {
                kind: Kind::Users,
                gone: 21,
                of: 100,
                limit_percent: 20
            })
        );
        assert_eq!(guard.check(Kind::Users, 10, 10), Ok(()));
        assert!(guard.check(Kind::Users, 11, 11).is_err());
        assert_eq!(Guard::Off.check(Kind::Users, 1_000, 1_000), Ok(()));
        assert!(guard.check(Kind::Users, u64::MAX, u64::MAX).is_err());
    }
}
