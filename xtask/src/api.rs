//! `cargo xtask api`: writes down the client's public interface, or with `--check` says how it differs from what is checked in.
//!
//! Every line of `crates/client/public-api.txt` is a promise to users. A change of that file is reviewed like code, and
//! a line that goes away is a breaking release.
//!
//! The lines come from rustdoc's JSON, which the pinned compiler writes only when it is told to be a nightly one for
//! that one call. Nothing that is compiled that way is used for anything else.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;
use public_api::Builder;
use similar::TextDiff;

/// The package whose interface is pinned.
const PACKAGE: &str = "workos-directory-sync";

/// The interface that is checked in, from the workspace's root.
const CHECKED_IN: &str = "crates/client/public-api.txt";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; show how the interface differs from what is checked in and fail if it does
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = crate::root().join(CHECKED_IN);
    let new = interface()?;
    let old = if path.exists() {
        fs::read_to_string(&path).with_context(|| format!("cannot read `{CHECKED_IN}`"))?
    } else {
        String::new()
    };
    if old == new {
        println!("{CHECKED_IN} is the interface of {PACKAGE}");
        return Ok(());
    }
    if arguments.check {
        let diff = TextDiff::from_lines(&old, &new);
        print!(
            "{}",
            diff.unified_diff().context_radius(1).header(
                &format!("{CHECKED_IN} (checked in)"),
                &format!("{CHECKED_IN} (as it is)")
            )
        );
        bail!("{}", verdict(&old, &new));
    }
    fs::write(&path, new).with_context(|| format!("cannot write `{CHECKED_IN}`"))?;
    println!("updated {CHECKED_IN}");
    Ok(())
}

/// Says what the difference means for a user of the crate.
fn verdict(old: &str, new: &str) -> String {
    let old: BTreeSet<_> = old.lines().collect();
    let new: BTreeSet<_> = new.lines().collect();
    let (removed, added) = (old.difference(&new).count(), new.difference(&old).count());
    format!(
        "{CHECKED_IN} is not the interface of {PACKAGE} ({removed} lines went, {added} came{}): run `cargo xtask api`",
        if removed > 0 { ", a breaking change" } else { "" }
    )
}

/// One line per public item, in the order of paths, without what the compiler derives by itself.
fn interface() -> Result<String> {
    // A folder of its own: the variable below would make cargo build everything else again.
    let target = crate::root().join("target/api");
    let status = Command::new("cargo")
        .args([
            "rustdoc",
            "--quiet",
            "--locked",
            "--lib",
            "--all-features",
            "--package",
            PACKAGE,
        ])
        .arg("--target-dir")
        .arg(&target)
        .args([
            "--",
            "-Z",
            "unstable-options",
            "--output-format",
            "json",
            "--cap-lints",
            "allow",
        ])
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTDOCFLAGS")
        .current_dir(crate::root())
        .status()
        .context("cannot start `cargo rustdoc`")?;
    if !status.success() {
        bail!("`cargo rustdoc` failed");
    }
    let json = target.join("doc").join(format!("{}.json", PACKAGE.replace('-', "_")));
    let interface = Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| format!("cannot read `{}`", json.display()))?;
    let mut text = String::new();
    for item in interface.items() {
        text.push_str(&item.to_string());
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_goes_is_called_breaking_and_one_that_comes_is_not() {
        let old = "pub fn a()\npub fn b()\n";
        assert!(verdict(old, "pub fn a()\n").contains("1 lines went, 0 came, a breaking change"));
        assert!(verdict("pub fn a()\n", old).contains("0 lines went, 1 came)"));
    }
}
