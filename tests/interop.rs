//! The official SDKs, unmodified, against the emulator in both behaviours: what they list, page, filter, get (one by one and many
//! at once) and delete, the events that they read, the webhooks that they verify, and what they write, which our types read.
//!
//! `cargo xtask ci` installs those of other languages first. Without them these tests fail and say how.

mod lines;
mod rust;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Endpoint;
use workos_directory_emulator::Population;
use workos_directory_emulator::SignedWebhook;
use workos_directory_sync::Client;
use workos_directory_sync::Timestamp;
use workos_directory_sync::events::EventName;
use workos_directory_sync::events::WebhookVerifier;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::DirectoryGroup;
use workos_directory_sync::types::DirectoryType;
use workos_directory_sync::types::DirectoryUser;
use workos_directory_sync::types::Event;

const SECRET: &str = "whsec_interop";

/// How many requests are made at once.
const AT_ONCE: usize = 50;

const BEHAVIOURS: [Behaviour; 2] = [Behaviour::Live, Behaviour::Reference];

/// An id that nobody has.
const MISSING: &str = "directory_user_01E1JG7J09H96KYP8HM9B0G5SJ";

/// The emulator, what our client saw in it, and the webhooks that it sent.
struct World {
    emulator: Emulator,
    directories: Vec<Directory>,
    users: Vec<DirectoryUser>,
    groups: Vec<DirectoryGroup>,
    /// The users of each group.
    members: Vec<Vec<String>>,
    events: Vec<Event>,
    webhooks: Vec<SignedWebhook>,
}

/// What a person changes in a directory, so that there are events of every name.
fn change(emulator: &Emulator, directory: &str, group: &str) {
    // In milliseconds, which is what the API and the SDKs know of.
    let now: Timestamp = "2026-11-24T12:00:00.123Z".parse().expect("a time");
    let mut user = DirectoryUser::new(emulator.new_user_id(), directory, "active", now.clone(), now.clone());
    user.idp_id = Some("interop".to_owned());
    user.email = Some("interop@acme.example".to_owned());
    emulator.put_user(user.clone()).expect("a user");
    emulator.add_member(&user.id, group).expect("a member");
    user.first_name = Some("Zoë".to_owned());
    emulator.put_user(user.clone()).expect("a changed user");

    let mut leaver = user.clone();
    leaver.id = emulator.new_user_id();
    leaver.idp_id = Some("leaver".to_owned());
    leaver.email = None;
    let mut team = DirectoryGroup::new(emulator.new_group_id(), directory, "Interop");
    emulator.put_user(leaver.clone()).expect("a user");
    emulator.put_group(team.clone()).expect("a group");
    team.name = "Interop \u{1f980}".to_owned();
    emulator.put_group(team.clone()).expect("a changed group");
    emulator.add_member(&leaver.id, &team.id).expect("a member");
    emulator.remove_member(&leaver.id, &team.id).expect("no member");
    emulator.delete_group(&team.id).expect("no group");
    emulator.delete_user(&leaver.id).expect("no user");

    let mut other = Directory::new(
        emulator.new_directory_id(),
        "gsuite directory",
        "linked",
        "Other",
        now.clone(),
        now,
    );
    other.organization_id = Some("org_01EHZNVPK3SFK441A1RGBFSHRT".to_owned());
    emulator.put_directory(other.clone()).expect("a directory");
    emulator.delete_directory(&other.id).expect("no directory");
}

