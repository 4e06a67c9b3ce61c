//! Which absent objects are asked for next, and what the API said.

use sqlx::AssertSqlSafe;

use super::Absence;
use super::Pass;
use super::is_live;
use crate::Error;
use crate::Kind;
use crate::record::DIRECTORIES;
use crate::record::EmbeddedGroups;
use crate::record::GROUPS;
use crate::record::ReadObject;
use crate::record::Record;
use crate::record::USERS;
use crate::store::Connection;
use crate::store::Findings;
use crate::store::Held;
use crate::store::StepKey;
use crate::store::Store;
use crate::store::events;
use crate::store::memberships;
use crate::store::objects;
use crate::store::outbox;
use crate::store::outbox::Told;
use crate::store::quarantine;
use crate::store::steps;

/// What a response says that a 404 came from the API itself.
pub(super) const MISSING: &str = "404";

/// What a response says that the object is there.
pub(super) const FOUND: &str = "200";

/// What is due at `$1` between two full syncs.
const DUE: &str = "SELECT directory_id, kind FROM absences WHERE next_try_at IS NULL OR next_try_at <= $1
     UNION ALL
     SELECT directory_id, kind FROM deletion_approvals AS d
     WHERE used_at IS NULL AND expires_at > $1
       AND (SELECT COUNT(*) FROM absences AS a
            WHERE a.directory_id = d.directory_id AND a.kind = d.kind AND a.attempts > 0) BETWEEN 1 AND at_most";

