//! An emulator that runs as a program of its own.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

/// A running `dsync emulator`; it ends with the test.
pub(crate) struct Running {
    process: Child,
    /// What it told on stdout.
    pub(crate) told: Value,
}

impl Running {
    /// Starts a small one on a free port.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let small = ["--users", "20", "--groups", "4", "--memberships", "10"];
        Self::of(&[&small, arguments].concat())
    }

    /// Starts one on a free port.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_dsync"))
            .args(["emulator", "--port", "0", "--output", "json"])
            .args(arguments)
            .env_remove("WORKOS_WEBHOOK_SECRET")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).unwrap();
        Self { process, told }
    }

    /// Asks it to end, as a supervisor does, and waits until it has.
    pub(crate) fn end(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }

    pub(crate) fn told(&self, field: &str) -> &str {
        self.told[field].as_str().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// What comes back for a path, head and body.
pub(crate) fn get(running: &Running, path: &str) -> String {
    ask(running, "GET", path)
}

/// What comes back for a method and a path, head and body.
pub(crate) fn ask(running: &Running, method: &str, path: &str) -> String {
    let address = running.told("base_url").strip_prefix("http://").unwrap();
    let key = running.told("api_key");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
