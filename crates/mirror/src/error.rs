//! Why the mirror could not be opened or brought up to date.

use std::path::PathBuf;

use crate::FailureKind;
use crate::Kind;

/// Why the mirror could not be opened or brought up to date.
///
/// Messages are one line without their cause; print the chain of [`source`](std::error::Error::source)s after it. None
/// shows a key or a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of the database cannot be used.
    #[error(
        "the database address is not one that the mirror can open: {reason}; write \
         postgres://USER@HOST/DATABASE, sqlite:FILE or sqlite::memory:"
    )]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot be opened.
    #[error("the database `{}` cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: sqlx::Error,
    },
    /// The file has something else than a database.
    #[error("`{}` is no SQLite database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// There is no such file to be read.
    #[error("there is no database `{}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The database has no tables to be read.
    #[error("the database {database} has no tables of a mirror yet")]
    NoTables {
        /// Which database, without the password.
        database: String,
    },
    /// The database has tables of another program. Nothing was changed in it.
    #[error("the database {database} has the tables of another program: name one for the mirror alone")]
    ForeignTables {
        /// Which database, without the password.
        database: String,
    },
    /// The database server cannot be reached, or does not let this user in.
    #[error("the database {database} cannot be connected to")]
    Connect {
        /// Which database, without the password.
        database: String,
        /// Why not.
        source: sqlx::Error,
    },
    /// The database cannot hold every character.
    #[error("the database is encoded in {encoding}: make one with `CREATE DATABASE … ENCODING 'UTF8'`")]
    Encoding {
        /// Its encoding.
        encoding: String,
    },
    /// The tables cannot be made or brought to this version's form.
    #[error("the tables of the database cannot be set up")]
    Migrate(#[source] Box<sqlx::migrate::MigrateError>),
    /// A newer version of this program wrote the database.
    #[error("the database was written by a newer version of this program: use that version or newer")]
    TooNew(#[source] Box<sqlx::migrate::MigrateError>),
    /// Another process does with the database what this one was to do, and the work cannot be shared.
    #[error("another {who} is writing to {database}: wait until it ends")]
    Busy {
        /// What it is.
        who: &'static str,
        /// Which database, and what it does there.
        database: String,
    },
    /// This worker lost its connection or was stopped, and another one has its work now. Nothing more was written.
    #[error("another worker took over the work on {} meanwhile: nothing more was written; start again", of_run(*run))]
    TakenOver {
        /// The run's number in `sync_runs`; 0 for the list of events, -1 for absent objects between full syncs.
        run: i64,
    },
    /// This worker was away for so long that nobody counts on it any more.
    #[error("the database has forgotten this worker, which was stopped for a day or more: start it again")]
    Forgotten,
    /// Other workers could not complete the full sync that this one took part in.
    #[error("another worker could not complete run {run}: {error}")]
    Elsewhere {
        /// The run's number in `sync_runs`.
        run: i64,
        /// What failed, one line per failure.
        error: String,
        /// Whether the run can go on later.
        can_go_on: bool,
    },
    /// The file that keeps two syncs apart cannot be used.
    #[error("the lock file `{}` cannot be used", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The database refused to read or write.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The API did not give what was asked for.
    #[error(transparent)]
    Api(#[from] workos_directory_sync::Error),
    /// One directory could not be mirrored. Others are not affected by it.
    #[error("the directory `{directory}` was not mirrored completely")]
    Directory {
        /// The directory's id.
        directory: String,
        /// Why not.
        source: Box<Error>,
    },
    /// The key is that of another environment, or something in front of the API answers in its place: none of the directories
    /// in the database was found. Nothing was written.
    #[error(
        "none of the {known} directories in the database was found at the source, which gave {found}: nothing was written; is \
         the API key that of another environment?"
    )]
    OtherEnvironment {
        /// How many directories are in the database and not deleted.
        known: u64,
        /// How many directories the source gave.
        found: u64,
    },
    /// The API says of an object neither what it is nor that there is none.
    #[error("the API does not say whether `{id}` is there: {reason}")]
    Undecided {
        /// Its id.
        id: String,
        /// What it says instead.
        reason: String,
    },
    /// A list ended though its last page said that it goes on. Nothing was marked as deleted.
    #[error("the list of {kind} ended before its last page")]
    CutShort {
        /// What was listed.
        kind: Kind,
    },
    /// The API does not know the cursor of the events any more, or it was not used for as long as events are kept.
    #[error("the place in the list of events is lost: a full sync has to bring what was missed")]
    CursorLost,
    /// What should be an event has no id, or is no JSON.
    #[error("what came is no event")]
    Event(#[source] serde_json::Error),
    /// An id that cannot be one.
    #[error("the API gave an id that cannot be one: `{shown}`")]
    Id {
        /// Its beginning, made printable.
        shown: String,
    },
    /// There is no place for what the source has, to be compared.
    #[error("no temporary folder can be made: free some disk, or name another one in TMPDIR")]
    Scratch(#[source] std::io::Error),
    /// A setting has a value that makes no sense.
    #[error("{name} is {value}, which is not {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

fn of_run(run: i64) -> String {
    match run {
        0 => "the list of events".to_owned(),
        -1 => "absent objects".to_owned(),
        run => format!("run {run}"),
    }
}

impl Error {
    /// What the API or the way to it did wrong, if that is the cause.
    pub fn api(&self) -> Option<&workos_directory_sync::Error> {
        match self {
            Self::Api(error) => Some(error),
            Self::Directory { source, .. } => source.api(),
            _ => None,
        }
    }

    /// Whether the same run can go on later: the cause lies in the network, the API's health, the key or the database, not
    /// in what a directory holds.
    pub fn is_interruption(&self) -> bool {
        matches!(
            self.failure(),
            FailureKind::Conflict
                | FailureKind::Unavailable
                | FailureKind::Sick
                | FailureKind::Key
                | FailureKind::Setup
                | FailureKind::Unknown
        )
    }

    /// Whether the database is what failed.
    pub(crate) fn is_of_the_database(&self) -> bool {
        match self {
            Self::Database(_) | Self::Open { .. } | Self::Connect { .. } | Self::Forgotten => true,
            Self::Directory { source, .. } => source.is_of_the_database(),
            _ => false,
        }
    }

    /// The message and its causes on one line.
    pub(crate) fn chain(&self) -> String {
        chain(self)
    }
}

/// An error's message and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut error = error;
    while let Some(source) = error.source() {
        let message = source.to_string();
        // Some errors have their cause in their own message already.
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        error = source;
    }
    text
}
