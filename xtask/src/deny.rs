//! `cargo xtask deny`: licences, bans, duplicate versions and sources of all dependencies, by cargo-deny and `deny.toml`.
//!
//! Advisories are checked only with `--advisories`: their database is a git repository, which not every machine that runs
//! the checks can reach.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;

/// The release that is installed; another one may judge differently.
const VERSION: &str = "0.20.2";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Check for known vulnerabilities too; fetches the advisory database from GitHub
    #[arg(long)]
    advisories: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = crate::root().join("target/tools");
    let program = folder.join("bin/cargo-deny");
    install(&folder, &program)?;
    let mut checks = vec!["check", "bans", "licenses", "sources"];
    if arguments.advisories {
        checks.push("advisories");
    } else {
        eprintln!("advisories are not checked: `cargo xtask deny --advisories` fetches their database");
    }
    let status = Command::new(&program)
        .args(["--locked", "--workspace", "--all-features"])
        .args(checks)
        .current_dir(crate::root())
        .status()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    if !status.success() {
        bail!("cargo-deny found what `deny.toml` does not allow");
    }
    Ok(())
}

/// Installs cargo-deny where that release is missing.
fn install(folder: &Path, program: &Path) -> Result<()> {
    let installed = Command::new(program).arg("--version").output();
    if installed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == format!("cargo-deny {VERSION}")) {
        return Ok(());
    }
    let status = Command::new("cargo")
        .args([
            "install",
            "cargo-deny",
            "--locked",
            "--force",
            "--no-default-features",
            "--version",
            VERSION,
        ])
        .arg("--root")
        .arg(folder)
        .arg("--target-dir")
        .arg(folder.join("target"))
        // It runs for a second or two: building it is what takes time.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .current_dir(crate::root())
        .status()
        .context("cannot start `cargo install`")?;
    if !status.success() {
        bail!("cannot install cargo-deny {VERSION}");
    }
    Ok(())
}
