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
use super::Stamp;
use super::json_array;
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
    let numbered: Vec<_> = (0_u32..)
        .zip(&pairs)
        .map(|(number, (user, group))| (user, group, number))
        .collect();
    let known = known(connection, stamp, &json_array(&numbered)?).await?;
    let mut rows = Vec::with_capacity(known.len());
    for row in &known {
        let number = usize::try_from(row.try_get::<i64, _>("number")?).unwrap_or(usize::MAX);
        let Some(&(user, group, _)) = numbered.get(number) else {
            continue;
        };
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
        rows.push((user, group, i32::from(is_told || directory.is_some())));
    }
    written.counts.seen = written.counts.inserted + written.counts.restored + written.counts.unchanged;
    if written.counts.seen > 0 || !written.told.is_empty() {
        upsert(connection, stamp, &json_array(&rows)?).await?;
    }
    Ok(written)
}

/// What is known of pairs, a JSON array of user, group and number. Those are left out that an event ended since this run
/// began, or whose user or group an event deleted since then: the page is older, and nothing else would end them again.
async fn known(connection: &mut Connection, stamp: Stamp<'_>, pairs: &str) -> Result<Vec<DatabaseRow>, sqlx::Error> {
    // SQLite looks in the order of the LEFT JOINs.
    let sql = format!(
        "SELECT CAST(pair.value ->> 2 AS BIGINT) AS number, m.generation, COALESCE(m.told, 0) AS told,
             CASE WHEN m.deleted_at IS NULL THEN 0 ELSE 1 END AS is_deleted,
             CASE WHEN u.deleted_at IS NULL AND g.deleted_at IS NULL AND g.id IS NOT NULL THEN u.directory_id END
                 AS directory_id
         FROM {} AS pair
         LEFT JOIN memberships AS m ON m.user_id = pair.value ->> 0 AND m.group_id = pair.value ->> 1
         LEFT JOIN users AS u ON u.id = pair.value ->> 0
         LEFT JOIN groups AS g ON g.id = pair.value ->> 1
         WHERE (m.deleted_at IS NULL OR m.event_run < $2)
           AND (u.deleted_at IS NULL OR u.event_run < $2)
           AND (g.deleted_at IS NULL OR g.event_run < $2)",
        Dialect::of(connection).elements("$1")
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(pairs)
        .bind(stamp.run)
        .fetch_all(connection)
        .await
}

/// Writes rows, a JSON array of user, group and whether the pair was told.
async fn upsert(connection: &mut Connection, stamp: Stamp<'_>, rows: &str) -> Result<(), sqlx::Error> {
    // `WHERE true` tells SQLite that ON does not belong to the SELECT.
    let sql = format!(
        "INSERT INTO memberships (user_id, group_id, generation, first_seen_at, changed_at, told)
         SELECT value ->> 0, value ->> 1, $2, $3, $3, CAST(value ->> 2 AS INTEGER) FROM {} AS pair WHERE true
         ON CONFLICT (user_id, group_id) DO UPDATE SET
             generation = excluded.generation,
             changed_at = CASE WHEN memberships.deleted_at IS NULL THEN memberships.changed_at ELSE excluded.changed_at END,
             deleted_at = NULL,
             told = excluded.told",
        Dialect::of(connection).elements("$1")
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows)
        .bind(stamp.run)
        .bind(stamp.now)
        .execute(connection)
        .await?;
    Ok(())
}
