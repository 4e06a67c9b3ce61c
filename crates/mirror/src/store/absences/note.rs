//! What a complete traversal did not see, and what is not likely in it.

use sqlx::AssertSqlSafe;
use sqlx::Row;
use workos_directory_sync::types::DirectoryMetadata;

use super::drop_settled;
use crate::Error;
use crate::Kind;
use crate::WarningKind;
use crate::store::Connection;
use crate::store::Stamp;
use crate::store::StepKey;
use crate::store::quarantine;
use crate::store::steps;

/// Notes the rows of a step that its complete traversal did not see, and forgets those that it saw.
pub(in crate::store) async fn note_step(
    connection: &mut Connection,
    key: StepKey<'_>,
    stamp: Stamp<'_>,
) -> Result<(), Error> {
    drop_settled(connection, key.directory, key.kind).await?;
    let (missing, seen) = missing_and_seen(connection, key).await?;
    let newcomers = steps::newcomers(connection, key).await?;
    let had = missing + seen.saturating_sub(newcomers);
    let mut found = Vec::new();
    if steps::repeated(connection, key).await? > 0 {
        found.push(WarningKind::RepeatedObject);
    }
    if announced(connection, key)
        .await?
        .is_some_and(|announced| announced > seen)
    {
        found.push(if had == 0 {
            WarningKind::FirstSyncShort
        } else {
            WarningKind::ListContradictsCounts
        });
    }
    if quarantine::hides_absences(connection, key).await? {
        found.push(WarningKind::UnreadableId);
    }
    if seen == 0 && missing > 0 {
        found.push(WarningKind::ListTurnedEmpty);
    }
    for what in &found {
        warn(connection, key, *what).await?;
    }
    if missing > 0 {
        let found = warnings(connection, key).await?;
        let is_consistent = !found
            .iter()
            .any(|what| what.is_contradiction() || *what == WarningKind::ListTurnedEmpty);
        let reason = if found.contains(&WarningKind::ListTurnedEmpty) {
            WarningKind::ListTurnedEmpty.as_str()
        } else {
            let contradiction = found.iter().find(|what| what.is_contradiction());
            contradiction.map_or("not_listed", |what| what.as_str())
        };
        insert(connection, key, stamp, reason, is_consistent).await?;
    }
    Ok(())
}

/// Notes something that is not likely.
pub(in crate::store) async fn warn(
    connection: &mut Connection,
    key: StepKey<'_>,
    what: WarningKind,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sync_warnings (run_id, directory_id, kind, what) VALUES ($1, $2, $3, $4)
         ON CONFLICT (run_id, directory_id, kind, what) DO NOTHING",
    )
    .bind(key.run)
    .bind(key.directory)
    .bind(key.kind.as_str())
    .bind(what.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

async fn warnings(connection: &mut Connection, key: StepKey<'_>) -> Result<Vec<WarningKind>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT what FROM sync_warnings WHERE run_id = $1 AND directory_id = $2 AND kind = $3 ORDER BY what",
    )
    .bind(key.run)
    .bind(key.directory)
    .bind(key.kind.as_str())
    .fetch_all(connection)
    .await?;
    Ok(names.iter().filter_map(|name| WarningKind::from_name(name)).collect())
}

/// How many rows the run did not see, and how many it saw or events told of meanwhile.
async fn missing_and_seen(connection: &mut Connection, key: StepKey<'_>) -> Result<(u64, u64), sqlx::Error> {
    let sql = format!(
        "SELECT COUNT(*) FILTER (WHERE generation < $2 AND event_run < $2) AS missing, COUNT(*) AS active
         FROM {} WHERE directory_id = $1 AND deleted_at IS NULL",
        key.kind
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(key.directory)
        .bind(key.run)
        .fetch_one(connection)
        .await?;
    let missing = steps::count(&row, "missing")?;
    Ok((missing, steps::count(&row, "active")?.saturating_sub(missing)))
}

/// How many objects the directory's metadata says that there are; `None` where it does not say.
async fn announced(connection: &mut Connection, key: StepKey<'_>) -> Result<Option<u64>, sqlx::Error> {
    let row = sqlx::query("SELECT CAST(metadata AS TEXT) AS metadata FROM directories WHERE id = $1")
        .bind(key.directory)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let text: Option<&str> = row.try_get("metadata")?;
    let metadata: Option<DirectoryMetadata> = text.and_then(|text| serde_json::from_str(text).ok());
    Ok(metadata.map(|metadata| match key.kind {
        Kind::Users => metadata.users.active.saturating_add(metadata.users.inactive),
        _ => metadata.groups,
    }))
}

async fn insert(
    connection: &mut Connection,
    key: StepKey<'_>,
    stamp: Stamp<'_>,
    reason: &str,
    is_consistent: bool,
) -> Result<(), sqlx::Error> {
    // A step that is gone on with notes the same again, and counts it once.
    let sql = format!(
        "INSERT INTO absences (kind, id, group_id, directory_id, since, run, reason, traversals)
         SELECT '{kind}', id, '', $1, $3, $2, $4, $5 FROM {kind}
         WHERE directory_id = $1 AND deleted_at IS NULL AND generation < $2 AND event_run < $2
         ON CONFLICT (kind, id, group_id) DO UPDATE SET
             traversals = absences.traversals
                 + CASE WHEN absences.run < excluded.run THEN excluded.traversals ELSE 0 END,
             directory_id = excluded.directory_id, run = excluded.run, reason = excluded.reason",
        kind = key.kind
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(key.directory)
        .bind(key.run)
        .bind(stamp.now)
        .bind(reason)
        .bind(i64::from(is_consistent))
        .execute(connection)
        .await?;
    Ok(())
}
