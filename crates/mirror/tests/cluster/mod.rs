//! A PostgreSQL server of the tests' own: on loopback, with a port that was free, in a folder that goes with it.
//!
//! It is made of the programs that the system has installed. Each test program starts one when its first test needs it. A
//! shell keeps it until its standard input ends, which the system sees to however the test program ends.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    reason = "for tests, and not each test program that has this module needs all of it"
)]

use std::io::BufRead;
use std::io::BufReader;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// A user whom the server asks for a password, and the password.
pub(crate) const GUARDED: [&str; 2] = ["guarded", "hunter2-hunter2"];

/// `$1` is the folder of PostgreSQL's programs, `$2` the port, `$3` the settings.
const KEEPER: &str = r#"
set -eu
trap '' HUP INT TERM
folder=$(mktemp -d "${TMPDIR:-/tmp}/postgres-of-tests.XXXXXX")
trap 'rm -rf "$folder"' EXIT
"$1/initdb" --pgdata="$folder/data" --username=tester --auth=trust --encoding=UTF8 --locale=C --no-sync >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; exit 1; }
echo 'host all guarded 127.0.0.1/32 scram-sha-256' | cat - "$folder/data/pg_hba.conf" >"$folder/hba"
mv "$folder/hba" "$folder/data/pg_hba.conf"
"$1/pg_ctl" --pgdata="$folder/data" --log="$folder/log" --silent --wait --options="-c listen_addresses=127.0.0.1 \
    -c port=$2 -c unix_socket_directories= -c max_connections=300 $3" start || { cat "$folder/log" >&2; exit 1; }
echo ready
cat >/dev/null
"$1/pg_ctl" --pgdata="$folder/data" --silent --mode=immediate stop
"#;

struct Cluster {
    programs: PathBuf,
    port: u16,
    _keeper: Child,
}

/// The server writes nothing that has to outlive it.
const FAST: &str = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off";

/// The server is as it is installed: each commit waits for the disk.
const DURABLE: &str = "";

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DURABLE_CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicUsize = AtomicUsize::new(0);

/// The address of a new and empty database.
pub(crate) fn database() -> String {
    made_from("template0")
}

/// The address of a copy of a database that nobody has open.
pub(crate) fn copy(address: &str) -> String {
    made_from(address.rsplit('/').next().expect("it has a database"))
}

/// The address of a new and empty database of a server whose commits wait for the disk.
pub(crate) fn durable_database() -> String {
    made_in(DURABLE_CLUSTER.get_or_init(|| start(DURABLE)), "template0")
}

fn made_from(template: &str) -> String {
    made_in(cluster(), template)
}

fn made_in(cluster: &Cluster, template: &str) -> String {
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    sql(
        cluster,
        "postgres",
        &format!("CREATE DATABASE {name} TEMPLATE {template}"),
    );
    format!("postgres://tester@127.0.0.1:{}/{name}", cluster.port)
}

/// The same address, for the user whom the server asks for a password.
pub(crate) fn guarded(address: &str) -> String {
    let cluster = cluster();
    let [name, password] = GUARDED;
    sql(
        cluster,
        "postgres",
        &format!(
            "DO $$ BEGIN CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{password}';
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ),
    );
    address.replace("tester@", &format!("{name}@"))
}

/// Ends all sessions of a database, as a network that fails does.
pub(crate) fn cut_off(address: &str) {
    let name = address.rsplit('/').next().expect("it has a database");
    let statement = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    sql(cluster(), "postgres", &statement);
}

/// What a query of a database answers: a line for each row, `|` between columns.
pub(crate) fn query(address: &str, statement: &str) -> String {
    let name = address.rsplit('/').next().expect("it has a database");
    sql(cluster(), name, statement)
}

/// Runs a statement by PostgreSQL's own client.
fn sql(cluster: &Cluster, database: &str, statement: &str) -> String {
    let output = Command::new(cluster.programs.join("psql"))
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--username=tester"])
        .args(["--tuples-only", "--no-align"])
        .args(["--host=127.0.0.1", &format!("--port={}", cluster.port)])
        .args([&format!("--dbname={database}"), &format!("--command={statement}")])
        .output()
        .expect("psql starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn cluster() -> &'static Cluster {
    CLUSTER.get_or_init(|| start(FAST))
}

fn start(settings: &str) -> Cluster {
    let programs = programs();
    for _ in 0..5 {
        // It is free now; if somebody takes it before the server does, another one is tried.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("loopback has a free port")
            .port();
        let mut keeper = keeper(&programs, port, settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut line = String::new();
        let output = keeper.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it can be read");
        if line == "ready\n" {
            return Cluster {
                programs,
                port,
                _keeper: keeper,
            };
        }
        keeper.wait().expect("it ended");
    }
    panic!("PostgreSQL did not start; what it said is above");
}

/// The server refuses to run as root: then it runs as the user that Debian makes for it.
fn keeper(programs: &Path, port: u16, settings: &str) -> Command {
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n");
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    command
        .args(["-c", KEEPER, "keeper"])
        .arg(programs)
        .arg(port.to_string())
        .arg(settings)
        .current_dir("/");
    command
}

/// Where the newest of the installed versions has its programs. Debian keeps them off the path.
fn programs() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let debian = versions.into_iter().rev().map(|(_, path)| path);
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
        .expect("this test needs PostgreSQL's server: install it with `apt-get install postgresql`")
}
