//! `dsync follow` and `dsync events`.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Attributes;
use workos_directory_sync::events::Event;
use workos_directory_sync::types::DirectoryUser;

use crate::process::World;

/// How long the next line may take before the test says that it does not come.
const PATIENCE: Duration = Duration::from_secs(60);

const DATABASE: [&str; 2] = ["--database", "sqlite:mirror.sqlite"];

async fn small() -> World {
    let population = Population {
        directories: 1,
        users: 20,
        groups: 4,
        memberships: 10,
        ..Population::default()
    };
    World::start(Emulator::builder().population(population)).await
}

/// A `dsync follow` that runs; it ends with the test.
struct Following {
    process: Child,
    lines: Receiver<Value>,
    /// Where it serves its status.
    status: String,
}

impl Following {
    fn start(world: &World) -> Self {
        let arguments = [
            "follow",
            "--output",
            "json",
            "--interval",
            "1",
            "--status",
            "127.0.0.1:0",
        ];
        let mut command = world.command(&[&arguments[..], &DATABASE].concat());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut told = String::new();
        stderr.read_line(&mut told).unwrap();
        let status = told.trim().strip_prefix("status at http://").unwrap();
        let status = status.strip_suffix("/readyz").unwrap().to_owned();
        std::thread::spawn(move || stderr.lines().count());
        let stdout = process.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                sender.send(serde_json::from_str(&line.unwrap()).unwrap()).unwrap();
            }
        });
        Self { process, lines, status }
    }

    /// The next line of a kind.
    fn next(&self, kind: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("a line");
            if line["event"] == kind {
                return line;
            }
        }
    }

    /// The status and the body of an answer.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.status).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.status
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Waits as an orchestrator does: the line of what was applied comes before the end of its poll, which makes ready.
    fn becomes_ready(&self) {
        let since = Instant::now();
        loop {
            let answer = self.get("/readyz");
            if answer == (200, "ready\n".to_owned()) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{answer:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn end(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn hire(emulator: &Emulator, directory: &str) {
    let now = emulator.now();
    let user = DirectoryUser::new(emulator.new_user_id(), directory, "active", now, now);
    emulator.put_user(user).unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn following_begins_with_a_full_sync_then_brings_changes_and_goes_on_after_a_stop() {
    let world = small().await;
    let directory = world.lines(&["directories", "list"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let following = Following::start(&world);
    assert_eq!(following.next("reconciled")["users"]["inserted"], 20);
    hire(&world.emulator, &directory);
    assert_eq!(following.next("applied")["applied"], 1);

    assert_eq!(following.get("/healthz").0, 200);
    following.becomes_ready();
    let metrics = following.get("/metrics").1;
    assert!(
        metrics.contains("dsync_events_total{outcome=\"applied\"} 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("dsync_full_syncs_total 1\n"), "{metrics}");
    assert!(
        metrics.contains("directory_sync_requests_total{operation=\"listEvents\",status=\"200\"}"),
        "{metrics}"
    );
    assert!(!metrics.contains(&directory), "{metrics}");
    following.end();

    // What happens meanwhile is not lost, and what was applied is not applied again.
    hire(&world.emulator, &directory);
    hire(&world.emulator, &directory);
    let following = Following::start(&world);
    assert_eq!(following.next("applied")["applied"], 2);
    following.end();

    let sync = world.lines(&[&["sync", "--output", "json"], &DATABASE[..]].concat());
    assert_eq!(sync[0]["users"]["inserted"], 0);
    assert_eq!(sync[0]["users"]["seen"], 23);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_applied_is_listed_with_its_reason_and_tried_again() {
    let world = small().await;
    let address = format!("sqlite:{}", world.folder.path().join("mirror.sqlite").display());
    let mirror = Mirror::connect(&address).await.unwrap();
    let event = Event::new(
        "event_1",
        "dsync.user.created",
        Attributes::default(),
        world.emulator.now(),
    );
    mirror.apply_events(&[event]).await.unwrap();
    mirror.close().await;

    let listed = world.lines(&[&["events", "list"], &DATABASE[..]].concat());
    assert_eq!(listed[0]["id"], "event_1");
    assert!(
        listed[0]["error"].as_str().unwrap().contains("missing field"),
        "{listed:?}"
    );
    let retried = world.lines(&[&["events", "retry", "--all", "--output", "json"], &DATABASE[..]].concat());
    assert_eq!(retried[0]["dead"], 1);

    let other = world.run(&[&["events", "retry", "event_2"], &DATABASE[..]].concat());
    assert_eq!(other.code, 1);
    assert!(other.stderr.contains("`event_2`"), "{}", other.stderr);
}
