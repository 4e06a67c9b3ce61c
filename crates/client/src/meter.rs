//! What a program's meters count of requests (feature `metrics`): how many, how long, how often again.
//!
//! | metric | kind | labels |
//! | --- | --- | --- |
//! | `directory_sync_requests_total` | counter | `operation`, `status` (a number, or what went wrong) |
//! | `directory_sync_retries_total` | counter | `operation` |
//! | `directory_sync_request_seconds` | histogram | `operation` |
//! | `directory_sync_wait_seconds` | histogram, time spent waiting for the rate limit | `operation` |
//!
//! Without the feature everything here is empty.

use std::time::Duration;

use crate::Error;
use crate::client::Answer;
use crate::operation::Operation;

/// Counts a try that got an answer or failed.
#[cfg(feature = "metrics")]
pub(crate) fn tried(
    operation: &'static Operation,
    attempt: u32,
    waited: Duration,
    took: Duration,
    result: &Result<Answer, Error>,
) {
    let status = match result {
        Ok(answer) => answer.status.as_u16().to_string(),
        Err(error) => error
            .status()
            .map_or_else(|| error.kind().to_owned(), |status| status.as_str().to_owned()),
    };
    metrics::counter!("directory_sync_requests_total", "operation" => operation.id, "status" => status).increment(1);
    if attempt > 1 {
        metrics::counter!("directory_sync_retries_total", "operation" => operation.id).increment(1);
    }
    metrics::histogram!("directory_sync_request_seconds", "operation" => operation.id).record(took);
    metrics::histogram!("directory_sync_wait_seconds", "operation" => operation.id).record(waited);
}

#[cfg(not(feature = "metrics"))]
pub(crate) const fn tried(_: &'static Operation, _: u32, _: Duration, _: Duration, _: &Result<Answer, Error>) {}
