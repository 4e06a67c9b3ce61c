//! The example of `spec/README.md`, performed: its blocks go into a copy of the documents, and what the page promises has to
//! come true there.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use workos_directory_codegen::Document;
use workos_directory_codegen::Generated;
use workos_directory_codegen::Target;
use workos_directory_codegen::generate;
use workos_directory_codegen::generate_commands;

const PAGE: &str = include_str!("../../spec/README.md");
const SPEC: &str = include_str!("../../spec/openapi.yaml");
const EMULATOR: &str = include_str!("../../spec/emulator.yaml");

/// The block of the page that the word behind `yaml` names, as it is to stand in the document.
fn block(name: &str) -> String {
    let lines = PAGE.lines().map(|line| line.strip_prefix("   ").unwrap_or(line));
    let mut inside = lines.skip_while(|line| *line != format!("```yaml {name}"));
    assert!(inside.next().is_some(), "spec/README.md has no block ```yaml {name}");
    inside
        .take_while(|line| *line != "```")
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// The document with the page's path at the end of `paths`.
fn with_path() -> String {
    let components = "\ncomponents:\n";
    assert_eq!(SPEC.matches(components).count(), 1);
    SPEC.replace(components, &format!("\n{}{components}", block("paths")))
}

/// The document with the page's path, and its schemas where their names belong.
fn with_path_and_schemas() -> String {
    let document = with_path();
    let block = block("schemas");
    let first = block.lines().next().expect("a line").to_owned() + "\n";
    let schemas = document.find("\n  schemas:\n").expect("it has schemas");
    let is_name = |line: &str| line.starts_with("    ") && line[4..].starts_with(char::is_alphabetic);
    let mut at = schemas + 1;
    for line in document[at..].split_inclusive('\n') {
        if is_name(line) && *line > *first {
            break;
        }
        at += line.len();
    }
    format!("{}{block}\n{}", &document[..at], &document[at..])
}

/// A folder with both documents.
fn copy(document: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("openapi.yaml"), document).expect("written");
    fs::write(folder.path().join("emulator.yaml"), EMULATOR).expect("written");
    folder
}

/// A copy of the workspace with the changed document and all that is generated from it, where cargo finds what it has built.
fn workspace(document: &str) -> PathBuf {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("adding-an-operation");
    if copy.exists() {
        fs::remove_dir_all(&copy).expect("the copy of the run before goes");
    }
    copy_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &copy);
    fs::write(copy.join("spec/openapi.yaml"), document).expect("written");
    for target in Target::ALL {
        write(&generated(&copy.join("spec"), target), &copy.join(target.folder));
    }
    let commands = Target::CLIENT.commands.expect("it has commands");
    let document = Document::read(&copy.join("spec/openapi.yaml")).expect("it is a document");
    write(
        &generate_commands(&document, &Target::CLIENT).expect("it can be translated"),
        &copy.join(commands),
    );
    copy
}

