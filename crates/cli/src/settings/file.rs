//! The profile file: TOML, strict, without secrets in it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;

use etcetera::BaseStrategy as _;
use serde::Deserialize;

use crate::connection::RateLimit;
use crate::failure::Failure;

/// What `dsync config init` writes.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

/// A whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) default_profile: Option<String>,
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// The settings of one environment.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// A file whose first line is the API key.
    pub(crate) api_key_file: Option<PathBuf>,
    /// A command, word by word, whose first line of output is the API key.
    pub(crate) api_key_command: Option<Vec<String>>,
    pub(crate) base_url: Option<String>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) timeout_seconds: Option<f64>,
    pub(crate) database: Option<String>,
}

/// Where the file is: DSYNC_CONFIG, or `dsync/config.toml` in the user's folder for settings.
pub(crate) fn path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("DSYNC_CONFIG").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("dsync").join("config.toml"))
}

/// Reads the file; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<File>, Failure> {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::usage(format!("cannot read `{shown}`: {error}"))),
    };
    parse(&text)
        .map(Some)
        .map_err(|reason| Failure::usage(format!("{shown}:{reason}")))
}

/// A file from its text, or the place and the reason. The line itself is not quoted: it may have a secret in it.
fn parse(text: &str) -> Result<File, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let before = text
            .get(..error.span().map_or(0, |span| span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        let message = error.message();
        let hint = if message.contains("`api_key`,") {
            "; a key does not belong into the file: name `api_key_file` or `api_key_command`"
        } else {
            ""
        };
        // A value of a wrong type is quoted by the parser.
        let message = message.split_once(" \"").map_or(message, |(kind, _)| kind);
        format!("{line}:{column}: {message}{hint}")
    })?;
    for (name, profile) in &file.profiles {
        if profile.api_key_file.is_some() && profile.api_key_command.is_some() {
            return Err(format!(
                " profile `{name}` has both `api_key_file` and `api_key_command`; keep one"
            ));
        }
    }
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_example_can_be_read() {
        let file = parse(EXAMPLE).unwrap();
        assert_eq!(file.default_profile.as_deref(), Some("default"));
        assert!(file.profiles.contains_key("local"));
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place() {
        let error = parse("[profiles.a]\nbase_url = \"http://127.0.0.1\"\n  databse = \"x\"\n").unwrap_err();
        assert!(error.starts_with("3:3: unknown field `databse`"), "{error}");
    }

    #[test]
    fn a_key_in_the_file_is_refused_without_being_shown() {
        for text in [
            "[profiles.a]\napi_key = \"sk_live_hidden\"",
            "[profiles.a]\ntimeout_seconds = \"sk_live_hidden\"",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("2:") && !error.contains("hidden"), "{error}");
        }
    }
}
