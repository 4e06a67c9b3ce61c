//! Traces: what an OpenTelemetry collector gets from `dsync`, built with the feature `otel`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::TcpListener;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;

/// How long a collector waits before the test says that nothing comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The status of a span that failed.
const ERROR: i32 = 2;

/// A collector on this machine: what came, and with which headers.
struct Collector {
    url: String,
    requests: Receiver<(HeaderMap, Bytes)>,
}

impl Collector {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::channel();
        let take = move |headers: HeaderMap, body: Bytes| {
            let sender = sender.clone();
            async move { sender.send((headers, body)).unwrap() }
        };
        let router = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, requests }
    }

    /// All that came until now, and at least one request: its bytes and what they say.
    fn received(&self) -> (Vec<u8>, Vec<ResourceSpans>) {
        let (_, first) = self.requests.recv_timeout(PATIENCE).expect("a request");
        let mut bytes = first.to_vec();
        let mut spans = ExportTraceServiceRequest::decode(first).unwrap().resource_spans;
        for (_, next) in self.requests.try_iter() {
            bytes.extend_from_slice(&next);
            spans.extend(ExportTraceServiceRequest::decode(next).unwrap().resource_spans);
        }
        (bytes, spans)
    }

    fn spans(&self) -> Vec<Span> {
        all(&self.received().1)
    }
}

fn all(resources: &[ResourceSpans]) -> Vec<Span> {
    let scopes = resources.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| scope.spans.clone()).collect()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

async fn small() -> Emulator {
    let population = Population {
        directories: 1,
        users: 20,
        groups: 2,
        memberships: 20,
        ..Population::default()
    };
    Emulator::builder().population(population).start().await.unwrap()
}

fn dsync(emulator: &Emulator, arguments: &[&str], collector: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsync"));
    command
        .args(arguments)
        .env("WORKOS_BASE_URL", emulator.base_url())
        .env("WORKOS_API_KEY", emulator.api_key())
        .env("DSYNC_RATE_LIMIT", "off")
        .env("DSYNC_CONFIG", "/nowhere/config.toml")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        // Nothing is sent before the end.
        .env("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        .stdin(Stdio::null());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_calls_of_a_command_are_one_trace_with_status_and_without_the_key_or_anybodys_id() {
    let (emulator, collector) = (small().await, Collector::start().await);
    let output = dsync(&emulator, &["users", "list"], &collector.url).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");

    let (bytes, resources) = collector.received();
    let resource = resources[0].resource.as_ref().unwrap();
    assert_eq!(text(&resource.attributes, "service.name").as_deref(), Some("dsync"));
    let spans = all(&resources);
    let command = spans.iter().find(|span| span.name == "dsync users list").unwrap();
    let call = spans.iter().find(|span| span.name == "listDirectoryUsers").unwrap();
    assert_eq!(call.trace_id, command.trace_id);
    assert_eq!(call.parent_span_id, command.span_id);
    let attribute = |name: &str| text(&call.attributes, name).unwrap();
    assert_eq!(attribute("http.response.status_code"), "200");
    assert_eq!(attribute("attempts"), "1");
    assert_eq!(attribute("url.template"), "/directory_users");
    assert!(!attribute("request_id").is_empty());
    assert_eq!(call.status.as_ref().map_or(0, |status| status.code), 0);

    let sent = String::from_utf8_lossy(&bytes);
    let users: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(users.len(), 20);
    let ids = users.iter().flat_map(|user| {
        let text = |field: &str| user[field].as_str().unwrap_or(emulator.api_key()).to_owned();
        ["id", "directory_id", "organization_id", "idp_id", "email"].map(text)
    });
    for secret in ids.chain([emulator.api_key().to_owned()]) {
        assert!(!sent.contains(&secret), "{secret} was sent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_fails_and_its_command_have_the_status_error() {
    let (emulator, collector) = (small().await, Collector::start().await);
    let output = dsync(&emulator, &["users", "get", "directory_user_nobody"], &collector.url)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let spans = collector.spans();
    let command = spans.iter().find(|span| span.name == "dsync users get").unwrap();
    let call = spans.iter().find(|span| span.name == "getDirectoryUser").unwrap();
    for span in [command, call] {
        assert_eq!(span.status.as_ref().unwrap().code, ERROR, "{span:?}");
    }
    assert_eq!(text(&command.attributes, "process.exit.code").as_deref(), Some("1"));
    assert_eq!(text(&call.attributes, "error.type").as_deref(), Some("not_found"));
    assert_eq!(
        text(&call.attributes, "http.response.status_code").as_deref(),
        Some("404")
    );
    assert!(!format!("{spans:?}").contains("directory_user_nobody"), "{spans:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_follow_did_is_sent_when_sigterm_ends_it() {
    use std::io::BufRead as _;
    use std::io::BufReader;

    let (emulator, collector) = (small().await, Collector::start().await);
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["follow", "--database", "sqlite:mirror.sqlite", "--output", "json"];
    let mut follow = dsync(&emulator, &arguments, &collector.url)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(follow.stdout.take().unwrap());
    while !line.contains("reconciled") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended");
    }
    assert!(collector.requests.try_recv().is_err());
    let kill = Command::new("kill").args(["-TERM", &follow.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let output = follow.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let spans = collector.spans();
    for name in ["listEvents", "listDirectories", "listDirectoryUsers"] {
        let span = spans.iter().find(|span| span.name == name).expect(name);
        // A trace that never ends is of no use: each call is one.
        assert!(span.parent_span_id.is_empty(), "{span:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_is_told_once_and_changes_no_exit_code() {
    let emulator = small().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://someone:hidden@{}", listener.local_addr().unwrap());
    drop(listener);
    let output = dsync(&emulator, &["users", "list"], &url)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hidden")
        .output()
        .unwrap();
    assert!(output.status.success());
    let stderr = stderr(&output);
    assert_eq!(stderr.matches("traces are lost").count(), 1, "{stderr}");
    assert!(!stderr.contains("hidden"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_unless_a_collector_is_named_and_wanted() {
    let (emulator, collector) = (small().await, Collector::start().await);
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ] {
        let mut command = dsync(&emulator, &["users", "list"], &collector.url);
        let output = command.env(name, value).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(collector.requests.try_recv().is_err(), "{name}={value}");
    }
    let mut command = dsync(&emulator, &["users", "list"], &collector.url);
    let output = command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("http/protobuf"), "{}", stderr(&output));
}
