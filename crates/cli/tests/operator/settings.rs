//! Flags over environment over the profile file, and secrets that stay secret.

use workos_directory_emulator::Emulator;

use crate::process::Ended;
use crate::process::World;
use crate::process::bare;

/// A run whose key and address come from the profile file alone.
fn by_profile(world: &World, profiles: &str, arguments: &[&str]) -> Ended {
    std::fs::write(world.folder.path().join("config.toml"), profiles).unwrap();
    Ended::of(bare(world.folder.path(), arguments).output().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_can_come_from_a_file_or_a_command() {
    let world = World::start(Emulator::builder()).await;
    let (url, key) = (world.emulator.base_url(), world.emulator.api_key());
    std::fs::write(world.folder.path().join("key"), format!("{key}\n")).unwrap();
    let profiles = format!(
        "default_profile = \"a\"\n[profiles.a]\nbase_url = \"{url}\"\napi_key_file = \"key\"\n\
         [profiles.b]\nbase_url = \"{url}\"\napi_key_command = [\"echo\", \"{key}\"]\n"
    );
    for arguments in [&["directories", "list"][..], &["directories", "list", "--profile", "b"]] {
        let ended = by_profile(&world, &profiles, arguments);
        assert_eq!((ended.code, ended.stdout.lines().count()), (0, 2), "{}", ended.stderr);
    }
    let missing = by_profile(&world, &profiles, &["directories", "list", "--profile", "c"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("it has a, b"), "{}", missing.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_says_where_it_comes_from_and_no_secret() {
    let world = World::start(Emulator::builder()).await;
    std::fs::write(world.folder.path().join("key"), "sk_test_hidden").unwrap();
    let profiles = "[profiles.default]\napi_key_file = \"key\"\nrate_limit = \"live\"\n\
                    database = \"postgres://dsync:hidden@db/mirror\"\n";
    let ended = by_profile(
        &world,
        profiles,
        &["config", "show", "--base-url", "http://u:hidden@127.0.0.1:1"],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stdout.contains("hidden"), "{}", ended.stdout);
    let row = |name: &str| {
        let line = ended.stdout.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert_eq!(
        (row("base_url"), row("rate_limit"), row("timeout")),
        ("flag".into(), "profile".into(), "default".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_wrong_is_named_with_the_place() {
    let world = World::start(Emulator::builder()).await;
    let ended = by_profile(
        &world,
        "[profiles.default]\nbase_ulr = \"x\"\n",
        &["directories", "list"],
    );
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("config.toml:2:1: unknown field `base_ulr`"),
        "{}",
        ended.stderr
    );
    std::fs::remove_file(world.folder.path().join("config.toml")).unwrap();
    let init = Ended::of(bare(world.folder.path(), &["config", "init"]).output().unwrap());
    assert_eq!(init.code, 0, "{}", init.stderr);
    let again = Ended::of(bare(world.folder.path(), &["config", "init"]).output().unwrap());
    assert_eq!(again.code, 1);
}
