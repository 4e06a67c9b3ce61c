//! `dsync quarantine`, and `verify --deep`: what the API said and cannot be read.

use serde_json::Value;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultRule;
use workos_directory_sync::operations;

use crate::process::World;

const DATABASE: [&str; 2] = ["--database", "sqlite:mirror.sqlite"];

/// Lets a field of the first user be odd in lists, and returns the user's id.
fn spoil(world: &World, field: &str, json: &str) -> String {
    let user = world.lines(&["users", "list"])[0]["id"].as_str().unwrap().to_owned();
    let rule = FaultRule::new(Fault::replaced_field(field, json))
        .on(&operations::LIST_DIRECTORY_USERS)
        .objects([user.as_str()]);
    world.emulator.faults().inject(rule).unwrap();
    user
}

/// A mirror in which a field of one user is quarantined; returns the user's id.
async fn quarantined(json: &str) -> (World, String) {
    let world = World::small().await;
    world.lines(&[&["sync", "--output", "json"], &DATABASE[..]].concat());
    let user = spoil(&world, "/last_name", json);
    let sync = world.run(&[&["sync"], &DATABASE[..]].concat());
    assert_eq!(sync.code, 6, "{}", sync.stderr);
    assert!(sync.stdout.contains("\nquarantined: 1\n"), "{}", sync.stdout);
    (world, user)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quarantine_list_and_show_name_object_field_and_error() {
    let (world, user) = quarantined("[\"\u{202e}\"]").await;
    let entries = world.lines(&[&["quarantine", "list"], &DATABASE[..]].concat());
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!(
        (&entry["kind"], &entry["id"], &entry["path"]),
        (&"users".into(), &user.as_str().into(), &"last_name".into())
    );
    let number = entry["number"].to_string();
    let table = world.run(&[&["quarantine", "list", "--output", "text"], &DATABASE[..]].concat());
    assert!(
        table.stdout.starts_with("NUMBER  KIND") && table.stdout.contains(&user),
        "{}",
        table.stdout
    );
    let shown = world.run(&[&["quarantine", "show", &number], &DATABASE[..]].concat());
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    // What came moves no cursor and turns no line around.
    assert!(shown.stdout.contains("[\"\\u{202e}\"]"), "{}", shown.stdout);
    let shown = world.lines(&[&["quarantine", "show", &number, "--output", "json"], &DATABASE[..]].concat());
    assert_eq!(shown[0]["payload"], "[\"\u{202e}\"]");

    let health = world.run(&[&["health"], &DATABASE[..]].concat());
    assert_eq!(health.code, 0, "{}", health.stderr);
    assert!(
        health.stdout.contains("\nwarning: quarantined: 1; "),
        "{}",
        health.stdout
    );
    let health = world.run(&[&["health", "--max-quarantined", "0"], &DATABASE[..]].concat());
    assert_eq!(health.code, 5, "{}", health.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quarantine_retry_releases_object_that_reads_well_by_id() {
    let (world, user) = quarantined("7").await;
    let entry = world
        .lines(&[&["quarantine", "list"], &DATABASE[..]].concat())
        .remove(0);
    let number = entry["number"].to_string();
    let retry = [&["quarantine", "retry", &number, "--output", "json"], &DATABASE[..]].concat();
    let retried = world.lines(&retry).remove(0);
    assert_eq!(
        (&retried["outcome"], &retried["id"]),
        (&"released".into(), &user.as_str().into())
    );
    let empty = world.run(&[&["quarantine", "list", "--output", "text"], &DATABASE[..]].concat());
    assert_eq!(empty.stdout, "nothing is in the quarantine\n");
    for verb in ["show", "retry"] {
        let unknown = world.run(&[&["quarantine", verb, &number], &DATABASE[..]].concat());
        assert_eq!(unknown.code, 1);
        assert!(
            unknown.stderr.contains(&format!("no entry {number}"))
                && unknown.stderr.contains("`dsync quarantine list`"),
            "{}",
            unknown.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quarantine_retry_of_object_that_stays_odd_or_is_refused_ends_with_exit_code_6() {
    let (world, user) = quarantined("7").await;
    let by_id = |fault: Fault| {
        world.emulator.faults().clear();
        let rule = FaultRule::new(fault).on(&operations::GET_DIRECTORY_USER);
        world.emulator.faults().inject(rule).unwrap();
    };
    let retry = || {
        let number = world.lines(&[&["quarantine", "list"], &DATABASE[..]].concat())[0]["number"].to_string();
        let ended = world.run(&[&["quarantine", "retry", &number], &DATABASE[..]].concat());
        assert_eq!(ended.code, 6, "{}", ended.stderr);
        ended.stdout
    };
    by_id(Fault::status(403));
    assert_eq!(
        retry(),
        format!("users {user} is as it was, since the API does not say: 403\n")
    );
    by_id(Fault::replaced_field("/last_name", "8"));
    assert_eq!(
        retry(),
        format!("users {user} cannot be read still: what can be is mirrored\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quarantine_retry_of_object_without_readable_id_says_what_reads_it_again() {
    let world = World::small().await;
    spoil(&world, "/id", "7");
    assert_eq!(world.run(&[&["sync"], &DATABASE[..]].concat()).code, 6);
    let entry = world
        .lines(&[&["quarantine", "list"], &DATABASE[..]].concat())
        .remove(0);
    assert_eq!((&entry["id"], &entry["path"]), (&Value::Null, &"id".into()));
    let number = entry["number"].to_string();
    let retry = world.run(&[&["quarantine", "retry", &number], &DATABASE[..]].concat());
    assert_eq!(retry.code, 1);
    assert!(retry.stderr.contains("the next `dsync sync`"), "{}", retry.stderr);
    assert_eq!(world.lines(&[&["quarantine", "list"], &DATABASE[..]].concat()), [entry]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_deep_of_lists_that_read_well_is_exit_code_0() {
    let world = World::small().await;
    let ended = world.run(&["verify", "--deep"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended
            .stdout
            .contains("whole lists        6 objects in 3 calls read well"),
        "{}",
        ended.stdout
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_deep_names_odd_fields_and_ends_with_exit_code_6() {
    let world = World::small().await;
    let directory = world.lines(&["directories", "list"]).remove(0);
    let user = spoil(&world, "/last_name", "[1]");
    let id = |name: &str| directory[name].as_str().unwrap().to_owned();
    let scopes = [
        vec![],
        vec!["--directory".to_owned(), id("id")],
        vec!["--organization".to_owned(), id("organization_id")],
    ];
    for scope in scopes {
        let scope: Vec<_> = scope.iter().map(String::as_str).collect();
        let ended = world.run(&[&["verify", "--deep", "--output", "json"], &scope[..]].concat());
        assert_eq!(ended.code, 6, "{scope:?}: {}{}", ended.stdout, ended.stderr);
        let document: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(document["ok"], false);
        let odd = document["checks"].as_array().unwrap().iter();
        let odd: Vec<_> = odd.filter(|check| check["outcome"] == "odd").collect();
        assert_eq!(odd.len(), 1, "{document}");
        assert_eq!(
            (&odd[0]["odd"]["id"], &odd[0]["odd"]["path"], &odd[0]["directory"]),
            (&user.as_str().into(), &"last_name".into(), &directory["id"])
        );
    }
    assert!(!world.folder.path().join("mirror.sqlite").exists());
    let text = world.run(&["verify", "--deep"]);
    assert!(
        text.stdout.contains(&format!("users {user} at `last_name`: ")),
        "{}",
        text.stdout
    );
    let junit = world.run(&["verify", "--deep", "--output", "junit"]);
    assert!(
        junit.code == 6 && junit.stdout.contains("at `last_name`"),
        "{}",
        junit.stdout
    );

    // What else fails is worse.
    world.emulator.set_directory_state(&id("id"), "unlinked").unwrap();
    assert_eq!(world.run(&["verify", "--deep"]).code, 5);
}
