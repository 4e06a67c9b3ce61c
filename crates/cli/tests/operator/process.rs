//! The real process, with an emulator to talk to and no settings from outside.

use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::EmulatorBuilder;

/// An emulator and a folder.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) async fn start(builder: EmulatorBuilder) -> Self {
        Self {
            emulator: builder.start().await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A run that can reach the emulator.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(self.folder.path(), arguments);
        command
            .env("WORKOS_BASE_URL", self.emulator.base_url())
            .env("WORKOS_API_KEY", self.emulator.api_key())
            .env("DSYNC_RATE_LIMIT", "off");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// The JSON lines of a run that succeeds.
    pub(crate) fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A run without key and address.
pub(crate) fn bare(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsync"));
    for name in [
        "WORKOS_API_KEY",
        "WORKOS_BASE_URL",
        "WORKOS_REQUEST_TIMEOUT",
        "DSYNC_DATABASE",
        "DSYNC_PROFILE",
        "DSYNC_RATE_LIMIT",
    ] {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("DSYNC_CONFIG", folder.join("config.toml"))
        .stdin(Stdio::null());
    command
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
