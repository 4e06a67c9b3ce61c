//! `dsync follow` and `dsync events`.

use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Attributes;
use workos_directory_sync::events::Event;
use workos_directory_sync::types::DirectoryUser;

use crate::process::Running;
use crate::process::World;
use crate::process::becomes_ready;
use crate::process::get;

const DATABASE: [&str; 2] = ["--database", "sqlite:mirror.sqlite"];

async fn small() -> World {
    let population = Population {
        directories: 1,
        users: 20,
        groups: 4,
        memberships: 10,
        ..Population::default()
    };
    World::start(Emulator::builder().population(population)).await
}

fn follow(world: &World) -> Running {
    let arguments = [
        "follow",
        "--output",
        "json",
        "--interval",
        "1",
        "--status",
        "127.0.0.1:0",
    ];
    Running::start(&mut world.command(&[&arguments[..], &DATABASE].concat()))
}

fn hire(emulator: &Emulator, directory: &str) {
    let now = emulator.now();
    let user = DirectoryUser::new(emulator.new_user_id(), directory, "active", now, now);
    emulator.put_user(user).unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn following_begins_with_a_full_sync_then_brings_changes_and_goes_on_after_a_stop() {
    let world = small().await;
    let directory = world.lines(&["directories", "list"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let following = follow(&world);
    let status = following.status();
    assert_eq!(following.next_of("reconciled")["users"]["inserted"], 20);
    hire(&world.emulator, &directory);
    assert_eq!(following.next_of("applied")["applied"], 1);

    assert_eq!(get(&status, "/healthz").0, 200);
    becomes_ready(&status);
    let metrics = get(&status, "/metrics").1;
    assert!(
        metrics.contains("dsync_events_total{outcome=\"applied\"} 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("dsync_full_syncs_total 1\n"), "{metrics}");
    assert!(
        metrics.contains("directory_sync_requests_total{operation=\"listEvents\",status=\"200\"}"),
        "{metrics}"
    );
    assert!(!metrics.contains(&directory), "{metrics}");
    following.end();

    // What happens meanwhile is not lost, and what was applied is not applied again.
    hire(&world.emulator, &directory);
    hire(&world.emulator, &directory);
    let following = follow(&world);
    assert_eq!(following.next_of("applied")["applied"], 2);
    following.end();

    let sync = world.lines(&[&["sync", "--output", "json"], &DATABASE[..]].concat());
    assert_eq!(sync[0]["users"]["inserted"], 0);
    assert_eq!(sync[0]["users"]["seen"], 23);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_applied_is_listed_with_its_reason_and_tried_again() {
    let world = small().await;
    let address = format!("sqlite:{}", world.folder.path().join("mirror.sqlite").display());
    let mirror = Mirror::connect(&address).await.unwrap();
    let event = Event::new(
        "event_1",
        "dsync.user.created",
        Attributes::default(),
        world.emulator.now(),
    );
    mirror.apply_events(&[event]).await.unwrap();
    mirror.close().await;

    let listed = world.lines(&[&["events", "list"], &DATABASE[..]].concat());
    assert_eq!(listed[0]["id"], "event_1");
    assert!(
        listed[0]["error"].as_str().unwrap().contains("`data.id`: missing"),
        "{listed:?}"
    );
    let retried = world.lines(&[&["events", "retry", "--all", "--output", "json"], &DATABASE[..]].concat());
    assert_eq!(retried[0]["dead"], 1);

    let other = world.run(&[&["events", "retry", "event_2"], &DATABASE[..]].concat());
    assert_eq!(other.code, 1);
    assert!(other.stderr.contains("`event_2`"), "{}", other.stderr);
}
