//! The client's examples as programs of their own, against the emulator as their first lines tell a reader to run them.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::SystemTime;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_sync::Client;
use workos_directory_sync::events::WebhookSigner;

/// An example, which `cargo build --workspace --examples` builds beside this test.
fn example(name: &str, emulator: &Emulator) -> Command {
    example_at(name, emulator.base_url(), emulator.api_key())
}

fn example_at(name: &str, url: &str, key: &str) -> Command {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("it lies in target/PROFILE/deps");
    let path: PathBuf = folder
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --package workos-directory-sync --examples`",
        path.display()
    );
    let mut command = Command::new(path);
    command.args(["--base-url", url]).env("WORKOS_API_KEY", key);
    command
}

async fn emulator() -> Emulator {
    let population = Population {
        users: 130,
        groups: 5,
        memberships: 200,
        ..Population::default()
    };
    let builder = Emulator::builder().population(population);
    builder.start().await.expect("it starts")
}

async fn directories(emulator: &Emulator) -> Vec<String> {
    let builder = Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url());
    let client = builder.build().expect("the settings are good");
    let directories = client.list_directories().stream().try_collect().await.expect("a list");
    directories.into_iter().map(|directory| directory.id).collect()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_sync_reads_every_user_of_every_directory() {
    let emulator = emulator().await;
    let output = example("batch_sync", &emulator).output().expect("it starts");
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.ends_with(": 130 users so far")),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_health_names_the_directory_that_does_not_sync_and_fails() {
    let emulator = emulator().await;
    let output = example("directory_health", &emulator).output().expect("it starts");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "all directories are linked\n");

    let id = directories(&emulator).await.remove(0);
    emulator
        .set_directory_state(&id, "invalid_credentials")
        .expect("there is such a directory");
    let output = example("directory_health", &emulator).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains(&id) && text.contains("is invalid_credentials: the identity provider refuses"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_goes_step_by_step_and_tells_what_to_do_about_a_wrong_key() {
    let emulator = emulator().await;
    let output = example("verification", &emulator).output().expect("it starts");
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{}", stderr(&output));
    assert!(text.starts_with("ok      authentication: HTTP 200"), "{text}");
    assert_eq!(
        text.lines().filter(|line| line.contains(" groups")).count(),
        2,
        "{text}"
    );

    let mut command = example("verification", &emulator);
    let output = command
        .env("WORKOS_API_KEY", "sk_test_wrong")
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("FAILED  listDirectories: 401"), "{text}");
    assert!(
        text.contains("Authorization: Bearer") && !text.contains("sk_test_wrong"),
        "{text}"
    );
}

/// A proxy that refuses everything and remembers what it was asked.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            ears.lock().expect("no panic").push(head.join("\n"));
            let _ = (&stream).write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (url, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_sees_the_key_on_the_way_to_this_machine_or_to_the_api() {
    let emulator = emulator().await;
    let (proxy, heard) = proxy();
    let through = |command: &mut Command| {
        for name in [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
        ] {
            command.env(name, &proxy);
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        command.output().expect("it starts")
    };
    let output = through(&mut example("verification", &emulator));
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(heard.lock().expect("no panic").is_empty());

    // Elsewhere the proxy is asked for a tunnel, in which everything is encrypted.
    let key = emulator.api_key();
    let output = through(&mut example_at("verification", "https://api.example.invalid", key));
    assert_eq!(output.status.code(), Some(1));
    let heard = heard.lock().expect("no panic").join("\n\n");
    assert!(heard.starts_with("CONNECT api.example.invalid:443 HTTP/1.1"), "{heard}");
    assert!(!heard.contains(key) && !stderr(&output).contains(key), "{heard}");
}

/// Ended when the test is.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_receipt_takes_what_is_signed_and_reads_the_user_from_the_api() {
    let emulator = emulator().await;
    let mut command = example("webhook_receipt", &emulator);
    command.args(["--listen", "127.0.0.1:0"]);
    command
        .env("WORKOS_WEBHOOK_SECRET", "whsec_example")
        .stdout(Stdio::piped());
    let mut running = Running(command.spawn().expect("it starts"));
    let mut lines = BufReader::new(running.0.stdout.take().expect("it is piped")).lines();
    let mut line = move || lines.next().expect("it says more").expect("it is text");
    let url = line().trim_start_matches("listening on ").to_owned();

    let builder = Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url());
    let client = builder.build().expect("the settings are good");
    let directory = directories(&emulator).await.remove(0);
    let users = client.list_directory_users().directory(directory).limit(1);
    let users = users.send().await.expect("a page");
    let user = serde_json::to_value(&users.data[0]).expect("a user is JSON");
    let event = serde_json::json!({
        "object": "event", "id": "event_1", "event": "dsync.user.created", "data": user,
        "created_at": "2024-01-15T10:00:00.000Z",
    });
    let body = event.to_string();
    let send = async |secret: &str| {
        let signer = WebhookSigner::new(secret).expect("a secret");
        let request = reqwest::Client::new()
            .post(&url)
            .header("WorkOS-Signature", signer.sign(SystemTime::now(), body.as_bytes()))
            .body(body.clone());
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(send("another").await, 400);
    assert_eq!(send("whsec_example").await, 200);
    assert_eq!(line(), "1 users known after dsync.user.created");
    assert_eq!(
        emulator.requests(&workos_directory_sync::operations::GET_DIRECTORY_USER),
        1
    );
}
