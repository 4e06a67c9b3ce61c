//! `cargo xtask codegen` as a maintainer meets it: the spec is edited, the check fails, the command mends it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi.yaml");

fn codegen(spec: &Path, output: &Path, check: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .arg("codegen")
        .arg("--spec")
        .arg(spec)
        .arg("--output")
        .arg(output);
    if check {
        command.arg("--check");
    }
    command.output().expect("xtask starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_changed_field_fails_the_check_with_a_diff_and_codegen_mends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = folder.path().join("openapi.yaml");
    let generated = folder.path().join("generated");
    let original = fs::read_to_string(SPEC).expect("the document");
    fs::write(&spec, &original).expect("written");
    assert!(codegen(&spec, &generated, false).status.success());
    assert!(codegen(&spec, &generated, true).status.success());

    let slug = "        slug:\n          description: The role's name in code.\n          type: string\n";
    assert_eq!(original.matches(slug).count(), 1);
    let title = "        title:\n          description: The role's name for people.\n          type: string\n";
    fs::write(&spec, original.replace(slug, &format!("{slug}{title}"))).expect("written");
    let check = codegen(&spec, &generated, true);
    assert_eq!(check.status.code(), Some(1));
    let diff = text(&check.stdout);
    assert!(
        diff.contains("--- crates/client/src/generated/types.rs (checked in)"),
        "{diff}"
    );
    assert!(diff.contains("+    pub title: Option<String>,"), "{diff}");
    assert!(
        text(&check.stderr).contains("run `cargo xtask codegen`"),
        "{}",
        text(&check.stderr)
    );

    assert!(codegen(&spec, &generated, false).status.success());
    assert!(codegen(&spec, &generated, true).status.success());
}

#[test]
fn a_file_that_nothing_generates_fails_the_check_and_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let generated = folder.path().join("generated");
    assert!(codegen(Path::new(SPEC), &generated, false).status.success());
    let stray = generated.join("builder/stray.rs");
    fs::write(&stray, "// by hand\n").expect("written");
    let check = codegen(Path::new(SPEC), &generated, true);
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stdout).contains("-// by hand"));
    assert!(codegen(Path::new(SPEC), &generated, false).status.success());
    assert!(!stray.exists());
}

#[test]
fn a_document_that_cannot_be_translated_is_refused_with_the_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = folder.path().join("openapi.yaml");
    let original = fs::read_to_string(SPEC).expect("the document");
    fs::write(&spec, original.replacen("cursor: after,", "cursor: token,", 1)).expect("written");
    let output = codegen(&spec, &folder.path().join("generated"), false);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(
        message.contains("listDirectories.x-cursor-pagination: there is no query parameter `token`"),
        "{message}"
    );
}
