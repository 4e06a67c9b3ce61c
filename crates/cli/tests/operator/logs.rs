//! What is said on stderr: as text or as JSON, more with `-v`, less with `-q`.

use serde_json::Value;

use crate::process::Running;
use crate::process::World;
use crate::process::bare;

fn json(stderr: &str) -> Vec<Value> {
    stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_logged_as_json_with_operation_status_tries_and_request_id_and_without_the_key() {
    let world = World::small().await;
    let ended = world.run(&["-v", "--log-format", "json", "directories", "list"]);
    assert_eq!(ended.stdout.lines().count(), 1);
    let logs = json(&ended.stderr);
    let call = logs.iter().find(|line| line["span"]["operation"] == "listDirectories");
    let span = &call.unwrap()["span"];
    assert_eq!(span["http.response.status_code"], 200);
    assert_eq!(span["attempts"], 1);
    assert!(span["request_id"].is_string(), "{span}");
    assert!(!ended.stderr.contains(world.emulator.api_key()), "{}", ended.stderr);

    // Each try is an event of its own.
    let ended = world.run(&["-vv", "--log-format", "json", "directories", "list"]);
    let logs = json(&ended.stderr);
    let answered = logs.iter().find(|line| line["fields"]["message"] == "answered");
    assert_eq!(answered.unwrap()["fields"]["attempt"], 1);
    // What the libraries below say is for a third `-v`.
    assert!(
        logs.iter().all(|line| line["target"] == "workos_directory_sync"),
        "{}",
        ended.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_and_errors_are_json_too_where_logs_are() {
    let world = World::small().await;
    let ended = world.run(&["--log-format", "json", "users", "export", "--format", "ndjson"]);
    let logs = json(&ended.stderr);
    assert_eq!(logs.len(), 1, "{}", ended.stderr);
    assert_eq!(
        (&logs[0]["level"], &logs[0]["fields"]["message"], &logs[0]["target"]),
        (&"INFO".into(), &"exported 4 users".into(), &"dsync".into())
    );
    let ended = world.run(&["--log-format", "json", "users", "get", "directory_user_nobody"]);
    assert_eq!(ended.code, 1);
    assert_eq!(json(&ended.stderr)[0]["level"], "ERROR");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_command_says_nothing_but_errors() {
    let world = World::small().await;
    for arguments in [
        &["-q", "users", "export", "--format", "csv"][..],
        &["-q", "sync", "--database", "sqlite:mirror.sqlite"],
        &["-q", "demo"],
    ] {
        let ended = world.run(arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{arguments:?}");
    }
    for arguments in [
        &["-q", "--output", "json", "follow", "--database", "sqlite:other.sqlite"][..],
        &["-q", "--output", "json", "emulator", "--port", "0"],
        &["-q", "--output", "json", "health", "--watch"],
    ] {
        let mut running = Running::start(&mut world.command(arguments));
        running.next();
        running.signal("-TERM");
        assert_eq!(running.code(), 0, "{arguments:?}");
        assert_eq!(running.rest_of_stderr(), "", "{arguments:?}");
    }
    assert!(
        world
            .run(&["-q", "users", "get", "directory_user_nobody"])
            .stderr
            .starts_with("error: ")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_posted_webhook_is_logged_with_its_status_whoever_sent_it() {
    let world = World::small().await;
    let arguments = [
        "-v",
        "--log-format",
        "json",
        "webhooks",
        "serve",
        "--listen",
        "127.0.0.1:0",
    ];
    let rest = ["--database", "sqlite:mirror.sqlite", "--output", "json"];
    let mut command = world.command(&[&arguments[..], &rest].concat());
    let serving = Running::start(command.env("WORKOS_WEBHOOK_SECRET", "whsec_test"));
    let url = serving.next()["url"].as_str().unwrap().to_owned();
    let host = url.trim_start_matches("http://").trim_end_matches("/webhooks");
    assert_eq!(crate::process::post(host, "/webhooks", "{}"), 400);
    let line: Value = serde_json::from_str(&serving.told("\"webhook\"")).unwrap();
    assert_eq!(line["span"]["http.response.status_code"], 400);
    assert_eq!(line["span"]["http.route"], "/webhooks");
}

#[test]
fn an_output_that_a_command_does_not_have_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["demo", "--output", "junit"][..],
        &["sync", "--database", "sqlite:mirror.sqlite", "--output", "prometheus"],
        &["config", "init", "--output", "junit"],
    ] {
        let output = bare(folder.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
