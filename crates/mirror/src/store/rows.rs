//! Rows of text that one statement takes all at once, as the table that it reads them from.
//!
//! PostgreSQL gets an array for each column: it takes them apart in one pass, and plans with the number of rows. Each array
//! is a text that is cast, since sqlx's `Any` binds no arrays. SQLite gets one JSON document.

use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use super::Dialect;
use super::json_array;

/// Rows on their way into a statement.
#[derive(Debug)]
pub(super) struct Rows {
    dialect: Dialect,
    columns: Vec<&'static str>,
    /// The statement's last parameters. What opens each of them stands before its first row, what closes it is missing.
    parameters: Vec<String>,
}

impl Rows {
    pub(super) fn new(dialect: Dialect, columns: impl IntoIterator<Item = &'static str>) -> Self {
        let columns: Vec<_> = columns.into_iter().collect();
        let parameters = match dialect {
            Dialect::Sqlite => 1,
            Dialect::Postgres => columns.len(),
        };
        Self {
            dialect,
            columns,
            parameters: vec![String::new(); parameters],
        }
    }

    /// Adds a row: a value for each column.
    pub(super) fn push<'v>(&mut self, row: impl IntoIterator<Item = Option<&'v str>>) -> Result<(), sqlx::Error> {
        match self.dialect {
            Dialect::Sqlite => {
                let row = json_array(&row.into_iter().collect::<Vec<_>>())?;
                for document in &mut self.parameters {
                    document.push(if document.is_empty() { '[' } else { ',' });
                    document.push_str(&row);
                }
            }
            Dialect::Postgres => {
                for (array, value) in self.parameters.iter_mut().zip(row) {
                    array.push(if array.is_empty() { '{' } else { ',' });
                    push_element(array, value);
                }
            }
        }
        Ok(())
    }

    /// The table, under a name, where `first` is the number of the first parameter that is the rows'.
    pub(super) fn table(&self, name: &str, first: usize) -> String {
        match self.dialect {
            Dialect::Sqlite => {
                let columns = self.columns.iter().enumerate();
                let columns: Vec<_> = columns
                    .map(|(place, column)| format!("value ->> {place} AS {column}"))
                    .collect();
                format!("(SELECT {} FROM json_each(${first})) AS {name}", columns.join(", "))
            }
            Dialect::Postgres => {
                let arrays: Vec<_> = (first..)
                    .take(self.columns.len())
                    .map(|number| format!("${number}::text[]"))
                    .collect();
                format!("unnest({}) AS {name} ({})", arrays.join(", "), self.columns.join(", "))
            }
        }
    }

    /// Binds the rows, after all other parameters of the statement.
    pub(super) fn bind_to<'q>(self, mut query: Query<'q, Any, AnyArguments>) -> Query<'q, Any, AnyArguments> {
        let [open, close] = match self.dialect {
            Dialect::Sqlite => ['[', ']'],
            Dialect::Postgres => ['{', '}'],
        };
        for mut parameter in self.parameters {
            if parameter.is_empty() {
                parameter.push(open);
            }
            parameter.push(close);
            query = query.bind(parameter);
        }
        query
    }
}

/// Writes an element of an array as PostgreSQL reads it. Within quotes only quotes and backslashes mean anything, and the
/// word NULL is a text there.
fn push_element(array: &mut String, value: Option<&str>) {
    let Some(value) = value else {
        array.push_str("NULL");
        return;
    };
    array.push('"');
    for part in value.split_inclusive(['"', '\\']) {
        // What is split at ends its part.
        match part.strip_suffix(['"', '\\']) {
            Some(plain) => {
                array.push_str(plain);
                array.push('\\');
                array.push_str(&part[plain.len()..]);
            }
            None => array.push_str(part),
        }
    }
    array.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_quoted_so_that_nothing_in_it_has_a_meaning() {
        for (value, element) in [
            (None, "NULL"),
            (Some(""), r#""""#),
            (Some("NULL"), r#""NULL""#),
            (Some("a, {b} 'c'"), r#""a, {b} 'c'""#),
            (Some(r#"\"#), r#""\\""#),
            (Some(r#""a\"b"#), r#""\"a\\\"b""#),
        ] {
            let mut array = String::new();
            push_element(&mut array, value);
            assert_eq!(array, element);
        }
    }
}
