//! What is asked after the absent objects, to know that a 404 means something.

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::lookups::FOUND;
use crate::Error;
use crate::Kind;
use crate::WarningKind;
use crate::store::Connection;
use crate::store::Held;
use crate::store::Store;
use crate::store::steps;

/// An object that the API is sure to know: if it answers for this one, its 404s are to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ControlObject {
    pub(crate) kind: Kind,
    pub(crate) id: String,
}

impl Store {
    /// How many objects of a directory the API did not know in this pass, and nothing has become of yet.
    pub(crate) async fn missing(&self, held: Held<'_>, directory: &str, kinds: &[Kind]) -> Result<u64, Error> {
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("'{kind}'")).collect();
        let sql = format!(
            "SELECT COUNT(*) AS missing FROM absences
             WHERE directory_id = $1 AND asked_in = $2 AND last_response = '404' AND kind IN ({})",
            kinds.join(", ")
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(directory)
            .bind(held.pass())
            .fetch_one(&self.pool)
            .await?;
        Ok(steps::count(&row, "missing")?)
    }

    /// What to ask for after the absent objects of a directory: the directory itself where it is linked and its lists were
    /// consistent, else an object that its lists gave the last time. `None` when there is nothing.
    pub(crate) async fn control(&self, held: Held<'_>, directory: &str) -> Result<Option<ControlObject>, Error> {
        let run = self.run_of(held, directory).await?;
        let state: Option<String> =
            sqlx::query_scalar("SELECT state FROM directories WHERE id = $1 AND deleted_at IS NULL")
                .bind(directory)
                .fetch_optional(&self.pool)
                .await?;
        let warnings: Vec<String> =
            sqlx::query_scalar("SELECT what FROM sync_warnings WHERE run_id = $1 AND directory_id = $2")
                .bind(run)
                .bind(directory)
                .fetch_all(&self.pool)
                .await?;
        let is_consistent = !warnings
            .iter()
            .filter_map(|name| WarningKind::from_name(name))
            .any(WarningKind::is_contradiction);
        if is_consistent && state.as_deref().is_some_and(is_linked) {
            return Ok(Some(ControlObject {
                kind: Kind::Directories,
                id: directory.to_owned(),
            }));
        }
        for kind in [Kind::Users, Kind::Groups] {
            let sql = format!(
                "SELECT id FROM {kind} AS r
                 WHERE directory_id = $1 AND deleted_at IS NULL AND generation >= $2
                 ORDER BY id DESC LIMIT 1"
            );
            let row = sqlx::query(AssertSqlSafe(sql))
                .bind(directory)
                .bind(run)
                .fetch_optional(&self.pool)
                .await?;
            if let Some(row) = row {
                let id = row.try_get("id")?;
                return Ok(Some(ControlObject { kind, id }));
            }
        }
        Ok(None)
    }

    /// Whether lists of a directory were empty, or left out what is there, the last time that they were traversed.
    pub(crate) async fn has_empty_lists(&self, held: Held<'_>, directory: &str) -> Result<bool, Error> {
        let run = self.run_of(held, directory).await?;
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM sync_warnings WHERE run_id = $1 AND directory_id = $2 AND what = $3
             UNION ALL
             SELECT 1 FROM absences
             WHERE directory_id = $2 AND kind IN ('users', 'groups') AND run = $1 AND last_response = $4 LIMIT 1",
        )
        .bind(run)
        .bind(directory)
        .bind(WarningKind::ListTurnedEmpty.as_str())
        .bind(FOUND)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.is_some())
    }

    /// The full sync that traversed a directory last.
    async fn run_of(&self, held: Held<'_>, directory: &str) -> Result<i64, Error> {
        if held.is_run() {
            return Ok(held.lease.run);
        }
        Ok(
            sqlx::query_scalar("SELECT COALESCE(MAX(run), 0) FROM absences WHERE directory_id = $1")
                .bind(directory)
                .fetch_one(&self.pool)
                .await?,
        )
    }

    /// A directory that the last lists gave, to be asked for after absent ones.
    pub(crate) async fn control_of_directories(&self, held: Held<'_>) -> Result<Option<ControlObject>, Error> {
        // One that was just seen before one that was not.
        let id: Option<String> = sqlx::query_scalar(
            "SELECT id FROM directories AS d
             WHERE deleted_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM absences AS a
                               WHERE a.kind = 'directories' AND a.id = d.id AND d.generation < a.run AND d.event_run < a.run)
             ORDER BY CASE WHEN generation >= $1 THEN 0 ELSE 1 END, generation DESC, id LIMIT 1",
        )
        .bind(held.lease.run)
        .fetch_optional(&self.pool)
        .await?;
        Ok(id.map(|id| ControlObject {
            kind: Kind::Directories,
            id,
        }))
    }
}

/// Notes since when the connections of directories do not work.
pub(in crate::store) async fn note_unlinked(connection: &mut Connection, now: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE directories SET unlinked_since = CASE WHEN state IN ('linked', 'active') THEN NULL ELSE $1 END
         WHERE (unlinked_since IS NULL) <> (state IN ('linked', 'active'))",
    )
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a directory's connection works. Events call it `active`.
pub(crate) fn is_linked(state: &str) -> bool {
    matches!(state, "linked" | "active")
}
