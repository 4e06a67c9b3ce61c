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
    assert!(!format!("{error:?}").contains("jane"), "{error:?}");
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused_without_being_kept() {
    let server = Server::start(vec![answer(200, "", &" ".repeat(10_000))]).await;
    let builder = Client::builder().api_key(KEY).base_url(&server.url).max_body(1_000);
    let error = builder.build().unwrap().list_directories().send().await.unwrap_err();
    assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
    assert_eq!(server.requests().len(), 1);
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