impl Store {
    /// Whether anything of a directory is absent.
    pub(crate) async fn has_absences(&self, directory: &str) -> Result<bool, Error> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM absences WHERE directory_id = $1 LIMIT 1")
            .bind(directory)
            .fetch_optional(&self.pool)
            .await?;
        Ok(found.is_some())
    }

    /// Whether anything is to be asked for, or to end by approval, between two full syncs.
    pub(crate) async fn is_due(&self, now: &str) -> Result<bool, Error> {
        let sql = format!("{DUE} LIMIT 1");
        let found: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(now)
            .fetch_optional(&self.pool)
            .await?;
        Ok(found.is_some())
    }

    /// The directories in which anything of them is to be asked for, or to end by approval.
    pub(crate) async fn due_in_directories(&self, now: &str) -> Result<Vec<String>, Error> {
        let sql = format!("SELECT DISTINCT directory_id FROM ({DUE}) AS due WHERE kind <> 'directories' ORDER BY 1");
        Ok(sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(now)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Notes that an object is absent though its list gave it, or without a list.
    pub(crate) async fn note_vanished(
        &self,
        held: Held<'_>,
        kind: Kind,
        id: &str,
        directory: &str,
    ) -> Result<Absence, Error> {
        let (mut transaction, pass) = self.begin_pass(held).await?;
        // What was seen a moment ago is not seen any more.
        let sql = format!(
            "UPDATE {kind} SET generation = $1 - 1
             WHERE id = $2 AND generation >= $1 AND event_run < $1 AND deleted_at IS NULL"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(pass.stamp.run)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO absences (kind, id, group_id, directory_id, since, run, reason)
             VALUES ($1, $2, '', $3, $4, $5, 'vanished')
             ON CONFLICT (kind, id, group_id) DO UPDATE SET directory_id = excluded.directory_id, run = excluded.run",
        )
        .bind(kind.as_str())
        .bind(id)
        .bind(directory)
        .bind(pass.stamp.now)
        .bind(pass.stamp.run)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Absence {
            kind,
            id: id.to_owned(),
            directory: directory.to_owned(),
            attempts: 0,
        })
    }

    /// The absent objects of a directory that were not asked for in this pass, those first that never were, then the one
    /// that was asked for longest ago. Between full syncs only those whose time has come.
    pub(crate) async fn due_absences(
        &self,
        held: Held<'_>,
        directory: &str,
        kinds: &[Kind],
        limit: u32,
    ) -> Result<Vec<Absence>, Error> {
        let due = due(held);
        let of_kinds: Vec<_> = kinds
            .iter()
            .map(|kind| format!("(a.kind = '{kind}' AND {})", is_live(*kind)))
            .collect();
        let sql = format!(
            "SELECT a.kind, a.id, a.directory_id, a.attempts FROM absences AS a
             WHERE a.directory_id = $1 AND {due} AND ({})
             ORDER BY CASE WHEN a.last_asked_at IS NULL THEN 0 ELSE 1 END, COALESCE(a.last_asked_at, a.since), a.id
             LIMIT $4",
            of_kinds.join(" OR ")
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(directory)
            .bind(held.pass())
            .bind(held.now)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(Absence::read).collect::<Result<_, _>>()?)
    }

    /// Takes lookups out of what a full sync may do, and returns how many there were left. Passes between full syncs have
    /// no such limit.
    pub(crate) async fn reserve_lookups(&self, held: Held<'_>, wanted: u64, most: u64) -> Result<u64, Error> {
        if !held.is_run() {
            return Ok(wanted);
        }
        let lock = match self.dialect {
            crate::store::Dialect::Sqlite => "",
            crate::store::Dialect::Postgres => " FOR UPDATE",
        };
        let mut transaction = self.begin().await?;
        let sql = format!("SELECT lookups FROM sync_runs WHERE id = $1{lock}");
        let made: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(held.lease.run)
            .fetch_one(&mut *transaction)
            .await?;
        let left = most.saturating_sub(u64::try_from(made).unwrap_or(0));
        let granted = wanted.min(left);
        if granted > 0 {
            sqlx::query("UPDATE sync_runs SET lookups = lookups + $1 WHERE id = $2")
                .bind(i64::try_from(granted).unwrap_or(i64::MAX))
                .bind(held.lease.run)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
        }
        Ok(granted)
    }

    /// Notes that the API does not know an absent object.
    pub(crate) async fn note_missing(&self, held: Held<'_>, absence: &Absence) -> Result<(), Error> {
        let (mut transaction, pass) = self.begin_pass(held).await?;
        respond(&mut transaction, pass, absence, MISSING, None).await?;
        count(&mut transaction, held, absence, 0).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Notes that the API did not say what became of an absent object.
    pub(crate) async fn note_undecided(
        &self,
        held: Held<'_>,
        absence: &Absence,
        reason: &str,
        next_try_at: &str,
    ) -> Result<(), Error> {
        let (mut transaction, pass) = self.begin_pass(held).await?;
        respond(&mut transaction, pass, absence, reason, Some(next_try_at)).await?;
        count(&mut transaction, held, absence, 0).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Writes an absent object that is there after all, as a page would.
    pub(crate) async fn refresh(
        &self,
        held: Held<'_>,
        absence: &Absence,
        object: ReadObject,
        findings: &Findings,
    ) -> Result<(), Error> {
        let (mut transaction, pass) = self.begin_pass(held).await?;
        let id = std::slice::from_ref(&absence.id);
        quarantine::release(&mut transaction, absence.kind, id, &findings.odd).await?;
        quarantine::write(&mut transaction, pass.stamp, &findings.odd).await?;
        apply(&mut transaction, pass, absence.kind, object.record, object.groups).await?;
        respond(&mut transaction, pass, absence, FOUND, None).await?;
        count(&mut transaction, held, absence, 1).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Whether an absence `a` is due: in a full sync, `$2`, each once; between two of them when its time, `$3`, has come.
pub(super) fn due(held: Held<'_>) -> &'static str {
    if held.is_run() {
        "(a.asked_in IS NULL OR a.asked_in <> $2) AND $3 = $3"
    } else {
        "(a.next_try_at <= $3 OR (a.next_try_at IS NULL AND (a.asked_in IS NULL OR a.asked_in <> $2)))"
    }
}

/// Writes an object that was asked for by its id.
async fn apply(
    connection: &mut Connection,
    pass: Pass<'_>,
    kind: Kind,
    record: Record,
    groups: EmbeddedGroups,
) -> Result<(), sqlx::Error> {
    let table = match kind {
        Kind::Directories => &DIRECTORIES,
        Kind::Groups => &GROUPS,
        Kind::Users | Kind::Memberships => &USERS,
    };
    let stamp = pass.stamp;
    let id = record.id.clone();
    let mut written = objects::apply(connection, table, stamp, vec![record]).await?;
    let mut joined: Vec<Told> = Vec::new();
    if let EmbeddedGroups::Told(groups) = groups {
        let pairs = groups.into_iter().map(|group| (id.clone(), group)).collect();
        joined = memberships::apply(connection, stamp, pairs).await?.told;
    }
    written.tell(connection, table, stamp.now, joined).await?;
    events::unpark(connection, stamp, &written.came).await?;
    leave_foreign_groups(connection, stamp.now, &written.moved).await?;
    Ok(())
}

/// Ends the memberships of users in groups of directories that are not theirs.
pub(in crate::store) async fn leave_foreign_groups(
    connection: &mut Connection,
    now: &str,
    users: &[String],
) -> Result<(), sqlx::Error> {
    for user in users {
        sqlx::query(
            "UPDATE memberships SET deleted_at = $1, changed_at = $1
             WHERE user_id = $2 AND deleted_at IS NULL
               AND group_id IN (SELECT g.id FROM groups AS g JOIN users AS u ON u.id = $2
                                WHERE g.directory_id <> u.directory_id)",
        )
        .bind(now)
        .bind(user.as_str())
        .execute(&mut *connection)
        .await?;
    }
    if users.is_empty() {
        return Ok(());
    }
    outbox::ended_memberships(connection, now).await
}

/// Notes a response. With a time to try again it was none that decides.
async fn respond(
    connection: &mut Connection,
    pass: Pass<'_>,
    absence: &Absence,
    response: &str,
    next_try_at: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE absences SET asked_in = $1, last_asked_at = $2, last_response = $3, next_try_at = $4,
             attempts = attempts + CASE WHEN $4 IS NULL THEN 0 ELSE 1 END
         WHERE kind = $5 AND id = $6 AND group_id = ''",
    )
    .bind(pass.number)
    .bind(pass.stamp.now)
    .bind(response)
    .bind(next_try_at)
    .bind(absence.kind.as_str())
    .bind(absence.id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts a lookup of a full sync with the step that it belongs to.
async fn count(
    connection: &mut Connection,
    held: Held<'_>,
    absence: &Absence,
    refreshed: u64,
) -> Result<(), sqlx::Error> {
    if !held.is_run() {
        return Ok(());
    }
    let key = StepKey {
        run: held.lease.run,
        directory: if absence.kind == Kind::Directories {
            ""
        } else {
            &absence.directory
        },
        kind: absence.kind,
    };
    steps::add_lookups(connection, key, 1, 1, refreshed).await
}
