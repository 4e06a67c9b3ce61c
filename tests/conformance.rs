//! Every answer of the emulator is one that the document describes: status, headers and body, with no field that the
//! document does not have.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use jsonschema::Validator;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::DEFAULT_FORBIDDEN_API_KEY;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::ManualClock;
use workos_directory_emulator::Population;
use workos_directory_emulator::RateLimits;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;

use crate::spec;

/// A schema of OpenAPI 3.0 as one of JSON Schema: `null` where it may be, and nothing beyond what is described.
fn json_schema(schema: &Value) -> Value {
    let Some(fields) = schema.as_object() else {
        return schema.clone();
    };
    let mut converted = Map::new();
    for (name, value) in fields {
        match name.as_str() {
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties: Map<_, _> = properties
                    .map(|(name, value)| (name.clone(), json_schema(value)))
                    .collect();
                converted.insert(name.clone(), properties.into());
                converted.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            "items" => drop(converted.insert(name.clone(), json_schema(value))),
            "allOf" | "anyOf" | "oneOf" => {
                let all: Vec<_> = value.as_array().into_iter().flatten().map(json_schema).collect();
                converted.insert(name.clone(), all.into());
            }
            "type" | "required" | "enum" | "minimum" | "maximum" | "$ref" | "additionalProperties" => {
                converted.insert(name.clone(), value.clone());
            }
            _ => {}
        }
    }
    if schema["nullable"] == true {
        json!({ "anyOf": [converted, { "type": "null" }] })
    } else {
        converted.into()
    }
}

/// The validator of a schema that a document uses.
pub(crate) fn validator(document: &Value, schema: &Value) -> Validator {
    jsonschema::validator_for(&self_contained(document, schema)).expect("the schema is one")
}

/// A schema of a document as one of JSON Schema, with all that it refers to.
pub(crate) fn self_contained(document: &Value, schema: &Value) -> Value {
    let schemas = document["components"]["schemas"].as_object().expect("it has schemas");
    let schemas: Map<_, _> = schemas
        .iter()
        .map(|(name, schema)| (name.clone(), json_schema(schema)))
        .collect();
    let mut root = json_schema(schema);
    root["components"] = json!({ "schemas": schemas });
    root
}

