//! Ctrl-C and SIGTERM at any time: each process ends soon and with the documented code, gives up what it had at once, and
//! leaves the rest to the next one.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use workos_directory_emulator::Emulator;
use workos_directory_mirror::ChangeKind;
use workos_directory_mirror::Mirror;

use super::assert_unchanged;
use super::budget::USERS;
use super::budget::slow_source;
use super::cluster;
use super::dsync;
use super::process::PATIENCE;
use super::process::Process;
use super::process::wait_for_requests;
use super::stopped::signal;
use super::summary;
use super::sync;

/// How long a test goes on with new databases.
const LONG_ENOUGH: Duration = Duration::from_secs(15);

/// A busy machine takes longer to end as many.
const FEW: u32 = 10;

/// A process lives this long at most before it is asked to end, in milliseconds. A whole sync takes several times that.
const LONGEST_LIFE: u64 = 400;

/// What systemd waits for, by the unit in `crates/cli/systemd`.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the server may take to notice that a process has ended, which it does at once.
const NOTICED: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn processes_on_sqlite_that_are_asked_to_end_at_random_times_end_soon_and_lose_nothing() {
    let emulator = Emulator::start().await.unwrap();
    let database = |folder: &Path| format!("sqlite:{}", folder.join("mirror.sqlite").display());
    ask_again_and_again(&emulator, database, |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_on_postgresql_that_are_asked_to_end_at_random_times_give_up_their_leases_and_lose_nothing() {
    let emulator = Emulator::start().await.unwrap();
    ask_again_and_again(&emulator, |_| cluster::database(), assert_gone).await;
}

/// How long others wait for a worker that was stopped or cut off: one that was asked to end is not waited for.
const LEASE: Duration = Duration::from_secs(15);

/// Waits until a query answers something.
fn until(address: &str, query: &str, answer: &str, within: Duration) {
    let since = Instant::now();
    loop {
        let answered = cluster::query(address, query);
        if answered == answer {
            return;
        }
        assert!(since.elapsed() < within, "{query}: {answered}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Who reads the events: nobody, the worker that is there, or the one that was there before.
const READER: &str = "SELECT worker FROM leases WHERE resource = 'events'";

#[tokio::test(flavor = "multi_thread")]
async fn another_follower_reads_the_events_at_once_when_the_one_that_reads_them_is_asked_to_end() {
    let emulator = Emulator::start().await.unwrap();
    let (folder, address) = (tempfile::tempdir().unwrap(), cluster::database());
    Mirror::connect(&address).await.unwrap().close().await;
    for name in ["INT", "TERM"] {
        let first = begun(&emulator, folder.path(), &address, false);
        until(&address, "SELECT COUNT(*) FROM workers", "1", PATIENCE);
        let first_worker = cluster::query(&address, "SELECT MAX(id) FROM workers");
        until(&address, READER, &first_worker, PATIENCE);
        let second = begun(&emulator, folder.path(), &address, false);
        until(&address, "SELECT COUNT(*) FROM workers", "2", PATIENCE);
        let second_worker = cluster::query(&address, "SELECT MAX(id) FROM workers");
        assert!(ended(first, name).success());
        until(&address, READER, &second_worker, LEASE);
        assert!(ended(second, name).success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sync_takes_the_directories_at_once_of_one_that_is_asked_to_end() {
    let emulator = slow_source().await;
    let (folder, address) = (tempfile::tempdir().unwrap(), cluster::database());
    let start = || {
        let mut command = sync(&emulator, folder.path(), &address);
        Process(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    };
    let first = start();
    wait_for_requests(&emulator, 10);
    let first_worker = cluster::query(&address, "SELECT MAX(id) FROM workers");
    let left = format!("SELECT COUNT(*) FROM leases WHERE worker = {first_worker} AND ended_at IS NULL");
    // It has all directories.
    until(&address, &left, "3", PATIENCE);
    let second = start();
    until(&address, "SELECT COUNT(*) FROM workers", "2", PATIENCE);
    assert_eq!(ended(first, "TERM").code(), Some(130));
    until(&address, &left, "0", LEASE);
    let summary = summary(&second.output());
    assert_eq!(
        (&summary["run"], &summary["users"]["inserted"]),
        (&1.into(), &USERS.into())
    );
}

async fn ask_again_and_again(emulator: &Emulator, database: impl Fn(&Path) -> String, assert_gone: impl Fn(&str)) {
    let seed = fastrand::u64(..);
    println!("the lives of the processes come from the seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let start = Instant::now();
    let (mut asked, mut slowest) = (0, Duration::ZERO);
    while start.elapsed() < LONG_ENOUGH || asked < FEW {
        let folder = tempfile::tempdir().unwrap();
        let address = database(folder.path());
        // Until a sync comes to its end before it is asked to.
        loop {
            let is_sync = random.bool();
            let process = begun(emulator, folder.path(), &address, is_sync);
            std::thread::sleep(Duration::from_millis(random.u64(..LONGEST_LIFE)));
            let since = Instant::now();
            let status = ended(process, ["INT", "TERM"][random.usize(..2)]);
            slowest = slowest.max(since.elapsed());
            assert_gone(&address);
            match (is_sync, status.code()) {
                // One that goes on until it is asked to end has done what it should.
                (false, Some(0)) | (true, Some(130)) => asked += 1,
                (true, Some(0)) => break,
                _ => panic!("{status}"),
            }
            // However short the lives are, a run ends.
            if random.u32(..20) == 0 {
                summary(&sync(emulator, folder.path(), &address).output().unwrap());
                break;
            }
        }
        assert_unchanged(&summary(&sync(emulator, folder.path(), &address).output().unwrap()));
        assert_told_once(&address).await;
    }
    println!("{asked} were asked to end; the slowest took {slowest:?}");
    assert!(slowest < STOP_TIMEOUT, "{slowest:?}");
}

/// A process that has come as far as its settings: it listens. They are empty.
fn begun(emulator: &Emulator, folder: &Path, address: &str, is_sync: bool) -> Process {
    let settings = folder.join("settings.toml");
    if !settings.exists() {
        assert!(Command::new("mkfifo").arg(&settings).status().unwrap().success());
    }
    let mut command = dsync(emulator, folder);
    if is_sync {
        command.args(["sync", "--database", address]);
    } else {
        command.args(["follow", "--interval", "1", "--database", address]);
    }
    command
        .env("DSYNC_CONFIG", &settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let process = Process(command.spawn().unwrap());
    // It can be opened once the process reads it.
    drop(File::options().write(true).open(&settings).unwrap());
    process
}

fn ended(mut process: Process, name: &str) -> ExitStatus {
    if process.0.try_wait().unwrap().is_none() {
        signal(&process.0, name);
    }
    process.0.wait().unwrap()
}

/// Whoever has ended has no lease any more: the server knows that its session has ended, however long it had it for.
fn assert_gone(address: &str) {
    if cluster::query(address, "SELECT to_regclass('workers') IS NULL") == "t" {
        return;
    }
    let there = "SELECT COUNT(*) FROM workers AS w JOIN pg_stat_activity AS a ON a.pid = w.session";
    until(address, there, "0", NOTICED);
}

/// The changes tell each user and each membership once.
async fn assert_told_once(address: &str) {
    let mirror = Mirror::connect(address).await.unwrap();
    let changes = mirror.changes_after(0, 10_000).await.unwrap();
    mirror.close().await;
    let count = |kind| changes.iter().filter(|change| change.kind == kind).count();
    assert_eq!(
        (count(ChangeKind::UserCreated), count(ChangeKind::JoinedGroup)),
        (1_000, 3_000)
    );
    assert_eq!(count(ChangeKind::UserDeleted) + count(ChangeKind::LeftGroup), 0);
}
