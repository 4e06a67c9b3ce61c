//! Every fault with every kind of operation: which error the caller gets, and exactly how many requests were made.

use std::time::Duration;

use workos_directory_sync::Backoff;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::retry::RetryPolicy;

use crate::KEY;
use crate::server::Server;
use crate::server::answer;
use crate::status_of;

const BODIES: [&str; 7] = [
    r#"{"message":"No."}"#,
    r#"{"message":"No.","code":"no","errors":[{"code":"a","field":"b"},"c"]}"#,
    r#"{"error":"no","error_description":"Why not."}"#,
    r#""Ratelimited""#,
    "<html><title>Bad Gateway</title></html>",
    "no",
    "",
];

/// The kinds of operations, as retries see them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Get,
    Delete,
    Post,
}

const CALLS: [Call; 3] = [Call::Get, Call::Delete, Call::Post];

impl Call {
    async fn send(self, client: &Client) -> Error {
        match self {
            Self::Get => client.get_directory().id("directory_1").send().await.unwrap_err(),
            Self::Delete => client.delete_directory().id("directory_1").send().await.unwrap_err(),
            Self::Post => client.sync_directory().id("directory_1").send().await.unwrap_err(),
        }
    }

    /// The tries of a fault that can pass.
    fn tries(self) -> usize {
        if self == Self::Post { 1 } else { 5 }
    }
}

fn client(url: &str, timeout: Duration) -> Client {
    let retry = RetryPolicy::default()
        .with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO))
        .with_deadline(Duration::from_secs(20));
    let builder = Client::builder()
        .api_key(KEY)
        .base_url(url)
        .timeout(timeout)
        .retry(retry);
    builder.rate_limits(RateLimits::off()).build().unwrap()
}

async fn fault(call: Call, bytes: Vec<u8>) -> (Error, usize) {
    let server = Server::start(vec![bytes]).await;
    let error = call.send(&client(&server.url, Duration::from_secs(10))).await;
    (error, server.requests().len())
}

#[tokio::test]
async fn every_status_and_body_makes_the_right_error_after_the_right_number_of_requests() {
    for status in [
        400, 401, 403, 404, 408, 409, 410, 418, 422, 429, 451, 500, 501, 502, 503, 504, 599,
    ] {
        for body in BODIES {
            for call in CALLS {
                let (error, requests) = fault(call, answer(status, "retry-after: 0\r\n", body)).await;
                let passes = matches!(status, 429 | 500 | 502 | 503 | 504);
                let expected = if passes { call.tries() } else { 1 };
                assert_eq!(requests, expected, "{call:?} {status} {body}: {error}");
                assert_eq!(error.attempts() as usize, expected, "{call:?} {status} {body}: {error}");
                assert_eq!(status_of(&error), Some(status), "{call:?} {status} {body}: {error}");
                assert!(!error.to_string().contains(KEY));
            }
        }
    }
}

#[tokio::test]
async fn broken_connections_are_network_errors_and_tried_again() {
    let broken: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
    ];
    for bytes in broken {
        for call in CALLS {
            let (error, requests) = fault(call, bytes.to_vec()).await;
            assert!(matches!(error, Error::Network(_)), "{call:?} {bytes:?}: {error}");
            assert_eq!(requests, call.tries(), "{call:?} {bytes:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_model_that_is_cut_off_is_tried_again_and_one_that_is_wrong_is_not() {
    let cut_off = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"id\":\"dir".to_vec();
    let (error, requests) = fault(Call::Get, cut_off).await;
    assert!(matches!(error, Error::Network(_)), "{error}");
    assert_eq!(requests, 5);
    for body in ["", "{}", "[]", "null", "\"queued\"", "<html>"] {
        let (error, requests) = fault(Call::Get, answer(200, "", body)).await;
        assert!(matches!(error, Error::Decode(_)), "{body}: {error}");
        assert_eq!((status_of(&error), requests), (Some(200), 1), "{body}");
    }
}

#[tokio::test]
async fn a_server_that_is_silent_or_slow_is_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    for call in CALLS {
        let error = call.send(&client(&url, Duration::from_millis(30))).await;
        assert!(matches!(error, Error::Timeout(_)), "{call:?}: {error}");
        assert_eq!(error.attempts() as usize, call.tries(), "{call:?}: {error}");
    }
}

#[tokio::test]
async fn a_wait_that_ends_after_the_deadline_is_not_begun() {
    for headers in [
        "retry-after: 999999999\r\n",
        "retry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\n",
        "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 99999999999\r\n",
    ] {
        let (error, requests) = fault(Call::Get, answer(429, headers, "")).await;
        assert!(matches!(error, Error::RateLimited(_)), "{headers}: {error}");
        assert_eq!(requests, 1, "{headers}");
        assert!(error.retry_after().unwrap() > Duration::from_secs(60), "{headers}");
    }
}

#[tokio::test]
async fn headers_that_lie_about_nothing_that_matters_are_ignored() {
    for headers in [
        "retry-after: soon\r\n",
        "retry-after: -1\r\n",
        "retry-after: NaN\r\n",
        "x-ratelimit-reset: yesterday\r\n",
        "date: never\r\nretry-after: 0\r\n",
        "x-request-id: \u{e9}\r\n",
    ] {
        let (error, requests) = fault(Call::Get, answer(503, headers, "")).await;
        assert!(matches!(error, Error::Server(_)), "{headers}: {error}");
        assert_eq!(requests, 5, "{headers}");
    }
}

#[tokio::test]
async fn clones_and_other_policies_share_one_budget_for_retries() {
    let server = Server::start(vec![answer(503, "", "")]).await;
    let client = client(&server.url, Duration::from_secs(10));
    for _ in 0..25 {
        assert_eq!(Call::Get.send(&client.clone()).await.attempts(), 5);
    }
    // A hundred retries have emptied it, for everybody.
    let other = client.with_retry(RetryPolicy::default().with_max_retries(9));
    assert_eq!(Call::Get.send(&other).await.attempts(), 1);
    assert_eq!(server.requests().len(), 126);
}
