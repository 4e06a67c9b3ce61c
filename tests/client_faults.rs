//! What the client makes of the faults that the emulator injects: the error, and exactly how many requests it costs.
//!
//! The client's own tests do this byte by byte (`crates/client/tests/http`); here a whole API is behind the fault, so that
//! what a call did, or did not do, can be looked up.

use std::time::Duration;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultBody;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::Population;
use workos_directory_sync::Backoff;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::operations;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::retry::RetryPolicy;

/// Each call's tries: the first and four more.
const TRIES: u64 = 5;

async fn emulator(fault: Fault) -> Emulator {
    let population = Population {
        users: 250,
        groups: 4,
        memberships: 10,
        ..Population::default()
    };
    let builder = Emulator::builder()
        .population(population)
        .unscoped_lists(true)
        .fault(FaultRule::new(fault));
    builder.start().await.expect("it starts")
}

/// A client that does not wait between tries.
fn client(emulator: &Emulator, timeout: Duration) -> Client {
    let retry = RetryPolicy::default().with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    let builder = Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url())
        .timeout(timeout);
    let builder = builder.retry(retry).rate_limits(RateLimits::off());
    builder.build().expect("the settings are good")
}

const PATIENT: Duration = Duration::from_secs(20);

/// The error of a list and the requests that were made for it.
async fn fault(fault: Fault, timeout: Duration) -> (Error, u64) {
    let emulator = emulator(fault).await;
    let list = client(&emulator, timeout).list_directory_groups().send().await;
    (list.expect_err("a fault"), emulator.total_requests())
}

#[tokio::test]
async fn every_status_with_every_body_is_its_error_after_the_right_number_of_requests() {
    use FaultBody::*;
    for status in [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504] {
        for body in [Json, JsonString, Text, Html, Empty] {
            let (error, requests) = fault(Fault::error(status, body), PATIENT).await;
            let passes = matches!(status, 429 | 500..);
            let expected = if passes { TRIES } else { 1 };
            assert_eq!(requests, expected, "{status} {body:?}: {error}");
            assert_eq!(error.status(), Some(status), "{body:?}: {error}");
            // What is no JSON object stands for a proxy, which knows of no request ids.
            assert_eq!(error.request_id().is_some(), body == Json, "{status} {body:?}: {error}");
        }
    }
}

#[tokio::test]
async fn connections_that_are_reset_and_bodies_that_are_cut_are_tried_again() {
    for cut in [
        Fault::Reset { processed: false },
        Fault::Reset { processed: true },
        Fault::TruncatedBody {
            claims_to_be_whole: false,
        },
    ] {
        let (error, requests) = fault(cut.clone(), PATIENT).await;
        assert!(matches!(error, Error::Network(_)), "{cut:?}: {error}");
        assert_eq!(requests, TRIES, "{cut:?}: {error}");
    }
    let whole = Fault::TruncatedBody {
        claims_to_be_whole: true,
    };
    let (error, requests) = fault(whole, PATIENT).await;
    assert!(matches!(error, Error::Decode(_)), "{error}");
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn answers_that_are_late_or_slow_are_timeouts() {
    let slow = Fault::SlowBody {
        chunk_bytes: 1,
        pause_milliseconds: 1_000,
    };
    for (late, is_counted) in [(Fault::latency(PATIENT), false), (slow, true)] {
        let (error, requests) = fault(late.clone(), Duration::from_millis(50)).await;
        assert!(matches!(error, Error::Timeout(_)), "{late:?}: {error}");
        assert_eq!(u64::from(error.attempts()), TRIES, "{late:?}: {error}");
        // The emulator counts a request when it answers it, which nobody waits for here.
        assert_eq!(requests, if is_counted { TRIES } else { 0 }, "{late:?}: {error}");
    }
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_is_done_once_and_a_sync_is_never_asked_for_twice() {
    let emulator = emulator(Fault::Reset { processed: true }).await;
    let client = client(&emulator, PATIENT);
    emulator.faults().clear();
    let id = client.list_directories().send().await.expect("a page").data[0]
        .id
        .clone();
    let lost = FaultRule::new(Fault::Reset { processed: true }).times(1);
    emulator
        .faults()
        .inject(lost.clone().on(&operations::DELETE_DIRECTORY))
        .expect("it fits");
    let answer = client.delete_directory().id(id.as_str()).send().await;
    assert_eq!(answer.expect("it is deleted").status().as_u16(), 404);
    assert_eq!(emulator.requests(&operations::DELETE_DIRECTORY), 2);

    let id = client.list_directories().send().await.expect("a page").data[0]
        .id
        .clone();
    emulator
        .faults()
        .inject(lost.on(&operations::SYNC_DIRECTORY))
        .expect("it fits");
    let error = client.sync_directory().id(id).send().await.expect_err("a fault");
    assert!(matches!(error, Error::Network(_)), "{error}");
    assert_eq!(emulator.requests(&operations::SYNC_DIRECTORY), 1);
}

#[tokio::test]
async fn a_list_that_goes_round_ends_with_an_error() {
    let emulator = emulator(Fault::RepeatedCursor).await;
    let users = client(&emulator, PATIENT).list_directory_users().stream();
    let error = users.try_collect().await.expect_err("it goes round");
    assert!(matches!(error, Error::RepeatedCursor { .. }), "{error}");
    assert_eq!(emulator.total_requests(), 2);
}

#[tokio::test]
async fn what_the_document_does_not_know_or_does_not_promise_is_read_all_the_same() {
    for odd in [
        Fault::UnknownEnumValues,
        Fault::UnknownFields,
        Fault::MissingOptionalFields,
    ] {
        let emulator = emulator(odd.clone()).await;
        let client = client(&emulator, PATIENT);
        let users = client.list_directory_users().stream().try_collect().await;
        assert_eq!(users.expect("they can be read").len(), 250, "{odd:?}");
        assert!(client.list_directories().send().await.is_ok(), "{odd:?}");
        assert!(client.list_directory_groups().send().await.is_ok(), "{odd:?}");
    }
}
