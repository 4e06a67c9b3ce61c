//! `dsync sync` as a process of its own, on both databases: who may connect, what a process leaves that is
//! killed or asked to end, and what several share.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod asked;
mod budget;
#[path = "../../../mirror/tests/cluster/mod.rs"]
mod cluster;
mod followers;
mod killed;
mod page;
mod process;
mod stopped;

use std::path::Path;
use std::process::Command;
use std::process::Output;

use serde_json::Value;
use workos_directory_emulator::Emulator;

/// A sync that prints its summary as JSON.
fn sync(emulator: &Emulator, folder: &Path, database: &str) -> Command {
    let mut command = dsync(emulator, folder);
    command.args(["sync", "--output", "json", "--database", database]);
    command
}

/// A process that can reach the emulator.
fn dsync(emulator: &Emulator, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsync"));
    command
        .current_dir(folder)
        .env("WORKOS_API_KEY", emulator.api_key())
        .env("WORKOS_BASE_URL", emulator.base_url())
        .env("WORKOS_REQUEST_TIMEOUT", "10")
        .env_remove("DSYNC_DATABASE")
        .env_remove("PGPASSWORD");
    command
}

fn summary(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the emulator has, unless it is started with something else.
const ALL: [(&str, u64); 4] = [
    ("directories", 2),
    ("users", 1_000),
    ("groups", 40),
    ("memberships", 3_000),
];

/// A sync has found everything there as it is.
fn assert_unchanged(summary: &Value) {
    for (kind, count) in ALL {
        let counts = &summary[kind];
        assert_eq!(
            (&counts["unchanged"], &counts["seen"]),
            (&count.into(), &count.into()),
            "{kind}"
        );
        assert_eq!(counts["deleted"], 0, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_asked_with_the_password_of_the_environment_which_is_never_shown() {
    let emulator = Emulator::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = cluster::guarded(&cluster::database());
    let [_, password] = cluster::GUARDED;

    let mut wrong = sync(&emulator, folder.path(), &address);
    let output = wrong.env("PGPASSWORD", "wrong-wrong").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(
        stderr.contains("password authentication failed") && !stderr.contains("wrong-wrong"),
        "{stderr}"
    );

    let mut right = sync(&emulator, folder.path(), &address);
    let output = right.env("PGPASSWORD", password).output().unwrap();
    assert_eq!(summary(&output)["users"]["inserted"], 1_000);
    assert!(!String::from_utf8_lossy(&output.stderr).contains(password));
}
