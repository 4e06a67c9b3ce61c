//! What the live API was recorded to do, and the emulator does by default.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::json;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::ReferenceParameters;

use crate::asking::Asking;
use crate::asking::population;

async fn live() -> Asking {
    Asking::exactly(Emulator::builder().population(population())).await
}

#[tokio::test]
async fn list_without_a_scope_is_refused_with_both_parameters_that_would_do() {
    let asking = live().await;
    let sentence = |one: &str, other: &str| format!("Please provide either \"{one}\" or \"{other}\" parameters.");
    for (target, names) in [
        ("/directory_users", ["directory", "group"]),
        ("/directory_users?limit=5&state=active", ["directory", "group"]),
        (
            "/directory_users?organization=org_01EHZNVPK3SFK441A1RGBFSHRT",
            ["directory", "group"],
        ),
        ("/directory_groups", ["directory", "user"]),
    ] {
        let answer = asking.get(target).await;
        let code = sentence(names[0], names[1]);
        let errors = names.map(|name| json!({ "field": name, "code": code }));
        assert_eq!(answer.status, 422);
        assert_eq!(
            answer.json(),
            json!({ "message": "Validation failed", "errors": errors })
        );
    }
    let accepting = Emulator::builder().population(population()).unscoped_lists(true);
    assert_eq!(
        Asking::exactly(accepting).await.get("/directory_users").await.status,
        200
    );
    let reference = Emulator::builder()
        .population(population())
        .behaviour(Behaviour::Reference);
    assert_eq!(
        Asking::exactly(reference).await.get("/directory_users").await.status,
        200
    );
}

#[tokio::test]
async fn parameters_of_the_reference_are_refused_where_that_is_set() {
    let builder = Emulator::builder().population(population());
    let asking = Asking::exactly(builder.reference_parameters(ReferenceParameters::Refuse)).await;
    let answer = asking.get("/directories?organization=org_1").await;
    assert_eq!(answer.fields(), ["organization"]);
    assert_eq!(
        answer.json()["errors"][0]["code"],
        "property organization should not exist"
    );
    assert_eq!(asking.get("/directories?colour=red").await.status, 200);
}

#[tokio::test]
async fn answer_has_a_weak_tag_and_no_rate_limit_and_is_not_sent_to_who_has_it() {
    let asking = live().await;
    for target in ["/directories", "/directories/x", "/directory_users", "/nowhere"] {
        let answer = asking.get(target).await;
        assert!(answer.header("etag").starts_with("W/\""), "{target}");
        assert_eq!(answer.header("vary"), "Accept-Encoding");
        assert!(
            answer
                .headers
                .keys()
                .all(|name| !name.as_str().starts_with("x-ratelimit"))
        );
        let again = asking
            .request("GET", target)
            .header("if-none-match", answer.header("etag"));
        let again = asking.send(again).await;
        let is_success = answer.status == 200;
        assert_eq!(again.status, if is_success { 304 } else { answer.status }, "{target}");
        assert_eq!(again.text.is_empty(), is_success);
        assert_eq!(again.header("etag"), answer.header("etag"));
    }
    let changed = asking
        .request("GET", "/directories")
        .header("if-none-match", "W/\"1-other\"");
    assert_eq!(asking.send(changed).await.status, 200);
}

#[tokio::test]
async fn body_is_compressed_for_who_asks_for_it_and_worth_it() {
    let asking = live().await;
    let plain = asking.get("/directories").await;
    let request = asking
        .request("GET", "/directories")
        .header("accept-encoding", "br, gzip");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["etag"], plain.headers["etag"]);
    let bytes = response.bytes().await.unwrap();
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text);
    let small = asking
        .request("GET", "/directories?limit=1")
        .header("accept-encoding", "gzip");
    assert!(!asking.send(small).await.headers.contains_key("content-encoding"));
    let never = Asking::exactly(Emulator::builder().population(population()).gzip(false)).await;
    let request = never.request("GET", "/directories").header("accept-encoding", "gzip");
    assert_eq!(never.send(request).await.text, plain.text);
}

