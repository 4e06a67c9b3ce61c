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

/// What `--fix` makes of a text.
fn fixed(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("openapi.yaml");
    fs::write(&file, text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["lint", "--fix"])
        .arg(&file)
        .output()
        .expect("xtask starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    fs::read_to_string(&file).expect("it is there")
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

#[test]
fn an_example_that_is_not_of_its_schema_is_found_at_its_place() {
    let findings = broken("      example: { slug: member }\n", "      example: { slug: 3 }\n");
    assert_eq!(findings, one("example", "example: { slug: 3 }"));
    let findings = broken("example: { status: queued }", "example: { status: queued, more: 1 }");
    assert_eq!(findings, one("example", "example: { status: queued, more: 1 }"));
}

#[test]
fn a_required_field_that_only_one_source_documents_is_found() {
    let findings = broken(
        "required: [id, type, state, name",
        "required: [id, object, type, state, name",
    );
    let line = "required: [id, object, type, state, name, created_at, updated_at]";
    // The seed's examples lack the field, which is what makes the rule worth its name.
    assert!(
        findings.contains(&("required".to_owned(), line.to_owned())),
        "{findings:?}"
    );
    assert!(findings.iter().any(|(rule, _)| rule == "example"), "{findings:?}");
}

#[test]
fn an_object_without_a_name_is_found() {
    let to = "      example: { slug: member }\n      x-more: { type: object, properties: { a: { type: string } } }\n";
    let findings = broken("      example: { slug: member }\n", to);
    assert_eq!(
        findings,
        one(
            "inline",
            "x-more: { type: object, properties: { a: { type: string } } }"
        )
    );
}

#[test]
fn keys_and_components_are_put_in_order_and_comments_stay_with_what_they_are_about() {
    let role = SPEC.rfind("    Role:\n").expect("it is there");
    let order = SPEC.rfind("    Order:\n").expect("it is there");
    let (before, order, role) = (&SPEC[..order], &SPEC[order..role], &SPEC[role..]);
    let swapped = format!("{before}    # About roles.\n{role}\n{order}")
        .trim_end()
        .to_owned()
        + "\n";
    let mended = fixed(&swapped);
    assert_eq!(
        mended,
        format!("{before}{}\n\n    # About roles.\n{role}", order.trim_end())
    );

    let from = "      operationId: listEvents\n      summary: List events\n";
    let to = "      # Why it is so.\n      summary: List events\n      operationId: listEvents\n";
    let mended = fixed(&SPEC.replacen(from, to, 1));
    let expected = "      operationId: listEvents\n      # Why it is so.\n      summary: List events\n";
    assert_eq!(mended, SPEC.replacen(from, expected, 1));

    let from = "        - name: search\n          in: query\n          x-origin: live\n";
    let to = "        - x-origin: live\n          in: query\n          name: search\n";
    assert_eq!(fixed(&SPEC.replacen(from, to, 1)), SPEC);
}

#[test]
fn a_closed_enum_is_opened_and_what_a_list_or_an_operation_lacks_is_added_by_fix() {
    assert_eq!(
        fixed(&SPEC.replacen("x-extensible-enum: [queued]", "enum: [queued]", 1)),
        SPEC
    );
    let unauthorized = "        '401': { $ref: '#/components/responses/Unauthorized' }\n";
    assert_eq!(fixed(&SPEC.replacen(unauthorized, "", 1)), SPEC);
    let pages = SPEC
        .lines()
        .find(|line| line.trim_start().starts_with("x-cursor-pagination: {"))
        .expect("a list");
    assert_eq!(fixed(&SPEC.replacen(&format!("{pages}\n"), "", 1)), SPEC);
}

#[test]
fn what_fix_cannot_mend_is_left_as_it_is_and_still_found() {
    // The alias would stand before its anchor.
    let list = "    SeedDirectoryList:\n";
    let text = SPEC
        .replacen(list, "    ASeedDirectoryList:\n", 1)
        .replace("examples/SeedDirectoryList'", "examples/ASeedDirectoryList'");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("openapi.yaml");
    fs::write(&file, &text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["lint", "--fix"])
        .arg(&file)
        .output()
        .expect("xtask starts");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), text);
}

#[test]
fn sarif_has_rules_places_and_messages() {
    let output = lint(
        &SPEC.replacen("operationId: listEvents", "operationId: events", 1),
        "sarif",
    );
    assert_eq!(output.status.code(), Some(1));
    let log: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "operation-id");
    assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][0]["id"], "operation-id");
    let region = &result["locations"][0]["physicalLocation"]["region"];
    let line = SPEC
        .lines()
        .position(|line| line.contains("operationId: listEvents"))
        .expect("it is there")
        + 1;
    assert_eq!(region["startLine"], line);
    assert_eq!(region["startColumn"], 7);
}

#[test]
fn a_document_has_to_do_what_it_declares_and_may_refer_to_the_one_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("openapi.yaml"), SPEC).expect("written");
    let file = folder.path().join("other.yaml");
    let text = "openapi: 3.0.3\ninfo: { title: Other, version: '1' }\ntags: [{ name: roles, description: Roles. }]\npaths:\n  /role:\n    get:\n      operationId: getRole\n      summary: Get the role\n      description: The role.\n      tags: [roles]\n      responses:\n        '200':\n          description: The role.\n          content:\n            application/json:\n              schema: { $ref: 'openapi.yaml#/components/schemas/Role' }\n              example: { slug: member }\n        4XX: { description: A fault. }\n        5XX: { description: A failure. }\n";
    let lint = |text: &str| {
        fs::write(&file, text).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["lint", "--format", "github"])
            .arg(&file)
            .output();
        String::from_utf8(output.expect("xtask starts").stdout).expect("UTF-8")
    };
    // Neither key nor limit, so neither 401 nor 429.
    assert_eq!(lint(text), "");
    assert!(
        lint(&text.replace("info:", "security: [{ bearer: [] }]\ninfo:")).contains("the status 401 is not described")
    );
    assert!(lint(&text.replace("slug: member", "slug: 1")).contains("the example is not of its schema"));
    assert!(
        lint(&text.replace("schemas/Role", "schemas/Rule"))
            .contains("nothing is at `openapi.yaml#/components/schemas/Rule`")
    );
}
