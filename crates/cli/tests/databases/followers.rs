//! Three `dsync follow` on one PostgreSQL, the one that reads the events stopped and continued.

use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::types::DirectoryUser;

use super::cluster;
use super::dsync;
use super::process::Process;
use super::stopped::signal;
use super::stopped::stop;

const USERS: u64 = 300;

/// How long others may take to do what is waited for, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// How often to look.
const PAUSE: Duration = Duration::from_millis(100);

fn hire(emulator: &Emulator, directory: &str) {
    let now = emulator.now();
    let user = DirectoryUser::new(emulator.new_user_id(), directory, "active", now, now);
    emulator.put_user(user).unwrap();
}

fn created(address: &str) -> u64 {
    let told = cluster::query(address, "SELECT COUNT(*) FROM changes WHERE kind = 'user_created'");
    told.parse().unwrap()
}

/// Whether that many users are told of within a time.
fn come(address: &str, users: u64, within: Duration) -> bool {
    let end = Instant::now() + within;
    while created(address) < users {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn another_follower_takes_over_from_one_that_is_stopped_and_each_change_is_told_once() {
    let population = Population {
        directories: 3,
        users: u32::try_from(USERS).unwrap(),
        groups: 6,
        memberships: USERS,
        ..Population::default()
    };
    let emulator = Emulator::builder().population(population).start().await.unwrap();
    let (folder, address) = (tempfile::tempdir().unwrap(), cluster::database());
    let mut followers = [0, 1, 2].map(|_| {
        let mut command = dsync(&emulator, folder.path());
        command.args(["follow", "--interval", "1", "--database", &address]);
        Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    });
    // PostgreSQL makes the tables while it is asked for them.
    let end = Instant::now() + PATIENCE;
    while cluster::query(&address, "SELECT to_regclass('leases') IS NOT NULL") == "f" {
        assert!(Instant::now() < end, "the tables were not made");
        std::thread::sleep(PAUSE);
    }
    assert!(come(&address, USERS, PATIENCE));
    let client = Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url())
        .rate_limits(RateLimits::off())
        .build()
        .unwrap();
    let directories = client.list_directories().stream().try_collect().await.unwrap();
    let directory = directories[0].id.as_str();

    // Which one reads the events? The one without which nothing comes.
    let mut users = USERS;
    let reader = followers
        .iter()
        .position(|follower| {
            stop(&follower.0, &address);
            hire(&emulator, directory);
            users += 1;
            let holds = !come(&address, users, Duration::from_secs(5));
            if !holds {
                signal(&follower.0, "CONT");
            }
            holds
        })
        .unwrap();

    // The others take over what it could not do, and go on.
    assert!(come(&address, users, PATIENCE));
    for _ in 0..3 {
        hire(&emulator, directory);
    }
    users += 3;
    assert!(come(&address, users, PATIENCE));
    signal(&followers[reader].0, "CONT");
    for _ in 0..3 {
        hire(&emulator, directory);
    }
    users += 3;
    assert!(come(&address, users, PATIENCE));

    for follower in &mut followers {
        assert!(follower.0.try_wait().unwrap().is_none(), "it has ended by itself");
        signal(&follower.0, "TERM");
        assert!(follower.0.wait().unwrap().success());
    }
    assert_eq!(created(&address), users);
    assert_eq!(cluster::query(&address, "SELECT COUNT(*) FROM sync_runs"), "1");
    let workers = cluster::query(&address, "SELECT COUNT(*) FROM workers");
    assert_eq!(workers, "0", "who ends says so");
    let mirror = Mirror::connect(&address).await.unwrap();
    let diff = mirror.diff(&client).await.unwrap();
    // No event tells the counts in a directory's metadata.
    let others = diff.differences.iter().filter(|difference| difference.id != directory);
    assert_eq!(others.count(), 0, "{:?}", diff.differences);
}
