//! An emulator that runs as a program of its own.

use std::io::BufRead as _;
use std::io::BufReader;
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
        let small = [
            "--users",
            "20",
            "--groups",
            "4",
            "--memberships",
            "10",
            "--output",
            "json",
        ];
        let mut process = Command::new(env!("CARGO_BIN_EXE_dsync"))
            .args(["emulator", "--port", "0"])
            .args(small)
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
