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
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Endpoint;
use workos_directory_emulator::Population;
use workos_directory_emulator::ReferenceParameters;
use workos_directory_emulator_client::operations as admin;
use workos_directory_sync::operation::Method;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;
use workos_directory_sync::types::DirectoryUser;

use crate::spec;

/// How many random requests are made of one operation, beside those that schemathesis makes of everybody.
const EXAMPLES: &str = "40";

/// The same of the admin API, which has many operations.
const ADMIN_EXAMPLES: &str = "20";

/// Decides what is asked.
const SEED: &str = "20261124";

/// A run takes a third of this at most; one that hangs does not hang the tests.
const DEADLINE: Duration = Duration::from_secs(120);

/// What is checked: each answer by the document, that nothing works without the key, by another method, with values of a wrong
/// type or on what was deleted. `documented_headers` is ours.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,documented_headers,ignored_auth,unsupported_method,\
                      allow_header_conformance,negative_data_rejection,use_after_free";

/// The same for the admin API, whose document is asked for in parts, and where bodies are read strictly.
const ADMIN_CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                            response_headers_conformance,response_schema_conformance,documented_headers,ignored_auth,\
                            negative_data_rejection,use_after_free";

/// The same where bodies are objects as the API writes them: some of their fields are null.
const STATE_CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                            response_headers_conformance,response_schema_conformance,documented_headers,ignored_auth,\
                            use_after_free";

/// How often an id is one that there is; the others are inventions.
const KNOWN: f64 = 0.7;

/// The same where a path has up to three of them.
const ADMIN_KNOWN: f64 = 0.9;

