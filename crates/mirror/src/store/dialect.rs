//! Where SQLite and PostgreSQL want other words for the same thing.
//!
//! Everything else is written so that both understand it: `$1` parameters, `ON CONFLICT`, `COUNT(*) FILTER`, sums and
//! conditions cast to what they are read as.

use super::Connection;

/// Which SQL a database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// What a connection speaks.
    pub(crate) fn of(connection: &Connection) -> Self {
        if connection.backend_name() == "PostgreSQL" {
            Self::Postgres
        } else {
            Self::Sqlite
        }
    }

    /// The strings of a JSON array that is a text parameter, as the inside of `IN (…)`.
    pub(crate) fn strings(self, parameter: &str) -> String {
        match self {
            Self::Sqlite => format!("SELECT value FROM json_each({parameter})"),
            Self::Postgres => format!("SELECT json_array_elements_text({parameter}::json)"),
        }
    }

    /// A text, as it is written into a column that has JSON, or taken apart. The column is read as text with a cast.
    pub(crate) fn json(self, text: &str) -> String {
        match self {
            Self::Sqlite => text.to_owned(),
            Self::Postgres => format!("{text}::json"),
        }
    }
}