impl World {
    async fn start(behaviour: Behaviour) -> Self {
        let population = Population {
            directories: 3,
            users: 47,
            groups: 6,
            memberships: 90,
            ..Population::default()
        };
        let emulator = Emulator::builder()
            .population(population)
            .behaviour(behaviour)
            .start()
            .await
            .expect("it starts");
        let client = Client::builder()
            .api_key(emulator.api_key())
            .base_url(emulator.base_url())
            .rate_limits(RateLimits::off())
            .build()
            .expect("a client");
        let directories = client.list_directories().stream().try_collect().await;
        let directories = directories.expect("directories");
        let home = &directories[0].id;
        let groups = client.list_directory_groups().directory(home).send().await;
        let group = groups.expect("groups").data[0].id.clone();
        let endpoint = emulator.webhooks().register(Endpoint::pulled(SECRET));
        change(&emulator, home, &group);
        let webhooks = emulator.webhooks().drain(&endpoint.expect("an endpoint"));

        let (mut users, mut groups, mut members) = (Vec::new(), Vec::new(), Vec::new());
        for directory in &directories {
            // With the groups that a user who is asked for alone has in the behaviour of the reference.
            let list = client
                .list_directory_users()
                .directory(&*directory.id)
                .groups(true)
                .stream();
            users.extend(list.try_collect().await.expect("users"));
            let list = client.list_directory_groups().directory(&*directory.id).stream();
            groups.extend(list.try_collect().await.expect("groups"));
        }
        for group in &groups {
            let list = client.list_directory_users().group(&*group.id).stream();
            let list = list.try_collect().await.expect("members");
            members.push(list.into_iter().map(|user| user.id).collect());
        }
        let names = EventName::KNOWN.to_vec();
        let events = client.list_events().events(names).stream().try_collect().await;
        Self {
            webhooks: webhooks.expect("webhooks"),
            events: events.expect("events"),
            // Counts change with what has just happened.
            directories: client
                .list_directories()
                .stream()
                .try_collect()
                .await
                .expect("directories"),
            users,
            groups,
            members,
            emulator,
        }
    }

    /// The directory whose provider takes a call for a sync.
    fn syncable(&self) -> &str {
        let mut directories = self.directories.iter();
        let found = directories.find(|one| one.type_ == DirectoryType::GsuiteDirectory);
        &found.expect("one is of Google").id
    }

    /// What the SDK is to ask for.
    fn questions(&self) -> Value {
        let directory = &self.directories[0];
        json!({
            "directory": directory.id,
            "organization": directory.organization_id,
            // Not as it is written: case does not count.
            "search": directory.name.to_lowercase(),
            "idp_id": "interop",
            "email": "interop@acme.example",
            "at_once": AT_ONCE,
            "missing": MISSING,
            "syncable": self.syncable(),
            "event_names": EventName::KNOWN.iter().map(EventName::as_str).collect::<Vec<_>>(),
            "webhooks": self.webhooks.iter().map(|one| json!([one.signature, one.body])).collect::<Vec<_>>(),
            "secret": SECRET,
        })
    }

    /// What it has to see, found without a filter of the API.
    fn expected(&self) -> Value {
        let home = &self.directories[0];
        let ids = |keep: &dyn Fn(&Directory) -> bool| {
            let kept = self.directories.iter().filter(|one| keep(one));
            kept.map(|one| one.id.clone()).collect::<Vec<_>>()
        };
        let in_home = |user: &&DirectoryUser| user.directory_id == home.id;
        let oldest_first = self.users.iter().filter(in_home).rev().map(|user| &user.id);
        let interop = self
            .users
            .iter()
            .filter(|user| user.idp_id.as_deref() == Some("interop"));
        let interop: Vec<_> = interop.map(|user| &user.id).collect();
        let groups_of = |user: &DirectoryUser| {
            let groups = self.groups.iter().zip(&self.members);
            let mine = groups.filter(|(_, members)| members.contains(&user.id));
            mine.map(|(group, _)| group.id.clone()).collect::<Vec<_>>()
        };
        let events = |event: &Event| json!([event.id, event.event.as_str()]);
        json!({
            "directories": ids(&|_| true),
            "directories_of_organization": ids(&|one| one.organization_id == home.organization_id),
            "directories_found": ids(&|one| one.name == home.name),
            "users": self.users.iter().map(|user| &user.id).collect::<Vec<_>>(),
            "oldest_first": oldest_first.collect::<Vec<_>>(),
            "by_idp_id": interop,
            "by_email": interop,
            "back_is_where_it_came_from": true,
            "groups": self.groups.iter().map(|group| &group.id).collect::<Vec<_>>(),
            "members": self.members,
            "groups_of_users": self.users.iter().map(groups_of).collect::<Vec<_>>(),
            "got": {
                "directories": self.directories.iter().map(|one| &one.name).collect::<Vec<_>>(),
                "users": self.users.iter().map(|user| &user.email).collect::<Vec<_>>(),
                "groups": self.groups.iter().map(|group| &group.name).collect::<Vec<_>>(),
            },
            "at_once": self.users.iter().map(|user| &user.id).cycle().take(AT_ONCE).collect::<Vec<_>>(),
            "missing": 404,
            "synced": "queued",
            "events": self.events.iter().map(events).collect::<Vec<_>>(),
            "webhooks": self.events.iter().map(events).collect::<Vec<_>>(),
            "forged": vec!["refused"; 2 * self.webhooks.len()],
            "deleted": vec![404; self.directories.len()],
            "left": 0,
        })
    }

