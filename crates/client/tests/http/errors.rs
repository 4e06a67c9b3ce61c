//! What goes wrong on the wire, and what the caller hears of it.

use std::time::Duration;

use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::retry::RetryPolicy;

use crate::KEY;
use crate::client;
use crate::server::Server;
use crate::server::answer;
use crate::server::page;

#[tokio::test]
async fn every_status_has_its_variant_whatever_the_body_and_keeps_the_request_id() {
    for body in [r#"{"message":"No."}"#, r#""Ratelimited""#, "<html>proxy</html>", ""] {
        for status in [400, 401, 403, 404, 409, 422, 429, 500, 503] {
            let server = Server::start(vec![answer(status, "x-request-id: req_1\r\n", body)]).await;
            let client = client(&server).with_retry(RetryPolicy::off());
            let error = client.list_directory_groups().send().await.unwrap_err();
            let right = match status {
                401 => matches!(error, Error::Unauthorized(_)),
                403 => matches!(error, Error::Forbidden(_)),
                404 => matches!(error, Error::NotFound(_)),
                422 => matches!(error, Error::Unprocessable(_)),
                429 => matches!(error, Error::RateLimited(_)),
                500.. => matches!(error, Error::Server(_)),
                _ => matches!(error, Error::Status(_)),
            };
            assert!(right, "{status} {body}: {error:?}");
            assert_eq!((error.status(), error.request_id()), (Some(status), Some("req_1")));
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("listDirectoryGroups: {status} ")),
                "{error}"
            );
            assert!(!error.help().is_empty());
        }
    }
}

#[tokio::test]
async fn the_help_has_the_cause_and_the_fix_of_the_reference() {
    for (status, cause, fix) in [
        (
            401,
            "Missing or invalid API key",
            "Check Authorization: Bearer sk_live_... header",
        ),
        (
            429,
            "Rate limit exceeded",
            "Implement exponential backoff starting at 1 second",
        ),
        (503, "WorkOS server error", "Retry with exponential backoff"),
    ] {
        let server = Server::start(vec![answer(status, "", "")]).await;
        let client = client(&server).with_retry(RetryPolicy::off());
        let help = client.list_directory_users().send().await.unwrap_err().help();
        assert!(help.starts_with(cause) && help.contains(fix), "{status}: {help}");
    }
}