/// Copies a folder without what is built, installed or hidden.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("a name").to_str().expect("UTF-8");
        if name.starts_with('.') || ["target", "node_modules", "site-packages"].contains(&name) {
            continue;
        }
        if path.is_dir() {
            copy_files(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}

fn write(generated: &Generated, folder: &Path) {
    for (path, text) in generated.files() {
        fs::write(folder.join(path), text).expect("written");
    }
}

fn xtask(arguments: &[&str], files: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .args(files)
        .output()
        .expect("xtask starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// What the copy's documents generate.
fn generated(folder: &Path, target: &Target) -> Generated {
    let name = Path::new(target.document).file_name().expect("a name");
    let document = Document::read(&folder.join(name)).expect("it is a document");
    generate(&document, target).expect("it can be translated")
}

fn file<'a>(generated: &'a Generated, path: &str) -> &'a str {
    let (_, text) = generated
        .files()
        .find(|(known, _)| *known == path)
        .unwrap_or_else(|| panic!("{path} is not generated"));
    text
}

/// Every word that is checked in is there, in its order. Words, since lists are wrapped anew.
fn assert_only_gains(folder: &str, path: &str, text: &str) {
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join(path);
    let checked_in = fs::read_to_string(checked_in).expect("it is checked in");
    let mut words = text.split_whitespace();
    let lines = checked_in.lines().enumerate();
    for (number, line) in lines.filter(|(_, line)| !line.starts_with("// spec fnv1a64")) {
        let stays = line.split_whitespace().all(|word| words.any(|new| new == word));
        assert!(stays, "{folder}/{path} loses or moves line {}: {line}", number + 1);
    }
}

#[test]
fn lint_has_nothing_to_say_against_the_example() {
    let folder = copy(&with_path_and_schemas());
    let (document, emulator) = (folder.path().join("openapi.yaml"), folder.path().join("emulator.yaml"));
    let output = xtask(&["lint"], &[&document, &emulator]);
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn lint_names_the_line_of_a_model_that_was_forgotten() {
    let folder = copy(&with_path());
    let output = xtask(&["lint", "--format", "json"], &[&folder.path().join("openapi.yaml")]);
    assert_eq!(output.status.code(), Some(1));
    let findings: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let finding = &findings[0];
    let line = finding["line"].as_u64().expect("a line") as usize;
    let named = with_path().lines().nth(line - 1).expect("the line is there").to_owned();
    assert!(named.contains("#/components/schemas/DirectoryLastSync"), "{findings}");
}

#[test]
fn the_change_is_minor_for_the_api_and_for_rust() {
    let folder = copy(&with_path_and_schemas());
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi.yaml");
    let new = folder.path().join("openapi.yaml");
    let output = xtask(&["breaking", "--format", "json", "--old", old, "--new"], &[&new]);
    let found: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(
        (&found["api"], &found["rust"]),
        (&"minor".into(), &"minor".into()),
        "{found}"
    );
    let changed: Vec<_> = found["changes"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|change| change["what"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        changed,
        [
            "DirectoryLastSync",
            "DirectoryLastSyncOutcome",
            "GET /directories/{id}/last_sync"
        ]
    );
}

#[test]
fn the_client_gains_the_method_the_models_and_their_shapes_and_loses_nothing() {
    let folder = copy(&with_path_and_schemas());
    let client = generated(folder.path(), &Target::CLIENT);
    for (path, text) in client.files() {
        assert_only_gains(Target::CLIENT.folder, path, text);
    }
    let has = |path: &str, part: &str| assert!(file(&client, path).contains(part), "{path} has no `{part}`");
    has("builder/directories.rs", "pub fn get_directory_last_sync(");
    has("builder/mod.rs", "pub use self::directories::GetDirectoryLastSync;");
    has("operations.rs", "pub const GET_DIRECTORY_LAST_SYNC: Operation");
    has("operations.rs", "&GET_DIRECTORY_LAST_SYNC,");
    has("types.rs", "pub struct DirectoryLastSync {");
    has("types.rs", "pub outcome: DirectoryLastSyncOutcome,");
    has("types.rs", "pub finished_at: Option<crate::Timestamp>,");
    has("shapes.rs", "model: \"DirectoryLastSync\",");
    has("shapes.rs", "\"succeeded\"");
    // The list that the snapshots and the round trips of examples go through.
    let models = file(&client, "types.rs").split("macro_rules! for_each_model").nth(1);
    assert!(models.is_some_and(|models| models.contains("DirectoryLastSync,")));
}

#[test]
fn the_command_line_gains_the_subcommand_and_loses_nothing() {
    let folder = copy(&with_path_and_schemas());
    let document = Document::read(&folder.path().join("openapi.yaml")).expect("it is a document");
    let commands = generate_commands(&document, &Target::CLIENT).expect("it can be translated");
    let text = file(&commands, "mod.rs");
    assert_only_gains(Target::CLIENT.commands.expect("it has commands"), "mod.rs", text);
    for part in [
        "GetDirectoryLastSync(Box<GetDirectoryLastSync>),",
        "/// Get a directory's last sync\n",
        "let request = client.get_directory_last_sync();",
    ] {
        assert!(text.contains(part), "there is no `{part}`");
    }
}

#[test]
fn the_client_of_the_emulator_is_what_it_was() {
    let folder = copy(&with_path_and_schemas());
    let target = &Target::EMULATOR_CLIENT;
    for (path, text) in generated(folder.path(), target).files() {
        let checked_in = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(target.folder)
            .join(path);
        assert!(
            fs::read_to_string(checked_in).expect("it is checked in") == text,
            "{path} differs"
        );
    }
}

#[test]
fn the_reference_page_shows_the_operation_its_call_and_its_models() {
    let folder = copy(&with_path_and_schemas());
    let page = folder.path().join("reference.html");
    let output = xtask(&["docs", "--output"], &[&page, &folder.path().join("openapi.yaml")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = fs::read_to_string(page).expect("the page is there");
    for part in [
        "id=\"operation-getDirectoryLastSync\"",
        "<code>/directories/{id}/last_sync</code>",
        ".get_directory_last_sync()",
        "id=\"model-DirectoryLastSync\"",
        "id=\"model-DirectoryLastSyncOutcome\"",
    ] {
        assert!(page.contains(part), "{part} is not on the page");
    }
}

/// Takes the compiler about 20 seconds, since everything that others wrote is built already.
#[test]
fn the_client_compiles_and_the_emulator_says_which_handler_is_to_be_written_by_hand() {
    let copy = workspace(&with_path_and_schemas());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it lies in the target folder");
    let output = Command::new(env!("CARGO"))
        .args([
            "test",
            "--locked",
            "--offline",
            "--package",
            "workos-directory-emulator",
            "--lib",
        ])
        .args(["--", "every_operation_has_a_handler"])
        .env("CARGO_TARGET_DIR", target)
        .current_dir(copy)
        .output()
        .expect("cargo starts");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{said}");
    let message = "getDirectoryLastSync has no handler: write what the emulator answers to GET /directories/{id}/last_sync, \
                   and name it in `HANDLERS`";
    assert!(said.contains(message), "{said}");
}
