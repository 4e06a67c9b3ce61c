//! Three processes on one PostgreSQL, one of them stopped in the middle of a run and continued.

use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;

use super::cluster;
use super::summary;
use super::sync;

/// So many users that a sync is in the middle of them for seconds.
const USERS: u32 = 3_000;

async fn emulator() -> Emulator {
    let population = Population {
        directories: 3,
        users: USERS,
        groups: 30,
        memberships: u64::from(USERS),
        ..Population::default()
    };
    Emulator::builder().population(population).start().await.unwrap()
}

fn start(emulator: &Emulator, folder: &Path, address: &str) -> Child {
    sync(emulator, folder, address)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn signal(process: &Child, name: &str) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", process.id())])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Stops a process, but not within a transaction: the server would end that after a while, and the process with it.
pub(crate) fn stop(process: &Child, address: &str) {
    let name = address.rsplit('/').next().unwrap();
    let in_transaction = format!(
        "SELECT COUNT(*) FROM pg_stat_activity
         WHERE datname = '{name}' AND state <> 'idle' AND pid <> pg_backend_pid()"
    );
    loop {
        signal(process, "STOP");
        // The first answer may come before the end of what the server is doing for it.
        for _ in 0..2 {
            if cluster::query(address, &in_transaction) == "0" {
                return;
            }
        }
        signal(process, "CONT");
        std::thread::sleep(Duration::from_millis(fastrand::u64(20..200)));
    }
}

/// Stops a process in the middle of the users.
fn stop_in_the_middle(emulator: &Emulator, process: &Child, address: &str) {
    let before = emulator.total_requests();
    while emulator.total_requests() < before + 10 {
        std::thread::sleep(Duration::from_millis(1));
    }
    stop(process, address);
}

fn inserted_once(output: &Output) {
    let summary = summary(output);
    assert_eq!(summary["run"], 1);
    for kind in ["users", "memberships"] {
        assert_eq!(
            (&summary[kind]["seen"], &summary[kind]["inserted"]),
            (&USERS.into(), &USERS.into()),
            "{kind}"
        );
    }
}

fn unchanged(summary: &Value) {
    for kind in ["users", "memberships"] {
        assert_eq!(
            (&summary[kind]["unchanged"], &summary[kind]["seen"]),
            (&USERS.into(), &USERS.into()),
            "{kind}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_others_take_over_from_a_process_that_is_stopped_which_doubles_nothing_when_it_is_continued() {
    let (emulator, folder, address) = (emulator().await, tempfile::tempdir().unwrap(), cluster::database());
    let stopped = start(&emulator, folder.path(), &address);
    stop_in_the_middle(&emulator, &stopped, &address);
    let others = [0, 1].map(|_| start(&emulator, folder.path(), &address));
    for other in others {
        inserted_once(&other.wait_with_output().unwrap());
    }
    signal(&stopped, "CONT");
    inserted_once(&stopped.wait_with_output().unwrap());
    let told = cluster::query(&address, "SELECT COUNT(*) FROM changes WHERE kind = 'user_created'");
    assert_eq!(told, USERS.to_string());
    assert_eq!(cluster::query(&address, "SELECT COUNT(*) FROM sync_runs"), "1");
    let again = start(&emulator, folder.path(), &address);
    unchanged(&summary(&again.wait_with_output().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_others_take_over_at_once_from_a_process_that_was_cut_off_and_writes_nothing_more() {
    let (emulator, folder, address) = (emulator().await, tempfile::tempdir().unwrap(), cluster::database());
    let stopped = start(&emulator, folder.path(), &address);
    stop_in_the_middle(&emulator, &stopped, &address);
    cluster::cut_off(&address);
    let others = [0, 1].map(|_| start(&emulator, folder.path(), &address));
    for output in others.map(|other| other.wait_with_output().unwrap()) {
        inserted_once(&output);
    }
    signal(&stopped, "CONT");
    assert!(!stopped.wait_with_output().unwrap().status.success());
    let again = start(&emulator, folder.path(), &address);
    unchanged(&summary(&again.wait_with_output().unwrap()));
}
