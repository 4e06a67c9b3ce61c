//! How the rows that events are about are loaded, and written when the events have changed them: a statement for each table
//! and not for each event.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Mark;
use super::draft::Draft;
use super::draft::End;
use super::draft::Object;
use super::draft::Objects;
use super::draft::Pair;
use crate::Kind;
use crate::incoming::Meaning;
use crate::record::Columns;
use crate::record::Record;
use crate::store::Connection;
use crate::store::DatabaseRow;
use crate::store::Dialect;
use crate::store::Rows;
use crate::store::Stamp;
use crate::store::json_array;
use crate::store::objects;
use crate::store::outbox;

/// Which rows of a table events are about.
#[derive(Debug, Default)]
struct Wanted<'a> {
    rows: BTreeSet<&'a str>,
    ends: BTreeSet<&'a str>,
}

impl Draft {
    /// The rows that events are about which put rows or tell of memberships.
    pub(super) async fn load<'a>(
        connection: &mut Connection,
        now: &str,
        meanings: impl Iterator<Item = &'a Meaning>,
    ) -> Result<Self, sqlx::Error> {
        let (mut directories, mut users, mut groups) = (Wanted::default(), Wanted::default(), Wanted::default());
        let mut pairs = BTreeSet::new();
        for meaning in meanings {
            match meaning {
                Meaning::Put(table, record) => {
                    match table.kind {
                        Kind::Directories => directories.rows.insert(&record.id),
                        Kind::Users => users.rows.insert(&record.id),
                        Kind::Groups | Kind::Memberships => groups.rows.insert(&record.id),
                    };
                    if table.kind != Kind::Directories && !record.keeps(table, "directory_id") {
                        directories.ends.insert(record.directory_id(table));
                    }
                }
                Meaning::Membership { user, group, .. } => {
                    users.ends.insert(user);
                    groups.ends.insert(group);
                    pairs.insert((user.as_str(), group.as_str()));
                }
                Meaning::Gone(..) | Meaning::Nothing | Meaning::Unreadable(_) => {}
            }
        }
        let mut draft = Self::new(now);
        load_objects(connection, &mut draft.directories, &directories).await?;
        load_objects(connection, &mut draft.users, &users).await?;
        load_objects(connection, &mut draft.groups, &groups).await?;
        load_pairs(connection, &mut draft, &pairs).await?;
        Ok(draft)
    }

    /// Writes what was changed. Rows that come are stamped with the run.
    pub(super) async fn write(self, connection: &mut Connection, run: i64) -> Result<(), sqlx::Error> {
        let stamp = Stamp { run, now: &self.now };
        for objects in [self.directories, self.users, self.groups] {
            write_objects(connection, objects, stamp).await?;
        }
        let pairs = self.pairs.iter().filter(|(_, pair)| pair.is_changed);
        write_pairs(connection, pairs, stamp.now).await?;
        outbox::write(connection, stamp.now, &self.told).await?;
        if let Some((kind, id)) = &self.awaited {
            outbox::memberships_of(connection, stamp.now, *kind, &json_array(&[id])?).await?;
        }
        Ok(())
    }
}

async fn load_objects(
    connection: &mut Connection,
    objects: &mut Objects,
    wanted: &Wanted<'_>,
) -> Result<(), sqlx::Error> {
    if !wanted.rows.is_empty() {
        let ids = json_array(&wanted.rows)?;
        for (id, row) in objects::stored(connection, objects.table, &ids).await? {
            objects.rows.insert(id.clone(), object(&row, objects, id)?);
        }
        let unknown = wanted.rows.iter().filter(|id| !objects.rows.contains_key(**id));
        let unknown: Vec<String> = unknown.map(|id| (*id).to_owned()).collect();
        objects.is_awaited = !unknown.is_empty() && objects::is_awaited(connection, objects.table, &unknown).await?;
    }
    let ends: Vec<&str> = wanted.ends.difference(&wanted.rows).copied().collect();
    if !ends.is_empty() {
        let directory = match objects.table.kind {
            Kind::Directories => "id",
            _ => "directory_id",
        };
        let sql = format!(
            "SELECT id, {directory} AS directory, deleted_at FROM {} WHERE id IN ({})",
            objects.table.name(),
            Dialect::of(connection).strings("$1")
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(json_array(&ends)?)
            .fetch_all(connection)
            .await?;
        for row in found {
            let end = End {
                directory: row.try_get("directory")?,
                is_deleted: row.try_get::<Option<&str>, _>("deleted_at")?.is_some(),
            };
            objects.ends.insert(row.try_get("id")?, end);
        }
    }
    Ok(())
}

fn object(row: &DatabaseRow, objects: &Objects, id: String) -> Result<Object, sqlx::Error> {
    let values = objects.table.columns.iter().map(|column| row.try_get(*column));
    Ok(Object {
        record: Record {
            id,
            values: values.collect::<Result<_, _>>()?,
            unchanged: Columns::NONE,
            cleared_attributes: Vec::new(),
        },
        is_deleted: row.try_get::<Option<&str>, _>("deleted_at")?.is_some(),
        mark: mark(row)?,
        is_changed: false,
        is_marked: false,
    })
}

fn mark(row: &DatabaseRow) -> Result<Option<Mark>, sqlx::Error> {
    let (at, id): (Option<String>, Option<String>) = (row.try_get("event_at")?, row.try_get("event_id")?);
    let run = row.try_get("event_run")?;
    Ok(at.zip(id).map(|(at, id)| Mark { run, at, id }))
}

async fn load_pairs(
    connection: &mut Connection,
    draft: &mut Draft,
    wanted: &BTreeSet<(&str, &str)>,
) -> Result<(), sqlx::Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    let mut pairs = Rows::new(Dialect::of(connection), ["user_id", "group_id"]);
    for (user, group) in wanted {
        pairs.push([Some(*user), Some(*group)])?;
    }
    let sql = format!(
        "SELECT m.user_id, m.group_id, m.changed_at, m.deleted_at, m.event_run, m.event_at, m.event_id,
             CAST(m.told AS BIGINT) AS told
         FROM {} JOIN memberships AS m ON m.user_id = pair.user_id AND m.group_id = pair.group_id",
        pairs.table("pair", 1)
    );
    let rows = pairs
        .bind_to(sqlx::query(AssertSqlSafe(sql)))
        .fetch_all(connection)
        .await?;
    for row in rows {
        let pair = Pair {
            changed_at: row.try_get("changed_at")?,
            deleted_at: row.try_get("deleted_at")?,
            told: row.try_get::<i64, _>("told")? == 1,
            event_run: row.try_get("event_run")?,
            mark: mark(&row)?,
            is_changed: false,
        };
        draft
            .pairs
            .insert((row.try_get("user_id")?, row.try_get("group_id")?), pair);
    }
    Ok(())
}

