//! What is run when a directory stops to sync.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::report::Status;
use crate::failure::Failure;
use crate::output::plain;

/// How long the command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command in a shell. What comes from outside goes into its environment, never into the command line.
pub(crate) async fn run(command: &str, status: &Status) -> Result<(), Failure> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut child = Command::new(shell)
        .args([flag, command])
        // The alarm has no business with the key.
        .env_remove(crate::settings::KEY_VARIABLE)
        .env("DSYNC_DIRECTORY", plain(&status.id))
        .env("DSYNC_NAME", plain(&status.name))
        .env("DSYNC_STATE", plain(&status.state))
        .env("DSYNC_REASON", status.reason.unwrap_or_default())
        .stdin(Stdio::null())
        // Results are the only thing on stdout.
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::other(format!("cannot start `--on-unhealthy`: {error}")))?;
    match tokio::time::timeout(PATIENCE, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(Failure::other(format!(
            "the command of `--on-unhealthy` failed: {status}"
        ))),
        Ok(Err(error)) => Err(Failure::other(format!("cannot wait for `--on-unhealthy`: {error}"))),
        Err(_) => Err(Failure::other(format!(
            "the command of `--on-unhealthy` was ended after {} s; let it work in the background",
            PATIENCE.as_secs()
        ))),
    }
}
