//! What meters count of requests. Runs with the feature `metrics` only, which is how `cargo xtask ci` runs it.

#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_util::debugging::DebugValue;
use metrics_util::debugging::DebuggingRecorder;
use workos_directory_sync::Backoff;
use workos_directory_sync::Client;
use workos_directory_sync::retry::RetryPolicy;

use crate::server::Server;
use crate::server::answer;
use crate::server::page;

#[allow(dead_code)]
#[path = "http/server.rs"]
mod server;

#[tokio::test]
async fn every_try_is_counted_by_operation_and_status() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let script = vec![answer(503, "", ""), Vec::new(), page(&["g1"], None)];
    let server = Server::start(script).await;
    let retry = RetryPolicy::default().with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    let client = Client::builder()
        .api_key("sk_test")
        .base_url(&server.url)
        .retry(retry)
        .build()
        .unwrap();
    {
        let _listening = metrics::set_default_local_recorder(&recorder);
        client
            .list_directory_groups()
            .user("directory_user_7")
            .send()
            .await
            .unwrap();
    }

    let mut counted = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let labels: Vec<String> = key.key().labels().map(|label| label.value().to_owned()).collect();
        let name = format!(
            "{} {}",
            key.key().name().trim_start_matches("directory_sync_"),
            labels.join(" ")
        );
        let count = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Histogram(values) => values.len() as u64,
            DebugValue::Gauge(_) => 0,
        };
        counted.insert(name, count);
    }
    let expected = [
        ("request_seconds listDirectoryGroups", 3),
        ("requests_total listDirectoryGroups 200", 1),
        ("requests_total listDirectoryGroups 503", 1),
        ("requests_total listDirectoryGroups network", 1),
        ("retries_total listDirectoryGroups", 2),
        ("wait_seconds listDirectoryGroups", 3),
    ];
    assert_eq!(counted, expected.map(|(name, count)| (name.to_owned(), count)).into());
}
