//! `dsync` as a person or a script meets it: output, messages and exit codes of the real process.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::process::Output;

use serde_json::Value;
use workos_directory_emulator::Emulator;

/// A run in a folder of its own without settings from outside.
fn dsync(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsync"));
    command.args(arguments).current_dir(folder);
    for name in [
        "WORKOS_API_KEY",
        "WORKOS_BASE_URL",
        "WORKOS_REQUEST_TIMEOUT",
        "DSYNC_DATABASE",
        "DSYNC_PROFILE",
        "DSYNC_RATE_LIMIT",
    ] {
        command.env_remove(name);
    }
    command.env("DSYNC_CONFIG", folder.join("config.toml"));
    command.envs(environment.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The exit code and the one line on stderr of a run that fails.
fn failure(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = dsync(folder.path(), arguments, environment);
    let stderr = text(&output.stderr);
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    assert_eq!(stderr.lines().last(), Some(errors[0]), "{stderr}");
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), errors[0].to_owned())
}

const SYNC: [&str; 3] = ["sync", "--database", "sqlite:mirror.sqlite"];
const KEY: (&str, &str) = ("WORKOS_API_KEY", "sk_test_hidden");

#[test]
fn the_demo_mirrors_the_emulator_into_a_file_and_says_how_to_look_at_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = dsync(folder.path(), &["demo"], &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("sqlite3 dsync-demo.sqlite"), "{stdout}");
    for row in [
        "directories          2         2",
        "users             1000      1000",
        "groups              40        40",
    ] {
        assert!(stdout.contains(row), "{stdout}");
    }
    assert!(folder.path().join("dsync-demo.sqlite").exists());
    // Not a terminal: no progress, no colours.
    assert_eq!(text(&output.stderr), "");
    assert!(!stdout.contains('\u{1b}'));

    let again = dsync(folder.path(), &["demo", "--output", "json"], &[]);
    let summary: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(summary["summary"]["users"]["unchanged"], 1000);
    assert_eq!(summary["summary"]["memberships"]["inserted"], 0);
}

#[test]
fn without_a_key_it_says_which_variable_to_set() {
    let (code, line) = failure(&SYNC, &[]);
    assert_eq!(code, 2);
    assert_eq!(
        line,
        "error: no API key: set WORKOS_API_KEY to the secret key of your environment in the WorkOS Dashboard"
    );
}

#[test]
fn a_key_that_cannot_be_one_is_refused_without_being_shown() {
    let (code, line) = failure(&SYNC, &[("WORKOS_API_KEY", "sk_live_hidden\n")]);
    assert_eq!(code, 2);
    assert!(
        line.contains("has blanks or line breaks") && !line.contains("hidden"),
        "{line}"
    );
}

#[test]
fn a_database_address_that_cannot_be_used_is_refused_without_its_password() {
    for (address, expected) in [
        (
            "mysql://dsync:hidden@db/x",
            "the scheme `mysql` is not known; write postgres://USER@HOST/DATABASE, sqlite:FILE",
        ),
        ("sqlite:missing/mirror.sqlite", "name a file in a folder that exists"),
    ] {
        let (code, line) = failure(&["sync", "--database", address], &[KEY]);
        assert_eq!(code, 2, "{line}");
        assert!(line.contains(expected) && !line.contains("hidden"), "{line}");
    }
}

#[test]
fn migrate_makes_the_tables_of_a_file_and_a_second_run_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mirror.sqlite");
    let migrate = || {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_dsync"))
            .args(["migrate", "--output", "json", "--database"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let migrated: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (migrated["from"].as_i64().unwrap(), migrated["to"].as_i64().unwrap())
    };
    let (from, to) = migrate();
    assert!(from == 0 && to > 0, "{from} {to}");
    assert_eq!(migrate(), (to, to));
}

#[test]
fn a_command_that_only_reads_makes_no_database_of_a_file_that_is_missing_or_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.sqlite");
    let (code, line) = failure(&["quarantine", "list", "--database", missing.to_str().unwrap()], &[]);
    assert_eq!(code, 2, "{line}");
    assert!(line.contains("there is no database") && !missing.exists(), "{line}");
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be taken for the head of one").unwrap();
    let before = std::fs::read(&text).unwrap();
    let (code, line) = failure(&["quarantine", "list", "--database", text.to_str().unwrap()], &[]);
    assert_eq!(code, 2, "{line}");
    assert_eq!(std::fs::read(&text).unwrap(), before);
}

