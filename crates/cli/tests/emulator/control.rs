//! `dsync emulator NOUN VERB`: changes of an emulator that runs.

use std::process::Command;
use std::process::Output;

use serde_json::Value;
use serde_json::json;

use crate::running::Running;

impl Running {
    fn dsync(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dsync"));
        command
            .args(["emulator"])
            .args(arguments)
            .env("WORKOS_BASE_URL", self.told("base_url"))
            .env("WORKOS_API_KEY", self.told("api_key"))
            .env_remove("WORKOS_WEBHOOK_SECRET")
            .env("DSYNC_CONFIG", "/nowhere/config.toml");
        command.output().unwrap()
    }

    /// What a command says on stdout, which it ends well with.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let output = self.dsync(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The JSON lines that a command says.
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.text(&[arguments, &["--output", "json"]].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The object that a command says.
    fn object(&self, arguments: &[&str]) -> Value {
        let mut lines = self.lines(arguments);
        assert_eq!(lines.len(), 1, "{arguments:?}");
        lines.remove(0)
    }

    /// What a command complains of, and its exit code.
    fn complaint(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.dsync(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    }
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

#[test]
fn objects_of_a_running_emulator_are_created_changed_and_deleted() {
    let emulator = Running::start(&[]);
    let organization = "org_01EHZNVPK3SFK441A1RGBFSHRT";
    let put = emulator.object(&["organizations", "put", organization, "--name", "Acme"]);
    assert_eq!(put, json!({ "id": organization, "name": "Acme" }));
    let directory = emulator.object(&[
        "directories",
        "create",
        "--name",
        "Acme",
        "--organization",
        organization,
    ]);
    let home = ["--directory", id(&directory)];
    assert_eq!(directory["state"], "linked");
    let state = emulator.object(&["directories", "set-state", id(&directory), "invalid_credentials"]);
    assert_eq!(state["state"], "invalid_credentials");

    let create = [
        "users",
        "create",
        "--email",
        "jane@acme.example",
        "--first-name",
        "Jane",
    ];
    let attributes = ["--custom-attributes", r#"{"office":7}"#, "--role", "admin"];
    let user = emulator.object(&[&create[..], &attributes, &home].concat());
    assert_eq!(
        (&user["custom_attributes"], &user["role"]["slug"]),
        (&json!({ "office": 7 }), &json!("admin"))
    );
    let update = ["users", "update", id(&user), "--state", "suspended"];
    assert_eq!(emulator.object(&[&update[..], &home].concat())["state"], "suspended");
    let group = emulator.object(&[&["groups", "create", "--name", "Engineering"], &home[..]].concat());
    let update = ["groups", "update", id(&group), "--name", "Product"];
    assert_eq!(emulator.object(&[&update[..], &home].concat())["name"], "Product");
    for verb in ["add", "remove"] {
        let member = ["members", verb, id(&user), "--group", id(&group)];
        emulator.object(&[&member[..], &home].concat());
    }
    assert!(
        emulator
            .text(&[&["users", "delete", id(&user)], &home[..]].concat())
            .starts_with("deleted directory_user_")
    );
    emulator.object(&[&["groups", "delete", id(&group)], &home[..]].concat());
    let (code, complaint) = emulator.complaint(&[&["users", "delete", id(&user)], &home[..]].concat());
    assert_eq!(code, 1);
    assert!(complaint.contains(id(&user)), "{complaint}");
    emulator.object(&["directories", "delete", id(&directory)]);
    emulator.object(&["organizations", "delete", organization]);
}

#[test]
fn faults_churn_and_clock_are_set_and_requests_are_listed() {
    let emulator = Running::start(&[]);
    let add = [
        "faults",
        "add",
        "status",
        "--status",
        "503",
        "--operation",
        "listEvents",
        "--times",
        "2",
    ];
    let added = emulator.object(&add);
    assert_eq!(added["rule"]["fault"]["status"], 503);
    assert_eq!(emulator.lines(&["faults", "list"]), [added]);
    let (code, complaint) = emulator.complaint(&["faults", "add", "reset", "--status", "503"]);
    assert_eq!(code, 1);
    assert!(complaint.contains("`fault.status`"), "{complaint}");
    let flags = "--path /first_name --json null --share 0.5 --object directory_user_1 --scope directory_1";
    let replaced: Vec<&str> = ["faults", "add", "replaced_field"]
        .into_iter()
        .chain(flags.split(' '))
        .collect();
    let rule = &emulator.object(&replaced)["rule"];
    assert_eq!(
        rule["fault"],
        json!({ "kind": "replaced_field", "path": "/first_name", "json": "null" })
    );
    assert_eq!(
        (&rule["share"], &rule["objects"]),
        (&json!(0.5), &json!(["directory_user_1"]))
    );
    emulator.object(&["faults", "clear"]);
    assert!(emulator.lines(&["faults", "list"]).is_empty());

    let started = emulator.object(&["churn", "start", "2/s", "--seed", "7"]);
    assert_eq!(started, json!({ "per_second": 2.0, "seed": 7 }));
    emulator.object(&["churn", "stop"]);

    assert_eq!(
        emulator.object(&["clock", "set", "2090-01-01T00:00:00Z"])["now"],
        "2090-01-01T00:00:00.000Z"
    );
    assert_eq!(
        emulator.object(&["clock", "advance", "1.5"])["now"],
        "2090-01-01T00:00:01.500Z"
    );
    assert_eq!(emulator.object(&["clock", "show"])["now"], "2090-01-01T00:00:01.500Z");

    let kept = json!({ "inactive_policy": "keep" });
    assert_eq!(
        emulator.object(&["settings", "show"]),
        json!({ "inactive_policy": "delete" })
    );
    assert_eq!(emulator.object(&["settings", "set", "--inactive", "keep"]), kept);
    assert_eq!(emulator.object(&["settings", "show"]), kept);

    assert!(emulator.lines(&["requests"]).is_empty());
    let listed = Command::new(env!("CARGO_BIN_EXE_dsync"))
        .args(["directories", "list"])
        .env("WORKOS_BASE_URL", emulator.told("base_url"))
        .env("WORKOS_API_KEY", emulator.told("api_key"))
        .env("DSYNC_CONFIG", "/nowhere/config.toml")
        .output();
    assert!(listed.unwrap().status.success());
    let requests = emulator.lines(&["requests"]);
    assert_eq!(
        (requests.len(), &requests[0]["operation"]),
        (1, &json!("listDirectories"))
    );
    assert!(
        emulator
            .text(&["requests", "--output", "text"])
            .contains("listDirectories")
    );
}

#[test]
fn an_endpoint_is_added_its_deliveries_are_listed_and_repeated() {
    let emulator = Running::start(&[]);
    // Nobody listens there: the delivery fails, and is logged all the same.
    let add = ["webhooks", "add", "http://127.0.0.1:9/", "--events", "dsync.activated"];
    let endpoint = emulator.object(&add);
    assert!(endpoint["secret"].as_str().is_some_and(|secret| !secret.is_empty()));
    let listed = emulator.lines(&["webhooks", "list"]);
    assert_eq!(
        (listed.len(), &listed[0]["id"], &listed[0]["secret"]),
        (1, &endpoint["id"], &Value::Null)
    );
    emulator.object(&["directories", "create", "--name", "Acme"]);
    let deliveries = loop {
        let deliveries = emulator.lines(&["deliveries", "list"]);
        if !deliveries.is_empty() {
            break deliveries;
        }
    };
    assert_eq!(deliveries[0]["name"], "dsync.activated");
    let again = emulator.object(&["deliveries", "replay", id(&deliveries[0])]);
    assert_eq!(
        (&again["kind"], &again["event"]),
        (&json!("replay"), &deliveries[0]["event"])
    );
    emulator.object(&["webhooks", "remove", id(&endpoint)]);
    assert!(emulator.lines(&["webhooks", "list"]).is_empty());
}

#[test]
fn a_state_is_saved_loaded_and_exported() {
    let emulator = Running::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("company.json");
    let file = file.to_str().unwrap();
    let said = emulator.text(&["state", "save", file]);
    assert!(
        said.ends_with("2 directories, 20 users, 4 groups, 10 memberships\n"),
        "{said}"
    );
    let exported: Value = serde_json::from_str(&emulator.text(&["state", "export"])).unwrap();
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(exported, saved);
    let directory = saved["directories"][0]["id"].as_str().unwrap();
    emulator.object(&["directories", "delete", directory]);
    assert_eq!(emulator.object(&["state", "load", file])["users"], 20);
    let again: Value = serde_json::from_str(&emulator.text(&["state", "export"])).unwrap();
    assert_eq!(again, saved);
    // Another emulator starts with it.
    let other = Running::of(&["--data", file]);
    let there: Value = serde_json::from_str(&other.text(&["state", "export"])).unwrap();
    assert_eq!(there, saved);
}

#[test]
fn a_live_key_is_not_sent_and_flags_of_the_start_do_not_go_with_a_verb() {
    let emulator = Running::start(&[]);
    let output = Command::new(env!("CARGO_BIN_EXE_dsync"))
        .args(["emulator", "clock", "show", "--base-url", emulator.told("base_url")])
        .env("WORKOS_API_KEY", "sk_live_hidden")
        .output()
        .unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        complaint.contains("live key") && !complaint.contains("hidden"),
        "{complaint}"
    );
    assert_eq!(emulator.complaint(&["--port", "1", "clock", "show"]).0, 2);
}

#[test]
fn users_create_with_unknown_state_is_refused_with_nearest_state_unless_emulator_is_lenient() {
    let emulator = Running::start(&[]);
    let create = |emulator: &Running| {
        let directory = id(&emulator.lines(&["state", "export"])[0]["directories"][0]).to_owned();
        emulator.dsync(&[
            "users",
            "create",
            "--directory",
            &directory,
            "--state",
            "actve",
            "--output",
            "json",
        ])
    };
    let refused = create(&emulator);
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    assert!(complaint.contains("did you mean `active`?"), "{complaint}");
    let lenient = Running::start(&["--lenient"]);
    assert!(create(&lenient).status.success());
}
