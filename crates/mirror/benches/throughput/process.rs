//! The processes that a measurement is made of, and what they say.

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde::Deserialize;
use serde::Serialize;

/// What a process did: one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) seconds: f64,
    pub(crate) users: u64,
    /// Users, groups and memberships.
    pub(crate) rows: u64,
    /// Users that were new.
    pub(crate) inserted: u64,
    pub(crate) calls: u64,
    /// The most memory that the process had so far.
    pub(crate) peak_megabytes: f64,
}

impl Report {
    pub(crate) fn send(&self) {
        println!("{}", serde_json::to_string(self).expect("plain fields"));
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.users as f64 / self.seconds
    }

    pub(crate) fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.seconds
    }
}

/// This program in another role.
pub(crate) fn role(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(arguments).stdout(Stdio::piped());
    command
}

/// Runs this program in another role to its end.
pub(crate) fn reports(arguments: &[&str]) -> Vec<Report> {
    let output = role(arguments).stderr(Stdio::inherit()).output().expect("it starts");
    assert!(output.status.success(), "{arguments:?}: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a report"))
        .collect()
}

/// The first line of what a process says.
pub(crate) fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let output = child.stdout.as_mut().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("it can be read");
    line
}

/// The most memory that this process had so far, where the system tells: Linux.
pub(crate) fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes * 1_024.0 / 1e6)
}
