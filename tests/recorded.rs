//! Answers of the live API as they were recorded: what the client makes of each, and whether the document describes it.
//!
//! `fixtures/recorded.json` has the shapes that were recorded from 2020 to 2024 and those that the official document of 2026 has,
//! with values of its own. Where the years differ the newer one counts, and an entry says which fault an older shape has:
//!
//! - `unknown`: the places of what the model does not keep.
//! - `refused`: why the client cannot read it; the document does not describe it either.
//! - `shown`: what an error says to people.
//! - `undescribed`: that the document has no such body, although the client reads it.
//! - `unreadable`: that an event's data is not what its name promises.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::events::EventName;
use workos_directory_sync::events::EventPayload;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;
use workos_directory_sync::retry::RetryPolicy;
use workos_directory_sync::types::EventList;

use crate::conformance;
use crate::spec;

/// An answer as it was recorded, and what is expected of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    what: String,
    operation: String,
    status: u16,
    #[serde(default)]
    body: Option<Value>,
    /// A body that is no JSON.
    #[serde(default)]
    text: String,
    #[serde(default)]
    unknown: BTreeSet<String>,
    #[serde(default)]
    refused: Option<String>,
    #[serde(default)]
    shown: Option<String>,
    #[serde(default)]
    undescribed: bool,
    #[serde(default)]
    unreadable: bool,
}

fn recorded() -> Vec<Recorded> {
    serde_json::from_str(include_str!("fixtures/recorded.json")).expect("the fixture is good")
}

impl Recorded {
    fn operation(&self) -> &'static Operation {
        let operation = operations::ALL.iter().find(|operation| operation.id == self.operation);
        operation.unwrap_or_else(|| panic!("{}: there is no `{}`", self.what, self.operation))
    }

    fn text(&self) -> String {
        self.body.as_ref().map_or_else(|| self.text.clone(), Value::to_string)
    }

    /// Answers one request with it, and gives what the client read: a model as JSON, `null` where there is none.
    async fn read(&self) -> Result<Value, Error> {
        let client = Client::builder()
            .api_key("sk_test_recorded")
            .base_url(serve(self).await);
        let client = client.retry(RetryPolicy::off()).build().expect("a client");
        let names = vec![EventName::DsyncUserCreated];
        macro_rules! send {
            ($request:expr) => {
                json(&$request.send().await?.into_inner())
            };
        }
        Ok(match self.operation.as_str() {
            "listDirectories" => send!(client.list_directories()),
            "getDirectory" => send!(client.get_directory().id("directory_1")),
            "deleteDirectory" => send!(client.delete_directory().id("directory_1")),
            "syncDirectory" => send!(client.sync_directory().id("directory_1")),
            "listDirectoryUsers" => send!(client.list_directory_users()),
            "getDirectoryUser" => send!(client.get_directory_user().id("directory_user_1")),
            "listDirectoryGroups" => send!(client.list_directory_groups()),
            "getDirectoryGroup" => send!(client.get_directory_group().id("directory_group_1")),
            "listEvents" => send!(client.list_events().events(names)),
            other => panic!("{}: `{other}` is not asked for here", self.what),
        })
    }

    /// Why the document does not describe the body. Fields that it does not know are no reason.
    fn violations(&self) -> Vec<String> {
        let response = conformance::response(spec::document(), self.operation(), self.status);
        let response = response.unwrap_or_else(|| panic!("{}: the document has no such status", self.what));
        let (Some(body), Some(schema)) = (&self.body, response.pointer("/content/application~1json/schema")) else {
            return Vec::new();
        };
        let mut schema = conformance::self_contained(spec::document(), schema);
        open(&mut schema);
        let validator = jsonschema::validator_for(&schema).expect("the schema is one");
        validator
            .iter_errors(body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }
}

/// Lets a schema admit fields that it does not name.
fn open(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.retain(|key, value| key != "additionalProperties" || value != &Value::Bool(false));
            fields.values_mut().for_each(open);
        }
        Value::Array(items) => items.iter_mut().for_each(open),
        _ => {}
    }
}

/// By way of text, since raw JSON does not go into a `Value` directly.
fn json(model: &impl serde::Serialize) -> Value {
    let text = serde_json::to_string(model).expect("models are JSON");
    serde_json::from_str(&text).expect("it is JSON")
}

