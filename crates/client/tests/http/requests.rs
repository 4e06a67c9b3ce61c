//! What is sent, and where the key goes.

use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::retry::RetryPolicy;
use workos_directory_sync::types::EventName;
use workos_directory_sync::types::Order;

use crate::KEY;
use crate::client;
use crate::server::Server;
use crate::server::answer;
use crate::server::page;
use crate::status_of;

const DIRECTORY: &str = r#"{"id":"directory_1","type":"okta scim v2.0","state":"linked","name":"Acme",
    "created_at":"2024-01-15T10:00:00.000Z","updated_at":"2024-01-15T10:00:00.000Z"}"#;

#[tokio::test]
async fn a_request_carries_the_key_and_no_header_of_another_api() {
    let server = Server::start(vec![answer(200, "", DIRECTORY)]).await;
    client(&server).get_directory().id("directory_1").send().await.unwrap();
    let request = server.requests().remove(0).to_ascii_lowercase();
    assert!(
        request.starts_with("get /directories/directory_1 http/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("\r\nauthorization: bearer {KEY}\r\n")),
        "{request}"
    );
    assert!(request.contains("\r\naccept: application/json\r\n"), "{request}");
    assert!(request.contains("\r\nuser-agent: workos-directory-sync/"), "{request}");
    assert!(!request.contains("api-version"), "{request}");
}

#[tokio::test]
async fn parameters_are_encoded_and_lists_repeated() {
    let server = Server::start(vec![page(&[], None)]).await;
    let client = client(&server);
    let users = client
        .list_directory_users()
        .directory("a&b=c")
        .state("on leave")
        .groups(true)
        .order(Order::Asc);
    // The answer is of groups, so that only what was sent counts here.
    let _ = users.limit(3).send().await;
    let events = vec![EventName::DsyncUserCreated, EventName::Unknown("dsync.new".to_owned())];
    let _ = client
        .list_events()
        .events(events)
        .range_start("2024-01-15 10:00:00.000")
        .send()
        .await;
    assert_eq!(
        server.targets(),
        [
            "GET /directory_users?limit=3&order=asc&directory=a%26b%3Dc&state=on+leave&groups=true",
            "GET /events?events=dsync.user.created&events=dsync.new&range_start=2024-01-15T10%3A00%3A00.000Z",
        ]
    );
}

#[tokio::test]
async fn times_of_events_are_sent_in_utc_with_milliseconds_whatever_form_they_had() {
    let server = Server::start(vec![page(&[], None)]).await;
    let client = client(&server);
    for (time, sent) in [
        ("2026-11-27T02:00:00+02:00", "2026-11-27T00%3A00%3A00.000Z"),
        ("2026-11-27 02:00:00", "2026-11-27T02%3A00%3A00.000Z"),
        ("2026-11-27T02:00:00", "2026-11-27T02%3A00%3A00.000Z"),
        ("2026-11-27", "2026-11-27T00%3A00%3A00.000Z"),
        ("2026-11-27T00:00:00.0001Z", "2026-11-27T00%3A00%3A00.0001Z"),
    ] {
        let events = client.list_events().events(vec![EventName::DsyncDeleted]);
        events.range_start(time).range_end(time).send().await.unwrap();
        let target = format!("GET /events?events=dsync.deleted&range_start={sent}&range_end={sent}");
        assert_eq!(server.targets().last(), Some(&target), "{time}");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_it_is_sent() {
    let server = Server::start(vec![answer(200, "", DIRECTORY)]).await;
    let client = client(&server);
    let errors = [
        client.get_directory().send().await.unwrap_err(),
        client.get_directory().id("..").send().await.unwrap_err(),
        client.list_directories().order("sideways").send().await.unwrap_err(),
        client.list_directories().limit(-1).send().await.unwrap_err(),
        client.list_events().send().await.unwrap_err(),
    ];
    let texts = errors.each_ref().map(ToString::to_string);
    assert_eq!(
        texts,
        [
            "getDirectory: `id` is required",
            "getDirectory: `id` is `..`, which is no id",
            "listDirectories: `order`: `sideways` is none of asc, desc, normal",
            "listDirectories: `limit`: out of range integral type conversion attempted",
            "listEvents: `events` is required",
        ]
    );
    assert!(
        errors
            .iter()
            .all(|error| matches!(error, Error::InvalidRequest { .. }) && error.attempts() == 0)
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_within_the_origin_is_followed_with_the_key() {
    let moved = answer(307, "location: /moved\r\n", "");
    let server = Server::start(vec![moved, answer(200, "", DIRECTORY)]).await;
    client(&server).get_directory().id("directory_1").send().await.unwrap();
    assert_eq!(server.targets()[1], "GET /moved");
    assert!(server.requests()[1].contains(KEY));
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_an_error_and_does_not_get_the_key() {
    let thief = Server::start(vec![answer(200, "", DIRECTORY)]).await;
    let moved = answer(302, &format!("location: {}/\r\nx-request-id: req_9\r\n", thief.url), "");
    let server = Server::start(vec![moved]).await;
    let error = client(&server)
        .get_directory()
        .id("directory_1")
        .send()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Status(_)), "{error}");
    assert_eq!((status_of(&error), error.request_id()), (Some(302), Some("req_9")));
    assert!(thief.requests().is_empty());
}

#[tokio::test]
async fn a_deletion_takes_every_success_with_or_without_a_body() {
    for (status, body) in [(200, "{}"), (202, "not json"), (202, ""), (204, "")] {
        let server = Server::start(vec![answer(status, "", body)]).await;
        let answer = client(&server)
            .delete_directory()
            .id("directory_1")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
}

#[tokio::test]
async fn a_deletion_that_was_taken_on_stays_so_whatever_happens_to_the_body() {
    let head = "HTTP/1.1 202 Accepted\r\n";
    for rest in [
        "content-length: 500\r\n\r\n{",
        "transfer-encoding: chunked\r\n\r\nnonsense",
        "transfer-encoding: chunked\r\n\r\n",
    ] {
        let server = Server::start(vec![format!("{head}{rest}").into_bytes(), answer(500, "", "")]).await;
        let answer = client(&server).delete_directory().id("directory_1").send().await;
        assert_eq!(answer.unwrap().status().as_u16(), 202, "{rest}");
        assert_eq!(server.requests().len(), 1, "{rest}");
    }
    let huge = answer(200, "", &"x".repeat(1_000_000));
    let server = Server::start(vec![huge]).await;
    let builder = Client::builder().api_key(KEY).base_url(&server.url).max_body(10);
    let client = builder.build().unwrap();
    assert!(client.delete_directory().id("directory_1").send().await.is_ok());
}

#[tokio::test]
async fn a_redirected_deletion_or_sync_is_an_error_and_not_a_page_read_by_accident() {
    for status in [301, 302, 303, 307, 308] {
        let moved = answer(status, "location: /moved\r\nx-request-id: req_6\r\n", "");
        let server = Server::start(vec![moved, answer(200, "", r#"{"status":"queued"}"#)]).await;
        let client = client(&server);
        let error = client.delete_directory().id("directory_1").send().await.unwrap_err();
        assert!(matches!(error, Error::Status(_)), "{error}");
        assert_eq!((status_of(&error), error.request_id()), (Some(status), Some("req_6")));
        assert_eq!(server.targets(), ["DELETE /directories/directory_1"]);
    }
    let server = Server::start(vec![answer(302, "location: /moved\r\n", "")]).await;
    let sync = client(&server).sync_directory().id("directory_1").send().await;
    assert_eq!(status_of(&sync.unwrap_err()), Some(302));
    assert_eq!(server.targets(), ["POST /directories/directory_1/sync"]);
}

#[tokio::test]
async fn a_sync_is_queued_or_refused_and_never_repeated() {
    let server = Server::start(vec![answer(202, "", r#"{"status":"queued"}"#)]).await;
    let sync = client(&server).sync_directory().id("directory_1").send().await.unwrap();
    assert_eq!(sync.status.as_str(), "queued");
    let busy = r#"{"code":"cooldown","message":"Wait.","retry_after_seconds":300}"#;
    let server = Server::start(vec![answer(429, "", busy)]).await;
    let error = client(&server)
        .sync_directory()
        .id("directory_1")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.retry_after().map(|wait| wait.as_secs()), Some(300));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_the_document_does_not_know_is_reported_once_to_who_asked_for_it() {
    let body = DIRECTORY.replacen("{", r#"{"region":"eu","#, 1);
    let server = Server::start(vec![answer(200, "", &body)]).await;
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let ears = std::sync::Arc::clone(&heard);
    let builder = Client::builder().api_key(KEY).base_url(&server.url);
    let client = builder
        .on_drift(move |drift| ears.lock().unwrap().push(drift.to_string()))
        .build()
        .unwrap();
    for _ in 0..2 {
        client.get_directory().id("directory_1").send().await.unwrap();
    }
    let expected = "getDirectory: `Directory` has a field `region` that the document does not know";
    assert_eq!(*heard.lock().unwrap(), [expected]);
}

#[test]
fn settings_that_cannot_be_are_refused_in_one_line() {
    let refuse = |builder: workos_directory_sync::ClientBuilder| builder.build().unwrap_err().to_string();
    assert!(refuse(Client::builder()).contains("set WORKOS_API_KEY"));
    assert_eq!(
        refuse(Client::builder().api_key("sk_live_secret\n")),
        "the API key has blanks or line breaks: copy it again from the WorkOS Dashboard"
    );
    let error = refuse(Client::builder().api_key(KEY).base_url("http://api.workos.com"));
    assert!(error.contains("would send the key unencrypted"), "{error}");
    assert!(refuse(Client::builder().api_key(KEY).user_agent("a\nb")).contains("user agent"));
}

#[test]
fn debug_output_has_no_key() {
    let builder = Client::builder().api_key(KEY).retry(RetryPolicy::off());
    let client = builder.clone().build().unwrap();
    let debug = format!("{builder:?} {client:?} {:?}", client.list_directories().search("x"));
    assert!(!debug.contains(KEY), "{debug}");
    assert!(debug.contains("https://api.workos.com"), "{debug}");
}

#[test]
fn errors_are_small_and_can_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Error>();
    crosses::<Client>();
    assert!(size_of::<Error>() <= 72, "{}", size_of::<Error>());
}
