//! Directories that a list did not give, and what an ended one has.

use sqlx::AssertSqlSafe;

use super::Absence;
use super::Pass;
use super::approvals;
use super::drop_settled;
use super::end::Ends;
use super::end::WAITS;
use super::end::is_more_than;
use super::is_live;
use super::strings;
use crate::ChangeReason;
use crate::Error;
use crate::Kind;
use crate::store::Connection;
use crate::store::Held;
use crate::store::Stamp;
use crate::store::StepKey;
use crate::store::Store;
use crate::store::gone;
use crate::store::json_array;
use crate::store::quarantine;
use crate::store::steps;

impl Store {
    /// Ends the step that lists the directories: notes those that it did not see. Only directories of the organization are
    /// looked at, if one is given.
    pub(crate) async fn finish_directories(&self, held: Held<'_>, organization: Option<&str>) -> Result<(), Error> {
        let mut transaction = self.begin_as(held).await?;
        let stamp = held.stamp();
        let key = StepKey::directories(stamp.run);
        steps::require_traversed(&mut transaction, key).await?;
        // A page of a directory that an event deleted meanwhile can have brought users and groups: those go as well.
        let emptied: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM directories AS d
             WHERE generation < $1 AND event_run < $1 AND ($2 IS NULL OR organization_id = $2)
               AND deleted_at IS NOT NULL
               AND (EXISTS (SELECT 1 FROM users AS u WHERE u.directory_id = d.id AND u.deleted_at IS NULL)
                    OR EXISTS (SELECT 1 FROM groups AS g WHERE g.directory_id = d.id AND g.deleted_at IS NULL))",
        )
        .bind(stamp.run)
        .bind(organization)
        .fetch_all(&mut *transaction)
        .await?;
        gone::remove_directories(&mut transaction, stamp, Some(key), &emptied, None).await?;
        let ids: Vec<String> = sqlx::query_scalar(
            // Those as well that events told of while nobody told of their directory.
            "SELECT id FROM directories
             WHERE generation < $1 AND event_run < $1 AND ($2 IS NULL OR organization_id = $2) AND deleted_at IS NULL
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
        for id in &ids {
            note(&mut transaction, stamp, id, "not_listed", 1).await?;
        }
        if organization.is_none() {
            quarantine::sweep(&mut transaction, key).await?;
        }
        steps::finish_step(&mut transaction, key, stamp, 0).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The absent directories that were not asked for in this pass. A full sync asks for those that it noted.
    pub(crate) async fn due_directories(&self, held: Held<'_>) -> Result<Vec<Absence>, Error> {
        let due = if held.is_run() {
            "a.run = $1 AND (a.asked_in IS NULL OR a.asked_in <> $1) AND $2 = $2"
        } else {
            "(a.next_try_at <= $2 OR (a.next_try_at IS NULL AND (a.asked_in IS NULL OR a.asked_in <> $1)))"
        };
        let sql = format!(
            "SELECT a.kind, a.id, a.directory_id, a.attempts FROM absences AS a
             WHERE a.kind = 'directories' AND {due} AND {}
             ORDER BY CASE WHEN a.last_asked_at IS NULL THEN 0 ELSE 1 END, COALESCE(a.last_asked_at, a.since), a.id",
            is_live(Kind::Directories)
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(held.pass())
            .bind(held.now)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(Absence::read).collect::<Result<_, _>>()?)
    }

    /// How many directories the API did not know in this pass, and nothing has become of yet; of one only, if it is given.
    pub(crate) async fn missing_directories(&self, held: Held<'_>, only: Option<&str>) -> Result<u64, Error> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS missing FROM absences
             WHERE kind = 'directories' AND asked_in = $1 AND last_response = '404' AND ($2 IS NULL OR id = $2)",
        )
        .bind(held.pass())
        .bind(only)
        .fetch_one(&self.pool)
        .await?;
        Ok(steps::count(&row, "missing")?)
    }

