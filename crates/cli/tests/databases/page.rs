//! The commands of `docs/workers.md`, run by a shell in the order of the page.

use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;

use super::cluster;
use super::dsync;
use super::process::Process;
use super::summary;

/// What the page writes for the key and for the database, which this test has in their place.
const KEY: &str = "sk_live_...";
const DATABASE: &str = "postgres://dsync@db.example/mirror";

const USERS: u32 = 30;

/// How long the commands may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the shell does after the page's commands: it says which processes they left, and then how each ended.
const AFTERWARDS: &str = "
jobs -p >jobs
cat jobs >&3
echo started >&3
while read -r job; do
    code=0
    wait \"$job\" || code=$?
    echo \"$code\" >&3
done <jobs
";

/// The commands of the page, in order.
fn commands() -> String {
    let page = include_str!("../../docs/workers.md");
    let blocks = page.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_on_many_workers_do_what_it_says() {
    let population = Population {
        directories: 3,
        users: USERS,
        groups: 3,
        memberships: u64::from(USERS),
        ..Population::default()
    };
    let emulator = Emulator::builder().population(population).start().await.unwrap();
    let (folder, address) = (tempfile::tempdir().unwrap(), cluster::database());
    let commands = commands();
    for placeholder in [KEY, DATABASE] {
        assert!(commands.contains(placeholder), "the page does not write {placeholder}");
    }
    let commands = commands.replace(KEY, emulator.api_key()).replace(DATABASE, &address);
    let mut shell = Process(shell(&emulator, folder.path(), &commands));
    let mut lines = BufReader::new(shell.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let jobs: Vec<String> = lines.by_ref().take_while(|line| line != "started").collect();
    let said = || std::fs::read_to_string(folder.path().join("said")).unwrap();
    assert!(jobs.len() > 1, "the page starts several: {}", said());

    // Each is a worker, and together they bring everything.
    let end = Instant::now() + PATIENCE;
    while !is_mirrored(&address) || workers(&address) != jobs.len() {
        assert!(Instant::now() < end, "{} workers: {}", workers(&address), said());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(cluster::query(&address, "SELECT COUNT(*) FROM sync_runs"), "1");

    // `dsync sync` beside them.
    let mut sync = dsync(&emulator, folder.path());
    sync.args(["sync", "--output", "json", "--database", &address]);
    assert_eq!(summary(&sync.output().unwrap())["users"]["unchanged"], USERS);

    let ended = Command::new("kill").arg("-TERM").args(&jobs).status();
    assert!(ended.unwrap().success(), "one has ended by itself: {}", said());
    let codes: Vec<String> = lines.collect();
    assert_eq!(codes, vec!["0"; jobs.len()], "{}", said());
    assert_eq!(workers(&address), 0, "who ends says so");
}

fn shell(emulator: &Emulator, folder: &Path, commands: &str) -> std::process::Child {
    let program = Path::new(env!("CARGO_BIN_EXE_dsync")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    // What the commands say goes into a file; the shell itself says how they are doing.
    let script = format!("set -eu\nexec 3>&1 >said 2>&1\n{commands}{AFTERWARDS}");
    Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", program.display()))
        .env("WORKOS_BASE_URL", emulator.base_url())
        .env("DSYNC_CONFIG", folder.join("config.toml"))
        .env_remove("WORKOS_API_KEY")
        .env_remove("DSYNC_DATABASE")
        .env_remove("DSYNC_RATE_LIMIT")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Whether a full sync has come to its end.
fn is_mirrored(address: &str) -> bool {
    // PostgreSQL makes the tables while it is asked for them.
    let is_there = cluster::query(address, "SELECT to_regclass('change_consumers') IS NOT NULL") == "t";
    is_there && {
        let query = "SELECT COUNT(*) FROM sync_runs WHERE state = 'finished'";
        cluster::query(address, query) != "0"
    }
}

/// How many workers are there.
fn workers(address: &str) -> usize {
    match cluster::query(address, "SELECT to_regclass('workers') IS NOT NULL").as_str() {
        "t" => cluster::query(address, "SELECT COUNT(*) FROM workers").parse().unwrap(),
        _ => 0,
    }
}
