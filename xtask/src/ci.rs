//! `cargo xtask ci`: the test command of the README, step by step, each as a person would type it.

use std::borrow::Cow;
use std::fs;
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

/// Where documents of others may be, from the workspace's root; they are no part of the repository.
const CORPUS: &str = "../shared/corpus";

/// How the names of upstream's documents begin; a date follows.
const UPSTREAM: &str = "workos-official-";

/// A command and the one that mends what it finds.
struct Step {
    command: Cow<'static, str>,
    environment: &'static [(&'static str, &'static str)],
    mend: Option<&'static str>,
}

const STEPS: &[Step] = &[
    // What fails within seconds comes first, with the command that mends each failure.
    Step {
        command: Cow::Borrowed("cargo xtask check"),
        environment: &[],
        mend: None,
    },
    Step {
        command: Cow::Borrowed("cargo clippy --locked --workspace --all-targets -- --deny warnings"),
        environment: &[],
        mend: None,
    },
    Step {
        command: Cow::Borrowed("cargo xtask sdks"),
        environment: &[],
        mend: None,
    },
    // The tests run them; `--all-targets` builds them as tests only.
    Step {
        command: Cow::Borrowed("cargo build --locked --workspace --examples"),
        environment: &[],
        mend: None,
    },
    Step {
        command: Cow::Borrowed("cargo test --locked --workspace --all-targets"),
        environment: &[("INSTA_UPDATE", "no"), ("MIRROR_HISTORIES", "2000")],
        mend: None,
    },
    Step {
        command: Cow::Borrowed("cargo test --locked --workspace --doc"),
        environment: &[],
        mend: None,
    },
    // The other way to the same code, what is off by default, and the other TLS back end.
    Step {
        command: Cow::Borrowed(
            "cargo test --locked --package workos-directory-sync --features buildtime,metrics --test buildtime --test meters",
        ),
        environment: &[],
        mend: Some("cargo xtask codegen"),
    },
    Step {
        command: Cow::Borrowed(
            "cargo test --locked --package workos-directory-sync --no-default-features --features native-tls --test tls",
        ),
        environment: &[],
        mend: None,
    },
    Step {
        command: Cow::Borrowed(
            "cargo test --locked --package workos-directory-sync --no-default-features --features rustls-ring --test tls",
        ),
        environment: &[],
        mend: None,
    },
    Step {
        command: Cow::Borrowed(
            "cargo clippy --locked --package workos-directory-cli --features otel --all-targets -- --deny warnings",
        ),
        environment: &[],
        mend: None,
    },
    Step {
        command: Cow::Borrowed("cargo test --locked --package workos-directory-cli --features otel --test otel"),
        environment: &[],
        mend: None,
    },
    // What crates.io would get builds by itself.
    Step {
        command: Cow::Borrowed(
            "cargo package --locked --allow-dirty --package workos-directory-codegen --package workos-directory-sync",
        ),
        environment: &[],
        mend: None,
    },
    // What users of the client rely on, and what all of it relies on.
    Step {
        command: Cow::Borrowed("cargo xtask api --check"),
        environment: &[],
        mend: Some("cargo xtask api"),
    },
    Step {
        command: Cow::Borrowed("cargo xtask deny"),
        environment: &[],
        mend: None,
    },
    // target/reference/index.html, which the workflow keeps.
    Step {
        command: Cow::Borrowed("cargo xtask docs"),
        environment: &[],
        mend: None,
    },
    Step {
        command: Cow::Borrowed("cargo doc --locked --workspace --no-deps"),
        environment: &[("RUSTDOCFLAGS", "--deny warnings")],
        mend: None,
    },
];

/// The client's core for browsers and workers.
const WEB: Step = Step {
    command: Cow::Borrowed(
        "cargo check --locked --package workos-directory-sync --no-default-features --features webhooks,tracing,metrics --target wasm32-unknown-unknown",
    ),
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

/// The comparison with the newest of upstream's documents, or why there is none.
fn parity(root: &Path) -> Result<Step, String> {
    let names = fs::read_dir(root.join(CORPUS)).into_iter().flatten();
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // Dates as they are written sort by time.
    match names.filter(|name| name.starts_with(UPSTREAM)).max() {
        Some(name) => Ok(Step {
            command: Cow::Owned(format!("cargo xtask parity {CORPUS}/{name}")),
            environment: &[],
            mend: None,
        }),
        None => Err(format!(
            "{CORPUS} has no `{UPSTREAM}*`: spec/openapi.yaml is not compared with upstream's (`cargo xtask parity FILE`)"
        )),
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut failed = Vec::new();
    let parity = parity(crate::root());
    if let Err(reason) = &parity {
        eprintln!("{reason}");
    }
    for step in STEPS.iter().chain(&parity).chain(web()?) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parity_runs_on_the_newest_document_and_without_one_says_that_nothing_is_compared() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("workspace");
        let corpus = root.join(CORPUS);
        let says = |step: Result<Step, String>| match step {
            Ok(step) => step.command.into_owned(),
            Err(reason) => reason,
        };
        let nothing = "../shared/corpus has no `workos-official-*`: spec/openapi.yaml is not compared with upstream's \
                       (`cargo xtask parity FILE`)";
        assert_eq!(says(parity(&root)), nothing);
        fs::create_dir_all(&root).expect("created");
        fs::create_dir_all(&corpus).expect("created");
        fs::write(corpus.join("oai-petstore.yaml"), "").expect("written");
        assert_eq!(says(parity(&root)), nothing);
        for name in ["workos-official-2026-08-07.yaml", "workos-official-2026-10-01.yaml"] {
            fs::write(corpus.join(name), "").expect("written");
        }
        assert_eq!(
            says(parity(&root)),
            "cargo xtask parity ../shared/corpus/workos-official-2026-10-01.yaml"
        );
    }
}