/// What a document says of a status of an operation, by the status itself or its range.
pub(crate) fn response(document: &'static Value, operation: &Operation, status: u16) -> Option<&'static Value> {
    let method = operation.method.as_str().to_ascii_lowercase();
    let responses = &document["paths"][operation.path][method]["responses"];
    let response = responses
        .get(status.to_string())
        .or_else(|| responses.get(format!("{}XX", status / 100)))?;
    Some(spec::resolve_in(document, response))
}

/// An emulator with what the test asks it for.
struct World {
    emulator: Emulator,
    clock: ManualClock,
    http: reqwest::Client,
    /// Statuses that were seen, by operation.
    seen: BTreeMap<&'static str, BTreeSet<u16>>,
}

impl World {
    async fn start(behaviour: Behaviour, limits: RateLimits, successes: &[(&Operation, u16)]) -> Self {
        let population = Population {
            users: 40,
            groups: 6,
            memberships: 80,
            ..Population::default()
        };
        let clock = ManualClock::at("2026-11-24T12:00:00Z".parse().expect("a time"));
        let mut builder = Emulator::builder()
            .population(population)
            .behaviour(behaviour)
            // The document has them for every answer, although the live API was never seen to send them.
            .rate_limit_headers(true)
            .clock(clock.clone())
            .rate_limits(limits);
        for (operation, status) in successes {
            builder = builder.success_status(operation, *status);
        }
        Self {
            clock,
            emulator: builder.start().await.expect("it starts"),
            http: reqwest::Client::new(),
            seen: BTreeMap::new(),
        }
    }

    async fn ask(&mut self, operation: &'static Operation, id: &str, query: &str) -> Value {
        let key = self.emulator.api_key().to_owned();
        self.ask_with(operation, id, query, &key).await
    }

    /// Asks, and judges the answer by the document.
    async fn ask_with(&mut self, operation: &'static Operation, id: &str, query: &str, key: &str) -> Value {
        let path = operation.path.replace("{id}", id);
        let url = format!("{}{path}?{query}", self.emulator.base_url());
        let method = operation.method.into();
        let answer = self
            .http
            .request(method, url)
            .bearer_auth(key)
            .send()
            .await
            .expect("it answers");
        let status = answer.status().as_u16();
        let at = format!("{} {id} {query}: {status}", operation.id);
        let response = response(spec::document(), operation, status).unwrap_or_else(|| panic!("{at} is not described"));
        for header in response
            .get("headers")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            // The emulator asks to wait where a limit is exceeded, which is where the document has the header.
            assert!(answer.headers().contains_key(header.as_str()), "{at} has no {header}");
        }
        let text = answer.text().await.expect("a body");
        self.seen.entry(operation.id).or_default().insert(status);
        let Some(media) = response.pointer("/content/application~1json") else {
            assert_eq!(text, "", "{at}");
            return Value::Null;
        };
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{at}: {error}: {text}"));
        if let Err(error) = validator(spec::document(), &media["schema"]).validate(&body) {
            panic!("{at}: {error} at {}", error.instance_path());
        }
        body
    }

    /// Calls every operation in every way that its parameters offer.
    async fn ask_everything(&mut self) {
        let id = |list: &Value, number: usize| list["data"][number]["id"].as_str().expect("an id").to_owned();
        let directories = self.ask(&operations::LIST_DIRECTORIES, "", "search=a&order=asc").await;
        let directories = if directories["data"][1].is_object() {
            directories
        } else {
            self.ask(&operations::LIST_DIRECTORIES, "", "").await
        };
        let directory = id(&directories, 0);
        let organization = directories["data"][0]["organization_id"]
            .as_str()
            .expect("an organization")
            .to_owned();
        self.ask(
            &operations::LIST_DIRECTORIES,
            "",
            &format!("organization_id={organization}&limit=1"),
        )
        .await;
        self.ask(
            &operations::LIST_DIRECTORIES,
            "",
            &format!("organization={organization}&domain=acme.example"),
        )
        .await;
        self.ask(&operations::GET_DIRECTORY, &directory, "").await;

        let users = self
            .ask(
                &operations::LIST_DIRECTORY_USERS,
                "",
                &format!("directory={directory}&groups=true&limit=7"),
            )
            .await;
        let groups = self
            .ask(
                &operations::LIST_DIRECTORY_GROUPS,
                "",
                &format!("directory={directory}&members=true"),
            )
            .await;
        let (user, group) = (id(&users, 0), id(&groups, 0));
        let after = users["list_metadata"]["after"].as_str().expect("another page");
        for query in [
            format!("directory={directory}&after={after}"),
            format!("directory={directory}&before={after}&order=normal"),
            format!("group={group}&limit=100"),
            format!("organization={organization}&state=active"),
            format!("directory={directory}&email=nobody@example.com&idp_id=1"),
        ] {
            self.ask(&operations::LIST_DIRECTORY_USERS, "", &query).await;
        }
        self.ask(&operations::LIST_DIRECTORY_GROUPS, "", &format!("user={user}"))
            .await;
        self.ask(
            &operations::LIST_DIRECTORY_GROUPS,
            "",
            &format!("organization={organization}&order=asc"),
        )
        .await;
        self.ask(&operations::GET_DIRECTORY_USER, &user, "").await;
        self.ask(&operations::GET_DIRECTORY_GROUP, &group, "").await;

        let missing = "01E1JG7J09H96KYP8HM9B0G5SJ";
        for (operation, prefix) in [
            (&operations::GET_DIRECTORY, "directory_"),
            (&operations::DELETE_DIRECTORY, "directory_"),
            (&operations::SYNC_DIRECTORY, "directory_"),
            (&operations::GET_DIRECTORY_USER, "directory_user_"),
            (&operations::GET_DIRECTORY_GROUP, "directory_group_"),
        ] {
            self.ask(operation, &format!("{prefix}{missing}"), "").await;
        }
        self.ask(
            &operations::LIST_DIRECTORY_USERS,
            "",
            &format!("directory=directory_{missing}"),
        )
        .await;
        self.ask(
            &operations::LIST_DIRECTORY_GROUPS,
            "",
            &format!("user=directory_user_{missing}"),
        )
        .await;
        for operation in [
            &operations::LIST_DIRECTORIES,
            &operations::LIST_DIRECTORY_USERS,
            &operations::LIST_DIRECTORY_GROUPS,
        ] {
            self.ask(operation, "", "limit=1000&order=up&after=x").await;
        }
        self.ask(&operations::LIST_EVENTS, "", "events=dsync.deleted&limit=1000&after=x")
            .await;
        self.ask(&operations::LIST_EVENTS, "", "limit=10").await;
        for operation in operations::ALL {
            self.ask_with(operation, &directory, "", "sk_test_wrong").await;
            self.ask_with(operation, &directory, "", DEFAULT_FORBIDDEN_API_KEY)
                .await;
        }

        for directory in [id(&directories, 0), id(&directories, 1)] {
            self.ask(&operations::SYNC_DIRECTORY, &directory, "").await;
            self.ask(&operations::SYNC_DIRECTORY, &directory, "").await;
            self.clock.advance(Duration::from_secs(60));
            self.ask(&operations::SYNC_DIRECTORY, &directory, "").await;
        }
        self.emulator
            .remove_member(&user, &group)
            .expect("a membership may be ended");
        self.emulator
            .add_member(&user, &group)
            .expect("they are of one directory");
        self.ask(&operations::DELETE_DIRECTORY, &directory, "").await;
        let names = "dsync.group.user_added,dsync.deleted";
        let events = self.ask(&operations::LIST_EVENTS, "", &format!("events={names}")).await;
        assert_eq!(events["data"].as_array().map(Vec::len), Some(2));
        let both = format!(
            "events={names}&range_start=2026-01-01T00:00:00Z&after={}",
            id(&events, 0)
        );
        self.ask(&operations::LIST_EVENTS, "", &both).await;
    }

    /// Statuses that the document names and the emulator never gave.
    fn unseen(&self) -> BTreeSet<(&'static str, u16)> {
        let named = operations::ALL.iter().flat_map(|operation| {
            let method = operation.method.as_str().to_ascii_lowercase();
            let responses = spec::document()["paths"][operation.path][method]["responses"].as_object();
            let statuses = responses
                .into_iter()
                .flatten()
                .filter_map(|(status, _)| status.parse().ok());
            statuses.map(|status| (operation.id, status))
        });
        named
            .filter(|(id, status)| !self.seen.get(id).is_some_and(|seen| seen.contains(status)))
            .collect()
    }
}