/// A server that gives one answer.
async fn serve(recorded: &Recorded) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (status, body) = (recorded.status, recorded.text());
    let kind = if recorded.body.is_some() {
        "application/json; charset=utf-8"
    } else {
        "text/plain"
    };
    let length = match status {
        204 => String::new(),
        _ => format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()),
    };
    let answer = format!("HTTP/1.1 {status} Status\r\nx-request-id: req_1\r\nConnection: close\r\n{length}\r\n{body}");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.expect("a request"));
        }
        stream.write_all(answer.as_bytes()).await.expect("written");
        stream.shutdown().await.expect("closed");
    });
    format!("http://{address}")
}

/// The places of what was recorded and is not in what was read; `null` and missing are one.
fn lost(recorded: &Value, read: Option<&Value>, place: &str, places: &mut BTreeSet<String>) {
    match (recorded, read) {
        (Value::Null, None | Some(Value::Null)) => {}
        (Value::Object(fields), Some(Value::Object(kept))) => {
            for (name, value) in fields {
                lost(value, kept.get(name), &format!("{place}/{name}"), places);
            }
        }
        (Value::Array(items), Some(Value::Array(kept))) if items.len() == kept.len() => {
            for (index, (value, kept)) in items.iter().zip(kept).enumerate() {
                lost(value, Some(kept), &format!("{place}/{index}"), places);
            }
        }
        (recorded, Some(read)) if recorded == read => {}
        _ => drop(places.insert(place.to_owned())),
    }
}

#[tokio::test]
async fn client_reads_recorded_successes_and_the_document_describes_them() {
    let mut faults = Vec::new();
    for recorded in recorded().iter().filter(|recorded| recorded.status < 300) {
        let (violations, read) = (recorded.violations(), recorded.read().await);
        if violations.is_empty() == (recorded.refused.is_some() || recorded.undescribed) {
            faults.push(format!("{}: {violations:#?}", recorded.what));
        }
        let found = match &read {
            Ok(model) => {
                let mut places = BTreeSet::new();
                let body = recorded.body.as_ref().filter(|_| recorded.operation().answer.is_some());
                lost(body.unwrap_or(&Value::Null), Some(model), "", &mut places);
                Ok(places)
            }
            // Without the place in the text, which is that of this fixture.
            Err(Error::Decode(error)) => {
                let reason = error.source.to_string();
                let reason = reason.split(" at line ").next().unwrap_or_default();
                Err(format!("{}: {reason}", error.path))
            }
            Err(error) => Err(error.to_string()),
        };
        let expected = recorded.refused.clone().map_or(Ok(recorded.unknown.clone()), Err);
        if found != expected {
            faults.push(format!("{}: {found:?}, not {expected:?}", recorded.what));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn client_shows_the_sentence_of_recorded_errors_and_the_document_describes_their_bodies() {
    let mut faults = Vec::new();
    for recorded in recorded().iter().filter(|recorded| recorded.status >= 300) {
        let violations = recorded.violations();
        if violations.is_empty() == recorded.undescribed {
            faults.push(format!("{}: {violations:#?}", recorded.what));
        }
        let error = recorded.read().await.expect_err(&recorded.what);
        let error = error
            .api_error()
            .unwrap_or_else(|| panic!("{}: {error}", recorded.what));
        let body = recorded.body.as_ref();
        let id = body.and_then(|body| body.get("entity_id")?.as_str());
        let (found, expected) = (Some(error.to_string()), recorded.shown.clone());
        if found != expected || error.entity_id() != id {
            faults.push(format!("{}: {found:?}, not {expected:?}", recorded.what));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn payload_of_recorded_events_is_typed_by_their_names() {
    let mut names = BTreeSet::new();
    let lists = recorded();
    let lists = lists
        .iter()
        .filter(|recorded| recorded.operation == "listEvents" && recorded.status == 200 && recorded.refused.is_none());
    for recorded in lists {
        let list: EventList = serde_json::from_str(&recorded.text()).expect(&recorded.what);
        for event in &list.data {
            let payload = event.payload();
            assert_eq!(payload.is_err(), recorded.unreadable, "{}: {payload:?}", recorded.what);
            assert!(!matches!(payload, Ok(EventPayload::Other { .. })), "{}", event.event);
            names.insert(event.event.to_string());
        }
    }
    let document = spec::document().pointer("/components/schemas/Event/x-event-payloads");
    let known: BTreeSet<_> = document
        .and_then(Value::as_object)
        .expect("payloads")
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, known, "each name is among what was recorded");
}

#[test]
fn names_asked_for_are_those_that_the_api_documents() {
    let deactivated = EventName::from("dsync.deactivated");
    assert!(deactivated.is_known() && !EventName::KNOWN.contains(&deactivated));
    assert!(EventName::KNOWN.contains(&EventName::DsyncActivated));
}
