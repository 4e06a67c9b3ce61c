//! How a page of memberships gets into its table.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Connection;
use super::Dialect;
use super::Stamp;
use super::json_array;
use super::outbox;
use super::outbox::Whose;
use crate::Counts;

/// What a page changed.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) counts: Counts,
    /// All pairs of the page as JSON, if one of them is new.
    pairs: Option<String>,
}

impl Written {
    /// Tells the applications, last in the transaction.
    pub(super) async fn tell(&self, connection: &mut Connection, now: &str) -> Result<(), sqlx::Error> {
        match &self.pairs {
            Some(pairs) => outbox::memberships(connection, now, Whose::Pairs(pairs)).await,
            None => Ok(()),
        }
    }
}

/// Writes pairs of user and group and says what changed.
pub(super) async fn apply(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    pairs: Vec<(String, String)>,
) -> Result<Written, sqlx::Error> {
    if pairs.is_empty() {
        return Ok(Written::default());
    }
    let mut pairs: BTreeSet<_> = pairs.into_iter().collect();
    for gone in without_ends(connection, stamp, &json_array(&pairs)?).await? {
        pairs.remove(&gone);
    }
    let json = json_array(&pairs)?;
    let elements = Dialect::of(connection).elements("$1");
    // SQLite takes CROSS JOIN as the order in which to look.
    let sql = format!(
        "SELECT m.generation, m.deleted_at, m.event_run
         FROM {elements} AS pair CROSS JOIN memberships AS m
         WHERE m.user_id = pair.value ->> 0 AND m.group_id = pair.value ->> 1"
    );
    let stored = sqlx::query(AssertSqlSafe(sql))
        .bind(&json)
        .fetch_all(&mut *connection)
        .await?;
    let mut counts = Counts {
        inserted: (pairs.len() - stored.len()) as u64,
        ..Counts::default()
    };
    for row in &stored {
        let is_deleted = row.try_get::<Option<&str>, _>("deleted_at")?.is_some();
        match (is_deleted, row.try_get::<i64, _>("generation")? == stamp.run) {
            // An event ended it since this run began: the page is older.
            (true, _) if row.try_get::<i64, _>("event_run")? >= stamp.run => {}
            (true, _) => counts.restored += 1,
            (false, true) => {}
            (false, false) => counts.unchanged += 1,
        }
    }
    counts.seen = counts.inserted + counts.restored + counts.unchanged;
    if counts.seen > 0 {
        // `WHERE true` tells SQLite that ON does not belong to the SELECT.
        let sql = format!(
            "INSERT INTO memberships (user_id, group_id, generation, first_seen_at, changed_at)
             SELECT value ->> 0, value ->> 1, $2, $3, $3 FROM {elements} AS pair WHERE true
             ON CONFLICT (user_id, group_id) DO UPDATE SET
                 generation = excluded.generation,
                 changed_at = CASE WHEN memberships.deleted_at IS NULL THEN memberships.changed_at ELSE excluded.changed_at END,
                 deleted_at = NULL
             WHERE memberships.deleted_at IS NULL OR memberships.event_run < excluded.generation"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(&json)
            .bind(stamp.run)
            .bind(stamp.now)
            .execute(connection)
            .await?;
    }
    let is_news = counts.inserted + counts.restored > 0;
    Ok(Written {
        counts,
        pairs: is_news.then_some(json),
    })
}

/// Pairs whose user or group an event deleted since this run began: the page is older, and nothing else would end them.
async fn without_ends(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    pairs: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let elements = Dialect::of(connection).elements("$1");
    let sql = format!(
        "SELECT pair.value ->> 0 AS user_id, pair.value ->> 1 AS group_id FROM {elements} AS pair
         WHERE EXISTS (SELECT 1 FROM users AS u
                       WHERE u.id = pair.value ->> 0 AND u.deleted_at IS NOT NULL AND u.event_run >= $2)
            OR EXISTS (SELECT 1 FROM groups AS g
                       WHERE g.id = pair.value ->> 1 AND g.deleted_at IS NOT NULL AND g.event_run >= $2)"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(pairs)
        .bind(stamp.run)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("user_id")?, row.try_get("group_id")?)))
        .collect()
}
