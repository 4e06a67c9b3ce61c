//! What goes wrong on purpose.

use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultBody;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::Movement;
use workos_directory_emulator::StartError;
use workos_directory_sync::Client;
use workos_directory_sync::operations;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::types;

use crate::asking::Asking;
use crate::asking::population;

async fn asking(rule: FaultRule) -> Asking {
    Asking::of(Emulator::builder().population(population()).fault(rule)).await
}

/// All bytes that come back before the connection ends, and how it ends.
async fn raw(asking: &Asking, method: &str, target: &str) -> (Vec<u8>, std::io::Result<()>) {
    let mut stream = TcpStream::connect(asking.emulator.address()).await.unwrap();
    let key = asking.emulator.api_key();
    let request = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.map(|_| ());
    (bytes, end)
}

#[tokio::test]
async fn an_error_comes_as_often_as_the_rule_says_and_for_its_operation_only() {
    let asking = Asking::new().await;
    let rule = FaultRule::new(Fault::status(503)).on(&operations::LIST_DIRECTORY_USERS);
    asking.emulator.faults().inject(rule.skip(1).times(2)).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        assert_eq!(asking.get("/directories").await.status, 200);
        statuses.push(asking.get("/directory_users").await.status);
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    assert_eq!(asking.emulator.faults().list()[0].applied, 2);
    // Tests that look at what was received see what was answered.
    let received = asking.emulator.received();
    assert_eq!(received.iter().filter(|request| request.status == 503).count(), 2);
}

#[tokio::test]
async fn an_error_looks_like_one_of_the_api_or_of_a_proxy() {
    let looks = async |body| {
        let asking = asking(FaultRule::new(Fault::error(502, body))).await;
        let answer = asking.get("/directories").await;
        assert_eq!(answer.status, 502);
        let content_type = answer
            .headers
            .get("content-type")
            .map(|value| value.to_str().unwrap().to_owned());
        (content_type, answer.headers.contains_key("x-request-id"), answer.text)
    };
    let (content_type, has_id, text) = looks(FaultBody::Json).await;
    assert!(content_type.unwrap().starts_with("application/json") && has_id);
    let error: types::ErrorBody = serde_json::from_str(&text).unwrap();
    assert_eq!(error.message, Some("Bad Gateway".to_owned().into()));
    let (content_type, has_id, text) = looks(FaultBody::Html).await;
    assert_eq!((content_type.as_deref(), has_id), (Some("text/html"), false));
    assert!(text.contains("<h1>502 Bad Gateway</h1>"));
    let text = |kind: &str, text: &str| (Some(kind.to_owned()), false, text.to_owned());
    assert_eq!(
        looks(FaultBody::Text).await,
        text("text/plain; charset=utf-8", "502 Bad Gateway\n")
    );
    assert_eq!(
        looks(FaultBody::JsonString).await,
        text("application/json; charset=utf-8", "\"Bad Gateway\"")
    );
    assert_eq!(looks(FaultBody::Empty).await, (None, false, String::new()));
}

