//! `dsync`: WorkOS Directory Sync for operators.
//!
//! # How the data goes through it
//!
//! ```text
//! flags, environment, profile file ──▶ settings ──▶ command (one file or folder each) ──▶ mirror, emulator, client
//!                                                      │                                     │
//!              stderr ◀── progress, notice, logs ──────┤◀──────── objects, progress ─────────┘
//!           collector ◀── traces (feature `otel`) ─────┤
//!                     stdout ◀── output, listing ──────┘   text for people, JSON for machines
//!                     exit code ◀── failure
//! ```
//!
//! # The grammar
//!
//! ```text
//! dsync NOUN VERB     directories, users, groups, memberships × list, get; directories delete, sync; users export;
//!                     events list, retry; quarantine list, show, retry; deletions list, approve; webhooks serve;
//!                     changes list, follow, consumers; config init, show, path
//! dsync api OPERATION one call of the API as it is, generated from the document
//! dsync emulator      runs it; dsync emulator NOUN VERB changes the one that runs
//! dsync VERB          what is about everything at once: verify, health, sync, diff, follow, migrate, purge, demo, emulator, completions, man
//! ```
//!
//! One word means one thing everywhere:
//!
//! | flag | meaning |
//! | --- | --- |
//! | `--organization ID`, `--directory ID` | only what belongs to it |
//! | `--database ADDRESS` | the mirror's database |
//! | `--profile NAME`, `--base-url URL`, `--rate-limit LIMIT` | how to reach the API |
//! | `--output FORMAT` | how the result is written: text, json; junit for `verify`, prometheus for `health` |
//! | `--wide` | tables as wide as their contents, not as the terminal |
//! | `--limit COUNT`, `--order`, `--after CURSOR` | which part of a list |
//! | `--interval SECONDS` | how long to wait between two looks |
//! | `--status ADDRESS` | where a command that runs for long says how it is doing |
//! | `-q`, `-v`, `--log-format` | how much is said on stderr |
//!
//! Results go to stdout and can be piped; everything else goes to stderr. A list is a table on a terminal and JSON lines in a
//! pipe, and each object is written when it comes. Secrets come from the environment, a file or a command, never from a
//! flag.
//!
//! | exit code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | anything not named here |
//! | 2 | arguments or settings that cannot be used, a missing key among them |
//! | 3 | the API refuses the key |
//! | 4 | the API cannot be reached |
//! | 5 | what was looked at is not as it should be (`verify`, `health`, `diff`) |
//! | 6 | done, but something was quarantined or is undecided (`sync`, `quarantine retry`), or cannot be read (`verify --deep`) |
//! | 130 | ended by Ctrl-C or SIGTERM before it was done |

#![forbid(unsafe_code)]

mod absences;
mod api;
mod arguments;
mod changes;
mod completions;
mod config;
mod connection;
mod deletions;
mod demo;
mod diff;
mod directories;
mod emulator;
mod events;
mod export;
mod failure;
mod follow;
#[rustfmt::skip]
mod generated;
mod groups;
mod health;
mod interrupt;
mod listing;
mod logs;
mod man;
mod memberships;
mod migrate;
mod notice;
mod output;
mod progress;
mod purge;
mod quarantine;
mod retries;
mod settings;
mod status;
mod sync;
#[cfg(feature = "otel")]
mod traces;
mod users;
mod verify;
mod warnings;
mod webhooks;

use std::process::ExitCode;

use clap::ArgMatches;
use clap::CommandFactory as _;
use clap::FromArgMatches as _;
use tokio::runtime::Runtime;
use tracing::Instrument as _;

use crate::arguments::Arguments;
use crate::arguments::Command;
use crate::failure::Failure;
use crate::interrupt::Signals;
use crate::logs::Logs;

fn main() -> ExitCode {
    let (runtime, signals) = match start() {
        Ok(started) => started,
        Err(failure) => return failure.report(),
    };
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let logs = match arguments.verbosity.install() {
        Ok(logs) => logs,
        Err(failure) => return failure.report(),
    };
    let code = match run(&runtime, signals, arguments, &matches, &logs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    // A name that nobody resolves does not hold up the end.
    runtime.shutdown_background();
    logs.finish();
    code
}

/// Listens for signals before anything else: one that came earlier would end the process without an exit code.
fn start() -> Result<(Runtime, Signals), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("cannot start: {error}")))?;
    let within = runtime.enter();
    let signals = Signals::new()?;
    drop(within);
    Ok((runtime, signals))
}

fn run(
    runtime: &Runtime,
    signals: Signals,
    arguments: Arguments,
    matches: &ArgMatches,
    logs: &Logs,
) -> Result<(), Failure> {
    let _within = runtime.enter();
    interrupt::watch(signals, arguments.command.code_when_asked_to_end());
    let span = logs.command(matches);
    let result = runtime.block_on(dispatch(arguments).instrument(span.clone()));
    if let Err(failure) = &result {
        span.record("otel.status_code", "ERROR");
        span.record("process.exit.code", failure.code());
    }
    result
}

async fn dispatch(arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        command,
        output: asked,
        wide,
        verbosity,
    } = arguments;
    output::set_wide(wide);
    // Before anything is changed or asked.
    if !matches!(command, Command::Verify(_) | Command::Health(_)) {
        asked.unwrap_or_default().general()?;
    }
    let output = asked.unwrap_or_default();
    match command {
        Command::Verify(arguments) => verify::run(&arguments, asked).await,
        Command::Health(arguments) => health::run(&arguments, asked).await,
        Command::Directories(arguments) => directories::run(&arguments, asked).await,
        Command::Users(arguments) => users::run(&arguments, asked).await,
        Command::Groups(arguments) => groups::run(&arguments, asked).await,
        Command::Memberships(arguments) => memberships::run(&arguments, asked).await,
        Command::Sync(arguments) => sync::run(&arguments, output).await,
        Command::Follow(arguments) => follow::run(&arguments, output).await,
        Command::Webhooks(arguments) => webhooks::run(&arguments, output).await,
        Command::Changes(arguments) => changes::run(&arguments, asked).await,
        Command::Diff(arguments) => diff::run(&arguments, output).await,
        Command::Migrate(arguments) => migrate::run(&arguments, output).await,
        Command::Purge(arguments) => purge::run(&arguments, output).await,
        Command::Events(arguments) => events::run(&arguments, asked).await,
        Command::Quarantine(arguments) => quarantine::run(&arguments, asked).await,
        Command::Deletions(arguments) => deletions::run(&arguments, asked).await,
        Command::Api(arguments) => api::run(arguments).await,
        Command::Demo(arguments) => demo::run(&arguments, output).await,
        Command::Emulator(arguments) => emulator::run(&arguments, asked, verbosity.is_verbose()).await,
        Command::Config(arguments) => config::run(&arguments, output),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}
