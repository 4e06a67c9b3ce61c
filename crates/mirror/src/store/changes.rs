//! The outbox, read: pages of changes, and how far each application has come.

use serde::de::DeserializeOwned;
use sqlx::Row;

use super::DatabaseRow;
use super::Store;
use crate::Change;
use crate::ChangeKind;
use crate::ChangeReason;
use crate::Consumer;
use crate::Error;

impl Store {
    /// The changes behind a position, the oldest first.
    pub(crate) async fn changes_after(&self, position: i64, limit: u32) -> Result<Vec<Change>, Error> {
        let rows = sqlx::query(
            "SELECT id, kind, changed_at, directory_id, user_id, group_id, state, previous_state, reason,
                    CAST(changed_columns AS TEXT) AS changed_columns, CAST(previous AS TEXT) AS previous
             FROM changes WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(position)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(change).collect::<Result<_, _>>()?)
    }

    /// Where a consumer is. One that is new begins before the oldest change.
    pub(crate) async fn position_of(&self, consumer: &str) -> Result<i64, Error> {
        sqlx::query("INSERT INTO change_consumers (name, position) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING")
            .bind(consumer)
            .execute(&self.pool)
            .await?;
        Ok(
            sqlx::query_scalar("SELECT position FROM change_consumers WHERE name = $1")
                .bind(consumer)
                .fetch_one(&self.pool)
                .await?,
        )
    }

    /// Moves a consumer on; never back.
    pub(crate) async fn acknowledge(&self, consumer: &str, position: i64, now: &str) -> Result<(), Error> {
        sqlx::query(
            "UPDATE change_consumers SET position = $1, acknowledged_at = $2 WHERE name = $3 AND position < $1",
        )
        .bind(position)
        .bind(now)
        .bind(consumer)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// All consumers, by name.
    pub(crate) async fn consumers(&self) -> Result<Vec<Consumer>, Error> {
        let rows = sqlx::query(
            "SELECT name, position, acknowledged_at,
                    (SELECT COUNT(*) FROM changes WHERE id > position) AS waiting
             FROM change_consumers ORDER BY name",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Consumer {
                    name: row.try_get("name")?,
                    position: row.try_get("position")?,
                    acknowledged_at: row.try_get("acknowledged_at")?,
                    waiting: super::steps::count(row, "waiting")?,
                })
            })
            .collect()
    }

    /// Forgets a consumer; says whether there was one.
    pub(crate) async fn forget_consumer(&self, consumer: &str) -> Result<bool, Error> {
        let forgotten = sqlx::query("DELETE FROM change_consumers WHERE name = $1")
            .bind(consumer)
            .execute(&self.pool)
            .await?;
        Ok(forgotten.rows_affected() > 0)
    }
}

fn change(row: &DatabaseRow) -> Result<Change, sqlx::Error> {
    let kind: &str = row.try_get("kind")?;
    let reason: Option<&str> = row.try_get("reason")?;
    Ok(Change {
        id: row.try_get("id")?,
        kind: ChangeKind::from_name(kind)
            .ok_or_else(|| sqlx::Error::Decode(format!("`{kind}` is no kind of change").into()))?,
        changed_at: row.try_get("changed_at")?,
        directory_id: row.try_get("directory_id")?,
        user_id: row.try_get("user_id")?,
        group_id: row.try_get("group_id")?,
        state: row.try_get("state")?,
        previous_state: row.try_get("previous_state")?,
        changed_columns: json(row, "changed_columns")?,
        previous: json(row, "previous")?,
        reason: reason
            .map(|name| {
                ChangeReason::from_name(name)
                    .ok_or_else(|| sqlx::Error::Decode(format!("`{name}` is no reason of a change").into()))
            })
            .transpose()?,
    })
}

/// A column of JSON, read as text.
fn json<T: DeserializeOwned>(row: &DatabaseRow, column: &str) -> Result<Option<T>, sqlx::Error> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into())))
        .transpose()
}
