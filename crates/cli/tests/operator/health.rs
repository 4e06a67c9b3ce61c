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
