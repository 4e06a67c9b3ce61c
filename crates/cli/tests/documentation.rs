//! Every command that the documentation shows is run against the emulator, and shows what the documentation says.
//!
//! `TRYCMD=overwrite cargo test -p workos-directory-cli --test documentation` writes what it shows now, and
//! `SNAPSHOTS=overwrite` the picture; review both like code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;
use workos_directory_emulator::Emulator;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_documentation_shows_is_what_happens() {
    let emulator = Emulator::builder().unscoped_lists(true).start().await.unwrap();
    trycmd::TestCases::new()
        .env("WORKOS_BASE_URL", emulator.base_url())
        .env("WORKOS_API_KEY", emulator.api_key())
        .env("DSYNC_CONFIG", "/nowhere/config.toml")
        .env("DSYNC_RATE_LIMIT", "off")
        .env("NO_COLOR", "1")
        .case("../../README.md")
        .case("docs/choosing.md")
        .case("docs/limits.md")
        .case("docs/moving.md")
        .case("docs/security.md")
        .run();
}

/// A page that tells a story needs a source and a database of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_a_mirror_is_what_happens() {
    let emulator = Emulator::builder().unscoped_lists(true).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("mirror.sqlite");
    trycmd::TestCases::new()
        .env("WORKOS_BASE_URL", emulator.base_url())
        .env("WORKOS_API_KEY", emulator.api_key())
        .env("DSYNC_CONFIG", "/nowhere/config.toml")
        .env("DSYNC_DATABASE", format!("sqlite:{}", database.display()))
        .env("DSYNC_RATE_LIMIT", "off")
        .env("NO_COLOR", "1")
        .case("docs/operating.md")
        .run();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_picture_of_the_terminal_is_what_verify_shows() {
    let emulator = Emulator::builder().unscoped_lists(true).start().await.unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dsync"))
        .arg("verify")
        .env("WORKOS_BASE_URL", emulator.base_url())
        .env("WORKOS_API_KEY", emulator.api_key())
        .env("DSYNC_CONFIG", "/nowhere/config.toml")
        .env("DSYNC_RATE_LIMIT", "off")
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(output.status.success());
    let shown = format!("$ dsync verify\n{}", String::from_utf8(output.stdout).unwrap());
    snapbox::assert_data_eq!(shown, snapbox::file!["../docs/verify.svg": TermSvg].raw());
}

/// What limits.md computes with: calls per second in all, and of the live API also for the users of one directory.
const SEED_LIMIT: f64 = 10.0;
const LIVE_LIMIT: f64 = 100.0;
const LIVE_LIMIT_OF_A_DIRECTORY: f64 = 4.0;
/// How many directories a sync has under way.
const AT_A_TIME: f64 = 4.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_of_limits_is_what_the_planner_computes() {
    let page = include_str!("../docs/limits.md");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| 1")).collect();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let cells = row.split('|').skip(1).take(3);
        let cells: Vec<u64> = cells
            .map(|cell| cell.trim().replace(',', "").parse().unwrap())
            .collect();
        let [directories, users, groups] = cells[..] else {
            panic!("{row}")
        };
        let calls = planned(directories, users, groups).await;
        // The planner cannot know that groups are embedded before it has seen a page of users.
        let embedded = directories.div_ceil(100) + directories * (users.div_ceil(100) + groups.div_ceil(100));
        let (seed, live) = ([embedded, calls].map(|calls| calls as f64 / SEED_LIMIT), {
            [embedded, calls].map(|calls| {
                let of_one = calls as f64 / directories as f64 / LIVE_LIMIT_OF_A_DIRECTORY;
                (calls as f64 / LIVE_LIMIT).max(of_one * (directories as f64 / AT_A_TIME).max(1.0))
            })
        });
        let span = |times: [f64; 2]| times.map(duration).join(" to ");
        let expected = format!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            thousands(directories),
            thousands(users),
            thousands(groups),
            thousands(embedded),
            thousands(calls),
            span(seed),
            span(live)
        );
        assert_eq!(row, expected);
    }
}

