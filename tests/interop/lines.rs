//! The lines that say for each language how its client is made: each is executed, and what it makes reaches the emulator.

use std::path::Path;
use std::process::Command;

use workos_directory_emulator::Emulator;
use workos_directory_sync::Client;
use workos_directory_sync::Error;

/// The line of a language.
fn line(emulator: &Emulator, language: &str) -> String {
    let lines = emulator.sdk_lines();
    let found = lines.into_iter().find(|line| line.language == language);
    found.expect("there is such a line").code
}

/// Runs a program, which lists the directories. No variable of the environment helps it.
fn assert_reaches(emulator: &Emulator, mut command: Command) {
    let before = emulator.total_requests();
    let output = command
        .env_remove("WORKOS_BASE_URL")
        .env_remove("WORKOS_API_KEY")
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("directory_01"), "{text}");
    assert_eq!(emulator.total_requests(), before + 1);
}

fn interop() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/interop"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdk_line_for_curl_reaches_emulator() {
    let emulator = Emulator::start().await.expect("it starts");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{} --silent --fail", line(&emulator, "curl"))]);
    assert_reaches(&emulator, command);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdk_line_for_node_reaches_emulator() {
    let emulator = Emulator::start().await.expect("it starts");
    let script = format!(
        "const {{ WorkOS }} = require('@workos-inc/node'); const workos = {}; \
         workos.directorySync.listDirectories().then((list) => console.log(list.data.map((one) => one.id)));",
        line(&emulator, "node")
    );
    let mut command = Command::new("node");
    command.current_dir(interop().join("node")).args(["-e", &script]);
    assert_reaches(&emulator, command);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdk_line_for_python_reaches_emulator() {
    let emulator = Emulator::start().await.expect("it starts");
    let script = format!(
        "from workos import WorkOSClient\nclient = {}\nprint([one.id for one in client.directory_sync.list_directories().data])",
        line(&emulator, "python")
    );
    let mut command = Command::new("python3");
    command.args(["-c", &script]);
    command.env("PYTHONPATH", interop().join("python/site-packages"));
    assert_reaches(&emulator, command);
}

/// What the line for Rust says, with an address and a key that are known later.
fn client(key: &str, url: &str) -> Result<Client, Error> {
    let client = Client::builder().api_key(key).base_url(url).build()?;
    Ok(client)
}

#[tokio::test]
async fn sdk_line_for_rust_reaches_emulator() {
    let emulator = Emulator::start().await.expect("it starts");
    let (key, url) = (emulator.api_key(), emulator.base_url());
    // The line cannot be compiled here, so it has to be the one that `client` has.
    let code = line(&emulator, "rust");
    let code = code
        .replace(&format!("{key:?}"), "key")
        .replace(&format!("{url:?}"), "url");
    assert!(include_str!("lines.rs").contains(&code), "{code}");
    let list = client(key, url).expect("a client").list_directories().send().await;
    assert_eq!(list.expect("a list").data.len(), 2);
}
