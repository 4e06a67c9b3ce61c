//! How a page of directories, users or groups gets into its table.
//!
//! What is stored is read and compared first: only rows that differ are written, the others are stamped. So the counts
//! are exact, a row changed by hand is mended, and `changed_at` means what it says.

use std::collections::HashMap;

use sqlx::Any;
use sqlx::AssertSqlSafe;
use sqlx::QueryBuilder;
use sqlx::Row;

use super::Connection;
use super::DatabaseRow;
use super::Dialect;
use super::Rows;
use super::Stamp;
use super::absences;
use super::json_array;
use super::outbox;
use super::outbox::Told;
use crate::ChangeReason;
use crate::Counts;
use crate::Kind;
use crate::record::DIRECTORIES;
use crate::record::GROUPS;
use crate::record::Record;
use crate::record::Table;
use crate::record::USERS;
use crate::record::time;

/// How many rows a statement inserts into SQLite at most. A page is cut into powers of two, so that there are few different
/// statements to prepare; 64 users have about 1,500 of the 32,766 parameters that SQLite allows.
const MAX_ROWS: usize = 64;

/// What a page changed.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) counts: Counts,
    /// The ids of those that were not there before.
    pub(super) came: Vec<String>,
    /// How many of them this run had seen before.
    pub(super) repeated: u64,
    /// The ids of users that are in another directory now.
    pub(super) moved: Vec<String>,
    told: Vec<Told>,
    /// Whether one of the users or groups that came has memberships already.
    is_awaited: bool,
}

impl Written {
    /// Tells the applications, last in the transaction. What is told of the memberships that came with it follows.
    pub(super) async fn tell(
        &mut self,
        connection: &mut Connection,
        table: &Table,
        now: &str,
        joined: Vec<Told>,
    ) -> Result<(), sqlx::Error> {
        self.told.extend(joined);
        outbox::write(connection, now, &self.told).await?;
        if self.is_awaited {
            outbox::memberships_of(connection, now, table.kind, &json_array(&self.came)?).await?;
        }
        Ok(())
    }
}

/// Writes the objects and says what changed.
pub(super) async fn apply(
    connection: &mut Connection,
    table: &'static Table,
    stamp: Stamp<'_>,
    records: Vec<Record>,
) -> Result<Written, sqlx::Error> {
    let listed = records.len();
    let mut records = without_repetition(records);
    let repeated = listed.saturating_sub(records.len());
    // Two transactions that write the same rows in the same order wait for each other, and never both.
    records.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    let ids = json_array(&records.iter().map(|record| &record.id).collect::<Vec<_>>())?;
    let stored = stored(connection, table, &ids).await?;
    let mut written = Written {
        repeated: u64::try_from(repeated).unwrap_or(u64::MAX),
        ..Written::default()
    };
    let counts = &mut written.counts;
    let mut changed = Vec::new();
    for mut record in records {
        let Some(row) = stored.get(record.id.as_str()) else {
            // Of which too little is known to make a row.
            if record.keeps(table, "directory_id") || record.keeps(table, "state") {
                continue;
            }
            counts.seen += 1;
            counts.inserted += 1;
            written.told.extend(outbox::of_record(table, &record, None)?);
            written.came.push(record.id.clone());
            changed.push(record);
            continue;
        };
        complete(&mut record, table, row)?;
        let is_deleted = row.try_get::<Option<&str>, _>("deleted_at")?.is_some();
        // An event changed the row since this run began: the page may be older, unless it says itself that it is newer.
        let is_newer = row.try_get::<i64, _>("event_run")? >= stamp.run
            && (is_deleted
                || record.updated_at(table)
                    <= time::order(row.try_get("updated_at")?, row.try_get("updated_at_source")?));
        if is_newer && is_deleted {
            continue;
        }
        let differs = !is_newer && (is_deleted || differs(row, table, &record)?);
        // A list can give an object twice when it moves meanwhile: then it may have missed others.
        if !is_deleted
            && row.try_get::<i64, _>("generation")? == stamp.run
            && row.try_get::<i64, _>("event_run")? < stamp.run
        {
            written.repeated += 1;
        }
        if is_deleted || row.try_get::<i64, _>("generation")? != stamp.run {
            counts.seen += 1;
            match (is_deleted, differs) {
                (true, _) => counts.restored += 1,
                (false, true) => counts.updated += 1,
                (false, false) => counts.unchanged += 1,
            }
        }
        if differs {
            let mut told = outbox::of_record(table, &record, Some(row))?;
            let has_moved = table.kind == Kind::Users
                && !is_deleted
                && row.try_get::<&str, _>("directory_id")? != record.directory_id(table);
            if has_moved {
                written.moved.push(record.id.clone());
                told.iter_mut().for_each(|told| told.because(ChangeReason::Moved));
            }
            written.told.extend(told);
            if is_deleted {
                written.came.push(record.id.clone());
            }
            changed.push(record);
        }
    }
    if counts.unchanged > 0 {
        touch(connection, table, stamp, &ids).await?;
    }
    upsert(connection, table, stamp, &changed).await?;
    written.is_awaited = !written.came.is_empty() && is_awaited(connection, table, &written.came).await?;
    Ok(written)
}

