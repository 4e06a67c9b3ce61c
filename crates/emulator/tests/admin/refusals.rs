//! Calls that are refused say what is wrong with them, and change nothing.

use serde_json::Value;
use workos_directory_emulator::DEFAULT_FORBIDDEN_API_KEY;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::Population;
use workos_directory_emulator::RateLimits;
use workos_directory_emulator_client::EmulatorClient;
use workos_directory_emulator_client::operations;
use workos_directory_emulator_client::types;

use crate::A_MINUTE;
use crate::World;
use crate::refused;

impl World {
    /// Sends a body as it is; status and answer come back.
    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let url = format!("{}/_emulator{path}", self.emulator.base_url());
        let request = reqwest::Client::new().request(method.parse().unwrap(), url);
        let request = request.bearer_auth(self.emulator.api_key()).body(body.to_owned());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    /// Sends a body that is refused with 422; the field that is wrong comes back.
    async fn wrong_field(&self, method: &str, path: &str, body: &str) -> String {
        let (status, answer) = self.send(method, path, body).await;
        assert_eq!(status, 422, "{answer}");
        answer["errors"][0]["field"].as_str().expect("a field").to_owned()
    }
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_the_place_that_is_wrong_and_changes_nothing() {
    let world = World::empty().await;
    let directory = world.directory().await.id;
    let user = world.user(&directory).await.id;
    let before = (world.emulator.seed_file().unwrap(), world.event_names().await);
    let users = format!("/directories/{directory}/users");
    assert_eq!(world.wrong_field("POST", &users, r#"{"email":7}"#).await, "email");
    assert_eq!(
        world.wrong_field("POST", &users, r#"{"role":{"slug":7}}"#).await,
        "role.slug"
    );
    let user = format!("{users}/{user}");
    assert_eq!(
        world.wrong_field("PATCH", &user, r#"{"first_name":[]}"#).await,
        "first_name"
    );
    assert_eq!(
        world
            .wrong_field("POST", "/clock/advance", r#"{"milliseconds":-1}"#)
            .await,
        "milliseconds"
    );
    assert_eq!(
        world
            .wrong_field("PUT", "/clock", r#"{"now":"2026-11-24T11:59:59Z"}"#)
            .await,
        "now"
    );
    assert_eq!(
        world.wrong_field("PUT", "/churn", r#"{"per_second":0}"#).await,
        "per_second"
    );
    assert_eq!(
        world
            .wrong_field("POST", "/webhooks", r#"{"url":"http://example.com"}"#)
            .await,
        "url"
    );
    let chaos = r#"{"url":"http://127.0.0.1:1","chaos":{"drop":2}}"#;
    assert_eq!(world.wrong_field("POST", "/webhooks", chaos).await, "chaos.drop");
    let organization = r#"{"id":"org_01EHZNVPK3SFK441A1RGBFSHRX"}"#;
    let path = "/organizations/org_01EHZNVPK3SFK441A1RGBFSHRT";
    assert_eq!(world.wrong_field("PUT", path, organization).await, "id");
    let state = r#"{"directories":[],"users":[{"id":"x"}],"groups":[],"memberships":[]}"#;
    assert!(world.wrong_field("PUT", "/state", state).await.starts_with("users[0]"));
    for query in ["limit=0", "limit=101", "limit=x", "limit=1&limit=2"] {
        assert_eq!(
            world.wrong_field("GET", &format!("/deliveries?{query}"), "").await,
            "limit"
        );
    }
    assert_eq!(world.wrong_field("GET", "/requests?after=x", "").await, "after");

    let (status, answer) = world.send("POST", &users, "{").await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(world.send("POST", &users, "{} {}").await.0, 400);
    assert_eq!(world.send("POST", &users, "").await.0, 400);
    assert_eq!(world.send("POST", &users, &" ".repeat(2_000_000)).await.0, 413);
    assert_eq!(world.send("GET", "/nothing", "").await.0, 404);
    assert_eq!(world.send("POST", "/state", "").await.0, 405);
    assert_eq!(before, (world.emulator.seed_file().unwrap(), world.event_names().await));
    assert_eq!(world.emulator.churn_rate(), None);
    assert!(world.emulator.webhooks().endpoints().is_empty());
}

/// What is refused with 422, the field that is named, and the right one that is suggested.
async fn assert_suggested(world: &World, method: &str, path: &str, body: &str, field: &str, suggested: &str) {
    let (status, answer) = world.send(method, path, body).await;
    assert_eq!(status, 422, "{body}: {answer}");
    let error = &answer["errors"][0];
    assert_eq!(error["field"], field, "{body}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.ends_with(&format!("did you mean `{suggested}`?")),
        "{body}: {message}"
    );
}

#[tokio::test]
async fn unknown_field_or_value_is_refused_with_nearest_right_one_and_changes_nothing() {
    let world = World::empty().await;
    let directory = world.directory().await.id;
    let user = world.user(&directory).await.id;
    let before = (world.emulator.seed_file().unwrap(), world.event_names().await);
    let one = format!("/directories/{directory}");
    let users = format!("{one}/users");
    let user = format!("{users}/{user}");
    let groups = format!("{one}/groups");
    for (method, path, body, field, suggested) in [
        (
            "POST",
            "/directories",
            r#"{"type":"okta","name":"x"}"#,
            "type",
            "okta scim v2.0",
        ),
        (
            "POST",
            "/directories",
            r#"{"type":"okta scim v2.0","nmae":"x"}"#,
            "nmae",
            "name",
        ),
        (
            "PATCH",
            &one,
            r#"{"state":"invalid_credential"}"#,
            "state",
            "invalid_credentials",
        ),
        ("POST", &users, r#"{"emial":"x@acme.example"}"#, "emial", "email"),
        ("POST", &users, r#"{"state":"actve"}"#, "state", "active"),
        ("POST", &users, r#"{"role":{"slgu":"x"}}"#, "role.slgu", "slug"),
        ("PATCH", &user, r#"{"first_nam":"x"}"#, "first_nam", "first_name"),
        ("PATCH", &user, r#"{"state":"suspnded"}"#, "state", "suspended"),
        (
            "POST",
            &groups,
            r#"{"name":"x","raw_attribute":{}}"#,
            "raw_attribute",
            "raw_attributes",
        ),
        (
            "PUT",
            "/settings",
            r#"{"inactive_policy":"kep"}"#,
            "inactive_policy",
            "keep",
        ),
        ("PUT", "/churn", r#"{"per_secnd":1}"#, "per_secnd", "per_second"),
        (
            "POST",
            "/clock/advance",
            r#"{"miliseconds":1}"#,
            "miliseconds",
            "milliseconds",
        ),
        (
            "POST",
            "/webhooks",
            r#"{"url":"http://127.0.0.1:1","chaos":{"dorp":1}}"#,
            "chaos.dorp",
            "drop",
        ),
        (
            "POST",
            "/webhooks",
            r#"{"url":"http://127.0.0.1:1","events":["dsync.deleted","dsync.user.craeted"]}"#,
            "events[1]",
            "dsync.user.created",
        ),
        ("PUT", "/state", r#"{"direcories":[]}"#, "direcories", "directories"),
        (
            "POST",
            "/faults",
            r#"{"opration":"listDirectories","fault":{"kind":"reset"}}"#,
            "opration",
            "operation",
        ),
        (
            "POST",
            "/faults",
            r#"{"operation":"listDirectorys","fault":{"kind":"reset"}}"#,
            "operation",
            "listDirectories",
        ),
        ("POST", "/faults", r#"{"fault":{"kind":"rest"}}"#, "fault.kind", "reset"),
        (
            "POST",
            "/faults",
            r#"{"fault":{"kind":"status","status":503,"retry_afer":"1"}}"#,
            "fault.retry_afer",
            "retry_after",
        ),
        (
            "PUT",
            "/faults",
            r#"{"rules":[{"events":["dsync.user.upated"],"fault":{"kind":"unknown_fields"}}]}"#,
            "rules[0].events[0]",
            "dsync.user.updated",
        ),
    ] {
        assert_suggested(&world, method, path, body, field, suggested).await;
    }
    let state = |user: &str| {
        format!(
            r#"{{"users":[{{"id":"directory_user_01E1JG7J09H96KYP8HM9B0G5SJ","directory_id":"{directory}",{user},
            "created_at":"2026-10-01T10:00:00.000Z","updated_at":"2026-10-01T10:00:00.000Z"}}]}}"#
        )
    };
    let misspelt = state(r#""emial":"x","state":"active""#);
    assert_suggested(&world, "PUT", "/state", &misspelt, "users[0].emial", "email").await;
    let odd = state(r#""state":"actve""#);
    assert_suggested(&world, "PUT", "/state", &odd, "users[0].state", "active").await;

    assert_eq!(before, (world.emulator.seed_file().unwrap(), world.event_names().await));
    assert_eq!(world.emulator.churn_rate(), None);
    assert!(world.emulator.webhooks().endpoints().is_empty());
    assert!(world.emulator.faults().list().is_empty());
}

#[tokio::test]
async fn lenient_emulator_takes_unknown_values_and_no_unknown_fields() {
    let builder = Emulator::builder().population(Population::empty()).lenient(true);
    let world = World::of(builder).await;
    let directory = world.directory().await.id;
    let users = format!("/directories/{directory}/users");
    let (status, answer) = world.send("POST", &users, r#"{"state":"actve"}"#).await;
    assert_eq!((status, &answer["state"]), (201, &Value::from("actve")));
    let (status, answer) = world
        .send("POST", "/directories", r#"{"type":"okta","name":"x"}"#)
        .await;
    assert_eq!((status, &answer["type"]), (201, &Value::from("okta")));
    assert_eq!(world.wrong_field("POST", &users, r#"{"emial":"x"}"#).await, "emial");
    let policy = r#"{"inactive_policy":"forget"}"#;
    assert_eq!(world.wrong_field("PUT", "/settings", policy).await, "inactive_policy");
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused_and_those_in_force_stay() {
    let world = World::empty().await;
    world
        .emulator
        .faults()
        .inject(FaultRule::new(Fault::status(503)))
        .unwrap();
    let before = world.emulator.faults().list();
    let good = r#"{"fault":{"kind":"reset"}}"#;
    for (bad, place) in [
        (r#"{"times":"2","fault":{"kind":"reset"}}"#, "rules[1].times"),
        (
            r#"{"fault":{"kind":"status","milliseconds":5}}"#,
            "rules[1].fault.milliseconds",
        ),
        (
            r#"{"operation":"listPeople","fault":{"kind":"reset"}}"#,
            "rules[1].operation",
        ),
        (r#"{"probability":2,"fault":{"kind":"reset"}}"#, "rules[1].probability"),
    ] {
        let body = format!(r#"{{"rules":[{good},{bad}]}}"#);
        assert_eq!(world.wrong_field("PUT", "/faults", &body).await, place);
    }
    let gremlins = r#"{"fault":{"kind":"gremlins"}}"#;
    assert_eq!(world.wrong_field("POST", "/faults", gremlins).await, "fault.kind");
    assert_eq!(world.emulator.faults().list(), before);
}

#[tokio::test]
async fn an_object_of_another_directory_is_not_found_and_a_wrong_id_is_refused() {
    let world = World::empty().await;
    let (one, other) = (world.directory().await.id, world.directory().await.id);
    let user = world.user(&one).await.id;
    let delete = world.admin.delete_user().directory(&*other).user(&*user).send().await;
    assert_eq!(refused(delete).0, 404);
    let mut change = types::UserChange::default();
    change.last_name = Some("Roe".to_owned());
    let update = world.admin.update_user().directory(&*other).user(&*user).body(change);
    assert_eq!(refused(update.send().await).0, 404);
    for id in [user.as_str(), "jane", "directory_user_01E1JG7J09H96KYP8HM9B0G5SJ"] {
        let mut new = types::NewUser::default();
        new.id = Some(id.to_owned());
        let create = world.admin.create_user().directory(&*one).body(new).send().await;
        let (status, message) = refused(create);
        assert_eq!(status, 422);
        assert!(message.contains(id), "{message}");
    }
    assert_eq!(world.emulator.seed_file().unwrap().users.len(), 1);
}

#[tokio::test]
async fn every_operation_needs_the_key() {
    let world = World::empty().await;
    let http = reqwest::Client::new();
    for operation in operations::ALL {
        // Any id will do: nobody gets as far as looking for it.
        let url = format!(
            "{}{}",
            world.emulator.base_url(),
            operation.path.replace(['{', '}'], "")
        );
        for (key, expected) in [
            (None, 401),
            (Some("sk_test_wrong"), 401),
            (Some(DEFAULT_FORBIDDEN_API_KEY), 403),
        ] {
            let mut request = http.request(operation.method.into(), &url);
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            let status = request.send().await.unwrap().status().as_u16();
            assert_eq!(status, expected, "{operation:?}");
        }
    }
}

#[tokio::test]
async fn calls_are_not_counted_limited_or_hit_by_faults() {
    let hourly = RateLimits::unlimited().general(1, A_MINUTE * 60);
    let builder = Emulator::builder().population(Population::empty()).rate_limits(hourly);
    let world = World::of(builder.fault(FaultRule::new(Fault::status(503)).skip(1))).await;
    for _ in 0..5 {
        world.admin.get_clock().send().await.unwrap();
    }
    let unknown = EmulatorClient::new(world.emulator.base_url(), "sk_test_wrong").unwrap();
    assert_eq!(refused(unknown.get_clock().send().await).0, 401);
    assert_eq!(world.send("GET", "/nothing", "").await.0, 404);
    assert_eq!(world.emulator.total_requests(), 0);
    assert!(world.emulator.received().is_empty());
    // The one request that the limit lets through is still there.
    world.admin.client().list_directories().send().await.unwrap();
    assert_eq!(world.emulator.total_requests(), 1);
}

#[tokio::test]
async fn a_name_that_a_web_page_may_have_given_this_machine_is_refused_unless_it_is_allowed() {
    let ask = async |world: &World, host: &str| {
        let url = format!("{}/_emulator/state", world.emulator.base_url());
        let request = reqwest::Client::new().get(url).bearer_auth(world.emulator.api_key());
        request.header("host", host).send().await.unwrap().status().as_u16()
    };
    let world = World::empty().await;
    for (host, expected) in [("localhost:4010", 200), ("127.0.0.1", 200), ("evil.example:4010", 403)] {
        assert_eq!(ask(&world, host).await, expected, "{host}");
    }
    let builder = Emulator::builder().population(Population::empty());
    let open = World::of(builder.allow_remote_admin(true).allow_host("Emulator.example")).await;
    assert_eq!(ask(&open, "emulator.example:80").await, 200);
    assert_eq!(ask(&open, "evil.example").await, 403);
}

#[tokio::test]
async fn no_page_of_another_origin_is_let_in_by_its_browser() {
    let world = World::empty().await;
    let url = format!("{}/_emulator/state", world.emulator.base_url());
    let preflight = reqwest::Client::new().request(reqwest::Method::OPTIONS, url);
    let preflight = preflight
        .header("origin", "http://evil.example")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), 405);
    let allowed = answer
        .headers()
        .keys()
        .find(|name| name.as_str().starts_with("access-control"));
    assert_eq!(allowed, None);
}

#[tokio::test]
async fn attributes_of_any_depth_are_kept_and_changed() {
    let world = World::empty().await;
    let directory = world.directory().await.id;
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let path = format!("/directories/{directory}/users");
    let body = format!(r#"{{"email":"jane@acme.example","raw_attributes":{deep}}}"#);
    // What is so deep is no value for a test, only a text.
    let url = format!("{}/_emulator{path}", world.emulator.base_url());
    let http = reqwest::Client::new();
    let created = http.post(url).bearer_auth(world.emulator.api_key()).body(body);
    let created = created.send().await.unwrap();
    assert_eq!(created.status(), 201);
    assert!(created.text().await.unwrap().contains(&deep));
    let user = world.emulator.seed_file().unwrap().users[0].id.clone();
    let mut change = types::UserChange::default();
    change.first_name = Some("Jane".to_owned());
    let changed = world
        .admin
        .update_user()
        .directory(&*directory)
        .user(&*user)
        .body(change);
    assert_eq!(changed.send().await.unwrap().first_name.as_deref(), Some("Jane"));
    let mut change = types::UserChange::default();
    change.raw_attributes = Some(workos_directory_sync::Attributes::default());
    let changed = world
        .admin
        .update_user()
        .directory(&*directory)
        .user(&*user)
        .body(change);
    changed.send().await.unwrap();
    let told = world.events().await.pop().unwrap();
    assert!(
        told.data
            .as_str()
            .contains(&format!(r#""previous_attributes":{{"raw_attributes":{deep}}}"#))
    );
}
