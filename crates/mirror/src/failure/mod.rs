//! What a failure is, and what follows from it: said once, for the API, the database and the data.
//!
//! ```text
//! database  by SQLSTATE, and by SQLite's result codes
//! api       by what the API or the way to it did
//! ```

mod api;
mod database;

use std::time::Duration;

use crate::Error;

/// How often what conflicts with another transaction is tried again before it counts as a failure of its own.
pub(crate) const CONFLICT_RETRIES: u32 = 5;

/// The longest pause before such a retry; each one is a random share of it, so that those who met do not meet again.
const CONFLICT_PAUSE: Duration = Duration::from_millis(200);

/// What kind of failure it is, which says what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// Another transaction was in the way: the same is tried again at once, after a random pause.
    Conflict,
    /// The database or the network is out of reach: wait, connect again, go on.
    Unavailable,
    /// What was to be written is refused, whoever writes it and whenever: it is put aside, and the rest goes on.
    Data,
    /// The same, unless another transaction was writing the same key: it is tried once more.
    Duplicate,
    /// The API fails at what belongs to one directory: others go on, and this one is tried again where it was.
    Sick,
    /// The API refuses what belongs to one directory: others go on, and this one begins anew.
    Refused,
    /// The API refuses the key: nothing more is tried.
    Key,
    /// The database does not let the user in, or is not there, or a right is missing: a first start ends with it, what runs
    /// already waits until somebody mends it.
    Setup,
    /// Nothing is known of it: what fails alone again and again, while others of its kind succeed, is put aside.
    Unknown,
    /// Trying again is no use, or is somebody else's matter.
    Final,
}

impl FailureKind {
    /// Whether a command that goes on for ever waits and tries again, rather than to end.
    pub fn passes(self) -> bool {
        !matches!(self, Self::Key | Self::Final)
    }

    /// Whether a first start waits for it to pass.
    pub fn passes_before_the_first_start(self) -> bool {
        matches!(self, Self::Unavailable | Self::Conflict)
    }

    /// Whether it lies in one directory, and other directories of a run go on.
    pub(crate) fn is_of_one_directory(self) -> bool {
        matches!(
            self,
            Self::Data | Self::Duplicate | Self::Sick | Self::Refused | Self::Unknown
        )
    }

    /// Whether what failed can be the fault of one event among others.
    pub(crate) fn is_of_one_event(self) -> bool {
        matches!(
            self,
            Self::Data | Self::Duplicate | Self::Conflict | Self::Unknown | Self::Setup
        )
    }
}

impl Error {
    /// What kind of failure it is, which says what follows.
    pub fn failure(&self) -> FailureKind {
        match self {
            Self::Database(error) => database::kind(error),
            Self::Open { source, .. } | Self::Connect { source, .. } => match database::kind(source) {
                // A file that cannot be opened, and a server that refuses for a reason of its own.
                FailureKind::Unknown => FailureKind::Setup,
                kind => kind,
            },
            Self::Migrate(error) => match &**error {
                sqlx::migrate::MigrateError::Execute(error)
                | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => database::kind(error),
                _ => FailureKind::Final,
            },
            Self::Api(error) => api::kind(error),
            Self::Directory { source, .. } => source.failure(),
            Self::Elsewhere { can_go_on: true, .. } => FailureKind::Sick,
            Self::Elsewhere { .. }
            | Self::OtherEnvironment { .. }
            | Self::Undecided { .. }
            | Self::CutShort { .. }
            | Self::Id { .. }
            | Self::Event(_) => FailureKind::Refused,
            Self::TakenOver { .. } | Self::Forgotten | Self::Busy { .. } => FailureKind::Unavailable,
            Self::Lock { .. } | Self::Scratch(_) => FailureKind::Unavailable,
            Self::CursorLost => FailureKind::Sick,
            Self::NotADatabase { .. } | Self::Missing { .. } | Self::NoTables { .. } => FailureKind::Setup,
            Self::Address { .. }
            | Self::Encoding { .. }
            | Self::ForeignTables { .. }
            | Self::TooNew(_)
            | Self::Setting { .. } => FailureKind::Final,
        }
    }
}

/// Tries what conflicts with other transactions again, at once but not at the same time as they do.
pub(crate) async fn retry_conflicts<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut conflicts = 0;
    let mut duplicates = 0;
    loop {
        let error = match attempt().await {
            Err(error) => error,
            done => return done,
        };
        match error.failure() {
            FailureKind::Conflict if conflicts < CONFLICT_RETRIES => conflicts += 1,
            FailureKind::Duplicate if duplicates < 1 => duplicates += 1,
            _ => return Err(error),
        }
        tokio::time::sleep(CONFLICT_PAUSE.mul_f64(jitter())).await;
    }
}

/// From 0 to 1, by the hasher's random keys: one number now and then needs no generator.
fn jitter() -> f64 {
    use std::hash::BuildHasher as _;
    let random = std::collections::hash_map::RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(random >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_lies_between_nothing_and_all_of_the_pause() {
        let drawn: Vec<f64> = (0..100).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|share| (0.0..=1.0).contains(share)));
        assert!(drawn.iter().any(|share| *share != drawn[0]));
    }

    #[test]
    fn the_table_of_the_documentation_is_the_table_of_the_code() {
        let readme = include_str!("../../README.md");
        let begin = readme.find("<!-- failures -->").expect("the mark is there");
        let end = readme.find("<!-- end of failures -->").expect("the mark is there");
        let written: Vec<&str> = readme[begin..end]
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let expected: Vec<String> = database::SQLSTATES
            .iter()
            .map(|(codes, kind, _)| (codes, kind))
            .map(|(codes, kind)| {
                let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
                (codes.join(", "), kind)
            })
            .chain(database::SQLITE.iter().map(|(codes, kind, _)| {
                let codes: Vec<String> = codes.iter().map(|(_, name)| format!("`{name}`")).collect();
                (codes.join(", "), kind)
            }))
            .chain(api::NAMES.iter().map(|(names, kind)| {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                (names.join(", "), kind)
            }))
            .map(|(codes, kind)| format!("| {codes} | `{kind:?}` |"))
            .collect();
        for (line, expected) in written.iter().zip(&expected) {
            assert!(line.starts_with(expected.as_str()), "{line}\n{expected}");
        }
        assert_eq!(written.len(), expected.len(), "{expected:#?}");
    }
}
