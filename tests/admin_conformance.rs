//! Every answer of the emulator's admin API is one that `spec/emulator.yaml` describes, and every status that it describes
//! comes.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Endpoint;
use workos_directory_emulator::Population;
use workos_directory_emulator_client::operations;
use workos_directory_sync::operation::Operation;

use crate::conformance::response;
use crate::conformance::validator;
use crate::spec;

const ORGANIZATION: &str = "org_01EHZNVPK3SFK441A1RGBFSHRT";

struct World {
    emulator: Emulator,
    /// What it goes back to.
    state: Option<tempfile::TempPath>,
    http: reqwest::Client,
    /// What stands for the parameters in paths.
    ids: Vec<(&'static str, String)>,
    /// Statuses that were seen, with their operations.
    seen: BTreeSet<(&'static str, u16)>,
}

impl World {
    async fn start() -> Self {
        let state = tempfile::NamedTempFile::new().expect("a file").into_temp_path();
        let empty = Emulator::builder().population(Population::empty());
        let empty = empty.start().await.expect("it starts");
        empty.save(&state).expect("it is saved");
        Self {
            emulator: Emulator::builder().state_file(&state).start().await.expect("it starts"),
            state: Some(state),
            http: reqwest::Client::new(),
            ids: vec![("organization", ORGANIZATION.to_owned())],
            seen: BTreeSet::new(),
        }
    }

    /// From now on paths name this object.
    fn name(&mut self, parameter: &'static str, object: &Value) {
        let id = object["id"].as_str().expect("it has an id").to_owned();
        self.ids.retain(|(known, _)| *known != parameter);
        self.ids.push((parameter, id));
    }

    async fn ask(&mut self, operation: &'static Operation, body: Value) -> Value {
        let key = self.emulator.api_key().to_owned();
        self.send(operation, "", body.to_string(), &key).await.1
    }

    /// Asks what is to be refused with a status.
    async fn refused(&mut self, operation: &'static Operation, query: &str, body: &str, status: u16) {
        let key = self.emulator.api_key().to_owned();
        let answered = self.send(operation, query, body.to_owned(), &key).await.0;
        assert_eq!(answered, status, "{} {query} {body}", operation.id);
    }

    /// Asks, and judges the answer by the document.
    async fn send(&mut self, operation: &'static Operation, query: &str, body: String, key: &str) -> (u16, Value) {
        let ids = self.ids.iter();
        let path = ids.fold(operation.path.to_owned(), |path, (parameter, id)| {
            path.replace(&format!("{{{parameter}}}"), id)
        });
        let url = format!("{}{path}?{query}", self.emulator.base_url());
        let request = self.http.request(operation.method.into(), url).bearer_auth(key);
        let answer = request.body(body).send().await.expect("it answers");
        let status = answer.status().as_u16();
        let at = format!("{} {query}: {status}", operation.id);
        let described = response(spec::emulator(), operation, status);
        let described = described.unwrap_or_else(|| panic!("{at} is not described"));
        self.seen.insert((operation.id, status));
        let text = answer.text().await.expect("a body");
        let Some(media) = described.pointer("/content/application~1json") else {
            assert_eq!(text, "", "{at}");
            return (status, Value::Null);
        };
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{at}: {error}: {text}"));
        if let Err(error) = validator(spec::emulator(), &media["schema"]).validate(&body) {
            panic!("{at}: {error} at {}: {text}", error.instance_path());
        }
        (status, body)
    }

    /// Lets every operation succeed.
    async fn succeed(&mut self) {
        self.ask(&operations::PUT_ORGANIZATION, json!({ "name": "Acme" })).await;
        let endpoint =
            json!({ "url": "http://127.0.0.1:9/", "events": ["dsync.user.created"], "chaos": { "seed": 7 } });
        let endpoint = self.ask(&operations::CREATE_WEBHOOK_ENDPOINT, endpoint).await;
        self.name("endpoint", &endpoint);
        let directory =
            json!({ "type": "okta scim v2.0", "name": "Acme", "organization_id": ORGANIZATION, "domain": "a.example" });
        let directory = self.ask(&operations::CREATE_DIRECTORY, directory).await;
        self.name("directory", &directory);
        self.ask(&operations::UPDATE_DIRECTORY, json!({ "state": "validating" }))
            .await;
        let user = json!({
            "email": "jane@acme.example", "first_name": "Jane", "role": { "slug": "member" }, "raw_attributes": { "a": [1] },
        });
        let user = self.ask(&operations::CREATE_USER, user).await;
        self.name("user", &user);
        let updated = self
            .ask(&operations::UPDATE_USER, json!({ "custom_attributes": { "b": null } }))
            .await;
        assert_eq!(updated["custom_attributes"], json!({ "b": null }));
        let group = self
            .ask(&operations::CREATE_GROUP, json!({ "name": "Engineering" }))
            .await;
        self.name("group", &group);
        self.ask(&operations::UPDATE_GROUP, json!({ "name": "Product" })).await;
        self.ask(&operations::ADD_MEMBER, Value::Null).await;

        self.emulator.webhooks().settle().await;
        let deliveries = self.ask(&operations::LIST_DELIVERIES, Value::Null).await;
        assert_eq!(deliveries["data"][0]["attempts"].as_array().map(Vec::len), Some(1));
        self.name("delivery", &deliveries["data"][0]);
        self.ask(&operations::REPLAY_DELIVERY, Value::Null).await;
        self.ask(&operations::GET_WEBHOOK_ENDPOINTS, Value::Null).await;

        let late = json!({ "kind": "latency", "milliseconds": 0 });
        self.ask(
            &operations::ADD_FAULT,
            json!({ "fault": late, "operation": "listDirectories" }),
        )
        .await;
        let kinds = [
            json!({ "kind": "status", "status": 429, "body": "html", "retry_after": "1", "rate_limit_headers": true }),
            json!({ "kind": "reset", "processed": true }),
            json!({ "kind": "truncated_body" }),
            json!({ "kind": "slow_body", "chunk_bytes": 1, "pause_milliseconds": 1 }),
            json!({ "kind": "unknown_fields" }),
            json!({ "kind": "movement", "change": "deleted" }),
        ];
        let rules = kinds.map(|kind| json!({ "fault": kind, "skip": 1, "times": 2, "probability": 0.5 }));
        let rules = self.ask(&operations::PUT_FAULTS, json!({ "rules": rules })).await;
        assert_eq!(rules["data"].as_array().map(Vec::len), Some(6));
        self.ask(&operations::GET_FAULTS, Value::Null).await;
        self.ask(&operations::DELETE_FAULTS, Value::Null).await;
        self.ask(&operations::PUT_CHURN, json!({ "per_second": 0.001 })).await;
        self.ask(&operations::DELETE_CHURN, Value::Null).await;
        let state = self.ask(&operations::GET_STATE, Value::Null).await;
        assert_eq!(state["memberships"].as_array().map(Vec::len), Some(1));
        self.ask(&operations::PUT_STATE, state).await;
        self.ask(&operations::GET_SETTINGS, Value::Null).await;
        self.ask(&operations::PUT_SETTINGS, json!({ "inactive_policy": "keep" }))
            .await;
        self.ask(&operations::GET_CLOCK, Value::Null).await;
        self.ask(&operations::ADVANCE_CLOCK, json!({ "milliseconds": 1_000 }))
            .await;
        self.ask(&operations::PUT_CLOCK, json!({ "now": "2090-01-01T00:00:00Z" }))
            .await;
        let list = format!("{}/directories?limit=1", self.emulator.base_url());
        for request in [self.http.get(&list), self.http.get(format!("{list}00&x=1"))] {
            request.send().await.expect("it answers");
        }
        let requests = self.ask(&operations::LIST_REQUESTS, Value::Null).await;
        assert_eq!(requests["data"].as_array().map(Vec::len), Some(2));
    }

    /// Leaves no room for one more endpoint, and none for one more delivery.
    async fn fill(&mut self) {
        // Nobody takes from this one's queue.
        let webhooks = self.emulator.webhooks();
        let endpoint = webhooks
            .register(Endpoint::pulled("whsec_test"))
            .expect("there is room");
        self.ask(&operations::CREATE_USER, json!({})).await;
        let webhooks = self.emulator.webhooks();
        let mut fetched = webhooks.drain(&endpoint).expect("the endpoint is there");
        let mut delivery = fetched.pop().expect("the user was told of").delivery;
        // The log forgets the first ones.
        while let Ok(next) = webhooks.replay(&delivery) {
            delivery = next;
        }
        self.name("delivery", &json!({ "id": delivery }));
        self.refused(&operations::REPLAY_DELIVERY, "", "", 409).await;
        let webhooks = self.emulator.webhooks();
        while webhooks.register(Endpoint::pulled("whsec_test")).is_ok() {}
        let endpoint = r#"{ "url": "http://127.0.0.1:9/" }"#;
        self.refused(&operations::CREATE_WEBHOOK_ENDPOINT, "", endpoint, 409)
            .await;
    }

    /// Lets every operation be refused in each way that the document knows.
    async fn fail(&mut self) {
        for operation in operations::ALL {
            self.send(operation, "", String::new(), "sk_test_wrong").await;
            if operation.body.is_some() {
                self.refused(operation, "", "{", 400).await;
                self.refused(operation, "", "7", 422).await;
            }
            if operation.pagination.is_some() {
                self.refused(operation, "limit=0", "", 422).await;
            }
        }
        self.fill().await;
        for operation in [
            &operations::REMOVE_MEMBER,
            &operations::DELETE_GROUP,
            &operations::DELETE_USER,
            &operations::DELETE_DIRECTORY,
            &operations::DELETE_ORGANIZATION,
            &operations::DELETE_WEBHOOK_ENDPOINT,
        ] {
            self.ask(operation, Value::Null).await;
        }
        self.name("delivery", &json!({ "id": "delivery_01ECAZ4NV9QMV47GW873HDCX74" }));
        // Nothing that a path can name is there any more.
        for operation in operations::ALL.iter().filter(|operation| operation.path.contains('{')) {
            if operation.id != operations::PUT_ORGANIZATION.id {
                let body = if operation.path.contains("/users") {
                    "{}"
                } else {
                    r#"{"name":"x"}"#
                };
                self.refused(operation, "", body, 404).await;
            }
        }
        self.ask(&operations::RESET_STATE, Value::Null).await;
        // Without what it began with it stays as it is.
        drop(self.state.take());
        self.refused(&operations::RESET_STATE, "", "", 409).await;
    }
}

#[tokio::test]
async fn every_answer_of_the_admin_api_is_one_that_its_document_describes() {
    let mut world = World::start().await;
    world.succeed().await;
    world.fail().await;
    let named = operations::ALL.iter().flat_map(|operation| {
        let method = operation.method.as_str().to_ascii_lowercase();
        let responses = spec::emulator()["paths"][operation.path][method]["responses"].as_object();
        let statuses = responses.into_iter().flatten();
        statuses.filter_map(|(status, _)| Some((operation.id, status.parse().ok()?)))
    });
    let unseen: BTreeSet<(&str, u16)> = named.filter(|named| !world.seen.contains(named)).collect();
    assert_eq!(unseen, BTreeSet::new(), "statuses that nothing provokes");
}