/// Whether one of these users or groups has memberships.
pub(super) async fn is_awaited(
    connection: &mut Connection,
    table: &Table,
    ids: &[String],
) -> Result<bool, sqlx::Error> {
    let column = match table.kind {
        Kind::Users => "user_id",
        Kind::Groups => "group_id",
        // Memberships do not depend on their directory.
        Kind::Directories | Kind::Memberships => return Ok(false),
    };
    // One look into the index for each: PostgreSQL would read the whole table for `IN (…) LIMIT 1`.
    let mut came = Rows::new(Dialect::of(connection), ["id"]);
    for id in ids {
        came.push([Some(id.as_str())])?;
    }
    let sql = format!(
        "SELECT COUNT((SELECT 1 FROM memberships AS m WHERE m.{column} = came.id LIMIT 1)) AS awaited FROM {}",
        came.table("came", 1)
    );
    let row = came
        .bind_to(sqlx::query(AssertSqlSafe(sql)))
        .fetch_one(connection)
        .await?;
    Ok(row.try_get::<i64, _>("awaited")? > 0)
}

/// Writes rows, whatever is stored.
pub(super) async fn upsert(
    connection: &mut Connection,
    table: &Table,
    stamp: Stamp<'_>,
    mut changed: &[Record],
) -> Result<(), sqlx::Error> {
    let is_of_directories = table.kind == Kind::Directories && !changed.is_empty();
    match Dialect::of(connection) {
        Dialect::Postgres if !changed.is_empty() => upsert_arrays(connection, table, stamp, changed).await?,
        Dialect::Postgres => {}
        Dialect::Sqlite => {
            while !changed.is_empty() {
                let (rows, rest) = changed.split_at(largest_power_of_two(changed.len()));
                upsert_rows(connection, table, stamp, rows).await?;
                changed = rest;
            }
        }
    }
    if is_of_directories {
        absences::note_unlinked(connection, stamp.now).await?;
    }
    Ok(())
}

/// Keeps the last of several objects with the same id: one statement cannot write a row twice.
fn without_repetition(records: Vec<Record>) -> Vec<Record> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(records.len());
    let mut kept: Vec<Record> = Vec::with_capacity(records.len());
    for record in records {
        match places.get(&record.id) {
            Some(&place) => kept[place] = record,
            None => {
                places.insert(record.id.clone(), kept.len());
                kept.push(record);
            }
        }
    }
    kept
}

