//! Which database an address such as `sqlite:mirror.sqlite` names.

use std::path::PathBuf;

use crate::Error;

/// A database that the mirror can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A SQLite file, made where it is missing.
    SqliteFile(PathBuf),
    /// A SQLite database in memory, which ends with the mirror.
    SqliteMemory,
}

/// How much of a wrong scheme an error shows, in characters.
const SHOWN: usize = 20;

impl Address {
    /// Reads an address. Errors never quote more than its scheme: the rest may have a password.
    pub(crate) fn parse(address: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = address.split_once(':') else {
            return Err(refuse("it has no scheme"));
        };
        if scheme != "sqlite" {
            let shown: String = scheme
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c))
                .take(SHOWN)
                .collect();
            return Err(refuse(format!("the scheme `{shown}` is not known")));
        }
        if rest == ":memory:" || rest == "//:memory:" {
            return Ok(Self::SqliteMemory);
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
        Ok(Self::SqliteFile(file.into()))
    }
}

fn refuse(reason: impl Into<String>) -> Error {
    Error::Address { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_file_is_named_with_or_without_slashes() {
        for (address, file) in [
            ("sqlite:mirror.sqlite", "mirror.sqlite"),
            ("sqlite://mirror.sqlite", "mirror.sqlite"),
            ("sqlite:///var/lib/mirror.sqlite", "/var/lib/mirror.sqlite"),
            ("sqlite:/var/lib/my mirror.sqlite?mode=rwc", "/var/lib/my mirror.sqlite"),
            ("sqlite:C:\\mirror.sqlite", "C:\\mirror.sqlite"),
        ] {
            assert_eq!(Address::parse(address).unwrap(), Address::SqliteFile(file.into()));
        }
        assert_eq!(Address::parse("sqlite::memory:").unwrap(), Address::SqliteMemory);
    }

    #[test]
    fn what_is_refused_shows_no_more_than_the_scheme() {
        for address in [
            "mirror.sqlite",
            "sqlite:",
            "sqlite://",
            "sqlite:mirror.sqlite?mode=ro&hunter2",
            "mysql://root:hunter2@host/db",
            "hunter2-hunter2-hunter2:x",
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
}
