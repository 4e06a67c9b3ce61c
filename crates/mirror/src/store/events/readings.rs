//! What of the objects of events can be read and what cannot: the quarantine gets the odd fields of what was applied, and loses
//! those that read well again.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;
use sqlx::Row;

use crate::Kind;
use crate::record::OddField;
use crate::record::Record;
use crate::record::Table;
use crate::store::Connection;
use crate::store::Dialect;
use crate::store::Finding;
use crate::store::Source;
use crate::store::Stamp;
use crate::store::json_array;
use crate::store::quarantine;

/// What the events of a transaction say of objects, by table and id.
#[derive(Debug, Default)]
pub(super) struct Readings(BTreeMap<(Kind, String), Reading>);

/// What they say of one.
#[derive(Debug, Default)]
struct Reading {
    directory: String,
    /// The columns that read well.
    read: Vec<&'static str>,
    /// The fields that cannot be read, and did not read well later.
    odd: Vec<OddField>,
    is_gone: bool,
}

impl Readings {
    /// Takes note of an object that was applied, in the order of the events. `record` is what its event says, `directory` where
    /// the object is.
    pub(super) fn put(&mut self, table: &'static Table, record: &Record, directory: &str, odd: &[OddField]) {
        let reading = self.0.entry((table.kind, record.id.clone())).or_default();
        directory.clone_into(&mut reading.directory);
        let read = table
            .columns
            .iter()
            .copied()
            .filter(|column| !record.keeps(table, column));
        reading
            .odd
            .retain(|fault| !read.clone().any(|column| column == column_of(fault.path.as_str())));
        reading.read.extend(read);
        for fault in odd {
            reading.odd.retain(|known| known.path != fault.path);
            reading.odd.push(fault.clone());
        }
    }

    /// Takes note of an object that is gone: nothing has to be known of it any more.
    pub(super) fn gone(&mut self, table: &Table, id: &str) {
        let reading = self.0.entry((table.kind, id.to_owned())).or_default();
        reading.odd.clear();
        reading.is_gone = true;
    }

    /// Brings the quarantine up to date.
    pub(super) async fn write(self, connection: &mut Connection, stamp: Stamp<'_>) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.release(connection).await?;
        let findings = self.0.into_iter().flat_map(|((kind, id), reading)| {
            let directory = reading.directory;
            let finding = move |fault| Finding::field(kind, &id, Some(directory.as_str()), fault, Source::Event);
            reading.odd.into_iter().map(finding)
        });
        quarantine::write(connection, stamp, &findings.collect::<Vec<_>>()).await
    }

    /// Empties what there is of fields that read well, and of what is gone.
    async fn release(&self, connection: &mut Connection) -> Result<(), sqlx::Error> {
        let ids: Vec<&str> = self.0.keys().map(|(_, id)| id.as_str()).collect();
        let gone = self
            .0
            .iter()
            .filter(|((kind, _), reading)| *kind == Kind::Directories && reading.is_gone);
        let gone: Vec<&str> = gone.map(|((_, id), _)| id.as_str()).collect();
        let dialect = Dialect::of(connection);
        let sql = format!(
            "SELECT number, kind, object_key, directory_id, path FROM quarantine
             WHERE (kind IN ('directories', 'groups', 'users') AND object_key IN ({})) OR directory_id IN ({})",
            dialect.strings("$1"),
            dialect.strings("$2")
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(json_array(&ids)?)
            .bind(json_array(&gone)?)
            .fetch_all(&mut *connection)
            .await?;
        let mut released = Vec::new();
        for row in rows {
            let (kind, key): (&str, &str) = (row.try_get("kind")?, row.try_get("object_key")?);
            let kind = [Kind::Directories, Kind::Groups, Kind::Users]
                .into_iter()
                .find(|known| known.as_str() == kind);
            let reading = kind.and_then(|kind| self.0.get(&(kind, key.to_owned())));
            let path = column_of(row.try_get("path")?);
            let is_read = reading.is_some_and(|reading| reading.is_gone || reading.read.contains(&path));
            let directory: Option<&str> = row.try_get("directory_id")?;
            if is_read || directory.is_some_and(|directory| gone.contains(&directory)) {
                released.push(row.try_get::<i64, _>("number")?);
            }
        }
        quarantine::release_numbers(connection, &released).await
    }
}

/// The column of a field that is named by its JSON path.
fn column_of(path: &str) -> &str {
    match path.split(['.', '[']).next().unwrap_or_default() {
        "domains" => "domain",
        name => name,
    }
}
