//! schemathesis (PyPI), which knows nothing of this project, reads the document and asks the emulator whatever it can think
//! of: each answer has to be one that the document describes.
//!
//! The document is made stricter first: `4XX` and `5XX` would describe any error, and a schema that says nothing of further
//! fields lets them pass. What is asked is random with a fixed seed, and bounded.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::process::Command;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_emulator::Profile;
use workos_directory_sync::operation::Method;
use workos_directory_sync::operations;

use crate::spec;

/// How many random requests are made of one operation, beside those that schemathesis makes of everybody.
const EXAMPLES: &str = "40";

/// Decides what is asked.
const SEED: &str = "20261124";

/// A run takes a third of this at most; one that hangs does not hang the tests.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is checked: each answer by the document, that nothing works without the key, by another method, with values of a wrong
/// type or on what was deleted. `documented_headers` is ours.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,documented_headers,ignored_auth,unsupported_method,\
                      allow_header_conformance,negative_data_rejection,use_after_free";

/// How often an id is one that there is; the others are inventions.
const KNOWN: f64 = 0.7;

/// The document without what would describe anything.
fn strict() -> Value {
    let mut document = spec::document().clone();
    let paths = document["paths"].as_object_mut().expect("it has paths");
    let operations = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in operations.flat_map(|path| path.values_mut()) {
        if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            responses.retain(|status, _| !status.ends_with("XX"));
        }
    }
    let schemas = document["components"]["schemas"].as_object_mut();
    for schema in schemas.expect("it has schemas").values_mut() {
        if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
            schema["additionalProperties"] = Value::Bool(false);
        }
    }
    document
}

/// Settings that tell schemathesis which ids there are. The last directory is the only one that may be deleted.
fn settings(emulator: &Emulator) -> Value {
    let objects = emulator.seed_file().expect("it can be exported");
    let (doomed, directories) = objects.directories.split_last().expect("there are directories");
    let organizations = directories.iter().filter_map(|one| one.organization_id.as_deref());
    let known = |dictionary: &str| json!({ "dictionary": dictionary, "probability": KNOWN });
    let of =
        |operation: &str, parameters: Value| json!({ "include-operation-id": operation, "parameters": parameters });
    let list = |operation: &str, dictionary: &str| {
        of(
            operation,
            json!({ "query.after": known(dictionary), "query.before": known(dictionary) }),
        )
    };
    let one = |operation: &str, dictionary: &str| of(operation, json!({ "path.id": known(dictionary) }));
    json!({
        "dictionaries": {
            "doomed": { "values": [doomed.id] },
            "directories": { "values": directories.iter().map(|one| &one.id).collect::<Vec<_>>() },
            "organizations": { "values": organizations.collect::<Vec<_>>() },
            "users": { "values": objects.users.iter().map(|one| &one.id).collect::<Vec<_>>() },
            "groups": { "values": objects.groups.iter().map(|one| &one.id).collect::<Vec<_>>() },
        },
        "parameters": {
            "query.directory": known("directories"),
            "query.organization": known("organizations"),
            "query.organization_id": known("organizations"),
            "query.group": known("groups"),
            "query.user": known("users"),
        },
        "operations": [
            list("listDirectories", "directories"),
            list("listDirectoryUsers", "users"),
            list("listDirectoryGroups", "groups"),
            one("getDirectory", "directories"),
            one("syncDirectory", "directories"),
            one("deleteDirectory", "doomed"),
            one("getDirectoryUser", "users"),
            one("getDirectoryGroup", "groups"),
        ],
    })
}

/// How many requests of an operation were answered with a success.
fn accepted(report: &Value, method: Method, path: &str) -> u64 {
    let phases = report["valid_rates"][format!("{} {path}", method.as_str())].as_object();
    phases
        .into_iter()
        .flat_map(|phases| phases.values())
        .filter_map(|phase| phase["accepted"].as_u64())
        .sum()
}

async fn run(profile: Profile) {
    let population = Population {
        directories: 4,
        users: 60,
        groups: 8,
        memberships: 90,
        ..Population::default()
    };
    // Without rate limits: what is asked for quickly would get little more than 429.
    let builder = Emulator::builder().profile(profile).population(population);
    let emulator = builder.start().await.expect("it starts");
    let folder = tempfile::tempdir().expect("a folder");
    let (document, report) = (folder.path().join("openapi.json"), folder.path().join("report.json"));
    std::fs::write(&document, strict().to_string()).expect("the document can be written");
    let settings = toml::to_string(&settings(&emulator)).expect("settings are TOML");
    std::fs::write(folder.path().join("schemathesis.toml"), settings).expect("the settings can be written");

    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis");
    let python_path = std::env::join_paths([home.join("site-packages"), home]).expect("a path without colons");
    let authorization = format!("Authorization: Bearer {}", emulator.api_key());
    let run = Command::new("python3")
        .args([
            "-m",
            "schemathesis.cli",
            "run",
            "--no-color",
            "--phases",
            "examples,coverage,fuzzing",
        ])
        .args([
            "--max-examples",
            EXAMPLES,
            "--seed",
            SEED,
            "--generation-database",
            "none",
        ])
        .args(["--request-timeout", "5", "--continue-on-failure", "--checks", CHECKS])
        .args(["--url", emulator.base_url(), "--header", &authorization])
        .args(["--report", "json", "--report-json-path"])
        .args([&report, &document])
        .current_dir(folder.path())
        .env("PYTHONPATH", python_path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "documented_headers")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, run).await;
    let output = output.expect("schemathesis ends in time").expect("python3 starts");
    assert!(
        output.status.success(),
        "{}{}\nIf schemathesis is missing, run `cargo xtask sdks` first.",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );

    // Nothing but refusals would prove little.
    let report = std::fs::read_to_string(report).expect("it wrote a report");
    let report: Value = serde_json::from_str(&report).expect("the report is JSON");
    assert_eq!(report["operations"]["tested"], operations::ALL.len());
    for operation in operations::ALL {
        let accepted = accepted(&report, operation.method, operation.path);
        println!(
            "{}: {} requests, {accepted} accepted",
            operation.id,
            emulator.requests(operation)
        );
        assert!(accepted > 0, "{} was never answered with a success", operation.id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_of_the_live_profile_that_the_document_does_not_describe() {
    run(Profile::Live).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_of_the_seed_profile_that_the_document_does_not_describe() {
    run(Profile::Seed).await;
}
