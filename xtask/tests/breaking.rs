//! `cargo xtask breaking` on changes of the document, one each: what it is called and which step of the version it asks for.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use serde_json::Value;

const SPEC: &str = include_str!("../../spec/openapi.yaml");
const EMULATOR: &str = include_str!("../../spec/emulator.yaml");

fn breaking(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("breaking")
        .args(arguments)
        .output()
        .expect("xtask starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
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

/// The changes of the document when one text is replaced: `API/Rust what: change`.
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(SPEC.contains(from), "{from}");
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (folder.path().join("old.yaml"), folder.path().join("new.yaml"));
    fs::write(&old, SPEC).expect("written");
    fs::write(&new, SPEC.replacen(from, to, 1)).expect("written");
    let output = breaking(&[
        "--format",
        "json",
        "--old",
        &old.display().to_string(),
        "--new",
        &new.display().to_string(),
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let text = |change: &Value, key: &str| change[key].as_str().unwrap_or_default().to_owned();
    let changes = found["changes"].as_array().expect("an array").iter();
    changes
        .map(|change| {
            format!(
                "{}/{} {}: {}",
                text(change, "api"),
                text(change, "rust"),
                text(change, "what"),
                text(change, "change")
            )
        })
        .collect()
}

const SLUG: &str = "        slug:\n          description: The role's name in code.\n          type: string\n";

#[test]
fn a_new_optional_field_of_an_answer_is_minor() {
    let title = format!("{SLUG}        title:\n          description: For people.\n          type: string\n");
    assert_eq!(changed(SLUG, &title), ["minor/minor Role.title: optional field added"]);
}

#[test]
fn a_new_required_field_is_major_in_rust_since_the_constructor_takes_it() {
    let from = format!("required: [slug]\n      properties:\n{SLUG}");
    let to = format!(
        "required: [slug, title]\n      properties:\n{SLUG}        title:\n          description: For people.\n          type: string\n"
    );
    assert_eq!(changed(&from, &to), ["minor/major Role.title: required field added"]);
}

#[test]
fn a_field_that_is_gone_is_major() {
    let name = "        subtitle:\n          description: x\n          type: string\n";
    assert!(!SPEC.contains(name));
    let role = "        role:\n          description: The user's role, where roles are mapped from groups.\n          allOf: [{ $ref: '#/components/schemas/Role' }]\n          x-origin: live\n";
    assert_eq!(
        changed(role, ""),
        [
            "major/major DirectoryUser.role: field removed",
            "major/major DirectoryUserUpdated.role: field removed",
        ]
    );
}

#[test]
fn optional_to_required_and_back_are_major_in_rust() {
    let required = "required: [id, directory_id, token_suffix, created_at]";
    assert_eq!(
        changed(
            required,
            "required: [id, directory_id, organization_id, token_suffix, created_at]"
        ),
        ["minor/patch DirectoryToken.organization_id: field now required"]
    );
    assert_eq!(
        changed(required, "required: [id, directory_id, created_at]"),
        ["major/major DirectoryToken.token_suffix: field now optional"]
    );
    let required = "required: [directory_id]\n      allOf:";
    assert_eq!(
        changed(required, "required: [directory_id, created_at]\n      allOf:"),
        ["minor/major DirectoryGroup.created_at: field now required"]
    );
}

#[test]
fn null_where_the_field_was_an_option_already_changes_nothing_in_rust() {
    let idp_id = "          description: The group's id at the identity provider.\n          type: string\n";
    assert_eq!(
        changed(idp_id, &format!("{idp_id}          nullable: true\n")),
        [
            "major/patch DirectoryGroup.idp_id: field may now be null",
            "major/patch DirectoryGroupUpdated.idp_id: field may now be null",
            "major/patch EmbeddedGroup.idp_id: field may now be null",
        ]
    );
}

#[test]
fn another_type_is_major_and_another_bound_is_not_for_rust() {
    let groups = "          description: How many groups.\n          type: integer\n          format: uint64\n";
    assert_eq!(
        changed(groups, &groups.replace("integer\n          format: uint64", "string")),
        ["major/major DirectoryMetadata.groups: field's type changed"]
    );
    assert_eq!(
        changed("minimum: 1, maximum: 100", "minimum: 1, maximum: 50"),
        [
            "major/patch GET /directories limit: bounds or default changed",
            "major/patch GET /directory_groups limit: bounds or default changed",
            "major/patch GET /directory_users limit: bounds or default changed",
            "major/patch GET /events limit: bounds or default changed",
        ]
    );
}

#[test]
fn values_of_open_enums_are_minor_and_of_closed_ones_major() {
    assert_eq!(
        changed("x-extensible-enum: [queued]", "x-extensible-enum: [queued, running]"),
        ["minor/minor DirectorySyncStatus: value added to an open enum"]
    );
    assert_eq!(
        changed("enum: [asc, desc, normal]", "enum: [asc, desc, normal, random]"),
        ["minor/major Order: value added to a closed enum"]
    );
    assert_eq!(
        changed("x-extensible-enum: [queued]", "enum: [queued]"),
        ["major/major DirectorySyncStatus: model's kind changed"]
    );
}

#[test]
fn a_retired_value_is_major_for_requests_and_keeps_its_variant_in_rust() {
    assert_eq!(
        changed(
            "x-enum-retired: [dsync.deactivated]",
            "x-enum-retired: [dsync.deactivated, dsync.activated]"
        ),
        ["major/minor EventName: value of an open enum retired"]
    );
    assert_eq!(
        changed("      x-enum-retired: [dsync.deactivated]\n", ""),
        ["minor/minor EventName: value of an open enum no longer retired"]
    );
}

#[test]
fn an_alternative_more_is_minor_in_rust_and_one_less_is_major() {
    let schema_error = "        - $ref: '#/components/schemas/SchemaError'\n";
    let text = "        - title: Text\n          type: string\n      example: directory is not valid\n";
    assert_eq!(
        changed(
            text,
            &format!("        - title: Number\n          type: integer\n{text}")
        ),
        ["major/minor ErrorDetail: alternative added to a union"]
    );
    assert_eq!(
        changed(schema_error, ""),
        ["minor/major ErrorDetail: alternative removed from a union"]
    );
}

#[test]
fn parameters_are_minor_when_optional_and_major_when_required_or_gone() {
    let search = "        - name: search\n          in: query\n          x-origin: live\n          description: Only directories whose name contains this text.\n          schema: { type: string }\n          example: Acme\n";
    let more = search
        .replace("search", "more")
        .replace("in: query\n", "in: query\n          required: true\n");
    assert_eq!(
        changed(search, ""),
        ["major/major GET /directories search: parameter removed"]
    );
    assert_eq!(
        changed(search, &format!("{search}{more}")),
        ["major/major GET /directories more: required parameter added"]
    );
    let more = search.replace("search", "more");
    assert_eq!(
        changed(search, &format!("{search}{more}")),
        ["minor/minor GET /directories more: optional parameter added"]
    );
}

#[test]
fn a_field_that_moves_into_a_part_changes_nothing_and_a_part_is_no_model() {
    let (first, second) = (
        "        slug:\n          description: The role's name in code.\n          type: string\n",
        "      required: [slug]\n      properties:\n",
    );
    let whole = format!("{second}{first}");
    let composed = "      required: [slug]\n      allOf: [{ $ref: '#/components/schemas/Slug' }]\n".to_owned();
    let example = "      example: { slug: member }\n";
    let part = format!("\n    Slug:\n      type: object\n      properties:\n{first}      x-part: true\n");
    let from = format!("{whole}{example}");
    assert_eq!(changed(&from, &format!("{composed}{example}{part}")), [""; 0]);
}

#[test]
fn an_operation_may_be_renamed_or_moved() {
    assert_eq!(
        changed("operationId: listEvents", "operationId: listChanges"),
        ["patch/major GET /events: operation renamed"]
    );
    assert_eq!(
        changed("  /events:\n", "  /log:\n"),
        ["major/patch listEvents: operation moved"]
    );
}

#[test]
fn a_new_order_of_required_fields_is_a_new_order_of_arguments() {
    let required = "required: [id, domain]\n      properties:\n        object:\n          description: Always `organization_domain`.\n          type: string\n        id:\n          description: Unique, `org_domain_…`.\n          type: string\n        domain:\n          description: The domain's name.\n          type: string\n";
    let to = "required: [id, domain]\n      properties:\n        object:\n          description: Always `organization_domain`.\n          type: string\n        domain:\n          description: The domain's name.\n          type: string\n        id:\n          description: Unique, `org_domain_…`.\n          type: string\n";
    assert_eq!(
        changed(required, to),
        ["patch/major DirectoryDomain: required fields reordered"]
    );
}

#[test]
fn words_are_a_patch_and_what_no_rule_knows_is_major() {
    assert_eq!(
        changed("The role's name in code.", "Its name in code."),
        ["patch/patch documentation: words changed"]
    );
    assert_eq!(
        changed("x-raw-json: true", "x-raw-json: true\n      x-new: 1"),
        ["major/major Attributes: not known to any rule"]
    );
}

#[test]
fn a_revision_is_read_from_git_and_deny_fails_on_its_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("openapi.yaml");
    let git = |arguments: &[&str]| git(folder.path(), arguments);
    fs::write(&file, SPEC).expect("written");
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "openapi.yaml"]);
    git(&["commit", "--quiet", "--message", "first"]);
    let new = file.display().to_string();
    let output = breaking(&["--new", &new]);
    assert!(
        text(&output.stdout).starts_with("nothing has changed since "),
        "{}",
        text(&output.stdout)
    );

    git(&["checkout", "--quiet", "-b", "work"]);
    fs::write(
        &file,
        SPEC.replacen("operationId: listEvents", "operationId: listChanges", 1),
    )
    .expect("written");
    git(&["commit", "--quiet", "--all", "--message", "second"]);
    // Without a base: since the branch left main. With one: since then.
    let output = breaking(&["--new", &new, "--deny", "major"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("API patch  Rust major  GET /events: operation renamed (listEvents → listChanges); "),
        "{shown}"
    );
    assert!(
        breaking(&["--new", &new, "--base", "HEAD", "--deny", "patch"])
            .status
            .success()
    );
    let output = breaking(&["--new", &new, "--base", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nowhere"), "{}", text(&output.stderr));
    codegen_prints_the_same(folder.path(), &file);
}

fn codegen_prints_the_same(folder: &Path, file: &Path) {
    fs::write(
        file,
        SPEC.replacen("operationId: listEvents", "operationId: listLog", 1),
    )
    .expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["codegen", "--spec"])
        .arg(file)
        .arg("--output")
        .arg(folder.join("generated"))
        .output()
        .expect("xtask starts");
    let shown = text(&output.stdout);
    assert!(
        shown.contains("GET /events: operation renamed (listChanges → listLog)"),
        "{shown}{}",
        text(&output.stderr)
    );
}

#[test]
fn what_a_document_refers_to_in_another_is_that_of_the_same_revision() {
    let folder = tempfile::tempdir().expect("a folder");
    let [api, emulator] = ["openapi.yaml", "emulator.yaml"].map(|name| folder.path().join(name));
    let git = |arguments: &[&str]| git(folder.path(), arguments);
    fs::write(&api, SPEC).expect("written");
    fs::write(&emulator, EMULATOR).expect("written");
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    let new = emulator.display().to_string();
    let unchanged = text(&breaking(&["--new", &new]).stdout);
    assert!(unchanged.starts_with("nothing has changed since "), "{unchanged}");

    let required = "required: [directory_id]\n      allOf:";
    assert!(SPEC.contains(required));
    fs::write(&api, SPEC.replacen(required, "allOf:", 1)).expect("written");
    let shown = text(&breaking(&["--new", &new]).stdout);
    assert!(
        shown.starts_with("API major  Rust major  DirectoryGroup.directory_id: field now optional"),
        "{shown}"
    );
}

#[test]
fn a_reference_to_a_document_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let emulator = folder.path().join("emulator.yaml");
    fs::write(&emulator, EMULATOR).expect("written");
    let (old, new) = (emulator.display().to_string(), emulator.display().to_string());
    let output = breaking(&["--old", &old, "--new", &new]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("openapi.yaml"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_rules_are_a_table_and_a_pull_request_gets_one_too() {
    insta::assert_snapshot!("rules", text(&breaking(&["--rules"]).stdout));
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (folder.path().join("old.yaml"), folder.path().join("new.yaml"));
    fs::write(&old, SPEC).expect("written");
    fs::write(
        &new,
        SPEC.replacen("x-extensible-enum: [queued]", "x-extensible-enum: [queued, running]", 1),
    )
    .expect("written");
    let output = breaking(&[
        "--format",
        "markdown",
        "--old",
        &old.display().to_string(),
        "--new",
        &new.display().to_string(),
    ]);
    insta::assert_snapshot!("table", text(&output.stdout));
}

#[test]
fn in_requests_a_new_required_field_is_major_for_the_api_and_a_value_more_is_not() {
    let document = |fields: &str, values: &str| {
        format!(
            "openapi: 3.0.3\npaths:\n  /roles:\n    post:\n      operationId: createRole\n      requestBody:\n        content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/NewRole' }} }} }}\n      responses: {{ '204': {{ description: Made. }} }}\ncomponents:\n  schemas:\n    NewRole:\n      type: object\n      required: [{fields}]\n      properties: {{ slug: {{ type: string }}, kind: {{ $ref: '#/components/schemas/Kind' }} }}\n    Kind: {{ type: string, enum: [{values}] }}\n"
        )
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (folder.path().join("old.yaml"), folder.path().join("new.yaml"));
    fs::write(&old, document("slug", "a")).expect("written");
    fs::write(&new, document("slug, kind", "a, b")).expect("written");
    let (old, new) = (old.display().to_string(), new.display().to_string());
    let shown = text(&breaking(&["--old", &old, "--new", &new]).stdout);
    assert!(
        shown.contains("API major  Rust major  NewRole.kind: field now required"),
        "{shown}"
    );
    assert!(
        shown.contains("API minor  Rust major  Kind: value added to a closed enum (\"b\")"),
        "{shown}"
    );
}
