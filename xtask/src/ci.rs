//! `cargo xtask ci`: the test command of the README, step by step, each as a person would type it.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Go on after a failure and name all failures at the end
    #[arg(long)]
    keep_going: bool,
}

/// A command and the one that mends what it finds.
struct Step {
    command: &'static str,
    environment: &'static [(&'static str, &'static str)],
    mend: Option<&'static str>,
}

const STEPS: &[Step] = &[
    // What fails within seconds comes first, with the command that mends each failure.
    Step {
        command: "cargo xtask check",
        environment: &[],
        mend: None,
    },
    Step {
        command: "cargo clippy --locked --workspace --all-targets -- --deny warnings",
        environment: &[],
        mend: None,
    },
    Step {
        command: "cargo xtask sdks",
        environment: &[],
        mend: None,
    },
    // The tests run them; `--all-targets` builds them as tests only.
    Step {
        command: "cargo build --locked --workspace --examples",
        environment: &[],
        mend: None,
    },
    Step {
        command: "cargo test --locked --workspace --all-targets",
        environment: &[("INSTA_UPDATE", "no"), ("MIRROR_HISTORIES", "2000")],
        mend: None,
    },
    Step {
        command: "cargo test --locked --workspace --doc",
        environment: &[],
        mend: None,
    },
    // The other way to the same code, what is off by default, and the other TLS back end.
    Step {
        command: "cargo test --locked --package workos-directory-sync --features buildtime,metrics --test buildtime --test meters",
        environment: &[],
        mend: Some("cargo xtask codegen"),
    },
    Step {
        command: "cargo test --locked --package workos-directory-sync --no-default-features --features native-tls --test tls",
        environment: &[],
        mend: None,
    },
    Step {
        command: "cargo test --locked --package workos-directory-sync --no-default-features --features rustls-ring --test tls",
        environment: &[],
        mend: None,
    },
    Step {
        command: "cargo clippy --locked --package workos-directory-cli --features otel --all-targets -- --deny warnings",
        environment: &[],
        mend: None,
    },
    Step {
        command: "cargo test --locked --package workos-directory-cli --features otel --test otel",
        environment: &[],
        mend: None,
    },
    // What crates.io would get builds by itself.
    Step {
        command: "cargo package --locked --allow-dirty --package workos-directory-codegen --package workos-directory-sync",
        environment: &[],
        mend: None,
    },
    // What users of the client rely on, and what all of it relies on.
    Step {
        command: "cargo xtask api --check",
        environment: &[],
        mend: Some("cargo xtask api"),
    },
    Step {
        command: "cargo xtask deny",
        environment: &[],
        mend: None,
    },
    // target/reference/index.html, which the workflow keeps.
    Step {
        command: "cargo xtask docs",
        environment: &[],
        mend: None,
    },
    Step {
        command: "cargo doc --locked --workspace --no-deps",
        environment: &[("RUSTDOCFLAGS", "--deny warnings")],
        mend: None,
    },
];

/// The client's core for browsers and workers.
const WEB: Step = Step {
    command: "cargo check --locked --package workos-directory-sync --no-default-features --features webhooks,tracing,metrics --target wasm32-unknown-unknown",
    environment: &[],
    mend: None,
};

/// `WEB`, where the compiler can do it: not every machine can install the target.
fn web() -> Result<Option<&'static Step>> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"])
        .output()
        .context("cannot start `rustc`")?;
    let folder = String::from_utf8(output.stdout).context("the folder of a target's library")?;
    if output.status.success() && Path::new(folder.trim()).is_dir() {
        return Ok(Some(&WEB));
    }
    eprintln!("wasm32-unknown-unknown is not installed: not checked (`rustup target add wasm32-unknown-unknown`)");
    Ok(None)
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut failed = Vec::new();
    for step in STEPS.iter().chain(web()?) {
        eprintln!("\n── {}", step.command);
        let start = Instant::now();
        let mut words = step.command.split(' ');
        let program = words.next().context("an empty command")?;
        let status = Command::new(program)
            .args(words)
            .envs(step.environment.iter().copied())
            .current_dir(crate::root())
            .status()
            .with_context(|| format!("cannot start `{}`", step.command))?;
        if status.success() {
            eprintln!("── ok after {} s", start.elapsed().as_secs());
            continue;
        }
        let mend = step.mend.map(|mend| format!("; `{mend}` mends it")).unwrap_or_default();
        failed.push(format!("`{}` failed{mend}", step.command));
        if !arguments.keep_going {
            break;
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{}", failed.join("\n       "))
}