    /// Ends the directories that the API did not know in this pass, if the control answered, and those whose end is
    /// approved, with all that is in them. Returns their ids.
    pub(crate) async fn end_directories(
        &self,
        held: Held<'_>,
        only: Option<&str>,
        ends: Ends<'_>,
    ) -> Result<Vec<String>, Error> {
        let (mut transaction, pass) = self.begin_pass(held).await?;
        let sql = format!(
            "DELETE FROM absences AS a WHERE a.kind = 'directories' AND NOT {}",
            is_live(Kind::Directories)
        );
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
        let mut ids = confirmed(&mut transaction, pass, only, ends).await?;
        if held.is_run() && ends.calls > 0 {
            let key = StepKey::directories(held.lease.run);
            steps::add_lookups(&mut transaction, key, ends.calls, 0, 0).await?;
        }
        let mut approved = Vec::new();
        for directory in approvals::approved_directories(&mut transaction, pass, Kind::Directories).await? {
            if approvals::use_one(&mut transaction, pass, &directory, Kind::Directories).await? {
                approved.push(directory);
            }
        }
        if ids.is_empty() && approved.is_empty() {
            transaction.commit().await?;
            return Ok(ids);
        }
        let key = held.is_run().then(|| StepKey::directories(held.lease.run));
        let mut removed = 0;
        for (ids, reason) in [(&ids, ChangeReason::Confirmed), (&approved, ChangeReason::Approved)] {
            removed += gone::remove_directories(&mut transaction, pass.stamp, key, ids, Some(reason)).await?;
        }
        ids.append(&mut approved);
        if let Some(key) = key {
            steps::add_ended(&mut transaction, key, removed).await?;
        }
        let sql = format!(
            "DELETE FROM absences WHERE directory_id IN ({}) AND $2 = $2",
            strings(&transaction, "$1")
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(json_array(&ids)?)
            .bind(pass.number)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(ids)
    }

    /// Whether one of these directories is in the database and not deleted.
    pub(crate) async fn knows_directory(&self, ids: &[String]) -> Result<bool, Error> {
        let sql = format!(
            "SELECT 1 FROM directories WHERE deleted_at IS NULL AND id IN ({}) LIMIT 1",
            self.dialect.strings("$1")
        );
        let found: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(json_array(ids)?)
            .fetch_optional(&self.pool)
            .await?;
        Ok(found.is_some())
    }

    /// How many directories are in the database and not deleted, and the ids of some of them, those first that were seen
    /// last.
    pub(crate) async fn known_directories(&self, limit: u32) -> Result<(u64, Vec<String>), Error> {
        let row = sqlx::query("SELECT COUNT(*) AS known FROM directories WHERE deleted_at IS NULL")
            .fetch_one(&self.pool)
            .await?;
        let ids = sqlx::query_scalar(
            "SELECT id FROM directories WHERE deleted_at IS NULL ORDER BY generation DESC, id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok((steps::count(&row, "known")?, ids))
    }
}

async fn note(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    directory: &str,
    reason: &str,
    traversals: i64,
) -> Result<(), sqlx::Error> {
    drop_settled(connection, directory, Kind::Directories).await?;
    sqlx::query(
        "INSERT INTO absences (kind, id, group_id, directory_id, since, run, reason, traversals)
         VALUES ('directories', $1, '', $1, $2, $3, $4, $5)
         ON CONFLICT (kind, id, group_id) DO UPDATE SET
             traversals = absences.traversals
                 + CASE WHEN absences.run < excluded.run THEN excluded.traversals ELSE 0 END,
             run = excluded.run, reason = excluded.reason",
    )
    .bind(directory)
    .bind(stamp.now)
    .bind(stamp.run)
    .bind(reason)
    .bind(traversals)
    .execute(connection)
    .await?;
    Ok(())
}

/// The directories whose absence is confirmed. Those that stay are noted as undecided.
async fn confirmed(
    connection: &mut Connection,
    pass: Pass<'_>,
    only: Option<&str>,
    ends: Ends<'_>,
) -> Result<Vec<String>, sqlx::Error> {
    let sql = format!(
        "SELECT a.id FROM absences AS a
         WHERE a.kind = 'directories' AND a.asked_in = $1 AND a.last_response = '404' AND ($2 IS NULL OR a.id = $2) AND {}
         ORDER BY a.id",
        is_live(Kind::Directories)
    );
    let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(pass.number)
        .bind(only)
        .fetch_all(&mut *connection)
        .await?;
    if ids.is_empty() {
        return Ok(ids);
    }
    let stays = match (ends.no_control, ends.settings.deleted_at_once_percent) {
        (Some(reason), _) => Some(format!("404, but no control: {reason}")),
        (None, Some(percent)) => {
            let sql = format!(
                "SELECT COUNT(*) FILTER (WHERE directory_id IN ({})) AS gone, COUNT(*) AS active
                 FROM users WHERE deleted_at IS NULL",
                strings(connection, "$1")
            );
            let row = sqlx::query(AssertSqlSafe(sql))
                .bind(json_array(&ids)?)
                .fetch_one(&mut *connection)
                .await?;
            let (gone, active) = (steps::count(&row, "gone")?, steps::count(&row, "active")?);
            is_more_than(gone, active, percent).then(|| WAITS.to_owned())
        }
        (None, None) => None,
    };
    let Some(response) = stays else {
        return Ok(ids);
    };
    sqlx::query(
        "UPDATE absences SET last_response = $1, next_try_at = $2, attempts = attempts + 1
         WHERE kind = 'directories' AND asked_in = $3 AND last_response = '404' AND ($4 IS NULL OR id = $4)",
    )
    .bind(response)
    .bind(ends.next_try_at)
    .bind(pass.number)
    .bind(only)
    .execute(connection)
    .await?;
    Ok(Vec::new())
}