/// The document without what would describe anything.
fn strict(document: &Value) -> Value {
    let mut document = document.clone();
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

/// What schemathesis asks, and by which document.
struct Session {
    document: Value,
    settings: Value,
    examples: &'static str,
    checks: &'static str,
}

impl Session {
    /// Lets it ask, and find nothing; its report comes back.
    async fn run(&self, emulator: &Emulator) -> Value {
        let folder = tempfile::tempdir().expect("a folder");
        let (document, report) = (folder.path().join("openapi.json"), folder.path().join("report.json"));
        std::fs::write(&document, strict(&self.document).to_string()).expect("the document can be written");
        let settings = toml::to_string(&self.settings).expect("settings are TOML");
        std::fs::write(folder.path().join("schemathesis.toml"), settings).expect("the settings can be written");

        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis");
        let python_path = std::env::join_paths([home.join("site-packages"), home]).expect("a path without colons");
        let authorization = format!("Authorization: Bearer {}", emulator.api_key());
        let run = Command::new("python3")
            .args(["-m", "schemathesis.cli", "run", "--no-color"])
            .args(["--phases", "examples,coverage,fuzzing"])
            .args(["--max-examples", self.examples, "--seed", SEED])
            .args(["--generation-database", "none"])
            .args([
                "--request-timeout",
                "5",
                "--continue-on-failure",
                "--checks",
                self.checks,
            ])
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
        let report = std::fs::read_to_string(report).expect("it wrote a report");
        serde_json::from_str(&report).expect("the report is JSON")
    }
}

/// An emulator with enough objects to ask for.
async fn emulator(behaviour: Behaviour) -> Emulator {
    let population = Population {
        directories: 4,
        users: 60,
        groups: 8,
        memberships: 90,
        ..Population::default()
    };
    // Without rate limits: what is asked for quickly would get little more than 429.
    let builder = Emulator::builder()
        .behaviour(behaviour)
        .population(population)
        // What chooses parameters at random rarely hits upon a scope, and expects that each parameter of the document is read.
        .unscoped_lists(true)
        .reference_parameters(ReferenceParameters::Honour)
        .rate_limit_headers(true);
    builder.start().await.expect("it starts")
}

/// Nothing but refusals would prove little.
fn assert_accepted(report: &Value, operation: &Operation) {
    let accepted = accepted(report, operation.method, operation.path);
    println!("{}: {accepted} accepted", operation.id);
    assert!(accepted > 0, "{} was never answered with a success", operation.id);
}

async fn run(behaviour: Behaviour) {
    let emulator = emulator(behaviour).await;
    let session = Session {
        document: spec::document().clone(),
        settings: settings(&emulator),
        examples: EXAMPLES,
        checks: CHECKS,
    };
    let report = session.run(&emulator).await;
    assert_eq!(report["operations"]["tested"], operations::ALL.len());
    for operation in operations::ALL {
        assert_accepted(&report, operation);
    }
}

/// Operations that are asked for by themselves: they would leave the others nothing to ask for.
const APART: [&str; 2] = [admin::PUT_STATE.id, admin::PUT_CHURN.id];

/// The document of the admin API with some of its operations.
fn admin_document(keeps: impl Fn(&Operation) -> bool) -> Value {
    let mut document = spec::emulator().clone();
    for operation in admin::ALL.iter().filter(|operation| !keeps(operation)) {
        let method = operation.method.as_str().to_ascii_lowercase();
        let path = document["paths"][operation.path].as_object_mut();
        path.expect("the path is there").remove(&method);
    }
    document
}

/// The same for the admin API. One directory stays, with half of its users and groups; the rest may be deleted.
fn admin_settings(emulator: &Emulator, delivery: &str, endpoint: &str) -> Value {
    let objects = emulator.seed_file().expect("it can be exported");
    let (kept, doomed) = objects.directories.split_first().expect("there are directories");
    let users = objects.users.iter().filter(|user| user.directory_id == kept.id);
    let users: Vec<&String> = users.map(|user| &user.id).collect();
    let groups = objects.groups.iter().filter(|group| group.directory_id == kept.id);
    let groups: Vec<&String> = groups.map(|group| &group.id).collect();
    let doomed_organizations = doomed.iter().filter_map(|one| one.organization_id.as_ref());
    let doomed_organizations = doomed_organizations.filter(|id| kept.organization_id.as_ref() != Some(id));
    let known = |dictionary: &str| json!({ "dictionary": dictionary, "probability": ADMIN_KNOWN });
    let of = |operation: &str, parameter: &str, dictionary: &str| json!({ "include-operation-id": operation, "parameters": { parameter: known(dictionary) } });
    json!({
        "dictionaries": {
            "directories": { "values": [kept.id] },
            "doomed_directories": { "values": doomed.iter().map(|one| &one.id).collect::<Vec<_>>() },
            "doomed_organizations": { "values": doomed_organizations.collect::<Vec<_>>() },
            "users": { "values": users[..users.len() / 2] },
            "doomed_users": { "values": users[users.len() / 2..] },
            "groups": { "values": groups[..groups.len() / 2] },
            "doomed_groups": { "values": groups[groups.len() / 2..] },
            "deliveries": { "values": [delivery] },
            "endpoints": { "values": [endpoint] },
        },
        "parameters": {
            "path.directory": known("directories"),
            "path.user": known("users"),
            "path.group": known("groups"),
            "path.delivery": known("deliveries"),
            "path.endpoint": known("endpoints"),
        },
        "operations": [
            of("deleteOrganization", "path.organization", "doomed_organizations"),
            of("deleteDirectory", "path.directory", "doomed_directories"),
            of("deleteUser", "path.user", "doomed_users"),
            of("deleteGroup", "path.group", "doomed_groups"),
        ],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_of_the_admin_api_that_its_document_does_not_describe() {
    let emulator = emulator(Behaviour::Reference).await;
    let register = || {
        emulator
            .webhooks()
            .register(Endpoint::pulled("whsec_test"))
            .expect("there is room")
    };
    let (stays, goes) = (register(), register());
    let directory = emulator.seed_file().expect("it can be exported").directories[0]
        .id
        .clone();
    let now = emulator.now();
    let user = DirectoryUser::new(emulator.new_user_id(), directory, "active", now, now);
    emulator.put_user(user).expect("it goes with the directory");
    let delivery = emulator
        .webhooks()
        .drain(&stays)
        .expect("it is there")
        .remove(0)
        .delivery;
    let session = Session {
        document: admin_document(|operation| !APART.contains(&operation.id)),
        settings: admin_settings(&emulator, &delivery, &goes),
        examples: ADMIN_EXAMPLES,
        checks: ADMIN_CHECKS,
    };
    let report = session.run(&emulator).await;
    assert_eq!(report["operations"]["tested"], admin::ALL.len() - APART.len());
    for operation in admin::ALL.iter().filter(|operation| !APART.contains(&operation.id)) {
        assert_accepted(&report, operation);
    }
    assert!(emulator.requests_by_operation().is_empty(), "calls are not counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_undescribed_answer_where_everything_is_replaced_or_changes_by_itself() {
    let emulator = emulator(Behaviour::Live).await;
    let session = Session {
        document: admin_document(|operation| APART.contains(&operation.id)),
        settings: json!({}),
        examples: EXAMPLES,
        checks: STATE_CHECKS,
    };
    let report = session.run(&emulator).await;
    assert_eq!(report["operations"]["tested"], APART.len());
    for operation in admin::ALL.iter().filter(|operation| APART.contains(&operation.id)) {
        assert_accepted(&report, operation);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_of_the_live_behaviour_that_the_document_does_not_describe() {
    run(Behaviour::Live).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_answer_of_the_reference_behaviour_that_the_document_does_not_describe() {
    run(Behaviour::Reference).await;
}
