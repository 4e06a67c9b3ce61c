//! `cargo xtask check`: what can be known of the documents and of what follows from them within seconds, side by side, one
//! line each; for the moment before a commit.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::anyhow;
use anyhow::bail;

/// The hook that people can install, from the workspace's root.
const HOOK: &str = ".ci/pre-commit";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Let git run this check before each commit, and do nothing else
    #[arg(long)]
    install_hook: bool,
    /// The repository to install the hook in
    #[arg(long, value_name = "DIR", requires = "install_hook", default_value_os_t = crate::root().to_owned())]
    repository: PathBuf,
    /// The folder with the documents
    #[arg(long, value_name = "DIR", default_value_os_t = crate::root().join("spec"))]
    spec: PathBuf,
}

/// One check: a command of this tool or of cargo.
struct Check {
    name: String,
    command: Command,
    /// How to mend what it finds.
    mend: &'static str,
    /// Whether it tells and never fails.
    is_informative: bool,
}

/// What came of it.
struct Outcome {
    is_good: bool,
    time: Duration,
    stdout: String,
    stderr: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.install_hook {
        return install(&arguments.repository);
    }
    let start = Instant::now();
    let mut checks = checks(&arguments.spec)?;
    let outcomes: Vec<Result<Outcome>> = thread::scope(|scope| {
        let threads: Vec<_> = checks.iter_mut().map(|check| scope.spawn(|| outcome(check))).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|outcome| outcome.unwrap_or_else(|_| Err(anyhow!("it panicked"))))
            .collect()
    });
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let mut failures = Vec::new();
    for (check, outcome) in checks.iter().zip(outcomes) {
        let outcome = outcome.with_context(|| format!("the check `{}`", check.name))?;
        let seconds = outcome.time.as_secs_f64();
        let name = &check.name;
        let last = outcome.stdout.trim_end().lines().last().unwrap_or_default();
        match (outcome.is_good, check.is_informative) {
            (true, true) => println!("ok      {name:width$} {seconds:4.1} s  {last}"),
            (true, false) => println!("ok      {name:width$} {seconds:4.1} s"),
            // It has nothing to tell, for example outside of a repository.
            (false, true) => println!("–       {name:width$} {seconds:4.1} s  {}", outcome.stderr.trim_end()),
            (false, false) => {
                println!("failed  {name:width$} {seconds:4.1} s  mend it: {}", check.mend);
                failures.push((name, outcome));
            }
        }
    }
    println!("{} checks in {:.1} s", checks.len(), start.elapsed().as_secs_f64());
    if failures.is_empty() {
        return Ok(());
    }
    for (name, outcome) in &failures {
        println!("\n── {name}\n{}{}", outcome.stdout, outcome.stderr);
    }
    match failures.len() {
        1 => bail!("1 check failed"),
        count => bail!("{count} checks failed"),
    }
}

fn checks(spec: &Path) -> Result<Vec<Check>> {
    let own = std::env::current_exe().context("this program has no path")?;
    let document = spec.join("openapi.yaml");
    let xtask = |arguments: &[&str]| {
        let mut command = Command::new(&own);
        command.args(arguments);
        command
    };
    let check = |name: &str, command, mend| Check {
        name: name.to_owned(),
        command,
        mend,
        is_informative: false,
    };

    let mut fmt = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    fmt.args(["fmt", "--all", "--check"]);
    let mut lint = xtask(&["lint"]);
    let documents = crate::lint::documents(spec)?;
    lint.args(&documents);
    let mut codegen = xtask(&["codegen", "--check"]);
    let mut parity = xtask(&["parity", "--deviations"]);
    parity.arg(spec.join("parity.toml")).arg("--spec").arg(&document);
    // The code of a copy of the documents is compared with what is checked in, too.
    if spec != crate::root().join("spec") {
        codegen.arg("--spec").arg(&document);
    }
    let mut checks = vec![
        check("fmt", fmt, "cargo fmt --all"),
        check("lint", lint, "cargo xtask lint --fix, and by hand what it cannot mend"),
        check("codegen", codegen, "cargo xtask codegen"),
        check("parity", parity, "give the reason in spec/parity.toml"),
    ];
    for document in &documents {
        let name = document.file_stem().unwrap_or_default().to_string_lossy();
        let mut breaking = xtask(&["breaking", "--new"]);
        breaking.arg(document);
        checks.push(Check {
            is_informative: true,
            ..check(&format!("breaking:{name}"), breaking, "")
        });
    }
    Ok(checks)
}

fn outcome(check: &mut Check) -> Result<Outcome> {
    let start = Instant::now();
    let output = check
        .command
        .current_dir(crate::root())
        .output()
        .context("it cannot be started")?;
    Ok(Outcome {
        is_good: output.status.success(),
        time: start.elapsed(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Copies the hook to where git looks for it; one that is there already stays.
fn install(repository: &Path) -> Result<()> {
    let output = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(["rev-parse", "--path-format=absolute", "--git-path", "hooks"])
        .output()
        .context("cannot start `git`: install it")?;
    if !output.status.success() {
        bail!(
            "`git rev-parse` says: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let folder = String::from_utf8(output.stdout).context("the folder of hooks is no UTF-8")?;
    let target = Path::new(folder.trim_end()).join("pre-commit");
    let source = crate::root().join(HOOK);
    let hook = fs::read(&source).with_context(|| format!("cannot read `{HOOK}`"))?;
    match fs::read(&target) {
        Ok(other) if other != hook => {
            bail!(
                "`{}` is there already: let it call `cargo xtask check`, or remove it",
                target.display()
            )
        }
        _ => {}
    }
    fs::create_dir_all(folder.trim_end()).with_context(|| format!("cannot create `{}`", folder.trim_end()))?;
    // Copies the permission to run it, too.
    fs::copy(&source, &target).with_context(|| format!("cannot write `{}`", target.display()))?;
    println!(
        "git runs {HOOK} before each commit now ({}); `git commit --no-verify` goes past it",
        target.display()
    );
    Ok(())
}