async fn write_objects(connection: &mut Connection, objects: Objects, stamp: Stamp<'_>) -> Result<(), sqlx::Error> {
    let mut marks = Rows::new(Dialect::of(connection), ["id", "event_run", "event_at", "event_id"]);
    let (mut changed, mut is_marked) = (Vec::new(), false);
    for (id, object) in objects.rows {
        if let Some(mark) = object.mark.filter(|_| object.is_marked) {
            marks.push([
                Some(id.as_str()),
                Some(mark.run.to_string().as_str()),
                Some(mark.at.as_str()),
                Some(mark.id.as_str()),
            ])?;
            is_marked = true;
        }
        if object.is_changed {
            changed.push(object.record);
        }
    }
    objects::upsert(connection, objects.table, stamp, &changed).await?;
    if is_marked {
        let table = objects.table.name();
        let sql = format!(
            "UPDATE {table} SET event_run = CAST(mark.event_run AS BIGINT), event_at = mark.event_at, event_id = mark.event_id
             FROM {} WHERE {table}.id = mark.id",
            marks.table("mark", 1)
        );
        marks
            .bind_to(sqlx::query(AssertSqlSafe(sql)))
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn write_pairs<'a>(
    connection: &mut Connection,
    pairs: impl Iterator<Item = (&'a (String, String), &'a Pair)>,
    now: &str,
) -> Result<(), sqlx::Error> {
    const COLUMNS: [&str; 9] = [
        "user_id",
        "group_id",
        "generation",
        "changed_at",
        "deleted_at",
        "told",
        "event_run",
        "event_at",
        "event_id",
    ];
    let mut rows = Rows::new(Dialect::of(connection), COLUMNS);
    let mut is_empty = true;
    for ((user, group), pair) in pairs {
        let mark = pair.mark.as_ref();
        let generation = mark.map_or(0, |mark| mark.run).to_string();
        let event_run = pair.event_run.to_string();
        rows.push([
            Some(user.as_str()),
            Some(group.as_str()),
            Some(generation.as_str()),
            Some(pair.changed_at.as_str()),
            pair.deleted_at.as_deref(),
            Some(if pair.told { "1" } else { "0" }),
            Some(event_run.as_str()),
            mark.map(|mark| mark.at.as_str()),
            mark.map(|mark| mark.id.as_str()),
        ])?;
        is_empty = false;
    }
    if is_empty {
        return Ok(());
    }
    // `WHERE true` tells SQLite that ON does not belong to the SELECT.
    let sql = format!(
        "INSERT INTO memberships
             (user_id, group_id, generation, first_seen_at, changed_at, deleted_at, told, event_run, event_at, event_id)
         SELECT user_id, group_id, CAST(generation AS BIGINT), $1, changed_at, deleted_at, CAST(told AS INTEGER),
             CAST(event_run AS BIGINT), event_at, event_id
         FROM {} WHERE true
         ON CONFLICT (user_id, group_id) DO UPDATE SET
             changed_at = excluded.changed_at, deleted_at = excluded.deleted_at, told = excluded.told,
             event_run = excluded.event_run, event_at = excluded.event_at, event_id = excluded.event_id",
        rows.table("pair", 2)
    );
    rows.bind_to(sqlx::query(AssertSqlSafe(sql)).bind(now))
        .execute(connection)
        .await?;
    Ok(())
}