#[test]
fn a_host_that_cannot_be_reached_is_exit_code_4() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (code, line) = failure(&SYNC, &[KEY, ("WORKOS_BASE_URL", &url)]);
    assert_eq!(code, 4, "{line}");
    assert!(
        line.contains("cannot connect to the API") && line.contains("check WORKOS_BASE_URL"),
        "{line}"
    );
    assert!(!line.contains("hidden"), "{line}");
}

#[test]
fn an_address_without_encryption_is_refused() {
    let (code, line) = failure(&SYNC, &[KEY, ("WORKOS_BASE_URL", "http://api.workos.com")]);
    assert_eq!(code, 2);
    assert!(line.contains("would send the key unencrypted"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_exit_code_3() {
    let emulator = Emulator::start().await.unwrap();
    let (code, line) = failure(&SYNC, &[KEY, ("WORKOS_BASE_URL", emulator.base_url())]);
    assert_eq!(code, 3, "{line}");
    assert!(
        line.starts_with("error: listDirectories: 401 Unauthorized (request "),
        "{line}"
    );
    assert!(
        line.ends_with("check that WORKOS_API_KEY has the secret key of the right environment"),
        "{line}"
    );
}

#[test]
fn unknown_arguments_are_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["sync"][..],
        &["frobnicate"],
        &["sync", "--databse", "x"],
        &["emulator", "--port", "x"],
    ] {
        let output = dsync(folder.path(), arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn every_command_has_help_with_examples() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["sync", "demo", "emulator", "completions"] {
        let output = dsync(folder.path(), &[command, "--help"], &[]);
        let help = text(&output.stdout);
        assert!(
            output.status.success() && help.contains(&format!("dsync {command}")),
            "{help}"
        );
        assert!(help.contains("Example"), "{help}");
    }
    let script = text(&dsync(folder.path(), &["completions", "bash"], &[]).stdout);
    assert!(script.contains("complete -F _dsync"), "{script}");
}

#[test]
fn a_seed_file_that_is_wrong_is_named_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("world.json"), r#"{"users":[{"id":"user_1"}]}"#).unwrap();
    let output = dsync(folder.path(), &["emulator", "--port", "0", "--data", "world.json"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("users[0]"), "{}", text(&output.stderr));
}

#[cfg(unix)]
#[test]
fn the_emulator_tells_its_address_and_ends_cleanly_on_sigterm() {
    use std::io::BufRead as _;
    use std::io::BufReader;
    use std::process::Stdio;

    let mut emulator = Command::new(env!("CARGO_BIN_EXE_dsync"))
        .args([
            "emulator",
            "--port",
            "0",
            "--output",
            "json",
            "--users",
            "10",
            "--groups",
            "2",
            "--memberships",
            "5",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(emulator.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("WORKOS_BASE_URL", told["base_url"].as_str().unwrap()),
        ("WORKOS_API_KEY", told["api_key"].as_str().unwrap()),
    ];
    let output = dsync(
        folder.path(),
        &["sync", "--database", "sqlite:m.sqlite", "--output", "json"],
        &environment,
    );
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&summary["users"]["seen"], &summary["memberships"]["seen"]),
        (&10.into(), &5.into())
    );

    let terminated = Command::new("kill")
        .args(["-TERM", &emulator.id().to_string()])
        .status()
        .unwrap();
    assert!(terminated.success());
    let output = emulator.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("answered"), "{}", text(&output.stderr));
}