/// The calls that `dsync sync --dry-run` forecasts for directories that say that they have so many users and groups.
async fn planned(directories: u64, users: u64, groups: u64) -> u64 {
    let all: Vec<Value> = (0..directories)
        .map(|number| {
            json!({
                "object": "directory", "id": format!("directory_{number:026}"), "name": "Acme", "state": "linked",
                "type": "okta scim v2.0", "organization_id": "org_01HM692DV01ARP04S72KZZ79RV",
                "metadata": { "users": { "active": users, "inactive": 0 }, "groups": groups },
                "created_at": "2024-01-15T10:00:00.000Z", "updated_at": "2024-01-15T10:00:00.000Z"
            })
        })
        .collect();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let list = move |Query(query): Query<HashMap<String, String>>| {
        let start = query.get("after").map_or(0, |after| {
            all.iter().position(|directory| directory["id"] == **after).unwrap() + 1
        });
        let page: Vec<_> = all.iter().skip(start).take(100).cloned().collect();
        let more = start + page.len() < all.len();
        let after = page.last().filter(|_| more).map(|last| last["id"].clone());
        let body = json!({ "object": "list", "data": page, "list_metadata": { "before": null, "after": after } });
        std::future::ready(body.to_string())
    };
    tokio::spawn(axum::serve(listener, Router::new().route("/directories", get(list))).into_future());
    let arguments = ["sync", "--dry-run", "--database", "sqlite::memory:", "--output", "json"];
    let output = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_dsync"))
            .args(arguments)
            .env("WORKOS_BASE_URL", url)
            .env("WORKOS_API_KEY", "sk_test_limits")
            .env("DSYNC_CONFIG", "/nowhere/config.toml")
            .env("DSYNC_RATE_LIMIT", "off")
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    let forecast: Value = serde_json::from_slice(&output.stdout).unwrap();
    forecast["calls"].as_u64().unwrap()
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..100.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| String::from_utf8_lossy(group))
        .collect();
    groups.join(",")
}

/// The commands of the page that do not end, in the order in which the page starts them.
const ENDLESS: [&str; 4] = ["follow", "webhooks", "changes", "health"];

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_story_that_do_not_end_become_ready() {
    let emulator = Emulator::builder().unscoped_lists(true).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("mirror.sqlite").display());
    let dsync = |words: &[String]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dsync"));
        command
            .args(words)
            .env("WORKOS_BASE_URL", emulator.base_url())
            .env("WORKOS_API_KEY", emulator.api_key())
            .env("WORKOS_WEBHOOK_SECRET", "whsec_new,whsec_old")
            .env("DSYNC_CONFIG", "/nowhere/config.toml")
            .env("DSYNC_DATABASE", &database)
            .env("DSYNC_RATE_LIMIT", "off");
        command
    };
    assert!(
        dsync(&["sync".to_owned(), "-q".to_owned()])
            .output()
            .unwrap()
            .status
            .success()
    );
    let page = include_str!("../docs/operating.md");
    let lines = page.lines().filter(|line| line.contains("--status 127.0.0.1:"));
    let mut started = Vec::new();
    for line in lines {
        let (_, command) = line.split_once("dsync ").unwrap();
        // A port that is free here.
        let words = command.split(' ').map(|word| match word.strip_prefix("127.0.0.1:") {
            Some(_) => "127.0.0.1:0".to_owned(),
            None => word.to_owned(),
        });
        let words: Vec<_> = words.collect();
        let mut running = dsync(&words)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = String::new();
        let mut stderr = BufReader::new(running.stderr.take().unwrap());
        stderr.read_line(&mut told).unwrap();
        let status = told.trim().strip_prefix("status at http://").expect(&told);
        let ready = becomes_ready(status.strip_suffix("/readyz").unwrap());
        let ended = Command::new("kill").args(["-TERM", &running.id().to_string()]).status();
        assert!(ended.unwrap().success());
        assert!(running.wait().unwrap().success(), "{line}");
        assert!(ready, "{line}");
        started.push(words[0].clone());
    }
    assert_eq!(started, ENDLESS);
}

/// Asks for as long as a test may take.
#[cfg(unix)]
fn becomes_ready(host: &str) -> bool {
    (0..600).any(|_| {
        let mut stream = TcpStream::connect(host).unwrap();
        let request = format!("GET /readyz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let is_ready = answer.starts_with("HTTP/1.1 200 ");
        if !is_ready {
            std::thread::sleep(Duration::from_millis(100));
        }
        is_ready
    })
}
