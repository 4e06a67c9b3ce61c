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
        directories: 1,
        users: USERS,
        groups: 10,
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

fn signal(process: &Child, name: &str) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", process.id())])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Stops a process in the middle of the users.
fn stop_in_the_middle(emulator: &Emulator, process: &Child) {
    let before = emulator.total_requests();
    while emulator.total_requests() < before + 10 {
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(process, "STOP");
}

fn told_that_one_is_running(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("another sync is writing"), "{stderr}");
}

fn inserted_once(summary: &Value) {
    assert_eq!(summary["run"], 1);
    for kind in ["users", "memberships"] {
        assert_eq!(
            (&summary[kind]["seen"], &summary[kind]["inserted"]),
            (&USERS.into(), &USERS.into()),
            "{kind}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopped_keeps_its_lease_and_completes_when_it_is_continued() {
    let (emulator, folder, address) = (emulator().await, tempfile::tempdir().unwrap(), cluster::database());
    let stopped = start(&emulator, folder.path(), &address);
    stop_in_the_middle(&emulator, &stopped);
    let others = [0, 1].map(|_| start(&emulator, folder.path(), &address));
    for other in others {
        told_that_one_is_running(&other.wait_with_output().unwrap());
    }
    signal(&stopped, "CONT");
    inserted_once(&summary(&stopped.wait_with_output().unwrap()));
    let again = start(&emulator, folder.path(), &address);
    assert_eq!(summary(&again.wait_with_output().unwrap())["users"]["unchanged"], USERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_lost_its_lease_while_it_was_stopped_writes_nothing_more() {
    let (emulator, folder, address) = (emulator().await, tempfile::tempdir().unwrap(), cluster::database());
    let stopped = start(&emulator, folder.path(), &address);
    stop_in_the_middle(&emulator, &stopped);
    cluster::cut_off(&address);
    // One of two goes on with the run; the other is told, or finds everything done.
    let others = [0, 1].map(|_| start(&emulator, folder.path(), &address));
    let outputs = others.map(|other| other.wait_with_output().unwrap());
    signal(&stopped, "CONT");
    let stopped = stopped.wait_with_output().unwrap();
    assert!(!stopped.status.success());
    let (went_on, rest): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| output.status.success());
    for output in rest {
        told_that_one_is_running(output);
    }
    let summaries: Vec<Value> = went_on.into_iter().map(summary).collect();
    inserted_once(summaries.iter().find(|summary| summary["run"] == 1).unwrap());
    let again = start(&emulator, folder.path(), &address);
    let again = summary(&again.wait_with_output().unwrap());
    assert_eq!(
        (&again["users"]["unchanged"], &again["users"]["seen"]),
        (&USERS.into(), &USERS.into())
    );
}
