//! `cargo xtask sdks`: installs the official SDKs and schemathesis, which the tests run, in the versions that are checked in.

use std::process::Command;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::ensure;

/// Relative to the workspace's root; all write only below `tests`.
const COMMANDS: [&str; 3] = [
    "npm ci --prefix tests/interop/node --no-audit --no-fund --loglevel error",
    "python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --upgrade \
     --target tests/interop/python/site-packages --requirement tests/interop/python/requirements.txt",
    // A folder of its own: it and the SDK may want different versions of the same packages.
    "python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --upgrade \
     --target tests/schemathesis/site-packages --requirement tests/schemathesis/requirements.txt",
];

pub(crate) fn run() -> Result<()> {
    for command in COMMANDS {
        println!("{command}");
        let mut words = command.split_whitespace();
        let program = words.next().context("an empty command")?;
        let status = Command::new(program).args(words).current_dir(crate::root()).status();
        let status = status
            .with_context(|| format!("cannot start `{program}`: install Node.js with npm, and Python with pip"))?;
        ensure!(status.success(), "`{command}` failed");
    }
    Ok(())
}
