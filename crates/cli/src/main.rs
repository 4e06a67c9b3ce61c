//! `dsync`: WorkOS Directory Sync for operators.
//!
//! # How the data goes through it
//!
//! ```text
//! arguments, environment ──▶ command (one file each) ──▶ mirror, emulator, client
//!                                │                            │
//!          stderr ◀── progress ──┤◀──────── progress ─────────┘
//!          stdout ◀── output ────┘   text for people, JSON for machines
//!          exit code ◀── failure     2 usage, 3 authentication, 4 network, 1 else
//! ```
//!
//! Results go to stdout and can be piped; everything else goes to stderr. Secrets come from the environment, never from a
//! flag.

#![forbid(unsafe_code)]

mod api;
mod arguments;
mod completions;
mod connection;
mod demo;
mod emulator;
mod emulator_files;
mod failure;
#[rustfmt::skip]
mod generated;
mod interrupt;
mod output;
mod progress;
mod sync;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;
use crate::arguments::Command;
use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { command, output } = arguments;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Sync(arguments) => sync::run(&arguments, output).await,
            Command::Api(arguments) => api::run(arguments).await,
            Command::Demo(arguments) => demo::run(&arguments, output).await,
            Command::Emulator(arguments) => emulator::run(&arguments, output).await,
            Command::Completions(arguments) => completions::run(&arguments),
        }
    })
}
