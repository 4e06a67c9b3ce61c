//! What those who watch a command that runs for long get to know: `--status`.

use serde_json::json;
use workos_directory_emulator::Endpoint;

use crate::process::Running;
use crate::process::World;
use crate::process::becomes_ready;
use crate::process::get;

const DATABASE: [&str; 2] = ["--database", "sqlite:mirror.sqlite"];

const STATUS: [&str; 4] = ["--status", "127.0.0.1:0", "--output", "json"];

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn serving_webhooks_counts_what_was_posted_and_what_became_of_it() {
    let world = World::small().await;
    world.lines(&[&["sync"], &DATABASE[..], &["--output", "json"]].concat());
    let arguments = [
        &["webhooks", "serve", "--listen", "127.0.0.1:0"],
        &DATABASE[..],
        &STATUS,
    ]
    .concat();
    let serving = Running::start(world.command(&arguments).env("WORKOS_WEBHOOK_SECRET", "whsec_test"));
    let status = serving.status();
    let url = serving.next()["url"].as_str().unwrap().to_owned();
    world
        .emulator
        .webhooks()
        .register(Endpoint::new(&url, "whsec_test"))
        .unwrap();
    let users = world.lines(&["users", "list"]);
    let user = users.iter().find(|user| user["state"] == "active").unwrap();
    world
        .emulator
        .set_user_state(user["id"].as_str().unwrap(), "suspended")
        .unwrap();
    serving.next_of("applied");

    becomes_ready(&status);
    assert_eq!(get(&status, "/healthz").0, 200);
    let metrics = get(&status, "/metrics").1;
    for line in [
        "dsync_webhooks_total{status=\"200\"} 1\n",
        "dsync_events_total{outcome=\"applied\"} 1\n",
        "dsync_events_waiting 0\n",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    // Strangers do not get to know any of this.
    let public = url.trim_start_matches("http://").trim_end_matches("/webhooks");
    assert_eq!(get(public, "/metrics").0, 404);
    serving.end();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn following_changes_says_how_many_wait() {
    let world = World::small().await;
    world.lines(&[&["sync"], &DATABASE[..], &["--output", "json"]].concat());
    let arguments = [&["changes", "follow", "--consumer", "access"], &DATABASE[..], &STATUS].concat();
    let following = Running::start(&mut world.command(&arguments));
    let status = following.status();
    for _ in 0..10 {
        following.next();
    }
    becomes_ready(&status);
    let metrics = get(&status, "/metrics").1;
    assert!(metrics.contains("dsync_changes_waiting "), "{metrics}");
    following.end();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_of_health_serves_the_metrics_that_it_prints_once() {
    let world = World::small().await;
    let arguments = [&["health", "--watch", "--interval", "1"], &STATUS[..]].concat();
    let watching = Running::start(&mut world.command(&arguments));
    let status = watching.status();
    let id = watching.next()["directories"][0]["id"].as_str().unwrap().to_owned();
    becomes_ready(&status);
    let healthy = |metrics: &str| {
        let start = format!("dsync_directory_healthy{{directory=\"{id}\"");
        let line = metrics.lines().find(|line| line.starts_with(&start)).unwrap();
        line.ends_with(" 1")
    };
    assert!(healthy(&get(&status, "/metrics").1));
    world.emulator.set_directory_state(&id, "unlinked").unwrap();
    assert_eq!(watching.next()["directories"][0]["state"], json!("unlinked"));
    assert!(!healthy(&get(&status, "/metrics").1));
    watching.end();

    let without = world.run(&["health", "--status", "127.0.0.1:0"]);
    assert_eq!(without.code, 2);
    assert!(without.stderr.contains("`--watch`"), "{}", without.stderr);
}
