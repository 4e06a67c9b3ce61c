//! `cargo xtask lint` on documents that break one rule each: the rule, the line and the exit code.

use std::fs;
use std::process::Command;
use std::process::Output;

use serde_json::Value;

const SPEC: &str = include_str!("../../spec/openapi.yaml");

fn lint(text: &str, format: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("openapi.yaml");
    fs::write(&file, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["lint", "--format", format])
        .arg(file)
        .output()
        .expect("xtask starts")
}

/// The findings of the document with one text replaced: rule and the text of the line that each names.
fn broken(from: &str, to: &str) -> Vec<(String, String)> {
    assert!(SPEC.contains(from), "{from}");
    let text = SPEC.replacen(from, to, 1);
    let output = lint(&text, "json");
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).expect("findings are JSON");
    findings
        .iter()
        .map(|finding| {
            let line = finding["line"].as_u64().expect("a line") as usize;
            let rule = finding["rule"].as_str().expect("a rule").to_owned();
            (
                rule,
                text.lines().nth(line - 1).expect("the line is there").trim().to_owned(),
            )
        })
        .collect()
}

fn one(rule: &str, line: &str) -> Vec<(String, String)> {
    vec![(rule.to_owned(), line.to_owned())]
}

#[test]
fn the_document_breaks_no_rule() {
    let output = lint(SPEC, "text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn an_id_that_does_not_say_what_is_done_is_found() {
    let findings = broken("operationId: getDirectoryUser\n", "operationId: directory_user\n");
    assert_eq!(findings, one("operation-id", "operationId: directory_user"));
    let findings = broken("operationId: getDirectoryUser\n", "operationId: getDirectory\n");
    assert_eq!(findings, one("operation-id", "operationId: getDirectory"));
}

#[test]
fn a_tag_that_is_not_declared_is_found_and_so_is_one_that_is_not_used() {
    let findings = broken("tags: [events]", "tags: [event]");
    assert_eq!(
        findings,
        [one("tag", "tags: [event]"), one("tag", "- name: events")].concat()
    );
}

#[test]
fn what_has_no_words_is_found() {
    assert_eq!(broken("      summary: List events\n", ""), one("description", "get:"));
    let slug = "        slug:\n          description: The role's name in code.\n";
    assert_eq!(broken(slug, "        slug:\n"), one("description", "slug:"));
}

#[test]
fn a_missing_error_status_is_found() {
    let findings = broken("        '401': { $ref: '#/components/responses/Unauthorized' }\n", "");
    assert_eq!(findings, one("errors", "responses:"));
}

#[test]
fn a_list_without_pagination_is_found() {
    let line = SPEC
        .lines()
        .find(|line| line.trim_start().starts_with("x-cursor-pagination: {"))
        .expect("a list");
    let line = &format!("{line}\n");
    assert_eq!(broken(line, ""), one("pagination", "get:"));
}

#[test]
fn a_schema_without_an_example_is_found() {
    assert_eq!(broken("      example: { slug: member }\n", ""), one("example", "Role:"));
}

#[test]
fn references_to_nothing_and_components_that_nobody_uses_are_found() {
    let findings = broken(
        "'#/components/responses/Conflict'",
        "'#/components/responses/Conflicts'",
    );
    assert_eq!(
        findings,
        [
            one("reference", "'409': { $ref: '#/components/responses/Conflicts' }"),
            one("reference", "Conflict:"),
        ]
        .concat()
    );
}

#[test]
fn a_closed_enum_in_an_answer_is_found() {
    let findings = broken("x-extensible-enum: [queued]", "enum: [queued]");
    assert_eq!(findings, one("open-enum", "enum: [queued]"));
}

#[test]
fn components_out_of_order_are_found() {
    let findings = broken("    Attributes:\n", "    Zebra:\n");
    let rules: Vec<&str> = findings.iter().map(|(rule, _)| rule.as_str()).collect();
    assert!(rules.contains(&"order"), "{findings:?}");
}

#[test]
fn a_schema_that_is_there_twice_is_found() {
    let counts = "    DirectoryUserCounts:\n";
    let at = SPEC.find(counts).expect("it is there");
    let end = at + SPEC[at..].find("    DirectoryUserEmail:\n").expect("it is there");
    let twin = SPEC[at..end].replace("DirectoryUserCounts:", "DirectoryUserCountsAgain:");
    let findings = broken("    DirectoryUserEmail:\n", &format!("{twin}    DirectoryUserEmail:\n"));
    // Two properties are no coincidence yet; nobody uses it is what is found.
    assert_eq!(findings, one("reference", "DirectoryUserCountsAgain:"));
    let at = SPEC.find("    DirectoryDeleted:\n").expect("it is there");
    let end = at + SPEC[at..].find("    DirectoryDomain:\n").expect("it is there");
    let twin = SPEC[at..end].replace("DirectoryDeleted:", "DirectoryDeletedAgain:");
    let findings = broken("    DirectoryDomain:\n", &format!("{twin}    DirectoryDomain:\n"));
    assert!(
        findings.contains(&("duplicate".to_owned(), "DirectoryDeletedAgain:".to_owned())),
        "{findings:?}"
    );
}

#[test]
fn findings_show_the_line_to_people_and_are_annotations_for_github() {
    let text = SPEC.replacen("operationId: listEvents", "operationId: events", 1);
    let output = lint(&text, "text");
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        shown.contains("error[operation-id]: `events` is no good id of an operation"),
        "{shown}"
    );
    assert!(
        shown.contains("operationId: events") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    let output = lint(&text, "github");
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        shown.starts_with("::error file=") && shown.contains(",title=operation-id::"),
        "{shown}"
    );
}
