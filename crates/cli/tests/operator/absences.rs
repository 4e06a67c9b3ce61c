//! What a list leaves out: exit code 6, `dsync deletions`, and what `health` and the status say of it.

use std::time::Duration;
use std::time::Instant;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::Population;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;
use workos_directory_sync::operations;
use workos_directory_sync::rate_limit::RateLimits;

use crate::process::Running;
use crate::process::World;
use crate::process::get;

const DATABASE: [&str; 2] = ["--database", "sqlite:mirror.sqlite"];

fn with_database<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &DATABASE].concat()
}

fn directory(world: &World) -> String {
    world.lines(&["directories", "list"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn users(world: &World) -> Vec<String> {
    let users = world.lines(&["users", "list"]);
    users
        .iter()
        .map(|user| user["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Lets the directory's list leave users out, who are there when they are asked for by id.
fn omit(world: &World, directory: &str, users: &[String]) {
    let rule = FaultRule::new(Fault::OmittedObjects)
        .on(&operations::LIST_DIRECTORY_USERS)
        .scope(directory)
        .objects(users);
    world.emulator.faults().inject(rule).unwrap();
}

/// Lets the API refuse to say whether users are there.
fn refuse(world: &World, users: &[String]) {
    let rule = FaultRule::new(Fault::status(403))
        .on(&operations::GET_DIRECTORY_USER)
        .objects(users);
    world.emulator.faults().inject(rule).unwrap();
}

async fn mirror(world: &World) -> Mirror {
    let file = world.folder.path().join("mirror.sqlite");
    Mirror::connect(&format!("sqlite:{}", file.display())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_whose_lookup_is_refused_ends_with_exit_code_6_until_the_deletion_is_approved() {
    let world = World::small().await;
    let directory = directory(&world);
    let absent = users(&world)[..1].to_vec();
    let user = absent[0].as_str();
    world.lines(&with_database(&["sync", "--output", "json"]));
    omit(&world, &directory, &absent);
    refuse(&world, &absent);
    let sync = world.run(&with_database(&["sync"]));
    assert_eq!(sync.code, 6, "{}", sync.stderr);
    assert!(
        sync.stdout
            .contains("absent: 1 asked for by id, 0 ended, 0 there after all, 1 undecided\n"),
        "{}",
        sync.stdout
    );
    assert!(
        sync.stderr.contains("undecided: 1 (`dsync deletions list`"),
        "{}",
        sync.stderr
    );

    let pending = world.lines(&with_database(&["deletions", "list"])).remove(0);
    assert_eq!(
        (&pending["directory"], &pending["kind"], &pending["count"]),
        (&directory.as_str().into(), &"users".into(), &1.into())
    );
    assert_eq!(pending["sample"][0], user);
    let table = world
        .run(&with_database(&["deletions", "list", "--output", "text"]))
        .stdout;
    assert!(table.starts_with("DIRECTORY") && table.contains("403"), "{table}");

    let approve = |directory: &str, kind: &str, at_most: &str| {
        let arguments = [
            "deletions",
            "approve",
            "--directory",
            directory,
            "--kind",
            kind,
            "--at-most",
            at_most,
        ];
        world.run(&with_database(&arguments))
    };
    let other = approve(&directory, "groups", "1");
    assert_eq!(other.code, 1);
    assert!(other.stderr.contains("nothing was approved"), "{}", other.stderr);
    assert_eq!(approve("directory_other", "users", "1").code, 1);
    assert_eq!(approve(&directory, "users", "0").code, 2);
    assert_eq!(approve(&directory, "people", "1").code, 2);
    // A refused approval approves nothing.
    assert_eq!(world.run(&with_database(&["sync"])).code, 6);

    let approved = approve(&directory, "users", "1");
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    assert!(
        approved.stdout.contains(user) && approved.stdout.contains("uses it, once, until 20"),
        "{}",
        approved.stdout
    );
    let summary = world.lines(&with_database(&["sync", "--output", "json"])).remove(0);
    assert_eq!(summary["users"]["deleted"], 1);
    let changes = world.lines(&with_database(&["changes", "list"]));
    assert!(
        changes
            .iter()
            .any(|change| change["user_id"] == user && change["reason"] == "approved"),
        "{changes:?}"
    );
    let empty = world.run(&with_database(&["deletions", "list", "--output", "text"]));
    assert_eq!(empty.stdout, "nothing is undecided\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_approve_refuses_fewer_than_are_undecided() {
    let world = World::small().await;
    let directory = directory(&world);
    let absent = users(&world)[..2].to_vec();
    world.lines(&with_database(&["sync", "--output", "json"]));
    omit(&world, &directory, &absent);
    refuse(&world, &absent);
    assert_eq!(world.run(&with_database(&["sync"])).code, 6);
    let arguments = [
        "deletions",
        "approve",
        "--directory",
        &directory,
        "--kind",
        "users",
        "--at-most",
        "1",
    ];
    let approve = world.run(&with_database(&arguments));
    assert_eq!(approve.code, 1);
    assert!(
        approve.stderr.contains("2 users") && approve.stderr.contains("`--at-most 2`"),
        "{}",
        approve.stderr
    );
    assert_eq!(world.run(&with_database(&["sync"])).code, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirmed_absences_beyond_deleted_at_once_percent_wait_for_approval() {
    let world = World::small().await;
    let directory = directory(&world);
    world.lines(&with_database(&["sync", "--output", "json"]));
    for user in &users(&world)[..2] {
        world.emulator.delete_user(user).unwrap();
    }
    let guarded = with_database(&["sync", "--deleted-at-once-percent", "20"]);
    let sync = world.run(&guarded);
    assert_eq!(sync.code, 6, "{}", sync.stderr);
    let pending = world.lines(&with_database(&["deletions", "list"])).remove(0);
    assert_eq!(pending["count"], 2);
    assert!(
        pending["reasons"][0]
            .as_str()
            .unwrap()
            .contains("404, waits for approval"),
        "{pending}"
    );
    let arguments = [
        "deletions",
        "approve",
        "--directory",
        &directory,
        "--kind",
        "users",
        "--at-most",
        "2",
    ];
    let approved = world
        .lines(&with_database(&[&arguments[..], &["--output", "json"]].concat()))
        .remove(0);
    assert_eq!(
        (&approved["at_most"], &approved["pending"]["count"]),
        (&2.into(), &2.into())
    );
    let summary = world.lines(&[&guarded[..], &["--output", "json"]].concat()).remove(0);
    assert_eq!(summary["users"]["deleted"], 2);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follow_asks_for_what_sync_left_beyond_max_lookups() {
    let world = World::small().await;
    let absent = users(&world)[..3].to_vec();
    world.lines(&with_database(&["sync", "--output", "json"]));
    omit(&world, &directory(&world), &absent);
    let sync = world.run(&with_database(&["sync", "--max-lookups", "1"]));
    assert_eq!(sync.code, 6, "{}", sync.stderr);
    assert!(sync.stdout.contains(", 2 still to ask for"), "{}", sync.stdout);
    assert!(
        sync.stderr.contains("done, but still to ask for: 2 ("),
        "{}",
        sync.stderr
    );
    let mirror = mirror(&world).await;
    assert_eq!(mirror.freshness().await.unwrap().undecided, 2);

    let following = Running::start(&mut world.command(&with_database(&["follow", "--interval", "1"])));
    let since = Instant::now();
    while mirror.freshness().await.unwrap().undecided > 0 {
        assert!(since.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    following.end();
    // Each was asked for once.
    assert_eq!(world.emulator.requests(&operations::GET_DIRECTORY_USER), 3);
    let changes = world.lines(&with_database(&["changes", "list"]));
    assert!(
        changes.iter().all(|change| change["kind"] != "user_deprovisioned"),
        "{changes:?}"
    );
    mirror.close().await;
}

/// A mirror that has had an undecided user for two days, and a directory that has not been linked for as long.
async fn undecided_for_two_days() -> World {
    let world = World::small().await;
    let directory = directory(&world);
    let absent = users(&world)[..1].to_vec();
    let client = Client::builder()
        .api_key(world.emulator.api_key())
        .base_url(world.emulator.base_url())
        .rate_limits(RateLimits::off())
        .build()
        .unwrap();
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48);
    let mirror = mirror(&world).await.with_clock(move || then);
    mirror.full_sync(&client).run().await.unwrap();
    omit(&world, &directory, &absent);
    refuse(&world, &absent);
    world.emulator.set_directory_state(&directory, "unlinked").unwrap();
    let summary = mirror.full_sync(&client).run().await.unwrap();
    assert_eq!(summary.absences.undecided, 1);
    mirror.close().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_warns_of_undecided_and_unlinked_and_fails_beyond_max_undecided() {
    let world = undecided_for_two_days().await;
    world
        .emulator
        .set_directory_state(&directory(&world), "linked")
        .unwrap();
    let health = world.run(&with_database(&["health"]));
    assert_eq!(health.code, 0, "{}", health.stderr);
    for line in [
        ", 1 absent objects are undecided\n",
        "\nwarning: undecided: 1, the oldest for 48 h; ",
        "\nwarning: not linked for a day: 1; ",
    ] {
        assert!(health.stdout.contains(line), "{}", health.stdout);
    }
    let json = world.lines(&with_database(&["health", "--output", "json"])).remove(0);
    assert_eq!(json["mirror"]["undecided"], 1);
    assert_eq!(json["mirror"]["warnings"].as_array().unwrap().len(), 2);
    assert_eq!(json["mirror"]["unlinked_directories"][0], json["directories"][0]["id"]);
    let metrics = world.run(&with_database(&["health", "--output", "prometheus"])).stdout;
    for line in [
        "\ndsync_undecided 1\n",
        "\ndsync_undecided_oldest_seconds 1728",
        "\ndsync_quarantined 0\n",
        "\ndsync_unlinked_directories 1\n",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let late = world.run(&with_database(&["health", "--max-undecided", "86400"]));
    assert_eq!(late.code, 5, "{}", late.stderr);
    assert!(late.stderr.contains("`dsync deletions list`"), "{}", late.stderr);
    assert_eq!(
        world.run(&with_database(&["health", "--max-undecided", "864000"])).code,
        0
    );
    let without = world.run(&["health", "--max-undecided", "1"]);
    assert_eq!(without.code, 2);
    assert!(without.stderr.contains("`--max-undecided`"), "{}", without.stderr);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_of_webhooks_warns_of_undecided_and_stays_ready() {
    let world = undecided_for_two_days().await;
    let arguments = [
        "webhooks",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--status",
        "127.0.0.1:0",
    ];
    let mut command = world.command(&with_database(&arguments));
    let serving = Running::start(command.env("WORKOS_WEBHOOK_SECRET", "whsec_test"));
    let status = serving.status();
    let since = Instant::now();
    let ready = loop {
        let (code, text) = get(&status, "/readyz");
        if code == 200 && text.contains("warning: ") {
            break text;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{text}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(
        ready.starts_with("ready\n") && ready.contains("warning: undecided: 1, the oldest for 48 h"),
        "{ready}"
    );
    let metrics = get(&status, "/metrics").1;
    for line in [
        "\ndsync_undecided 1\n",
        "\ndsync_quarantined 0\n",
        "\ndsync_unlinked_directories 1\n",
        "\ndsync_undecided_oldest_seconds 1728",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    serving.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_with_the_key_of_another_environment_is_refused_unless_it_is_allowed() {
    let world = World::small().await;
    world.lines(&with_database(&["sync", "--output", "json"]));
    let population = Population {
        seed: 2,
        directories: 1,
        users: 2,
        groups: 0,
        memberships: 0,
    };
    let other = Emulator::builder().population(population).start().await.unwrap();
    let sync = |arguments: &[&str]| {
        let mut command = world.command(&with_database(arguments));
        command.env("WORKOS_BASE_URL", other.base_url());
        crate::process::Ended::of(command.env("WORKOS_API_KEY", other.api_key()).output().unwrap())
    };
    let changes = || world.lines(&with_database(&["changes", "list"])).len();
    let before = changes();
    let refused = sync(&["sync"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("none of the 1 directories")
            && refused.stderr.contains("`dsync sync --allow-other-environment`"),
        "{}",
        refused.stderr
    );
    assert_eq!(changes(), before);

    let allowed = sync(&["sync", "--allow-other-environment", "--output", "json"]);
    assert_eq!(allowed.code, 0, "{}", allowed.stderr);
    let summary: serde_json::Value = serde_json::from_str(&allowed.stdout).unwrap();
    assert_eq!(
        (&summary["directories"]["inserted"], &summary["directories"]["deleted"]),
        (&1.into(), &1.into())
    );
}
