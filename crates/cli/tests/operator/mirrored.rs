//! `dsync webhooks` and `dsync changes`: what comes in and what goes out of a mirror.

use serde_json::Value;
use workos_directory_emulator::Endpoint;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultRule;
use workos_directory_sync::operations;

use crate::process::Running;
use crate::process::World;

const DATABASE: [&str; 2] = ["--database", "sqlite:mirror.sqlite"];

/// A `dsync` with a database that runs until it is told to end.
fn start(world: &World, arguments: &[&str], secret: &str) -> Running {
    let mut command = world.command(&[arguments, &["--output", "json"], &DATABASE[..]].concat());
    Running::start(command.env("WORKOS_WEBHOOK_SECRET", secret))
}

/// The id of the first user who may act.
fn active_user(world: &World) -> String {
    let directories = world.lines(&["directories", "list"]);
    let directory = directories[0]["id"].as_str().unwrap();
    let users = world.lines(&["users", "list", "--directory", directory]);
    let active = users.iter().find(|user| user["state"] == "active").unwrap();
    active["id"].as_str().unwrap().to_owned()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_becomes_a_change_and_each_consumer_sees_it_once() {
    let world = World::small().await;
    world.lines(&[&["sync", "--output", "json"], &DATABASE[..]].concat());
    let first = world.lines(&[&["changes", "list", "--consumer", "access"], &DATABASE[..]].concat());
    // A directory, a group, 4 users and 4 memberships.
    assert_eq!(first.len(), 10);
    assert!(
        world
            .lines(&[&["changes", "list", "--consumer", "access"], &DATABASE[..]].concat())
            .is_empty()
    );

    let serving = start(
        &world,
        &["webhooks", "serve", "--listen", "127.0.0.1:0"],
        "new,whsec_old",
    );
    let url = serving.next()["url"].as_str().unwrap().to_owned();
    world
        .emulator
        .webhooks()
        .register(Endpoint::new(&url, "whsec_old"))
        .unwrap();
    let user = active_user(&world);
    world.emulator.set_user_state(&user, "suspended").unwrap();
    let applied = serving.next();
    assert_eq!((&applied["event"], &applied["applied"]), (&"applied".into(), &1.into()));

    let following = start(&world, &["changes", "follow", "--consumer", "access"], "");
    let change = following.next();
    assert_eq!(
        (change["kind"].as_str(), change["user_id"].as_str()),
        (Some("user_suspended"), Some(user.as_str()))
    );
    assert_eq!(
        (&change["state"], &change["previous_state"]),
        (&"suspended".into(), &"active".into())
    );
    world.emulator.delete_user(&user).unwrap();
    let kinds: Vec<_> = (0..2)
        .map(|_| following.next()["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["left_group", "user_deprovisioned"]);
    following.end();
    serving.end();

    let last = change["id"].to_string();
    let after = world.lines(&[&["changes", "list", "--after", &last], &DATABASE[..]].concat());
    assert_eq!(after.len(), 2);
    let consumers = world.lines(&[&["changes", "consumers"], &DATABASE[..]].concat());
    assert_eq!(
        (&consumers[0]["name"], &consumers[0]["waiting"]),
        (&"access".into(), &0.into())
    );
    let gone = world.lines(&[&["changes", "consumers", "--forget", "access"], &DATABASE[..]].concat());
    assert!(gone.is_empty());
    let unknown = world.run(&[&["changes", "consumers", "--forget", "access"], &DATABASE[..]].concat());
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("`access`"), "{}", unknown.stderr);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_that_went_away_did_not_get_is_not_noted_as_seen() {
    let world = World::small().await;
    world.lines(&[&["sync", "--output", "json"], &DATABASE[..]].concat());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut listing = world.command(&[&["changes", "list", "--consumer", "access"], &DATABASE[..]].concat());
    assert!(listing.stdout(writer).status().unwrap().success());
    let consumers = world.lines(&[&["changes", "consumers"], &DATABASE[..]].concat());
    assert!(
        consumers.iter().all(|consumer| consumer["waiting"] == 10),
        "{consumers:?}"
    );
    let seen = world.lines(&[&["changes", "list", "--consumer", "access"], &DATABASE[..]].concat());
    assert_eq!(seen.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn serving_webhooks_without_a_secret_says_which_variable_is_missing() {
    let world = World::small().await;
    let mut command = world.command(&[&["webhooks", "serve"], &DATABASE[..]].concat());
    let ended = command.env_remove("WORKOS_WEBHOOK_SECRET").output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("WORKOS_WEBHOOK_SECRET"));
    let ended = command.env("WORKOS_WEBHOOK_SECRET", "hunter2,").output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&ended.stderr).contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_shows_what_a_sync_would_change_and_a_purge_only_what_is_old() {
    let world = World::small().await;
    let ended = world.run(&[&["diff", "--output", "json"], &DATABASE[..]].concat());
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    let diff: Value = serde_json::from_str(ended.stdout.trim()).unwrap();
    assert_eq!(
        (&diff["users"]["inserted"], &diff["memberships"]["inserted"]),
        (&4.into(), &4.into())
    );
    assert_eq!(diff["differences"].as_array().unwrap().len(), 10);
    world.lines(&[&["sync", "--output", "json"], &DATABASE[..]].concat());
    assert_eq!(world.run(&[&["diff"], &DATABASE[..]].concat()).code, 0);

    world.emulator.delete_user(&active_user(&world)).unwrap();
    let ended = world.run(&[&["diff"], &DATABASE[..]].concat());
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stdout.contains("delete   users"), "{}", ended.stdout);
    let purged = world.lines(&[&["purge", "--older-than", "30", "--output", "json"], &DATABASE[..]].concat());
    assert_eq!(purged[0]["users"], 0);
    assert_eq!(
        world
            .run(&[&["purge", "--older-than", "29"], &DATABASE[..]].concat())
            .code,
        2
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_with_an_odd_field_names_it_and_ends_with_exit_code_6() {
    let world = World::small().await;
    let rule = FaultRule::new(Fault::replaced_field("/last_name", "[1]")).on(&operations::LIST_DIRECTORY_USERS);
    world.emulator.faults().inject(rule).unwrap();
    let database = ["sync", "--database", "sqlite:mirror.sqlite"];
    let sync = world.run(&database);
    assert_eq!(sync.code, 6, "{}", sync.stderr);
    assert!(sync.stderr.contains("at `last_name`: invalid type"), "{}", sync.stderr);
    assert!(
        sync.stderr.contains("quarantined: 4 (`dsync quarantine list`"),
        "{}",
        sync.stderr
    );
    world.emulator.faults().clear();
    assert_eq!(world.run(&database).code, 0);
}
