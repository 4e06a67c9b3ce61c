//! Which database an address such as `sqlite:mirror.sqlite` or `postgres://…` names.

use std::fmt;
use std::fmt::Write as _;
use std::path::PathBuf;

use url::Url;

use crate::Error;

/// A database that the mirror can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A SQLite file, made where it is missing.
    SqliteFile(PathBuf),
    /// A SQLite database in memory, which ends with the mirror.
    SqliteMemory,
    /// A database of a PostgreSQL server.
    Postgres(Server),
}

/// An address of a PostgreSQL server, which may have a password: it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server(Url);

/// How much of a wrong scheme an error shows, in characters.
const SHOWN: usize = 20;

/// What may follow the `?` of a PostgreSQL address, as libpq names it. Others are refused: the driver would write them,
/// with their values, into the log.
const POSTGRES_PARAMETERS: [&str; 12] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
];

impl Address {
    /// Reads an address. Errors never quote more than its scheme: the rest may have a password.
    pub(crate) fn parse(address: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = address.split_once(':').filter(|(scheme, _)| !is_path(scheme)) else {
            // The name of a file, as people type it.
            return sqlite(address);
        };
        match scheme {
            "sqlite" => sqlite(rest),
            "postgres" | "postgresql" => postgres(address),
            _ => {
                let shown: String = scheme
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c))
                    .take(SHOWN)
                    .collect();
                Err(refuse(format!("the scheme `{shown}` is not known")))
            }
        }
    }

    /// The address as the driver reads it. It may have a password.
    pub(crate) fn url(&self) -> String {
        self.with_mode("rwc")
    }

    /// The same for a connection that makes no file and writes none.
    pub(crate) fn read_only_url(&self) -> String {
        self.with_mode("ro")
    }

    fn with_mode(&self, mode: &str) -> String {
        match self {
            Self::SqliteMemory => "sqlite::memory:".to_owned(),
            Self::SqliteFile(path) => {
                // Encoded, so that no part of the name means anything to those who read addresses.
                let mut url = "sqlite:".to_owned();
                for byte in path.as_os_str().as_encoded_bytes() {
                    let _ = write!(url, "%{byte:02X}");
                }
                url + "?mode=" + mode
            }
            Self::Postgres(Server(url)) => url.as_str().to_owned(),
        }
    }

    /// Why the database could not be opened.
    pub(crate) fn failed(&self, source: sqlx::Error) -> Error {
        match self {
            Self::SqliteMemory => Error::Open {
                path: ":memory:".into(),
                source,
            },
            Self::SqliteFile(path) if is_no_database(&source) => Error::NotADatabase {
                path: path.clone(),
                source,
            },
            Self::SqliteFile(path) => Error::Open {
                path: path.clone(),
                source,
            },
            Self::Postgres(server) => Error::Connect {
                database: server.to_string(),
                source,
            },
        }
    }
}

/// Whether what stands before a colon is part of a file's name instead: of a path, or a drive of Windows.
fn is_path(scheme: &str) -> bool {
    scheme.contains(['/', '\\']) || (cfg!(windows) && scheme.len() == 1)
}

/// SQLite's code for a file that has something else in it.
fn is_no_database(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "26")
}

fn sqlite(rest: &str) -> Result<Address, Error> {
    if rest == ":memory:" || rest == "//:memory:" {
        return Ok(Address::SqliteMemory);
    }
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    // Other programs take connection parameters after the file; the usual one says what is done here anyway.
    let (file, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if !matches!(parameters, "" | "mode=rwc") {
        return Err(refuse("it has parameters after `?`, and none are known"));
    }
    if file.is_empty() || file.contains('\0') {
        return Err(refuse("it names no file"));
    }
    Ok(Address::SqliteFile(file.into()))
}

fn postgres(address: &str) -> Result<Address, Error> {
    let url = Url::parse(address).map_err(|error| refuse(error.to_string()))?;
    if url.cannot_be_a_base() {
        return Err(refuse("it has no `//` after its scheme"));
    }
    if url.fragment().is_some() {
        return Err(refuse("it has a `#`; in a password it is written `%23`"));
    }
    if url
        .query_pairs()
        .any(|(name, _)| !POSTGRES_PARAMETERS.contains(&name.as_ref()))
    {
        return Err(refuse(format!(
            "it has a parameter that is none of {}",
            POSTGRES_PARAMETERS.join(", ")
        )));
    }
    Ok(Address::Postgres(Server(url)))
}

impl fmt::Display for Address {
    /// Which database it is, without a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SqliteMemory => formatter.write_str("in memory"),
            Self::SqliteFile(path) => write!(formatter, "`{}`", path.display()),
            Self::Postgres(server) => write!(formatter, "{server}"),
        }
    }
}

impl fmt::Display for Server {
    /// Where it is, without the user and the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.path().trim_start_matches('/');
        if !name.is_empty() {
            write!(formatter, "`{name}` ")?;
        }
        match self.0.host_str() {
            Some(host) if !host.is_empty() => write!(formatter, "at {host}")?,
            _ => formatter.write_str("where PGHOST or the parameters say")?,
        }
        match self.0.port() {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Server({self})")
    }
}

fn refuse(reason: impl Into<String>) -> Error {
    Error::Address { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_file_is_named_with_or_without_slashes() {
        for (address, file) in [
            ("sqlite:mirror.sqlite", "mirror.sqlite"),
            ("sqlite://mirror.sqlite", "mirror.sqlite"),
            ("sqlite:///var/lib/mirror.sqlite", "/var/lib/mirror.sqlite"),
            ("sqlite:/var/lib/my mirror.sqlite?mode=rwc", "/var/lib/my mirror.sqlite"),
            ("sqlite:C:\\mirror.sqlite", "C:\\mirror.sqlite"),
            ("mirror.sqlite", "mirror.sqlite"),
            ("./a:b/mirror", "./a:b/mirror"),
        ] {
            assert_eq!(Address::parse(address).unwrap(), Address::SqliteFile(file.into()));
        }
        assert_eq!(Address::parse("sqlite::memory:").unwrap(), Address::SqliteMemory);
    }

    #[test]
    fn what_is_refused_shows_no_more_than_the_scheme() {
        for address in [
            "sqlite:",
            "sqlite://",
            "sqlite:mirror.sqlite?mode=ro&hunter2",
            "mysql://root:hunter2@host/db",
            "hunter2-hunter2-hunter2:x",
            "postgres:hunter2@host/db",
            "postgres://user:hunter2@host:port/db",
            "postgres://user:hunter2@host/db?sslmod=hunter2@",
            "postgres://user:hunter2#hunter2@host/db",
            "",
        ] {
            let message = Address::parse(address).unwrap_err().to_string();
            assert!(
                !message.contains("hunter2@") && !message.contains("hunter2-hunter2-hunter2"),
                "{message}"
            );
            assert!(message.contains("sqlite:FILE"), "{message}");
        }
    }

    #[test]
    fn a_server_is_shown_without_its_user_and_password() {
        let address = Address::parse("postgres://ada:hunter2@db.example:5433/mirror?password=hunter2").unwrap();
        let failed = address.failed(sqlx::Error::PoolClosed).to_string();
        assert_eq!(
            failed,
            "the database `mirror` at db.example:5433 cannot be connected to"
        );
        assert_eq!(format!("{address:?}"), "Postgres(Server(`mirror` at db.example:5433))");
        let Address::Postgres(server) = Address::parse("postgresql:///mirror").unwrap() else {
            panic!("not a server");
        };
        assert_eq!(server.to_string(), "`mirror` where PGHOST or the parameters say");
    }
}
