//! How fast a directory gets into the database, and in how much memory.
//!
//! ```text
//! cargo run --release -p workos-directory-mirror --example throughput -- 100000
//! ```
//!
//! The emulator runs in a process of its own, so that the memory is the mirror's alone. Each user is in three of a hundred
//! groups. The first run writes everything, the second finds everything unchanged. What it is compared with is the loop that
//! the API's guide shows: each page by the official crate, and one upsert for each user. PostgreSQL is a server of the
//! program's own, which does not wait for the disk.

#![forbid(unsafe_code)]

#[path = "../tests/cluster/mod.rs"]
mod cluster;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Command;
use std::process::Stdio;
use std::time::Instant;

use futures_util::TryStreamExt;
use workos::directory_sync::ListUsersParams;
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
            println!("| database | source | users | run | seconds | users/s | rows/s | calls | peak memory |");
            println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
            for database in ["SQLite", "PostgreSQL"] {
                measure(database, users, "seed", "embeds groups").await?;
                measure(database, users, "live", "lists users per group").await?;
            }
            Ok(())
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

async fn measure(database: &str, users: u32, profile: &str, source: &str) -> Result<(), Failure> {
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
    let address = |name: &str| match database {
        "SQLite" => format!("sqlite:{}?mode=rwc", folder.path().join(name).display()),
        _ => cluster::database(),
    };
    let mirror = Mirror::connect(&address("mirror.sqlite")).await?;
    let mut per_second = 0.0;
    for run in ["first", "second"] {
        let start = Instant::now();
        let summary = mirror.full_sync(&client).run().await?;
        let seconds = start.elapsed().as_secs_f64();
        let rows = summary.users.seen + summary.groups.seen + summary.memberships.seen;
        if run == "first" {
            per_second = f64::from(users) / seconds;
        }
        println!(
            "| {database} | {source} | {users} | {run} | {seconds:.1} | {:.0} | {:.0} | {} | {} |",
            f64::from(users) / seconds,
            rows as f64 / seconds,
            summary.calls,
            peak_memory().unwrap_or_else(|| "unknown".to_owned()),
        );
    }
    mirror.close().await;
    if profile == "seed" {
        let start = Instant::now();
        one_by_one(base_url, api_key, &address("loop.sqlite")).await?;
        let seconds = start.elapsed().as_secs_f64();
        let loops = f64::from(users) / seconds;
        println!(
            "| {database} | the loop, users only | {users} | first | {seconds:.1} | {loops:.0} | {loops:.0} | {} | the mirror is {:.1} times as fast |",
            users.div_ceil(100),
            per_second / loops,
        );
    }
    drop(process.stdin.take());
    process.wait()?;
    Ok(())
}

/// The loop of the API's guide.
async fn one_by_one(base_url: &str, api_key: &str, database: &str) -> Result<(), Failure> {
    let client = workos::Client::builder().api_key(api_key).base_url(base_url).build();
    let pool = sqlx::pool::PoolOptions::<sqlx::Any>::new()
        .max_connections(1)
        .connect(database)
        .await?;
    if database.starts_with("sqlite") {
        // As the mirror does it: otherwise each user would wait for the disk.
        sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
            .execute(&pool)
            .await?;
    }
    sqlx::raw_sql(
        "CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT, first_name TEXT, last_name TEXT, active INTEGER)",
    )
    .execute(&pool)
    .await?;
    let directories = client.directory_sync();
    let directory = directories
        .list_directories(Default::default())
        .await?
        .data
        .swap_remove(0);
    let parameters = ListUsersParams {
        directory: Some(directory.id),
        limit: Some(100),
        ..ListUsersParams::default()
    };
    let mut users = std::pin::pin!(directories.list_users_auto_paging(parameters));
    while let Some(user) = users.try_next().await? {
        let active = i32::from(matches!(user.state, workos::DirectoryUserWithGroupsState::Active));
        sqlx::query(
            "INSERT INTO people (id, email, first_name, last_name, active) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET email = excluded.email, first_name = excluded.first_name,
                 last_name = excluded.last_name, active = excluded.active",
        )
        .bind(user.id)
        .bind(user.email)
        .bind(user.first_name)
        .bind(user.last_name)
        .bind(active)
        .execute(&pool)
        .await?;
    }
    pool.close().await;
    Ok(())
}

/// The most memory that this process had so far, where the system tells.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(format!("{} MB", kilobytes * 1_024 / 1_000_000))
}
