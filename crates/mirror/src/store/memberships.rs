//! How a page of memberships gets into its table.
//!
//! One statement says what is known of each pair and of its ends, and what follows from that is decided here. So the counts
//! are exact, and what applications are told is known without looking again.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Connection;
use super::DatabaseRow;
use super::Dialect;
use super::Rows;
use super::Stamp;
use super::outbox::Told;
use crate::Counts;

/// What a page changed.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) counts: Counts,
    /// Who joined which group, both of them being there.
    pub(super) told: Vec<Told>,
}

/// Writes pairs of user and group and says what changed.
pub(super) async fn apply(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    pairs: Vec<(String, String)>,
) -> Result<Written, sqlx::Error> {
    let mut written = Written::default();
    let pairs: BTreeSet<_> = pairs.into_iter().collect();
    if pairs.is_empty() {
        return Ok(written);
    }
    let known = known(connection, stamp, &pairs).await?;
    let mut rows = Rows::new(Dialect::of(connection), ["user_id", "group_id", "told"]);
    for row in &known {
        let (user, group) = (row.try_get("user_id")?, row.try_get("group_id")?);
        let counts = &mut written.counts;
        match row.try_get::<Option<i64>, _>("generation")? {
            None => counts.inserted += 1,
            Some(_) if row.try_get::<i64, _>("is_deleted")? == 1 => counts.restored += 1,
            Some(generation) if generation == stamp.run => {}
            Some(_) => counts.unchanged += 1,
        }
        // While one of its ends is missing it is not there, for an application.
        let directory: Option<String> = row.try_get("directory_id")?;
        let is_told = row.try_get::<i64, _>("told")? == 1;
        if let Some(directory) = &directory
            && !is_told
        {
            written.told.push(Told::joined(directory, user, group));
        }
        let is_told = if is_told || directory.is_some() { "1" } else { "0" };
        rows.push([Some(user), Some(group), Some(is_told)])?;
    }
    written.counts.seen = written.counts.inserted + written.counts.restored + written.counts.unchanged;
    if written.counts.seen > 0 || !written.told.is_empty() {
        upsert(connection, stamp, rows).await?;
    }
    Ok(written)
}

/// What is known of pairs. Those are left out that an event ended since this run
/// began, or whose user or group an event deleted since then: the page is older, and nothing else would end them again.
async fn known(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    pairs: &BTreeSet<(String, String)>,
) -> Result<Vec<DatabaseRow>, sqlx::Error> {
    let mut rows = Rows::new(Dialect::of(connection), ["user_id", "group_id"]);
    for (user, group) in pairs {
        rows.push([Some(user.as_str()), Some(group.as_str())])?;
    }
    // SQLite looks in the order of the LEFT JOINs.
    let sql = format!(
        "SELECT pair.user_id, pair.group_id, m.generation, COALESCE(m.told, 0) AS told,
             CASE WHEN m.deleted_at IS NULL THEN 0 ELSE 1 END AS is_deleted,
             CASE WHEN u.deleted_at IS NULL AND g.deleted_at IS NULL AND g.id IS NOT NULL THEN u.directory_id END
                 AS directory_id
         FROM {}
         LEFT JOIN memberships AS m ON m.user_id = pair.user_id AND m.group_id = pair.group_id
         LEFT JOIN users AS u ON u.id = pair.user_id
         LEFT JOIN groups AS g ON g.id = pair.group_id
         WHERE (m.deleted_at IS NULL OR m.event_run < $1)
           AND (u.deleted_at IS NULL OR u.event_run < $1)
           AND (g.deleted_at IS NULL OR g.event_run < $1)",
        rows.table("pair", 2)
    );
    rows.bind_to(sqlx::query(AssertSqlSafe(sql)).bind(stamp.run))
        .fetch_all(connection)
        .await
}

/// Writes rows of user, group and whether the pair was told.
async fn upsert(connection: &mut Connection, stamp: Stamp<'_>, rows: Rows) -> Result<(), sqlx::Error> {
    // `WHERE true` tells SQLite that ON does not belong to the SELECT.
    let sql = format!(
        "INSERT INTO memberships (user_id, group_id, generation, first_seen_at, changed_at, told)
         SELECT user_id, group_id, $1, $2, $2, CAST(told AS INTEGER) FROM {} WHERE true
         ON CONFLICT (user_id, group_id) DO UPDATE SET
             generation = excluded.generation,
             changed_at = CASE WHEN memberships.deleted_at IS NULL THEN memberships.changed_at ELSE excluded.changed_at END,
             deleted_at = NULL,
             told = excluded.told",
        rows.table("pair", 3)
    );
    rows.bind_to(sqlx::query(AssertSqlSafe(sql)).bind(stamp.run).bind(stamp.now))
        .execute(connection)
        .await?;
    Ok(())
}