#[tokio::test]
async fn order_normal_leads_to_older_objects_by_before() {
    let asking = live().await;
    let ids = asking.get("/directories?order=desc").await.ids();
    let first = asking.get("/directories?order=normal&limit=1").await;
    assert_eq!(first.ids(), ids[..1]);
    assert_eq!(
        first.json()["list_metadata"],
        json!({ "before": ids[0], "after": null })
    );
    let older = asking
        .get(&format!("/directories?order=normal&limit=1&before={}", ids[0]))
        .await;
    assert_eq!(older.ids(), ids[1..2]);
    assert_eq!(
        older.json()["list_metadata"],
        json!({ "before": ids[1], "after": ids[1] })
    );
    let newer = asking.get(&format!("/directories?order=normal&after={}", ids[1])).await;
    assert_eq!(newer.ids(), ids[..1]);
}

#[tokio::test]
async fn names_of_events_come_in_every_form_that_sdks_send() {
    let asking = live().await;
    let directory = asking.get("/directories").await.ids().remove(0);
    asking.emulator.delete_directory(&directory).unwrap();
    for query in [
        "events=dsync.activated,dsync.deleted",
        "events=dsync.activated&events=dsync.deleted",
        "events[]=dsync.activated&events[]=dsync.deleted",
        "events%5B0%5D=dsync.activated&events%5B1%5D=dsync.deleted",
    ] {
        assert_eq!(asking.get(&format!("/events?{query}")).await.ids().len(), 1, "{query}");
    }
    assert_eq!(asking.get("/events?events[x]=dsync.deleted").await.status, 400);
}

#[tokio::test]
async fn time_is_a_date_or_ends_in_z_and_the_reference_takes_offsets() {
    let builder = Emulator::builder()
        .population(population())
        .behaviour(Behaviour::Reference);
    let (live, reference) = (live().await, Asking::exactly(builder).await);
    for (time, is_live) in [
        ("2026-11-27T02:00:00.000Z", true),
        ("2026-11-27T02:00:00Z", true),
        ("2026-11-27", true),
        ("2026-11-27T02:00:00%2B02:00", false),
        ("2026-11-27%2002:00:00", false),
    ] {
        let target = format!("/events?events=dsync.deleted&range_start={time}");
        assert_eq!(
            live.get(&target).await.status,
            if is_live { 200 } else { 422 },
            "{time}"
        );
        assert_eq!(reference.get(&target).await.status, 200, "{time}");
    }
    let local = live
        .get("/events?events=dsync.deleted&range_start=2026-11-27T02:00:00")
        .await;
    assert_eq!(local.fields(), ["range_start"]);
    let wrong = live.get("/events?events=dsync.deleted&range_start=yesterday").await;
    assert_eq!(wrong.fields(), ["range_start"]);
}

#[tokio::test]
async fn foreign_host_names_are_refused_on_every_route() {
    let asking = live().await;
    for (method, target) in [
        ("GET", "/directories"),
        ("DELETE", "/directories/x"),
        ("GET", "/events?events=dsync.deleted"),
        ("GET", "/nowhere"),
        ("GET", "/_emulator/state"),
        ("GET", "/_emulator/nowhere"),
    ] {
        let request = asking.request(method, target).header("host", "evil.example");
        let answer = asking.send(request).await;
        assert_eq!(answer.status, 403, "{target}");
        assert!(answer.text.contains("--allow-host"), "{}", answer.text);
    }
    let allowing = Emulator::builder().population(population()).allow_host("emulator");
    let allowing = Asking::exactly(allowing).await;
    let request = allowing.request("GET", "/directories").header("host", "emulator:4010");
    assert_eq!(allowing.send(request).await.status, 200);
}
