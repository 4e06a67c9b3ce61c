//! `verify`.

use serde_json::Value;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;

use crate::process::World;

fn outcomes(stdout: &str) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = document["checks"].as_array().unwrap().iter();
    checks
        .map(|check| (text(&check["check"]), text(&check["outcome"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_working_integration_passes_all_four_checks() {
    let world = World::start(Emulator::builder()).await;
    let ended = world.run(&["verify", "--output", "json"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let outcomes = outcomes(&ended.stdout);
    for check in ["authentication", "directory listing", "user sync", "group membership"] {
        assert!(
            outcomes.iter().any(|(name, outcome)| name == check && outcome == "ok"),
            "{outcomes:?}"
        );
    }
    assert_eq!(outcomes.len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_not_linked_fails_and_what_hangs_on_it_is_skipped() {
    let world = World::start(Emulator::builder()).await;
    let id = world.lines(&["directories", "list", "--limit", "1"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.emulator.set_directory_state(&id, "invalid_credentials").unwrap();
    let ended = world.run(&["verify", "--directory", &id, "--output", "json"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    let outcomes: Vec<_> = outcomes(&ended.stdout)
        .into_iter()
        .map(|(_, outcome)| outcome)
        .collect();
    assert_eq!(outcomes, ["ok", "failed", "skipped", "skipped"]);
    let junit = world.run(&["verify", "--output", "junit"]);
    assert_eq!(junit.code, 5);
    assert!(
        junit.stdout.contains("tests=\"7\"") && junit.stdout.contains("failures=\"1\""),
        "{}",
        junit.stdout
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_without_users_fails() {
    let population = Population {
        users: 0,
        groups: 0,
        memberships: 0,
        ..Population::default()
    };
    let world = World::start(Emulator::builder().population(population)).await;
    let ended = world.run(&["verify"]);
    assert_eq!(ended.code, 5);
    assert!(ended.stdout.contains("none of 0 users is active"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_exit_code_3_and_the_rest_is_skipped() {
    let world = World::start(Emulator::builder()).await;
    let output = world
        .command(&["verify", "--output", "json"])
        .env("WORKOS_API_KEY", "sk_test_hidden")
        .output()
        .unwrap();
    let ended = crate::process::Ended::of(output);
    assert_eq!(ended.code, 3);
    let outcomes: Vec<_> = outcomes(&ended.stdout)
        .into_iter()
        .map(|(_, outcome)| outcome)
        .collect();
    assert_eq!(outcomes, ["failed", "skipped", "skipped", "skipped"]);
    assert!(!ended.stdout.contains("hidden") && !ended.stderr.contains("hidden"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_without_directories_fails() {
    let world = World::start(Emulator::builder()).await;
    let ended = world.run(&["verify", "--organization", "org_01EHZNVPK3SFK441A1RGBFSHRT"]);
    assert_eq!(ended.code, 5);
    assert!(ended.stdout.contains("no directory"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_not_there_hides_no_other() {
    let world = World::start(Emulator::builder()).await;
    let id = world.lines(&["directories", "list", "--limit", "1"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let arguments = [
        "verify",
        "--directory",
        "directory_gone",
        "--directory",
        &id,
        "--output",
        "json",
    ];
    let ended = world.run(&arguments);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    let outcomes: Vec<_> = outcomes(&ended.stdout)
        .into_iter()
        .map(|(_, outcome)| outcome)
        .collect();
    assert_eq!(outcomes, ["ok", "failed", "skipped", "skipped", "ok", "ok", "ok"]);
}
