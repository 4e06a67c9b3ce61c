//! Rows in the order of their ids, to be compared with those of another database.

use std::collections::VecDeque;

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Store;
use crate::Error;
use crate::record::Table;

/// How many rows are read at a time; users can have tens of KB.
const ROWS: i64 = 200;

/// A row. Directories, users and groups have one id, memberships have two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) ids: (String, String),
    pub(crate) is_deleted: bool,
    /// What comes from the source.
    pub(crate) values: Vec<Option<String>>,
}

/// The rows of a table in the order of their ids. Without a table they are the memberships.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    store: &'a Store,
    sql: String,
    read: VecDeque<Line>,
    last: (String, String),
    is_end: bool,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(store: &'a Store, table: Option<&Table>) -> Self {
        let sql = match table {
            Some(table) => {
                let columns = table
                    .columns
                    .iter()
                    .map(|column| format!("CAST({column} AS TEXT) AS {column}"));
                format!(
                    "SELECT id, '' AS second, deleted_at, {} FROM {} WHERE id > $1 AND $2 = '' ORDER BY id LIMIT {ROWS}",
                    columns.collect::<Vec<_>>().join(", "),
                    table.name()
                )
            }
            None => format!(
                "SELECT user_id, group_id, deleted_at FROM memberships
                 WHERE (user_id, group_id) > ($1, $2) ORDER BY user_id, group_id LIMIT {ROWS}"
            ),
        };
        Self {
            store,
            sql,
            read: VecDeque::new(),
            last: Default::default(),
            is_end: false,
        }
    }

    /// The next row, which stays the next.
    pub(crate) async fn peek(&mut self) -> Result<Option<&Line>, Error> {
        if self.read.is_empty() && !self.is_end {
            let rows = sqlx::query(AssertSqlSafe(self.sql.clone()))
                .bind(self.last.0.as_str())
                .bind(self.last.1.as_str())
                .fetch_all(&self.store.pool)
                .await?;
            for row in &rows {
                self.read.push_back(Line {
                    ids: (row.try_get(0)?, row.try_get(1)?),
                    is_deleted: row.try_get::<Option<&str>, _>(2)?.is_some(),
                    values: (3..row.len())
                        .map(|place| row.try_get(place))
                        .collect::<Result<_, _>>()?,
                });
            }
            match self.read.back() {
                Some(line) => self.last = line.ids.clone(),
                None => self.is_end = true,
            }
        }
        Ok(self.read.front())
    }

    /// Takes the row that was looked at.
    pub(crate) fn take(&mut self) -> Option<Line> {
        self.read.pop_front()
    }
}
