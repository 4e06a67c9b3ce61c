//! `cargo xtask check`: one line a check, and the command that mends each failure.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec");

fn check(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("check")
        .args(arguments)
        .arg(folder)
        .output()
        .expect("xtask starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A copy of the documents in a repository of its own, with the document changed.
fn copy(from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(SPEC).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            continue;
        }
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("copied");
    }
    git(folder.path(), &["init", "--quiet", "--initial-branch", "main"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "--message", "first"]);
    let document = folder.path().join("openapi.yaml");
    let original = fs::read_to_string(&document).expect("it is there");
    assert!(original.contains(from), "{from}");
    fs::write(&document, original.replacen(from, to, 1)).expect("written");
    folder
}

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com", "-C"])
        .arg(folder)
        .args(arguments)
        .output()
        .expect("git starts: install it");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// How the line of a check begins.
fn line<'a>(shown: &'a str, name: &str) -> &'a str {
    let line = shown.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
    line.unwrap_or_else(|| panic!("there is no line of {name}: {shown}"))
}

#[test]
fn documents_that_are_as_they_should_be_pass() {
    let folder = copy("openapi: 3.0.3", "openapi: 3.0.3");
    let shown = text(&check(&["--spec"], folder.path()).stdout);
    for name in ["lint", "codegen", "parity", "breaking:openapi", "breaking:emulator"] {
        assert!(line(&shown, name).starts_with("ok "), "{shown}");
    }
    for name in ["breaking:openapi", "breaking:emulator"] {
        assert!(line(&shown, name).contains("nothing has changed since"), "{shown}");
    }
}

#[test]
fn each_failure_has_its_line_with_the_command_that_mends_it_and_its_details_below() {
    let folder = copy("operationId: listEvents", "operationId: events");
    let output = check(&["--spec"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(
        line(&shown, "lint").starts_with("failed ") && line(&shown, "lint").contains("cargo xtask lint --fix"),
        "{shown}"
    );
    assert!(
        line(&shown, "codegen").contains("mend it: cargo xtask codegen"),
        "{shown}"
    );
    assert!(line(&shown, "parity").starts_with("ok "), "{shown}");
    // It tells of the change and does not fail.
    assert!(
        line(&shown, "breaking:openapi").starts_with("ok ")
            && line(&shown, "breaking:openapi").contains("major for Rust users"),
        "{shown}"
    );
    assert!(
        shown.contains("error[operation-id]: `events` is no good id of an operation"),
        "{shown}"
    );
}

#[test]
fn a_model_that_both_documents_have_is_told_of_for_both() {
    let folder = copy("required: [directory_id]\n      allOf:", "allOf:");
    let shown = text(&check(&["--spec"], folder.path()).stdout);
    for name in ["breaking:openapi", "breaking:emulator"] {
        assert!(
            line(&shown, name).contains("major for users of the API, major for Rust users"),
            "{shown}"
        );
    }
}

#[test]
fn the_seed_alone_needs_a_reason() {
    let folder = copy(
        "          x-origin: live\n          description: Only directories whose",
        "          x-origin: seed\n          description: Only directories whose",
    );
    let output = check(&["--spec"], folder.path());
    let shown = text(&output.stdout);
    assert!(line(&shown, "parity").starts_with("failed "), "{shown}");
    assert!(
        shown.contains("`parameter GET /directories search` is marked `x-origin: seed`"),
        "{shown}"
    );
}

#[test]
fn the_hook_is_installed_once_and_takes_no_other_ones_place() {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "--quiet"]);
    let install = || check(&["--install-hook", "--repository"], folder.path());
    assert!(install().status.success());
    assert!(install().status.success(), "a second time changes nothing");
    let hook = folder.path().join(".git/hooks/pre-commit");
    assert!(
        fs::read_to_string(&hook)
            .expect("it is there")
            .ends_with("exec cargo xtask check\n")
    );
    fs::write(&hook, "#!/bin/sh\n").expect("written");
    let output = install();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("is there already"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(fs::read_to_string(&hook).expect("it is there"), "#!/bin/sh\n");
}
