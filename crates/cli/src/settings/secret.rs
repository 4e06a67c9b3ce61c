//! The API key: from the environment, a file, or a command.

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use workos_directory_sync::SecretString;

use super::Chosen;
use super::Origin;
use super::variable;
use crate::failure::Failure;

/// What the client, the official SDKs and `dsync` read.
pub(crate) const KEY_VARIABLE: &str = "WORKOS_API_KEY";

/// The API key and where it comes from; `None` when nobody names one.
pub(crate) fn api_key(chosen: &Chosen) -> Result<Option<(SecretString, Origin)>, Failure> {
    if let Some(key) = variable(KEY_VARIABLE)? {
        return Ok(Some((key.into(), Origin::Environment(KEY_VARIABLE))));
    }
    let profile = &chosen.profile;
    let text = match (&profile.api_key_file, &profile.api_key_command) {
        (Some(path), _) => from_file(path)?,
        (None, Some(words)) => from_command(words)?,
        (None, None) => return Ok(None),
    };
    let key = text.lines().next().unwrap_or_default().trim().to_owned();
    Ok(Some((key.into(), Origin::Profile)))
}

fn from_file(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read the API key from `{}`: {error}", path.display())))
}

/// What the command prints. It may ask on the terminal, so it is waited for as long as it takes; Ctrl-C ends both.
fn from_command(words: &[String]) -> Result<String, Failure> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::usage("`api_key_command` is empty; name a program"));
    };
    let output = Command::new(program)
        .args(arguments)
        .stderr(Stdio::inherit())
        .stdin(Stdio::inherit())
        .output()
        .map_err(|error| Failure::usage(format!("cannot start `{program}` of `api_key_command`: {error}")))?;
    if !output.status.success() {
        return Err(Failure::usage(format!(
            "`{program}` of `api_key_command` failed: {}",
            output.status
        )));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::usage(format!("`{program}` of `api_key_command` does not print text")))
}
