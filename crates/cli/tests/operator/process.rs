//! The real process, with an emulator to talk to and no settings from outside.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::EmulatorBuilder;
use workos_directory_emulator::Population;

/// An emulator and a folder.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) async fn start(builder: EmulatorBuilder) -> Self {
        Self {
            emulator: builder.unscoped_lists(true).start().await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A directory with 4 users, all of them in its one group.
    pub(crate) async fn small() -> Self {
        let population = Population {
            directories: 1,
            users: 4,
            groups: 1,
            memberships: 4,
            ..Population::default()
        };
        Self::start(Emulator::builder().population(population)).await
    }

    /// A run that can reach the emulator.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(self.folder.path(), arguments);
        command
            .env("WORKOS_BASE_URL", self.emulator.base_url())
            .env("WORKOS_API_KEY", self.emulator.api_key())
            .env("DSYNC_RATE_LIMIT", "off");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// The JSON lines of a run that succeeds.
    pub(crate) fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A run without key and address.
pub(crate) fn bare(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsync"));
    for name in [
        "WORKOS_API_KEY",
        "WORKOS_BASE_URL",
        "WORKOS_REQUEST_TIMEOUT",
        "DSYNC_DATABASE",
        "DSYNC_PROFILE",
        "DSYNC_RATE_LIMIT",
    ] {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("DSYNC_CONFIG", folder.join("config.toml"))
        .stdin(Stdio::null());
    command
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// How long the next line may take before the test says that it does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that runs until it is told to end; it ends with the test.
pub(crate) struct Running {
    process: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = lines(process.stdout.take().unwrap());
        let stderr = lines(process.stderr.take().unwrap());
        Self {
            process,
            stdout,
            stderr,
        }
    }

    /// The next line of JSON on stdout.
    pub(crate) fn next(&self) -> Value {
        let line = self.stdout.recv_timeout(PATIENCE).expect("a line");
        serde_json::from_str(&line).unwrap()
    }

    /// The next one of a kind.
    pub(crate) fn next_of(&self, kind: &str) -> Value {
        loop {
            let line = self.next();
            if line["event"] == kind {
                return line;
            }
        }
    }

    /// The next line on stderr with this in it.
    pub(crate) fn told(&self, text: &str) -> String {
        loop {
            let line = self.stderr.recv_timeout(PATIENCE).expect(text);
            if line.contains(text) {
                return line;
            }
        }
    }

    /// What it said on stderr until its end and nobody asked for.
    pub(crate) fn rest_of_stderr(&self) -> String {
        self.stderr.iter().collect::<Vec<_>>().join("\n")
    }

    /// Where it serves its status, which it says first of all.
    pub(crate) fn status(&self) -> String {
        let line = self.told("status at http://");
        let status = line.trim_start_matches("status at http://");
        status.strip_suffix("/readyz").unwrap().to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for its end and gives the exit code.
    pub(crate) fn code(&mut self) -> i32 {
        self.process.wait().unwrap().code().unwrap()
    }

    /// Asks it to end, which it does without a failure.
    pub(crate) fn end(mut self) {
        self.signal("-TERM");
        assert_eq!(self.code(), 0);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            // The test may be over.
            if sender.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    lines
}

/// The status and the body of an answer.
pub(crate) fn get(host: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The status of an answer.
pub(crate) fn post(host: &str, path: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Waits as an orchestrator does: what a command tells comes before what makes it ready.
pub(crate) fn becomes_ready(status: &str) {
    let since = Instant::now();
    loop {
        let answer = get(status, "/readyz");
        if answer == (200, "ready\n".to_owned()) {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{answer:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
