//! Which form the tables of a database have, and whose they are.

use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::migrate::Migrator;

use super::Dialect;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// What the first migration is called: a database whose first one is another has another program's tables.
const FIRST: &str = "mirror";

/// Which form the tables of a database have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Schema {
    /// The number of the last migration that was applied; 0 without tables.
    pub found: i64,
    /// The number of the last migration that this program knows.
    pub expected: i64,
}

pub(super) fn migrations(dialect: Dialect) -> &'static Migrator {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    }
}

impl Schema {
    /// Whether a migration is due: reading may fail where it needs what is newer.
    pub fn is_outdated(&self) -> bool {
        self.found < self.expected
    }

    /// The form that this program makes.
    pub(crate) fn current(dialect: Dialect) -> Self {
        let expected = migrations(dialect).iter().map(|migration| migration.version).max();
        let expected = expected.unwrap_or_default();
        Self {
            found: expected,
            expected,
        }
    }

    /// Looks without changing anything; `None` when the tables are another program's.
    pub(super) async fn read(connection: &mut AnyConnection, dialect: Dialect) -> Result<Option<Self>, sqlx::Error> {
        let current = Self::current(dialect);
        let tables = match dialect {
            Dialect::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
            }
            // A schema can be shared: only the names that this program needs matter.
            Dialect::Postgres => {
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()
                 AND table_name IN ('_sqlx_migrations', 'directories', 'users', 'groups', 'memberships', 'sync_runs')"
            }
        };
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await?;
        if tables.is_empty() {
            return Ok(Some(Self { found: 0, ..current }));
        }
        if !tables.iter().any(|name| name == "_sqlx_migrations") {
            return Ok(None);
        }
        let applied: Vec<(i64, String)> =
            sqlx::query_as("SELECT version, description FROM _sqlx_migrations ORDER BY version")
                .fetch_all(&mut *connection)
                .await?;
        let is_ours = applied.first().is_none_or(|(_, description)| description == FIRST);
        let found = applied.last().map_or(0, |(version, _)| *version);
        Ok(is_ours.then_some(Self { found, ..current }))
    }
}