#[tokio::test]
async fn every_answer_of_both_behaviours_is_one_that_the_document_describes() {
    let mut unseen = BTreeSet::new();
    for behaviour in [Behaviour::Live, Behaviour::Reference] {
        let mut world = World::start(behaviour, RateLimits::unlimited(), &[]).await;
        world.ask_everything().await;
        let hourly = RateLimits::unlimited().general(1, Duration::from_secs(3_600));
        let mut limited = World::start(behaviour, hourly, &[]).await;
        limited.ask(&operations::LIST_DIRECTORIES, "", "").await;
        for operation in operations::ALL {
            limited.ask(operation, "directory_x", "").await;
        }
        let others = [(&operations::DELETE_DIRECTORY, 200), (&operations::SYNC_DIRECTORY, 200)];
        let mut other = World::start(behaviour, RateLimits::unlimited(), &others).await;
        other.ask_everything().await;
        for (id, statuses) in limited.seen.into_iter().chain(other.seen) {
            world.seen.entry(id).or_default().extend(statuses);
        }
        let left = world.unseen();
        unseen = if behaviour == Behaviour::Live {
            left
        } else {
            unseen.intersection(&left).copied().collect()
        };
    }
    assert_eq!(
        unseen,
        BTreeSet::new(),
        "statuses that the document names and nothing provokes: let `ask_everything` ask for them"
    );
}

#[test]
fn a_field_that_the_document_does_not_have_or_a_wrong_type_is_noticed() {
    let validator = validator(spec::document(), &json!({ "$ref": "#/components/schemas/Role" }));
    assert!(validator.is_valid(&json!({ "slug": "member" })));
    assert!(!validator.is_valid(&json!({ "slug": "member", "title": "Member" })));
    assert!(!validator.is_valid(&json!({ "slug": null })));
    assert!(!validator.is_valid(&json!({})));
}
