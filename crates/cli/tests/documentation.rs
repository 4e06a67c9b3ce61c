//! Every command that the documentation shows is run against the emulator, and shows what the documentation says.
//!
//! `TRYCMD=overwrite cargo test -p workos-directory-cli --test documentation` writes what it shows now, and
//! `SNAPSHOTS=overwrite` the picture; review both like code.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use serde_json::Value;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_documentation_shows_is_what_happens() {
    let emulator = Emulator::start().await.unwrap();
    trycmd::TestCases::new()
        .env("WORKOS_BASE_URL", emulator.base_url())
        .env("WORKOS_API_KEY", emulator.api_key())
        .env("DSYNC_CONFIG", "/nowhere/config.toml")
        .env("DSYNC_RATE_LIMIT", "off")
        .env("NO_COLOR", "1")
        .case("../../README.md")
        .case("docs/*.md")
        .run();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_picture_of_the_terminal_is_what_verify_shows() {
    let emulator = Emulator::start().await.unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_calls_in_the_table_of_limits_are_those_that_the_planner_computes() {
    let page = include_str!("../docs/limits.md");
    let rows: Vec<Vec<u64>> = page
        .lines()
        .filter(|line| line.starts_with("| 1"))
        .map(|line| {
            let cells = line.split('|').skip(1).take(4);
            cells
                .map(|cell| cell.trim().replace(',', "").parse().unwrap())
                .collect()
        })
        .collect();
    assert_eq!(rows.len(), 3);
    // A million users would take the emulator a minute.
    for row in &rows[..2] {
        let (users, groups, calls) = (row[0], row[1], row[3]);
        let population = Population {
            directories: 1,
            users: users.try_into().unwrap(),
            groups: groups.try_into().unwrap(),
            memberships: users * 3,
            ..Population::default()
        };
        let emulator = Emulator::builder().population(population).start().await.unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_dsync"))
            .args(["sync", "--dry-run", "--database", "sqlite::memory:", "--output", "json"])
            .env("WORKOS_BASE_URL", emulator.base_url())
            .env("WORKOS_API_KEY", emulator.api_key())
            .env("DSYNC_CONFIG", "/nowhere/config.toml")
            .output()
            .unwrap();
        let forecast: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(forecast["directories"][0]["calls"], calls, "{forecast}");
    }
}
