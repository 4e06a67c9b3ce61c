//! The maintainer's tool: `cargo xtask --help`.
//!
//! One subcommand, one file. Nothing here is published; a message says which file is at fault and which command mends
//! it.

#![forbid(unsafe_code)]

mod api;
mod breaking;
mod check;
mod ci;
mod codegen;
mod deny;
mod docs;
mod lint;
mod openapi;
mod parity;
mod sdks;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The maintainer's tool of this workspace")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generate the client's code from spec/openapi.yaml
    Codegen(codegen::Arguments),
    /// Check spec/openapi.yaml by the rules of this workspace
    Lint(lint::Arguments),
    /// Say what the change of spec/openapi.yaml means for those who use it
    Breaking(breaking::Arguments),
    /// Compare spec/openapi.yaml with an upstream OpenAPI document
    Parity(parity::Arguments),
    /// Write down the client's public interface
    Api(api::Arguments),
    /// Check the licences, versions and sources of all dependencies
    Deny(deny::Arguments),
    /// What can be known within seconds, side by side; for the moment before a commit
    Check(check::Arguments),
    /// Write the document as a page of HTML
    Docs(docs::Arguments),
    /// Install what the tests run from other registries: the official SDKs of other languages, and schemathesis
    Sdks,
    /// Everything that has to hold before a change lands: the test command of the README
    Ci(ci::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Codegen(arguments) => codegen::run(&arguments),
        Command::Lint(arguments) => lint::run(&arguments),
        Command::Breaking(arguments) => breaking::run(&arguments),
        Command::Parity(arguments) => parity::run(&arguments),
        Command::Api(arguments) => api::run(&arguments),
        Command::Deny(arguments) => deny::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Docs(arguments) => docs::run(&arguments),
        Command::Sdks => sdks::run(),
        Command::Ci(arguments) => ci::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}
