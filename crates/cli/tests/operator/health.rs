//! `health`.

use workos_directory_emulator::Emulator;

use crate::process::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_does_not_sync_is_exit_code_5_and_raises_the_alarm() {
    let world = World::start(Emulator::builder()).await;
    assert_eq!(world.run(&["health"]).code, 0);
    let id = world.lines(&["directories", "list", "--limit", "1"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.emulator.set_directory_state(&id, "unlinked").unwrap();
    let alarm = "echo \"$DSYNC_DIRECTORY $DSYNC_STATE ${WORKOS_API_KEY:-without key}\" > alarm";
    let ended = world.run(&["health", "--on-unhealthy", alarm]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stderr.contains("1 of 2 directories"), "{}", ended.stderr);
    let alarm = std::fs::read_to_string(world.folder.path().join("alarm")).unwrap();
    assert_eq!(alarm.trim(), format!("{id} unlinked without key"));

    // An alarm that does not work is told, and hides nothing.
    let ended = world.run(&["health", "--on-unhealthy", "exit 7"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stderr.contains("exit status: 7"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_name_each_directory_and_escape_what_comes_from_outside() {
    let world = World::start(Emulator::builder()).await;
    let mut directory = world.lines(&["directories", "list", "--limit", "1"])[0].clone();
    directory["name"] = "a\"} 1\nb".into();
    world
        .emulator
        .put_directory(serde_json::from_value(directory).unwrap())
        .unwrap();
    let ended = world.run(&["health", "--output", "prometheus"]);
    let healthy: Vec<_> = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("dsync_directory_healthy{"))
        .collect();
    assert_eq!(healthy.len(), 2, "{}", ended.stdout);
    assert!(ended.stdout.contains("name=\"a\\\"} 1\\nb\""), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("dsync_directory_users{directory="),
        "{}",
        ended.stdout
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_tells_the_first_look_and_ends_cleanly_on_sigterm() {
    use std::io::BufRead as _;
    let world = World::start(Emulator::builder()).await;
    let mut watch = world.command(&["health", "--watch", "--output", "json"]);
    let mut watch = watch.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufReader::new(watch.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("\"healthy\":true"), "{line}");
    let kill = std::process::Command::new("kill")
        .args(["-TERM", &watch.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let ended = watch.wait().unwrap();
    assert_eq!(ended.code(), Some(0), "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_that_is_too_far_behind_is_exit_code_5() {
    let world = World::start(Emulator::builder()).await;
    const DATABASE: [&str; 2] = ["--database", "sqlite:mirror.sqlite"];
    let health = |more: &[&str]| world.run(&[&["health"], &DATABASE[..], more].concat());
    let missing = health(&[]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("there is no database"), "{}", missing.stderr);
    assert!(!world.folder.path().join("mirror.sqlite").exists());

    // One of an organization does not count: the rest was never seen.
    let organization = world.lines(&["directories", "list"])[0]["organization_id"].clone();
    let organization = organization.as_str().unwrap();
    world.lines(
        &[
            &["sync", "--output", "json", "--organization", organization],
            &DATABASE[..],
        ]
        .concat(),
    );
    let never = health(&["--max-lag", "86400"]);
    assert_eq!(never.code, 5, "{}", never.stderr);
    assert!(
        never.stdout.contains("has never seen the whole source"),
        "{}",
        never.stdout
    );
    assert_eq!(health(&[]).code, 0);

    world.lines(&[&["sync", "--output", "json"], &DATABASE[..]].concat());
    let fresh = health(&["--max-lag", "86400", "--output", "json"]);
    assert_eq!(fresh.code, 0, "{}", fresh.stderr);
    let fresh: serde_json::Value = serde_json::from_str(&fresh.stdout).unwrap();
    assert!(fresh["mirror"]["lag_seconds"].as_u64().unwrap() < 86_400, "{fresh}");
    let metrics = health(&["--output", "prometheus"]).stdout;
    assert!(metrics.contains("\ndsync_mirror_lag_seconds "), "{metrics}");
    assert!(metrics.contains("dsync_mirror_events{state=\"dead\"} 0\n"), "{metrics}");
    assert_eq!(world.run(&["health", "--max-lag", "1"]).code, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_without_directories_is_exit_code_5() {
    let world = World::start(Emulator::builder()).await;
    let ended = world.run(&["health", "--organization", "org_01EHZNVPK3SFK441A1RGBFSHRT"]);
    assert_eq!(ended.code, 5);
    assert!(ended.stderr.contains("has no directory"), "{}", ended.stderr);
}