#[tokio::test]
async fn a_rate_limit_comes_with_its_headers_or_without() {
    let with = asking(FaultRule::new(Fault::rate_limited(7))).await;
    let now = with.emulator.now().as_second();
    let answer = with.get("/directories").await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "7"));
    assert_eq!(answer.header("x-ratelimit-remaining"), "0");
    let reset: i64 = answer.header("x-ratelimit-reset").parse().unwrap();
    assert!(
        (now + 7..now + 60).contains(&reset),
        "{reset} is not seven seconds after {now}"
    );

    let without = asking(FaultRule::new(Fault::error(429, FaultBody::JsonString))).await;
    let answer = without.get("/directories").await;
    assert_eq!((answer.status, answer.text.as_str()), (429, "\"Ratelimited\""));
    for name in [
        "retry-after",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }

    let nonsense = Fault::Status {
        status: 429,
        body: FaultBody::Json,
        retry_after: Some("Wed, 21 Oct 2099 07:28:00 GMT".to_owned()),
        rate_limit_headers: false,
    };
    let dated = asking(FaultRule::new(nonsense)).await;
    let answer = dated.get("/directories").await;
    assert_eq!(answer.header("retry-after"), "Wed, 21 Oct 2099 07:28:00 GMT");
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_takes_the_time_of_a_paused_clock() {
    let late = Fault::Latency {
        milliseconds: 60_000,
        jitter_milliseconds: 5_000,
    };
    let asking = asking(FaultRule::new(late).times(1)).await;
    let started = tokio::time::Instant::now();
    assert_eq!(asking.get("/directories").await.status, 200);
    let waited = started.elapsed();
    assert!(
        (Duration::from_secs(60)..Duration::from_secs(66)).contains(&waited),
        "{waited:?}"
    );
    let started = tokio::time::Instant::now();
    asking.get("/directories").await;
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_reset_comes_before_any_byte_and_the_operation_has_happened_or_not() {
    for processed in [false, true] {
        let asking = Asking::new().await;
        let id = asking.all_ids("/directories").await.remove(0);
        let rule = FaultRule::new(Fault::Reset { processed }).on(&operations::DELETE_DIRECTORY);
        asking.emulator.faults().inject(rule.times(1)).unwrap();
        let (bytes, end) = raw(&asking, "DELETE", &format!("/directories/{id}")).await;
        assert!(bytes.is_empty());
        assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        let status = asking.get(&format!("/directories/{id}")).await.status;
        assert_eq!(status, if processed { 404 } else { 200 });
        assert_eq!(asking.get("/directories").await.status, 200);
    }
}

#[tokio::test]
async fn a_truncated_body_breaks_off_or_claims_to_be_whole() {
    let target = "/directory_users?limit=100";
    let whole = Asking::new().await.get(target).await.text.len();
    let broken = asking(FaultRule::new(Fault::TruncatedBody {
        claims_to_be_whole: false,
    }))
    .await;
    let (bytes, end) = raw(&broken, "GET", target).await;
    end.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {whole}")), "{head}");
    assert!(body.starts_with('{') && body.len() < whole, "{} of {whole}", body.len());

    let cut = asking(FaultRule::new(Fault::TruncatedBody {
        claims_to_be_whole: true,
    }))
    .await;
    let answer = cut.get(target).await;
    assert_eq!(answer.text.len(), whole / 2);
    assert!(serde_json::from_str::<Value>(&answer.text).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_comes_piece_by_piece_and_is_whole_in_the_end() {
    let slow = Fault::SlowBody {
        chunk_bytes: 1_000,
        pause_milliseconds: 2_000,
    };
    let asking = asking(FaultRule::new(slow)).await;
    let started = tokio::time::Instant::now();
    let answer = asking.get("/directory_users?limit=10").await;
    assert_eq!(answer.ids().len(), 10);
    let pauses = answer.text.len().div_ceil(1_000) - 1;
    assert!(started.elapsed() >= Duration::from_secs(2) * u32::try_from(pauses).unwrap());
}

#[tokio::test]
async fn our_client_decodes_what_is_unknown_and_does_without_what_is_optional() {
    for fault in [
        Fault::UnknownEnumValues,
        Fault::UnknownFields,
        Fault::MissingOptionalFields,
    ] {
        let emulator = Emulator::builder()
            .population(population())
            .fault(FaultRule::new(fault.clone()))
            .start()
            .await
            .unwrap();
        let client = Client::builder()
            .api_key(emulator.api_key())
            .base_url(emulator.base_url())
            .rate_limits(RateLimits::off())
            .build()
            .unwrap();
        let directory = emulator.seed_file().unwrap().directories[0].id.clone();
        let users = client
            .list_directory_users()
            .directory(&*directory)
            .limit(20)
            .stream()
            .try_collect()
            .await
            .unwrap();
        assert!(users.len() > 20);
        let user = client.get_directory_user().id(&*users[0].id).send().await.unwrap();
        match fault {
            Fault::UnknownEnumValues => assert_eq!(user.state.as_str(), "unknown_to_the_document"),
            Fault::MissingOptionalFields => {
                assert_eq!((&user.email, &user.first_name, &user.groups), (&None, &None, &None));
                assert_eq!(user.id, users[0].id);
            }
            _ => assert!(user.email.is_some()),
        }
    }
}

#[tokio::test]
async fn a_repeated_cursor_is_that_of_the_page_before() {
    let asking = asking(FaultRule::new(Fault::RepeatedCursor)).await;
    let first = asking.get("/directory_users?limit=5").await.json();
    let after = first["list_metadata"]["after"].as_str().unwrap();
    let second = asking
        .get(&format!("/directory_users?limit=5&after={after}"))
        .await
        .json();
    assert_eq!(second["list_metadata"]["after"], after);
    assert_ne!(second["data"], first["data"]);
}

/// The ids of all users in pages of ten, the newest first or last, and what happened meanwhile.
async fn traversed(change: Movement, order: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let asking = asking(FaultRule::new(Fault::Movement { change }).times(1)).await;
    let before = asking.all_ids("/directory_groups").await;
    assert_eq!(before.len(), 12, "one page, nothing has moved");
    let list = format!("/directory_groups?limit=5&order={order}");
    let (mut seen, mut target) = (Vec::new(), list.clone());
    loop {
        let page = asking.get(&target).await;
        seen.extend(page.ids());
        let page = page.json();
        let Some(after) = page["list_metadata"]["after"].as_str() else {
            break;
        };
        target = format!("{list}&after={after}");
    }
    let names = "dsync.group.created,dsync.group.deleted,dsync.group.updated";
    let events = asking.get(&format!("/events?events={names}")).await.json();
    let events = events["data"].as_array().unwrap().iter();
    let events = events
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect();
    (before, seen, events)
}

#[tokio::test]
async fn an_object_that_is_deleted_while_a_traversal_runs_was_seen_and_is_gone() {
    let (before, seen, events) = traversed(Movement::Deleted, "asc").await;
    assert_eq!(seen, before);
    assert_eq!(events, ["dsync.group.deleted"]);
}

#[tokio::test]
async fn an_object_that_is_added_while_a_traversal_runs_is_seen_only_behind_it() {
    let (mut before, seen, events) = traversed(Movement::Added, "asc").await;
    assert_eq!(seen.len(), 13);
    assert_eq!(seen[..12], before);
    assert_eq!(events, ["dsync.group.created"]);
    before.reverse();
    assert_eq!(traversed(Movement::Added, "desc").await.1, before);
}

#[tokio::test]
async fn an_object_that_moves_while_a_traversal_runs_is_seen_twice() {
    let (before, seen, events) = traversed(Movement::Repeated, "asc").await;
    assert_eq!(events, ["dsync.group.updated"]);
    assert_eq!(seen.len(), 13);
    assert_eq!((&seen[4], &seen[5]), (&before[4], &before[4]));
    let (before, seen, events) = traversed(Movement::Changed, "asc").await;
    assert_eq!((events.len(), seen), (1, before));
}

#[tokio::test]
async fn users_and_directories_move_too() {
    for (list, page) in [("/directory_users", 89), ("/directories", 1)] {
        for change in [
            Movement::Deleted,
            Movement::Added,
            Movement::Changed,
            Movement::Repeated,
        ] {
            let asking = asking(FaultRule::new(Fault::Movement { change }).times(1)).await;
            let ids = asking.all_ids(list).await;
            let group = asking.all_ids("/directory_groups").await.remove(0);
            let cursor = &ids[0];
            let answer = asking.get(&format!("{list}?order=asc&limit=100&after={cursor}")).await;
            assert_eq!(answer.status, 200);
            let is_there = asking.get(&format!("{list}/{cursor}")).await.status == 200;
            assert_eq!(is_there, change != Movement::Deleted, "{list} {change:?}");
            assert_eq!(
                answer.ids().contains(cursor),
                change == Movement::Repeated,
                "{list} {change:?}"
            );
            assert!(answer.ids().len() >= page, "{list} {change:?}");
            if list == "/directory_users" && change == Movement::Added {
                let rule = FaultRule::new(Fault::Movement { change });
                asking.emulator.faults().inject(rule).unwrap();
                let members = format!("{list}?order=asc&limit=100&group={group}");
                let before = asking.get(&members).await.ids();
                asking.get(&format!("{members}&after={}", before[0])).await;
                asking.emulator.faults().clear();
                assert_eq!(asking.get(&members).await.ids().len(), before.len() + 1);
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_rule_does_not_start_an_emulator() {
    let rule = FaultRule::new(Fault::status(200));
    let error = Emulator::builder().fault(rule).start().await.unwrap_err();
    assert!(matches!(error, StartError::FaultRule(_)), "{error}");
}
