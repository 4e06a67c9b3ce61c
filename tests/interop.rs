//! The official SDKs of other languages, unmodified, against the emulator: what they list, get, page and delete, and the
//! webhooks that they verify.
//!
//! `cargo xtask ci` installs them first. Without them these tests fail and say how.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;
use serde_json::json;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_sync::Client;
use workos_directory_sync::events::EventName;
use workos_directory_sync::events::WebhookSigner;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::types::DirectoryUser;

const SECRET: &str = "whsec_interop";

/// What every client has to see.
async fn expected(client: &Client) -> Value {
    let directories = client
        .list_directories()
        .stream()
        .try_collect()
        .await
        .expect("directories");
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    for directory in &directories {
        let list = client
            .list_directory_users()
            .directory(&*directory.id)
            .stream()
            .try_collect()
            .await;
        users.extend(list.expect("users"));
        let list = client
            .list_directory_groups()
            .directory(&*directory.id)
            .stream()
            .try_collect()
            .await;
        groups.extend(list.expect("groups"));
    }
    let mut members = serde_json::Map::new();
    for group in &groups {
        let list = client
            .list_directory_users()
            .group(&*group.id)
            .stream()
            .try_collect()
            .await
            .expect("members");
        members.insert(group.id.clone(), list.iter().map(|user| user.id.as_str()).collect());
    }
    let names = vec![EventName::DsyncUserCreated, EventName::DsyncGroupUserAdded];
    let events = client.list_events().events(names).send().await.expect("events");
    let event = events.data.first().expect("an event");
    json!({
        "directories": directories.iter().map(|directory| &directory.id).collect::<Vec<_>>(),
        "users": users.iter().map(|user| &user.id).collect::<Vec<_>>(),
        "groups": groups.iter().map(|group| &group.id).collect::<Vec<_>>(),
        "members": members,
        "back_is_where_it_came_from": true,
        "got": users.iter().map(|user| &user.email).collect::<Vec<_>>(),
        "missing": 404,
        "events": events.data.iter().map(|event| (&event.id, event.event.as_str())).collect::<Vec<_>>(),
        "webhook": (&event.id, event.event.as_str()),
        "forged": "refused",
        "left": 0,
    })
}

async fn run(mut command: Command) {
    let population = Population {
        directories: 2,
        users: 35,
        groups: 4,
        memberships: 60,
        ..Population::default()
    };
    let emulator = Emulator::builder()
        .population(population)
        .start()
        .await
        .expect("it starts");
    let builder = Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url());
    let client = builder.rate_limits(RateLimits::off()).build().expect("a client");
    let directories = client.list_directories().send().await.expect("directories");
    let groups = client
        .list_directory_groups()
        .directory(&*directories.data[0].id)
        .send()
        .await
        .expect("groups");
    let now = emulator.now();
    let mut user = DirectoryUser::new(emulator.new_user_id(), &*directories.data[0].id, "active", now, now);
    user.idp_id = Some("interop".to_owned());
    user.email = Some("interop@acme.example".to_owned());
    emulator.put_user(user.clone()).expect("a user");
    emulator.add_member(&user.id, &groups.data[0].id).expect("a member");

    let expected = expected(&client).await;
    let names = vec![EventName::DsyncUserCreated];
    let event = client
        .list_events()
        .events(names)
        .send()
        .await
        .expect("events")
        .into_inner()
        .data
        .remove(0);
    let body = serde_json::to_string(&event).expect("events are JSON");
    let signer = WebhookSigner::new(SECRET).expect("a secret");
    let output = command
        .env("WORKOS_BASE_URL", emulator.base_url())
        .env("WORKOS_API_KEY", emulator.api_key())
        .env("WEBHOOK_BODY", &body)
        .env("WEBHOOK_SIGNATURE", signer.sign(SystemTime::now(), body.as_bytes()))
        .env("WEBHOOK_SECRET", SECRET)
        .output()
        .expect("the interpreter starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{stderr}\nIf the SDK is missing, run `cargo xtask sdks` first."
    );
    let seen: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_sdk_for_node_sees_what_our_client_sees() {
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/node/interop.cjs"));
    run(command).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_sdk_for_python_sees_what_our_client_sees() {
    let mut command = Command::new("python3");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/python");
    command
        .arg(folder.join("interop.py"))
        .env("PYTHONPATH", folder.join("site-packages"));
    run(command).await;
}
