//! What a person allowed to end though it is not confirmed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Pass;
use super::is_live;
use crate::Error;
use crate::Kind;
use crate::PendingDeletions;
use crate::store::Connection;
use crate::store::Store;
use crate::store::steps;

/// How many ids are shown of the absences of a directory and kind.
const SAMPLE: usize = 10;

const KINDS: [Kind; 4] = [Kind::Directories, Kind::Groups, Kind::Users, Kind::Memberships];

impl Store {
    /// Notes an approval and returns its number.
    pub(crate) async fn approve(
        &self,
        directory: &str,
        kind: Kind,
        at_most: u64,
        now: &str,
        expires_at: &str,
    ) -> Result<i64, Error> {
        Ok(sqlx::query_scalar(
            "INSERT INTO deletion_approvals (directory_id, kind, at_most, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5) RETURNING number",
        )
        .bind(directory)
        .bind(kind.as_str())
        .bind(i64::try_from(at_most).unwrap_or(i64::MAX))
        .bind(now)
        .bind(expires_at)
        .fetch_one(&self.pool)
        .await?)
    }

    /// The absences that were asked for and are not decided, by directory and kind.
    pub(crate) async fn pending_deletions(&self) -> Result<Vec<PendingDeletions>, Error> {
        let mut pending: BTreeMap<(String, Kind), (PendingDeletions, BTreeSet<String>)> = BTreeMap::new();
        for kind in KINDS {
            let sql = format!(
                "SELECT a.id, a.group_id, a.directory_id, a.since, a.reason, a.last_response FROM absences AS a
                 WHERE a.kind = '{kind}' AND a.attempts > 0 AND {}
                 ORDER BY a.directory_id, a.since, a.id, a.group_id",
                is_live(kind)
            );
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
            for row in rows {
                let directory: String = row.try_get("directory_id")?;
                let since: String = row.try_get("since")?;
                let (of, reasons) = pending.entry((directory.clone(), kind)).or_insert_with(|| {
                    let first = PendingDeletions {
                        directory,
                        kind,
                        count: 0,
                        oldest_since: since.clone(),
                        reasons: Vec::new(),
                        sample: Vec::new(),
                    };
                    (first, BTreeSet::new())
                });
                of.count += 1;
                if of.sample.len() < SAMPLE {
                    let (id, group): (&str, &str) = (row.try_get("id")?, row.try_get("group_id")?);
                    of.sample.push(format!("{id} {group}").trim_end().to_owned());
                }
                let (reason, response): (&str, Option<&str>) = (row.try_get("reason")?, row.try_get("last_response")?);
                reasons.insert(match response {
                    Some(response) => format!("{reason}: {response}"),
                    None => reason.to_owned(),
                });
            }
        }
        let pending = pending.into_values().map(|(mut of, reasons)| {
            of.reasons = reasons.into_iter().collect();
            of
        });
        Ok(pending.collect())
    }
}

/// Uses an approval of a directory and kind, if there is one that is enough for what is undecided, and says whether.
pub(super) async fn use_one(
    connection: &mut Connection,
    pass: Pass<'_>,
    directory: &str,
    kind: Kind,
) -> Result<bool, sqlx::Error> {
    let approval: Option<i64> = sqlx::query_scalar(
        "SELECT MAX(at_most) FROM deletion_approvals
         WHERE directory_id = $1 AND kind = $2 AND used_at IS NULL AND expires_at > $3",
    )
    .bind(directory)
    .bind(kind.as_str())
    .bind(pass.stamp.now)
    .fetch_one(&mut *connection)
    .await?;
    let Some(at_most) = approval else {
        return Ok(false);
    };
    let sql = format!(
        "SELECT COUNT(*) AS undecided FROM absences AS a
         WHERE a.directory_id = $1 AND a.kind = '{kind}' AND a.attempts > 0 AND {}",
        is_live(kind)
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(directory)
        .fetch_one(&mut *connection)
        .await?;
    let undecided = steps::count(&row, "undecided")?;
    if undecided == 0 || undecided > u64::try_from(at_most).unwrap_or(0) {
        return Ok(false);
    }
    // The smallest that is enough.
    sqlx::query(
        "UPDATE deletion_approvals SET used_at = $1, used_for = $2
         WHERE number = (SELECT number FROM deletion_approvals
                         WHERE directory_id = $3 AND kind = $4 AND used_at IS NULL AND expires_at > $1 AND at_most >= $2
                         ORDER BY at_most, number LIMIT 1)",
    )
    .bind(pass.stamp.now)
    .bind(i64::try_from(undecided).unwrap_or(i64::MAX))
    .bind(directory)
    .bind(kind.as_str())
    .execute(connection)
    .await?;
    Ok(true)
}

/// The directories that have an approval of a kind that can be used.
pub(super) async fn approved_directories(
    connection: &mut Connection,
    pass: Pass<'_>,
    kind: Kind,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT DISTINCT directory_id FROM deletion_approvals
         WHERE kind = $1 AND used_at IS NULL AND expires_at > $2 ORDER BY directory_id",
    )
    .bind(kind.as_str())
    .bind(pass.stamp.now)
    .fetch_all(connection)
    .await
}
