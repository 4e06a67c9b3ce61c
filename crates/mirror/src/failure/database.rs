//! What the database answered: by SQLSTATE for PostgreSQL, by result code for SQLite.

use super::FailureKind;

/// Codes of PostgreSQL, whole or as the class that they begin with; whole ones come first. What stands in none is
/// [`FailureKind::Unknown`].
pub(super) const SQLSTATES: [(&[&str], FailureKind, &str); 7] = [
    (
        &["40001", "40P01", "55P03"],
        FailureKind::Conflict,
        "serialization, deadlock, lock not available",
    ),
    (&["23505"], FailureKind::Duplicate, "unique violation"),
    (
        &["25006"],
        FailureKind::Unavailable,
        "read-only transaction: a stand-by server",
    ),
    (&["42501"], FailureKind::Setup, "insufficient privilege"),
    (&["28", "3D"], FailureKind::Setup, "authorization, no such database"),
    (
        &["08", "53", "57", "58"],
        FailureKind::Unavailable,
        "connection, resources, operator, system",
    ),
    (
        &["22", "23", "44", "54", "P0"],
        FailureKind::Data,
        "data, constraint, check option, limit, raised",
    ),
];

/// Result codes of SQLite with their names, extended ones first. What stands in none is [`FailureKind::Unknown`].
pub(super) const SQLITE: [(&[(u32, &str)], FailureKind, &str); 5] = [
    (
        &[(517, "SQLITE_BUSY_SNAPSHOT"), (6, "SQLITE_LOCKED")],
        FailureKind::Conflict,
        "another transaction",
    ),
    (
        &[
            (2067, "SQLITE_CONSTRAINT_UNIQUE"),
            (1555, "SQLITE_CONSTRAINT_PRIMARYKEY"),
        ],
        FailureKind::Duplicate,
        "unique violation",
    ),
    (
        &[
            (5, "SQLITE_BUSY"),
            (7, "SQLITE_NOMEM"),
            (8, "SQLITE_READONLY"),
            (10, "SQLITE_IOERR"),
            (13, "SQLITE_FULL"),
            (14, "SQLITE_CANTOPEN"),
            (15, "SQLITE_PROTOCOL"),
        ],
        FailureKind::Unavailable,
        "locked by another program, memory, disk",
    ),
    (
        &[
            (3, "SQLITE_PERM"),
            (11, "SQLITE_CORRUPT"),
            (23, "SQLITE_AUTH"),
            (26, "SQLITE_NOTADB"),
        ],
        FailureKind::Setup,
        "rights, no database",
    ),
    (
        &[
            (18, "SQLITE_TOOBIG"),
            (19, "SQLITE_CONSTRAINT"),
            (20, "SQLITE_MISMATCH"),
        ],
        FailureKind::Data,
        "limit, constraint, raised, type",
    ),
];

pub(super) fn kind(error: &sqlx::Error) -> FailureKind {
    match error {
        sqlx::Error::Database(error) => of_code(&error.code().unwrap_or_default()),
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => FailureKind::Unavailable,
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => FailureKind::Setup,
        sqlx::Error::Encode(_) => FailureKind::Data,
        _ => FailureKind::Unknown,
    }
}

/// SQLite's codes are numbers of up to four digits; those of PostgreSQL have five characters.
fn of_code(code: &str) -> FailureKind {
    if code.len() == 5 {
        let found = SQLSTATES
            .iter()
            .find(|(codes, ..)| codes.iter().any(|prefix| code.starts_with(prefix)));
        return found.map_or(FailureKind::Unknown, |(_, kind, _)| *kind);
    }
    let Ok(number) = code.parse::<u32>() else {
        return FailureKind::Unknown;
    };
    // The lowest byte of an extended code is what kind it is.
    let of_number = |number| {
        SQLITE
            .iter()
            .find(|(codes, ..)| codes.iter().any(|(known, _)| *known == number))
            .map(|(_, kind, _)| *kind)
    };
    of_number(number)
        .or_else(|| of_number(number & 0xff))
        .unwrap_or(FailureKind::Unknown)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::deadlock("40P01", FailureKind::Conflict)]
    #[case::serialization("40001", FailureKind::Conflict)]
    #[case::lock_not_available("55P03", FailureKind::Conflict)]
    #[case::admin_shutdown("57P01", FailureKind::Unavailable)]
    #[case::too_many_connections("53300", FailureKind::Unavailable)]
    #[case::stand_by("25006", FailureKind::Unavailable)]
    #[case::failed_transaction("25P02", FailureKind::Unknown)]
    #[case::no_right("42501", FailureKind::Setup)]
    #[case::no_table("42P01", FailureKind::Unknown)]
    #[case::wrong_password("28P01", FailureKind::Setup)]
    #[case::no_database("3D000", FailureKind::Setup)]
    #[case::unique("23505", FailureKind::Duplicate)]
    #[case::check("23514", FailureKind::Data)]
    #[case::text("22021", FailureKind::Data)]
    #[case::raised("P0001", FailureKind::Data)]
    #[case::busy("5", FailureKind::Unavailable)]
    #[case::busy_recovery("261", FailureKind::Unavailable)]
    #[case::busy_snapshot("517", FailureKind::Conflict)]
    #[case::trigger("1811", FailureKind::Data)]
    #[case::sqlite_unique("2067", FailureKind::Duplicate)]
    #[case::full("13", FailureKind::Unavailable)]
    #[case::error("1", FailureKind::Unknown)]
    #[case::nothing("", FailureKind::Unknown)]
    fn a_code_says_what_follows(#[case] code: &str, #[case] kind: FailureKind) {
        assert_eq!(of_code(code), kind);
    }
}
