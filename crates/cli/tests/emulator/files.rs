//! The files that `dsync emulator` starts with and leaves behind.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::running::Running;
use crate::running::get;

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[test]
fn a_state_that_was_saved_on_exit_is_loaded_and_so_are_exported_objects() {
    let folder = tempfile::tempdir().unwrap();
    let (state, seed) = (path(folder.path(), "state"), path(folder.path(), "seed.json"));
    let first = Running::start(&["--unscoped-lists", "--save-on-exit", &state, "--export-on-exit", &seed]);
    let users = get(&first, "/directory_users?limit=100");
    assert!(users.starts_with("HTTP/1.1 200 "), "{users}");
    first.end();
    for arguments in [["--load", &state], ["--data", &seed]] {
        let again = Running::of(&["--unscoped-lists", arguments[0], arguments[1]]);
        assert_eq!(body(&get(&again, "/directory_users?limit=100")), body(&users));
        again.end();
    }
}

/// The first YAML of the emulator's README.
fn company() -> &'static str {
    let (_, rest) = include_str!("../../../emulator/README.md")
        .split_once("```yaml\n")
        .unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn data_file_of_readme_is_what_emulator_begins_with_and_what_state_load_takes() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "company.yaml");
    std::fs::write(&file, company()).unwrap();
    let running = Running::of(&["--data", &file, "--unscoped-lists"]);
    let users: Value = serde_json::from_str(body(&get(&running, "/directory_users?limit=100"))).unwrap();
    let mut emails: Vec<_> = users["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| &user["email"])
        .collect();
    emails.sort_by_key(|email| email.as_str());
    assert_eq!(emails, ["jane@acme.example", "joe@acme.example"]);
    let other = Running::start(&[]);
    let said = other.text(&["state", "load", &file]);
    assert!(
        said.ends_with("1 directories, 2 users, 1 groups, 0 memberships\n"),
        "{said}"
    );
    let exported: Value = serde_json::from_str(&other.text(&["state", "export"])).unwrap();
    assert_eq!(exported["memberships"].as_array().unwrap().len(), 2);
}

#[test]
fn rules_in_a_file_let_things_go_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let faults = path(folder.path(), "faults.json");
    let rule =
        r#"[{"operation": "listDirectories", "times": 1, "fault": {"kind": "status", "status": 502, "body": "html"}}]"#;
    std::fs::write(&faults, rule).unwrap();
    let running = Running::start(&["--faults", &faults]);
    assert!(get(&running, "/directories").starts_with("HTTP/1.1 502 "));
    assert!(get(&running, "/directories").starts_with("HTTP/1.1 200 "));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "file");
    std::fs::write(&file, r#"[{"fault": {"kind": "earthquake"}}]"#).unwrap();
    for (arguments, message) in [
        (["--faults", &file], "the faults in"),
        (["--load", &file], "is no state file of version 1"),
        (
            ["--load", "missing.state"],
            "cannot read the state file `missing.state`",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dsync"));
        let output = command
            .args(["emulator", "--port", "0"])
            .args(arguments)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
    }
}

#[test]
fn an_address_that_other_machines_can_reach_has_to_be_allowed() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsync"));
    let output = command
        .args(["emulator", "--port", "0", "--bind", "0.0.0.0"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("can be reached from other machines"), "{stderr}");
}
