//! What logs hear of requests, and what they must not.
//!
//! A program of its own, one test after the other: whether anybody listens is known to the whole process, and tests on other
//! threads would change it meanwhile.

#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../http/server.rs"]
mod server;

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use workos_directory_sync::Backoff;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::retry::RetryPolicy;

use crate::server::Server;
use crate::server::answer;
use crate::server::page;

const KEY: &str = "sk_test_do_not_show";

/// Held by the test that listens.
static LISTENING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn client(server: &Server) -> Client {
    let retry = RetryPolicy::default().with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    let builder = Client::builder().api_key(KEY).base_url(&server.url).retry(retry);
    builder.rate_limits(RateLimits::off()).build().unwrap()
}

/// Everything that was said on this thread, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Listens until the guard is dropped.
    fn listen(level: Level) -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
            .with_writer(log.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        (log, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_span_tells_operation_status_tries_request_id_and_wait_but_no_person_and_no_key() {
    let _alone = LISTENING.lock().await;
    let hostile = r#"{"message":"jane@example.com is not directory_user_7","code":"jane@example.com"}"#;
    let script = vec![
        answer(503, "x-request-id: req_first\r\n", hostile),
        page(&["directory_group_7"], Some("directory_group_7")),
        answer(422, "x-request-id: req_last\r\n", hostile),
    ];
    let server = Server::start(script).await;
    let client = client(&server);
    let (log, guard) = Log::listen(Level::TRACE);
    let request = client.list_directory_groups().user("directory_user_7");
    let error = request.stream().try_collect().await.unwrap_err();
    assert!(matches!(error, Error::Unprocessable(_)), "{error}");
    let users = client.list_directory_users().email("jane@example.com");
    assert!(users.send().await.is_err());
    drop(guard);

    // Other crates say what they like at these levels; the key must not be in it either.
    let text = log.text();
    assert!(!text.contains(KEY), "{text}");
    let ours: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("workos_directory_sync"))
        .collect();
    let ours = ours.join("\n");
    for secret in ["jane", "directory_user_7", "directory_group_7"] {
        assert!(!ours.contains(secret), "{ours}");
    }
    for fact in [
        "operation=\"listDirectoryGroups\"",
        "url.template=\"/directory_groups\"",
        "http.request.method=\"GET\"",
        "will try again attempt=1 error.type=\"server\" http.response.status_code=503 request_id=\"req_first\" wait_ms=0",
        "workos_directory_sync: answered attempt=2 http.response.status_code=200",
        "attempts=2 http.response.status_code=200 wait_ms=",
        "http.response.status_code=422 request_id=\"req_last\"",
        "error.type=\"unprocessable\"",
        "the call failed",
    ] {
        assert!(ours.contains(fact), "no `{fact}` in\n{ours}");
    }
}

#[tokio::test]
async fn at_info_a_call_that_goes_well_is_one_span_without_events() {
    let _alone = LISTENING.lock().await;
    let server = Server::start(vec![page(&["g1"], None)]).await;
    let (log, guard) = Log::listen(Level::INFO);
    client(&server).list_directory_groups().send().await.unwrap();
    drop(guard);
    let text = log.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains(": new") && lines[1].contains(": close"), "{text}");
    assert!(lines[1].contains("http.response.status_code=200"), "{text}");
}
