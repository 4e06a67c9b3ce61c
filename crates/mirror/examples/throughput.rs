//! How fast a directory gets into the database, and in how much memory.
//!
//! ```text
//! cargo run --release -p workos-directory-mirror --example throughput -- 100000
//! ```
//!
//! The emulator runs in a process of its own, so that the memory is the mirror's alone. Each user is in three of a hundred
//! groups. The first run writes everything, the second finds everything unchanged.

#![forbid(unsafe_code)]

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Command;
use std::process::Stdio;
use std::time::Instant;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_emulator::Profile;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::RateLimits;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("emulator") => {
            let users = arguments.get(1).map_or(Ok(0), |text| text.parse())?;
            emulator(users, arguments.get(2).is_some_and(|profile| profile == "seed")).await
        }
        users => {
            let users = users.map_or(Ok(100_000), str::parse)?;
            println!("| source | users | run | seconds | users/s | rows/s | calls | peak memory |");
            println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
            measure(users, "seed", "embeds groups").await?;
            measure(users, "live", "lists users per group").await
        }
    }
}

/// The other process: an emulator until its standard input ends.
async fn emulator(users: u32, embeds: bool) -> Result<(), Failure> {
    let population = Population {
        directories: 1,
        users,
        groups: 100,
        memberships: u64::from(users) * 3,
        ..Population::default()
    };
    let profile = if embeds { Profile::Seed } else { Profile::Live };
    let emulator = Emulator::builder()
        .profile(profile)
        .honour_seed_parameters(embeds)
        .population(population)
        .start()
        .await?;
    println!("{} {}", emulator.base_url(), emulator.api_key());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    emulator.shutdown().await;
    Ok(())
}

async fn measure(users: u32, profile: &str, source: &str) -> Result<(), Failure> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(["emulator", &users.to_string(), profile])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(output) = process.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    let (base_url, api_key) = line.trim().split_once(' ').ok_or("the emulator did not start")?;
    let client = Client::builder()
        .api_key(api_key)
        .base_url(base_url)
        .rate_limits(RateLimits::off())
        .build()?;

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("mirror.sqlite");
    let mirror = Mirror::connect(&format!("sqlite:{}", path.display())).await?;
    for run in ["first", "second"] {
        let start = Instant::now();
        let summary = mirror.full_sync(&client).run().await?;
        let seconds = start.elapsed().as_secs_f64();
        let rows = summary.users.seen + summary.groups.seen + summary.memberships.seen;
        println!(
            "| {source} | {users} | {run} | {seconds:.1} | {:.0} | {:.0} | {} | {} |",
            f64::from(users) / seconds,
            rows as f64 / seconds,
            summary.calls,
            peak_memory().unwrap_or_else(|| "unknown".to_owned()),
        );
    }
    mirror.close().await;
    println!("The file has {} MB.", std::fs::metadata(&path)?.len() / 1_000_000);
    drop(process.stdin.take());
    process.wait()?;
    Ok(())
}

/// The most memory that this process had so far, where the system tells.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(format!("{} MB", kilobytes * 1_024 / 1_000_000))
}
