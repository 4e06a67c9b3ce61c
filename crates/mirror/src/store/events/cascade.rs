//! What events delete, and what goes with it: the memberships of a user or group, everything in a directory.

use std::collections::HashMap;
use std::collections::HashSet;

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Mark;
use crate::Kind;
use crate::record::Record;
use crate::record::Table;
use crate::store::Connection;
use crate::store::Dialect;
use crate::store::Rows;
use crate::store::Stamp;
use crate::store::json_array;
use crate::store::objects;
use crate::store::outbox;

/// Marks objects of one table as deleted, each named once, and returns the ids of those that were so already.
pub(super) async fn delete(
    connection: &mut Connection,
    table: &'static Table,
    gone: &[(&Record, Mark)],
    stamp: Stamp<'_>,
) -> Result<HashSet<String>, sqlx::Error> {
    let known = known(connection, table, gone).await?;
    let fresh = gone.iter().filter(|(record, _)| known.get(&record.id) != Some(&true));
    let fresh: Vec<_> = fresh.collect();
    let (mut ids, mut told, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (record, _) in &fresh {
        ids.push(&record.id);
        if known.contains_key(&record.id) {
            told.push(&record.id);
        } else {
            unknown.push((*record).clone());
        }
    }
    let were_gone = known.iter().filter(|(_, is_deleted)| **is_deleted);
    let were_gone = were_gone.map(|(id, _)| id.clone()).collect();
    if fresh.is_empty() {
        return Ok(were_gone);
    }
    // Remembered, so that an older event that comes later does not bring them to life. Nobody is told of them.
    objects::upsert(connection, table, stamp, &unknown).await?;
    let (ids, told) = (json_array(&ids)?, json_array(&told)?);
    // Memberships first: those of a directory are found through its users and groups.
    for (kind, joined, condition) in parts(table.kind, Dialect::of(connection)) {
        if let Some(condition) = &condition {
            let told = if kind == table.kind { &told } else { &ids };
            sqlx::query(AssertSqlSafe(outbox::of_gone(kind, condition, None)))
                .bind(stamp.now)
                .bind(told)
                .execute(&mut *connection)
                .await?;
        }
        let mut marks = Rows::new(Dialect::of(connection), ["id", "event_at", "event_id"]);
        for (record, mark) in &fresh {
            marks.push([&record.id, &mark.at, &mark.id].map(|value| Some(value.as_str())))?;
        }
        let sql = format!(
            "UPDATE {kind} SET deleted_at = $1, changed_at = $1, event_run = $2, event_at = mark.event_at, event_id = mark.event_id
             FROM {}{joined} AND {kind}.deleted_at IS NULL",
            marks.table("mark", 3)
        );
        marks
            .bind_to(sqlx::query(AssertSqlSafe(sql)).bind(stamp.now).bind(stamp.run))
            .execute(&mut *connection)
            .await?;
        if condition.is_none() {
            outbox::ended_memberships(connection, stamp.now).await?;
        }
    }
    Ok(were_gone)
}

/// The rows that are there, and whether each is marked as deleted.
async fn known(
    connection: &mut Connection,
    table: &Table,
    gone: &[(&Record, Mark)],
) -> Result<HashMap<String, bool>, sqlx::Error> {
    let ids: Vec<&str> = gone.iter().map(|(record, _)| record.id.as_str()).collect();
    let sql = format!(
        "SELECT id, deleted_at FROM {} WHERE id IN ({})",
        table.name(),
        Dialect::of(connection).strings("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(json_array(&ids)?)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let deleted_at: Option<&str> = row.try_get("deleted_at")?;
            Ok((row.try_get("id")?, deleted_at.is_some()))
        })
        .collect()
}

/// What goes with an object of a kind: how its rows are joined with the marks, and which rows are told of by the ids `$2`.
/// Memberships are told of when they have ended.
fn parts(kind: Kind, dialect: Dialect) -> Vec<(Kind, &'static str, Option<String>)> {
    let by = |column: &str| Some(format!("{column} IN ({})", dialect.strings("$2")));
    match kind {
        Kind::Directories => vec![
            (
                Kind::Memberships,
                " JOIN users AS u ON u.directory_id = mark.id WHERE memberships.user_id = u.id",
                None,
            ),
            (
                Kind::Memberships,
                " JOIN groups AS g ON g.directory_id = mark.id WHERE memberships.group_id = g.id",
                None,
            ),
            (Kind::Users, " WHERE users.directory_id = mark.id", by("directory_id")),
            (Kind::Groups, " WHERE groups.directory_id = mark.id", by("directory_id")),
            (Kind::Directories, " WHERE directories.id = mark.id", by("id")),
        ],
        Kind::Users => vec![
            (Kind::Memberships, " WHERE memberships.user_id = mark.id", None),
            (Kind::Users, " WHERE users.id = mark.id", by("id")),
        ],
        Kind::Groups | Kind::Memberships => vec![
            (Kind::Memberships, " WHERE memberships.group_id = mark.id", None),
            (Kind::Groups, " WHERE groups.id = mark.id", by("id")),
        ],
    }
}
