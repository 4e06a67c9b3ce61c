//! How fast a directory gets into the database, in how much memory and with how many calls.
//!
//! `cargo bench -p workos-directory-mirror --bench throughput` prints the tables of BENCHMARKS.md; `-- 1000000` measures
//! so many users instead of 100,000. Without `--bench` (as `cargo test` calls it) it only checks that all of it works,
//! with a few users.
//!
//! The emulator, the mirror and the loop each run in a process of their own, so that memory is the mirror's alone. What
//! the mirror is compared with is the loop that the API's guide shows: each page by the official crate, and one upsert
//! for each user.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod events;
mod growth;
mod one_by_one;
mod process;
mod ratio;
mod source;

use std::time::Instant;

use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::RateLimits;

use crate::process::Report;

/// How many users are measured, unless said otherwise.
const USERS: u32 = 100_000;

/// How many users the comparison has: turns of some seconds.
const COMPARED: u32 = 20_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    match words[..] {
        ["emulator", shape, users] => runtime.block_on(source::serve(shape, users.parse().expect("a number"))),
        ["mirror", runs, address, base_url, api_key] => {
            runtime.block_on(mirror(runs.parse().expect("a number"), address, base_url, api_key));
        }
        ["loop", habit, address, base_url, api_key] => {
            runtime.block_on(one_by_one::run(habit, address, base_url, api_key));
        }
        ["events", users] => runtime.block_on(events::measure(users.parse().expect("a number"))),
        ["compare", database, habit, users, turns] => {
            let number = |text: &str| text.parse::<u32>().expect("a number");
            ratio::measure_one(database, habit, number(users), number(turns) as usize);
        }
        _ if words.contains(&"--bench") => {
            let users = words.iter().find_map(|word| word.parse().ok());
            // The comparison does not depend on the size: more users get the second table alone.
            if users.is_none() {
                ratio::measure(COMPARED, 5);
            }
            growth::measure(users.unwrap_or(USERS));
            if users.is_none() {
                runtime.block_on(events::measure(COMPARED as usize));
            }
        }
        _ => {
            ratio::measure(100, 1);
            growth::measure(300);
            runtime.block_on(events::measure(20));
        }
    }
}

/// The process: polls, mirrors so often, reporting each time, and polls again.
async fn mirror(runs: usize, address: &str, base_url: &str, api_key: &str) {
    let client = Client::builder().api_key(api_key).base_url(base_url);
    let client = client.rate_limits(RateLimits::off()).build().expect("a client");
    let mirror = Mirror::connect(address).await.expect("a database");
    mirror.follow(&client).poll().await.expect("a poll");
    for _ in 0..runs {
        let start = Instant::now();
        let summary = mirror.full_sync(&client).run().await.expect("a full sync");
        let report = Report {
            seconds: start.elapsed().as_secs_f64(),
            users: summary.users.seen,
            rows: summary.users.seen + summary.groups.seen + summary.memberships.seen,
            inserted: summary.users.inserted,
            calls: summary.calls,
            peak_megabytes: process::peak_megabytes(),
        };
        report.send();
    }
    mirror.follow(&client).poll().await.expect("a poll");
    mirror.close().await;
}