    /// Reads what an SDK wrote: the objects that it decoded, encoded again.
    fn assert_reads(&self, encoded: &Value) {
        assert_same(&encoded["directories"], &self.directories);
        assert_same(&encoded["users"], &self.users);
        assert_same(&encoded["groups"], &self.groups);
    }
}

/// Compares field by field, so that a failure can be read.
fn assert_saw(seen: &Value, expected: &Value) {
    let names = |value: &Value| {
        let fields = value.as_object().expect("an object");
        fields.keys().cloned().collect::<BTreeSet<_>>()
    };
    assert_eq!(names(seen), names(expected));
    for name in names(expected) {
        assert_eq!(seen[&name], expected[&name], "{name}");
    }
}

/// Our types read a list, and find in it what we know.
fn assert_same<T: Serialize + DeserializeOwned>(list: &Value, ours: &[T]) {
    // From text, as from the wire. The order of the fields in an object does not matter, so values are compared.
    let read: Vec<T> = serde_json::from_str(&list.to_string()).expect("our types read it");
    let value = |list: &[T]| serde_json::to_value(list).expect("models are JSON");
    assert_eq!(value(&read), value(ours));
}

/// Checks what an SDK signed with `SECRET`.
fn assert_verifies(signature: &str, body: &str) {
    let verifier = WebhookVerifier::new(SECRET).expect("a secret");
    verifier
        .verify(signature.as_bytes(), body.as_bytes())
        .expect("it is signed");
    let refused = verifier.verify(signature.as_bytes(), format!("{body} ").as_bytes());
    assert!(refused.is_err());
}

/// What a script prints.
#[derive(Deserialize)]
struct Printed {
    seen: Value,
    /// The objects in the API's own shape, where the SDK can write it.
    encoded: Option<Value>,
    /// A header and a body, where the SDK can sign.
    signed: Option<(String, String)>,
}

/// Runs a script against the emulator.
fn run(world: &World, mut command: Command) -> Printed {
    let output = command
        .env("WORKOS_BASE_URL", world.emulator.base_url())
        .env("WORKOS_API_KEY", world.emulator.api_key())
        .env("QUESTIONS", world.questions().to_string())
        .output()
        .expect("the interpreter starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{stderr}\nIf the SDK is missing, run `cargo xtask sdks` first."
    );
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn official_sdk_for_node_sees_what_our_client_sees_in_both_behaviours() {
    for behaviour in BEHAVIOURS {
        let world = World::start(behaviour).await;
        let mut command = Command::new("node");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/node/interop.cjs"));
        let printed = run(&world, command);
        let mut expected = world.expected();
        // It has no such parameters, does not ask for syncs, and keeps its objects in a shape of its own.
        expected["synced"] = Value::Null;
        expected["by_idp_id"] = Value::Null;
        expected["by_email"] = Value::Null;
        assert_saw(&printed.seen, &expected);
        let (signature, body) = printed.signed.expect("it can sign");
        assert_verifies(&signature, &body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn official_sdk_for_python_sees_what_our_client_sees_in_both_behaviours() {
    for behaviour in BEHAVIOURS {
        let world = World::start(behaviour).await;
        let mut command = Command::new("python3");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/python");
        command
            .arg(folder.join("interop.py"))
            .env("PYTHONPATH", folder.join("site-packages"));
        let printed = run(&world, command);
        assert_saw(&printed.seen, &world.expected());
        // It cannot sign.
        world.assert_reads(&printed.encoded.expect("it writes its objects"));
    }
}