#[tokio::test]
async fn faults_that_pass_are_not_seen() {
    let cut_off = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"data\"".to_vec();
    let script = vec![
        answer(500, "", ""),
        answer(429, "retry-after: 0\r\n", r#""Ratelimited""#),
        cut_off,
        b"nonsense\r\n\r\n".to_vec(),
        page(&["g1"], None),
    ];
    let server = Server::start(script).await;
    let groups = client(&server).list_directory_groups().send().await.unwrap();
    assert_eq!(groups.data.len(), 1);
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_a_timeout() {
    let server = Server::start(vec![b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let build = |url: &str| {
        let builder = Client::builder().api_key(KEY).base_url(url).retry(RetryPolicy::off());
        builder.timeout(Duration::from_millis(200)).build().unwrap()
    };
    let error = build(&silent).list_directories().send().await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "listDirectories: no complete answer in time after 1 attempt"
    );
    let error = build(&server.url).list_directories().send().await.unwrap_err();
    assert!(matches!(error, Error::Network(_)), "{error}");
}

#[tokio::test]
async fn a_host_that_is_not_there_is_a_network_error_without_the_address_of_the_request() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::builder()
        .api_key(KEY)
        .base_url(url)
        .retry(RetryPolicy::off())
        .build()
        .unwrap();
    let error = client
        .list_directory_users()
        .email("jane@example.com")
        .send()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Network(_)), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("listDirectoryUsers: cannot connect to the API"),
        "{error}"
    );
    // What `main` prints when it returns the error.
    let debug = format!("{error:?}");
    assert!(!debug.contains("jane") && debug.len() < 500, "{debug}");
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused_without_being_kept() {
    let server = Server::start(vec![answer(200, "x-request-id: req_3\r\n", &" ".repeat(10_000))]).await;
    let builder = Client::builder().api_key(KEY).base_url(&server.url).max_body(1_000);
    let error = builder.build().unwrap().list_directories().send().await.unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "listDirectories: the answer has more than 1000 bytes (request req_3)"
    );
    assert!(error.help().contains("`max_body`"), "{}", error.help());
    assert_eq!(
        (error.status(), error.request_id(), error.attempts()),
        (Some(200), Some("req_3"), 1)
    );
    assert_eq!(error.operation().map(|operation| operation.id), Some("listDirectories"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_error_that_is_cut_off_or_endless_keeps_its_status_and_is_not_tried_again() {
    let cut_off = |status: u16, body: &str| {
        format!("HTTP/1.1 {status} Status\r\nx-request-id: req_4\r\ncontent-length: 900000\r\n\r\n{body}").into_bytes()
    };
    for (body, message) in [
        ("", "Unauthorized"),
        ("Wrong key", "Wrong key"),
        (r#"{"message":"Wro"#, r#"{"message":"Wro"#),
    ] {
        let server = Server::start(vec![cut_off(401, body)]).await;
        let error = client(&server).list_directories().send().await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized(_)), "{error}");
        assert_eq!(
            error.to_string(),
            format!("listDirectories: 401 {message} (request req_4)")
        );
        assert_eq!(server.requests().len(), 1);
    }
    // Beyond what is read of an error, and beyond the client's own bound.
    let endless = answer(403, "x-request-id: req_5\r\n", &"x".repeat(900_000));
    let server = Server::start(vec![endless]).await;
    for bound in [1_000, 64_000_000] {
        let builder = Client::builder().api_key(KEY).base_url(&server.url).max_body(bound);
        let error = builder.build().unwrap().list_directories().send().await.unwrap_err();
        assert!(matches!(error, Error::Forbidden(_)), "{error}");
        assert_eq!((error.request_id(), error.attempts()), (Some("req_5"), 1));
    }
}

#[tokio::test]
async fn texts_of_an_error_are_one_short_line_each() {
    let long = "x".repeat(1_000);
    let fault = format!(r#"{{"code":"a\u001bb","field":"{long}","message":"c\nd{long}"}}"#);
    let faults = vec![fault; 12].join(",");
    let body = format!(r#"{{"message":"\u001b[2J{long}","code":"e\r{long}","errors":[{faults},"f\u0007{long}"]}}"#);
    let server = Server::start(vec![answer(422, &format!("x-request-id: {long}\r\n"), &body)]).await;
    let error = client(&server).list_directories().send().await.unwrap_err();
    let text = error.to_string();
    assert!(!text.chars().any(char::is_control), "{text}");
    assert!(text.contains("422  [2Jxx") && text.contains(" and 3 more"), "{text}");
    assert!(text.chars().count() < 200 * (3 + 2 * 10) + 200, "{text}");
    let error = error.api_error().unwrap();
    assert_eq!(error.errors.len(), 13);
    let code = error.code.as_deref().unwrap();
    for text in [&error.message, code] {
        assert_eq!(text.chars().count(), 200, "{text}");
    }
    for fault in &error.errors {
        let text = serde_json::to_string(fault).unwrap();
        assert!(text.len() < 700 && !text.contains("\\u00"), "{text}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_says_how_often_it_was_asked_for() {
    let server = Server::start(vec![answer(500, "", ""), answer(502, "", ""), answer(200, "", "[]")]).await;
    let error = client(&server).list_directories().send().await.unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error}");
    assert_eq!(error.attempts(), 3);
}

#[tokio::test]
async fn an_answer_that_is_no_page_says_where_it_is_wrong() {
    let body = r#"{"data":[{"id":"g1","directory_id":"d","name":"A"},{"id":"g2","name":"B"}],"list_metadata":{}}"#;
    let server = Server::start(vec![answer(200, "x-request-id: req_2\r\n", body)]).await;
    let error = client(&server).list_directory_groups().send().await.unwrap_err();
    let Error::Decode(decode) = &error else {
        panic!("{error}")
    };
    assert_eq!(decode.path, "data[1]");
    assert_eq!((error.status(), error.request_id()), (Some(200), Some("req_2")));
    assert!(error.to_string().contains("missing field `directory_id`"), "{error}");
}

#[tokio::test]
async fn error_shows_reason_of_every_shape_of_body() {
    for (content_type, body, reason) in [
        (
            "application/json",
            r#"{"errors":{"limit":["too large"]}}"#,
            "`limit` too large",
        ),
        (
            "application/json",
            r#"{"error":{"message":"no such scope"}}"#,
            "no such scope",
        ),
        (
            "application/problem+json",
            r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"limit is too large"}"#,
            "limit is too large",
        ),
        (
            "application/json",
            r#"{"errors":[{"code":"required","field":"events"}]}"#,
            "events",
        ),
        ("text/plain", "upstream is down", "upstream is down"),
    ] {
        let headers = format!("content-type: {content_type}\r\nx-request-id: req_6\r\n");
        let server = Server::start(vec![answer(400, &headers, body)]).await;
        let error = client(&server).list_directories().send().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(reason) && text.contains("req_6"), "{body}: {text}");
    }
}