/// The rows of some ids.
pub(super) async fn stored(
    connection: &mut Connection,
    table: &Table,
    ids: &str,
) -> Result<HashMap<String, DatabaseRow>, sqlx::Error> {
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| {
            if Table::has_json(column) {
                format!("CAST({column} AS TEXT) AS {column}")
            } else {
                (*column).to_owned()
            }
        })
        .collect();
    let sql = format!(
        "SELECT id, generation, deleted_at, event_run, {}, event_at, event_id FROM {} WHERE id IN ({})",
        columns.join(", "),
        table.name(),
        Dialect::of(connection).strings("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(connection).await?;
    rows.into_iter().map(|row| Ok((row.try_get("id")?, row))).collect()
}

/// How many columns stand before those of the source: the id, the generation, the deletion and the event's run.
const BEFORE_SOURCE: usize = 4;

/// Gives a record the columns of its row that stay as they are.
fn complete(record: &mut Record, table: &Table, row: &DatabaseRow) -> Result<(), sqlx::Error> {
    let mut fault = None;
    record.complete_from(table, |place| {
        row.try_get::<Option<&str>, _>(place + BEFORE_SOURCE)
            .unwrap_or_else(|error| {
                fault = Some(error);
                None
            })
    });
    fault.map_or(Ok(()), Err)
}

/// Whether a row has other values than a record.
fn differs(row: &DatabaseRow, table: &Table, record: &Record) -> Result<bool, sqlx::Error> {
    for (place, (_, value)) in table.columns.iter().zip(&record.values).enumerate() {
        if row.try_get::<Option<&str>, _>(place + BEFORE_SOURCE)? != value.as_deref() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Stamps the rows that are as they should be; the others are stamped when they are written.
async fn touch(connection: &mut Connection, table: &Table, stamp: Stamp<'_>, ids: &str) -> Result<(), sqlx::Error> {
    let sql = format!(
        "UPDATE {} SET generation = $1 WHERE id IN ({}) AND generation <> $1",
        table.name(),
        Dialect::of(connection).strings("$2")
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(stamp.run)
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

/// Stamps rows of objects that are there and cannot be read.
pub(super) async fn touch_seen(
    connection: &mut Connection,
    kind: Kind,
    stamp: Stamp<'_>,
    ids: &[String],
) -> Result<(), sqlx::Error> {
    let table = match kind {
        _ if ids.is_empty() => return Ok(()),
        Kind::Directories => &DIRECTORIES,
        Kind::Users => &USERS,
        Kind::Groups => &GROUPS,
        Kind::Memberships => return Ok(()),
    };
    touch(connection, table, stamp, &json_array(ids)?).await
}

/// Writes rows as SQLite likes it best: all of their values are parameters.
async fn upsert_rows(
    connection: &mut Connection,
    table: &Table,
    stamp: Stamp<'_>,
    records: &[Record],
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Any>::new("INSERT INTO ");
    query.push(table.name()).push(" (id, ");
    query.push(table.columns.join(", "));
    query.push(", generation, first_seen_at, changed_at) ");
    query.push_values(records, |mut row, record| {
        row.push_bind(record.id.as_str());
        for value in &record.values {
            row.push_bind(value.as_deref());
        }
        row.push_bind(stamp.run).push_bind(stamp.now).push_bind(stamp.now);
    });
    query.push(on_conflict(table));
    query.build().execute(connection).await?;
    Ok(())
}

/// Writes rows as PostgreSQL likes it best: each column is a parameter, an array that it takes apart itself.
async fn upsert_arrays(
    connection: &mut Connection,
    table: &Table,
    stamp: Stamp<'_>,
    records: &[Record],
) -> Result<(), sqlx::Error> {
    let columns = std::iter::once("id").chain(table.columns.iter().copied());
    let mut rows = Rows::new(Dialect::Postgres, columns);
    for record in records {
        let values = record.values.iter().map(Option::as_deref);
        rows.push(std::iter::once(Some(record.id.as_str())).chain(values))?;
    }
    // JSON comes as text, so that it is kept byte for byte.
    let values = table.columns.iter().map(|&column| {
        if Table::has_json(column) {
            Dialect::Postgres.json(column)
        } else {
            column.to_owned()
        }
    });
    let sql = format!(
        "INSERT INTO {} (id, {}, generation, first_seen_at, changed_at)
         SELECT id, {}, $1, $2, $2 FROM {}{}",
        table.name(),
        table.columns.join(", "),
        values.collect::<Vec<_>>().join(", "),
        rows.table("record", 3),
        on_conflict(table)
    );
    rows.bind_to(sqlx::query(AssertSqlSafe(sql)).bind(stamp.run).bind(stamp.now))
        .execute(connection)
        .await?;
    Ok(())
}

fn on_conflict(table: &Table) -> String {
    let columns = table
        .columns
        .iter()
        .map(|column| format!("{column} = excluded.{column}, "));
    format!(
        " ON CONFLICT (id) DO UPDATE SET {}
         generation = excluded.generation, changed_at = excluded.changed_at, deleted_at = NULL",
        columns.collect::<String>()
    )
}

fn largest_power_of_two(rows: usize) -> usize {
    let rows = rows.min(MAX_ROWS);
    // 1 for 0, which is never asked.
    1 << rows.checked_ilog2().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Columns;

    #[test]
    fn a_page_is_cut_into_few_different_lengths() {
        let cut = |mut rows: usize| {
            let mut lengths = Vec::new();
            while rows > 0 {
                lengths.push(largest_power_of_two(rows));
                rows -= largest_power_of_two(rows);
            }
            lengths
        };
        assert_eq!(cut(100), [64, 32, 4]);
        assert_eq!(cut(1), [1]);
        assert_eq!(cut(129), [64, 64, 1]);
    }

    #[test]
    fn the_last_of_two_objects_with_the_same_id_is_kept() {
        let record = |id: &str, name: &str| Record {
            id: id.to_owned(),
            values: vec![Some(name.to_owned())],
            unchanged: Columns::NONE,
            cleared_attributes: Vec::new(),
        };
        let kept = without_repetition(vec![record("1", "old"), record("2", "x"), record("1", "new")]);
        assert_eq!(kept, [record("1", "new"), record("2", "x")]);
    }
}
