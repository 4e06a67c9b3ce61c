//! Ctrl-C and SIGTERM: once ends with what is in hand and says how to go on, twice ends at once.

#![cfg(unix)]

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;

use crate::process::Running;
use crate::process::World;

const DATABASE: [&str; 2] = ["--database", "sqlite:mirror.sqlite"];

/// What waits at an end waits at least twice as long.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn world() -> World {
    let population = Population {
        directories: 1,
        users: 3_000,
        groups: 1,
        memberships: 0,
        ..Population::default()
    };
    World::start(Emulator::builder().population(population)).await
}

/// A command whose API takes requests and never answers, once it has taken one.
fn stuck(world: &World, arguments: &[&str]) -> (Running, TcpStream) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command: Command = world.command(arguments);
    command.env("WORKOS_BASE_URL", format!("http://{}", silent.local_addr().unwrap()));
    let running = Running::start(&mut command);
    let (connection, _) = silent.accept().unwrap();
    (running, connection)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_ends_with_the_page_in_hand_says_what_is_kept_and_goes_on_there() {
    let world = world().await;
    // Slow enough to be under way: ten calls in a second.
    let arguments = [&["sync"], &DATABASE[..], &["--rate-limit", "seed"]].concat();
    let mut sync = Running::start(&mut world.command(&arguments));
    while world.emulator.total_requests() < 8 {
        std::thread::sleep(Duration::from_millis(1));
    }
    sync.signal("-INT");
    sync.told("ending with the page in hand");
    let line = sync.told("error: interrupted; ");
    assert_eq!(sync.code(), 130);
    let kept = line.split([';', ',']).find_map(|part| part.trim().split_once(" users"));
    let kept: u64 = kept.unwrap().0.parse().unwrap();
    assert!(kept > 0 && kept < 3_000, "{line}");
    assert!(line.contains("goes on from there"), "{line}");

    let rest = world.emulator.total_requests();
    let summary = world.lines(&[&["sync", "--output", "json"], &DATABASE[..]].concat());
    assert_eq!(
        (&summary[0]["run"], &summary[0]["users"]["inserted"]),
        (&1.into(), &3_000.into())
    );
    // What was kept is not asked for again.
    assert!(world.emulator.total_requests() - rest < 35 - kept / 100, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_ends_a_sync_at_once() {
    let world = world().await;
    let (mut sync, _connection) = stuck(&world, &[&["sync"], &DATABASE[..]].concat());
    sync.signal("-INT");
    sync.told("ending with the page in hand");
    let start = Instant::now();
    sync.signal("-INT");
    assert_eq!(sync.code(), 130);
    assert!(start.elapsed() < AT_ONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_and_a_call_that_wait_for_an_answer_end_at_the_first_request() {
    let world = world().await;
    for arguments in [
        &["users", "export", "--format", "csv"][..],
        &["api", "list-directory-users", "--all", "--directory", "directory_1"],
    ] {
        let (mut running, _connection) = stuck(&world, arguments);
        let start = Instant::now();
        running.signal("-INT");
        running.told("error: interrupted after 0");
        assert_eq!(running.code(), 130);
        assert!(start.elapsed() < AT_ONCE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_that_waits_for_an_answer_stops_at_the_first_request_and_says_how_to_go_on() {
    let world = world().await;
    let (mut follow, _connection) = stuck(&world, &[&["follow"], &DATABASE[..]].concat());
    let start = Instant::now();
    follow.signal("-TERM");
    follow.told("the same command goes on from here");
    assert_eq!(follow.code(), 0);
    assert!(start.elapsed() < AT_ONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn serving_webhooks_waits_for_one_that_is_under_way_and_a_second_request_ends_it_at_once() {
    let world = world().await;
    let arguments = [
        &["webhooks", "serve", "--listen", "127.0.0.1:0", "--output", "json"],
        &DATABASE[..],
    ]
    .concat();
    let mut serving = Running::start(world.command(&arguments).env("WORKOS_WEBHOOK_SECRET", "whsec_test"));
    let url = serving.next()["url"].as_str().unwrap().to_owned();
    let host = url.trim_start_matches("http://").trim_end_matches("/webhooks");
    let mut webhook = TcpStream::connect(host).unwrap();
    webhook
        .write_all(
            b"POST /webhooks HTTP/1.1\r\nhost: here\r\nworkos-signature: t=1, v1=00\r\ncontent-length: 2\r\n\r\n{",
        )
        .unwrap();
    // It is under way once another one that came later was answered.
    assert_eq!(crate::process::post(host, "/webhooks", "{}"), 400);
    serving.signal("-TERM");
    serving.told("ending with what is under way");
    let start = Instant::now();
    serving.signal("-TERM");
    assert_eq!(serving.code(), 130);
    assert!(start.elapsed() < AT_ONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_reader_does_not_read_ends_at_the_second_request() {
    let world = world().await;
    let mut command = world.command(&["users", "list"]);
    let mut list = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    // So much that the pipe is full and the command is held up in writing.
    while world.emulator.total_requests() < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let id = list.id().to_string();
    let interrupt = || assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    interrupt();
    let start = Instant::now();
    // The two must not become one on their way.
    while list.try_wait().unwrap().is_none() && start.elapsed() < AT_ONCE {
        std::thread::sleep(Duration::from_millis(100));
        interrupt();
    }
    assert_eq!(list.wait().unwrap().code(), Some(130));
}

/// The commands that go on until they are asked to end, and some that have an end of their own, with what they say then.
const ENDINGS: [(&[&str], i32); 7] = [
    (&["follow"], 0),
    (&["health", "--watch"], 0),
    (&["webhooks", "serve", "--listen", "127.0.0.1:0"], 0),
    (&["changes", "follow", "--consumer", "access"], 0),
    (&["sync"], 130),
    (&["diff"], 130),
    (&["purge", "--older-than", "30"], 130),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_while_the_settings_are_read_ends_the_process_with_the_documented_code() {
    let world = World::small().await;
    let settings = world.folder.path().join("config.toml");
    assert!(Command::new("mkfifo").arg(&settings).status().unwrap().success());
    for (arguments, code) in ENDINGS {
        for signal in ["-INT", "-TERM"] {
            let mut running = Running::start(&mut started(&world, arguments, DATABASE));
            // It can be opened once the process reads it, which has no end while this is open.
            let held = File::options().write(true).open(&settings).unwrap();
            running.signal(signal);
            assert_eq!(running.code(), code, "{arguments:?} {signal}");
            drop(held);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_while_the_database_does_not_answer_ends_the_process_at_once() {
    let world = World::small().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("postgres://nobody@{}/mirror", silent.local_addr().unwrap());
    for (arguments, code) in ENDINGS {
        let mut running = Running::start(&mut started(&world, arguments, ["--database", &address]));
        let _connection = silent.accept().unwrap();
        let start = Instant::now();
        running.signal("-TERM");
        assert_eq!(running.code(), code, "{arguments:?}");
        assert!(start.elapsed() < AT_ONCE, "{arguments:?}");
    }
}

fn started(world: &World, arguments: &[&str], database: [&str; 2]) -> Command {
    let mut command = world.command(&[arguments, &database[..]].concat());
    command.env("WORKOS_WEBHOOK_SECRET", "whsec_test");
    command
}
