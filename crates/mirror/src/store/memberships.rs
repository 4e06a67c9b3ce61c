//! How a page of memberships gets into its table.

use std::collections::BTreeSet;

use super::Connection;
use sqlx::Row;

use super::Stamp;
use super::json_array;
use crate::Counts;

/// Writes pairs of user and group and says what changed.
pub(super) async fn apply(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    pairs: Vec<(String, String)>,
) -> Result<Counts, sqlx::Error> {
    if pairs.is_empty() {
        return Ok(Counts::default());
    }
    let pairs: Vec<_> = pairs.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let json = json_array(&pairs)?;
    let stored = sqlx::query(
        "SELECT m.generation = $2 AS again, m.deleted_at IS NOT NULL AS deleted
         FROM json_each($1) AS pair
         CROSS JOIN memberships AS m ON m.user_id = pair.value ->> 0 AND m.group_id = pair.value ->> 1",
    )
    .bind(&json)
    .bind(stamp.run)
    .fetch_all(&mut *connection)
    .await?;
    let mut counts = Counts {
        inserted: (pairs.len() - stored.len()) as u64,
        ..Counts::default()
    };
    for row in &stored {
        match (row.try_get("deleted")?, row.try_get("again")?) {
            (true, _) => counts.restored += 1,
            (false, true) => {}
            (false, false) => counts.unchanged += 1,
        }
    }
    counts.seen = counts.inserted + counts.restored + counts.unchanged;
    if counts.seen > 0 {
        // `WHERE true` tells SQLite that ON does not belong to the SELECT.
        sqlx::query(
            "INSERT INTO memberships (user_id, group_id, generation, first_seen_at, changed_at)
             SELECT value ->> 0, value ->> 1, $2, $3, $3 FROM json_each($1) WHERE true
             ON CONFLICT (user_id, group_id) DO UPDATE SET
                 generation = excluded.generation,
                 changed_at = CASE WHEN memberships.deleted_at IS NULL THEN memberships.changed_at ELSE excluded.changed_at END,
                 deleted_at = NULL",
        )
        .bind(&json)
        .bind(stamp.run)
        .bind(stamp.now)
        .execute(connection)
        .await?;
    }
    Ok(counts)
}
