//! How a command fails: one line on stderr that says what to do, and an exit code that says of what kind it was.

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use workos_directory_emulator::StartError;
use workos_directory_mirror::Error as MirrorError;
use workos_directory_sync::Error as ApiError;

use crate::connection;
use crate::settings::Origin;

/// Whether a database is read whose tables are older than this program.
static TABLES_ARE_OUTDATED: AtomicBool = AtomicBool::new(false);

/// Notes that a database is read whose tables are older than this program: what fails then fails because of that.
pub(crate) fn tables_are_outdated() {
    TABLES_ARE_OUTDATED.store(true, Ordering::Relaxed);
}

/// A command that did not do what it should.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
}

/// What kind of failure it is; the numbers are the exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Other = 1,
    Usage = 2,
    Authentication = 3,
    Network = 4,
    Unhealthy = 5,
    Incomplete = 6,
    Interrupted = crate::interrupt::INTERRUPTED as isize,
}

impl Failure {
    /// Something that has no exit code of its own.
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Other,
            message: message.into(),
        }
    }

    /// An error with its causes that has no exit code of its own.
    pub(crate) fn chained(error: &dyn std::error::Error) -> Self {
        Self::other(chain(error))
    }

    /// Arguments or settings that cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Usage,
            message: message.into(),
        }
    }

    /// What was looked at is not as it should be.
    pub(crate) fn unhealthy(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Unhealthy,
            message: message.into(),
        }
    }

    /// It is done, but something could not be read or is not decided.
    pub(crate) fn incomplete(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Incomplete,
            message: message.into(),
        }
    }

    /// Ctrl-C or SIGTERM came before the end.
    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Interrupted,
            message: message.into(),
        }
    }

    /// The same kind of failure as this error's, with a message that was shown already in parts.
    pub(crate) fn of_kind(error: &ApiError, message: impl Into<String>) -> Self {
        Self {
            kind: kind_of(error),
            message: message.into(),
        }
    }

    /// What went wrong, on one line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What the process ends with.
    pub(crate) fn code(&self) -> u8 {
        self.kind as u8
    }

    /// Prints the failure as one line and gives its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        crate::notice::error(&self.message);
        ExitCode::from(self.code())
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self {
            kind: kind_of(&error),
            message: with_help(chain(&error), &error),
        }
    }
}

impl From<MirrorError> for Failure {
    fn from(error: MirrorError) -> Self {
        if let Some(api) = error.api() {
            return Self {
                kind: kind_of(api),
                message: with_help(chain(&error), api),
            };
        }
        let kind = match error {
            MirrorError::Address { .. }
            | MirrorError::Open { .. }
            | MirrorError::Missing { .. }
            | MirrorError::NotADatabase { .. }
            | MirrorError::NoTables { .. }
            | MirrorError::ForeignTables { .. }
            | MirrorError::Encoding { .. }
            | MirrorError::Setting { .. } => Kind::Usage,
            MirrorError::Connect { .. } => Kind::Network,
            _ => Kind::Other,
        };
        let help = match error {
            MirrorError::Open { .. } => "; name a file in a folder that exists and can be written",
            MirrorError::NotADatabase { .. } => "; name another file",
            MirrorError::NoTables { .. } | MirrorError::Missing { .. } => "; `dsync sync` makes it",
            MirrorError::Database(_) if TABLES_ARE_OUTDATED.load(Ordering::Relaxed) => {
                "; its tables are those of an older version: `dsync migrate` brings them up to date"
            }
            MirrorError::Connect { .. } => "; check the address, the server and PGPASSWORD",
            MirrorError::OtherEnvironment { .. } => "; `dsync sync --allow-other-environment` goes on if that is meant",
            _ => "",
        };
        Self {
            kind,
            message: format!("{}{help}", chain(&error)),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let kind = match error {
            StartError::Prepare { .. } => Kind::Other,
            _ => Kind::Usage,
        };
        Self {
            kind,
            message: chain(&error),
        }
    }
}

fn kind_of(error: &ApiError) -> Kind {
    match error {
        ApiError::Unauthorized(_) | ApiError::Forbidden(_) => Kind::Authentication,
        ApiError::Network(_) | ApiError::Timeout(_) => Kind::Network,
        ApiError::Config(_) | ApiError::InvalidRequest { .. } => Kind::Usage,
        _ => Kind::Other,
    }
}

/// An error's message with what to do about it.
fn with_help(message: String, error: &ApiError) -> String {
    match error {
        // Their messages say it already.
        ApiError::Config(_) | ApiError::InvalidRequest { .. } => message,
        ApiError::Network(_) | ApiError::Timeout(_) => {
            let help = unreachable_help(&message).unwrap_or_else(|| help(error).to_owned());
            format!("{message}; {help}")
        }
        _ => format!("{message}; {}", help(error)),
    }
}

/// What to do about a server that was not reached: which one it was, and what its message gives away.
fn unreachable_help(message: &str) -> Option<String> {
    let (url, origin) = connection::server_tried()?;
    let name = origin.name("--base-url");
    // The words of the TLS library for bytes that are none of its protocol.
    if url.starts_with("https://") && message.contains("InvalidContentType") {
        return Some(format!(
            "`{url}` ({name}) does not speak TLS: write http:// if it is on this machine"
        ));
    }
    let mut help = format!("the API was looked for at `{url}`: check {name}");
    if *origin == Origin::Default {
        help = format!("the API was looked for at `{url}`: check WORKOS_BASE_URL");
    }
    help.push_str(", the network and the proxy");
    if url.starts_with("http://") && message.contains("invalid HTTP") {
        help.push_str("; a server that speaks TLS needs https://");
    }
    Some(help)
}

/// What to do about an error of the API, in words that fit a command.
pub(crate) fn help(error: &ApiError) -> &'static str {
    match error {
        ApiError::Unauthorized(_) => "check that WORKOS_API_KEY has the secret key of the right environment",
        ApiError::Network(_) | ApiError::Timeout(_) => "check WORKOS_BASE_URL, the network and the proxy",
        _ => error.fix(),
    }
}

/// An error with its causes on one line, none of them twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = error.source();
    }
    text
}
