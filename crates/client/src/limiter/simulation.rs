//! The limiter against a server that enforces limits, over a network that delays, without waiting for real time.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use proptest::prelude::*;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;

use super::Limiter;
use crate::operations::LIST_DIRECTORY_USERS;
use crate::rate_limit::RateLimits;
use crate::retry_after;
use crate::runtime::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// The calendar when a simulation begins.
const EPOCH: u64 = 1_640_995_200;

/// How a server counts.
#[derive(Clone, Copy, Debug)]
enum Counting {
    /// In whole seconds of the calendar.
    BySecond,
    /// In the second before each request.
    Sliding,
}

/// A server that lets so many requests per second through, for all together and for each directory.
struct Server {
    counting: Counting,
    start: Instant,
    general: u32,
    per_directory: u32,
    /// What was let through of each, by directory; `None` is all together.
    passed: HashMap<Option<u32>, Vec<Duration>>,
}

impl Server {
    /// The status and headers for a request that arrives now.
    fn answer(&mut self, directory: u32) -> (u16, HeaderMap) {
        let now = self.start.elapsed();
        let counting = self.counting;
        let left = |passed: Option<&Vec<Duration>>, limit: u32| {
            let counts = |time: &&Duration| match counting {
                Counting::BySecond => time.as_secs() == now.as_secs(),
                Counting::Sliding => now - **time < SECOND,
            };
            let used = passed.map_or(0, |passed| passed.iter().rev().take_while(counts).count());
            limit.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
        };
        let general = left(self.passed.get(&None), self.general);
        let own = left(self.passed.get(&Some(directory)), self.per_directory);
        let (status, limit, remaining) = match (general, own) {
            (0, _) => (429, self.general, 0),
            (_, 0) => (429, self.per_directory, 0),
            (general, _) => {
                for key in [None, Some(directory)] {
                    self.passed.entry(key).or_default().push(now);
                }
                (200, self.general, general - 1)
            }
        };
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(EPOCH + now.as_secs()));
        let mut headers = HeaderMap::new();
        headers.insert(
            "date",
            HeaderValue::try_from(date).unwrap_or(HeaderValue::from_static("")),
        );
        headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(EPOCH + now.as_secs() + 1));
        (status, headers)
    }
}

/// What became of a simulation.
#[derive(Debug)]
struct Outcome {
    refused: u32,
    took: Duration,
    /// The longest way there and back.
    round_trip: Duration,
}

impl Outcome {
    /// The share of the limit that was used after the first second's share, which may go at once. The way of the last
    /// request is not the limiter's time, and a run may end up to a second late: when requests for one second of the server
    /// arrive in two of them, the last ones wait for the next.
    fn used(&self, requests: usize, per_second: u32) -> f64 {
        let took = self.took.saturating_sub(self.round_trip + SECOND).as_secs_f64();
        (requests as f64 / f64::from(per_second) - 1.0) / took
    }
}

/// As many requests as there are delays, at once, to so many directories in turn. A delay is what the way there takes in
/// milliseconds, and the way back.
async fn simulate(limits: RateLimits, mut server: Server, directories: u32, delays: &[(u64, u64)]) -> Outcome {
    let limiter = Limiter::new(limits);
    server.start = Instant::now() - Duration::from_millis(delays[0].0 * 37);
    let (start, server, refused) = (Instant::now(), RefCell::new(server), RefCell::new(0));
    let mut requests = FuturesUnordered::new();
    for (number, (there, back)) in (0_u32..).zip(delays) {
        let (limiter, server, refused) = (&limiter, &server, &refused);
        requests.push(async move {
            let directory = number % directories;
            loop {
                let permit = limiter
                    .acquire(&LIST_DIRECTORY_USERS, Some(&directory.to_string()))
                    .await;
                tokio::time::sleep(Duration::from_millis(*there)).await;
                let (status, headers) = server.borrow_mut().answer(directory);
                tokio::time::sleep(Duration::from_millis(*back)).await;
                let wait = retry_after::wait(&headers, UNIX_EPOCH);
                permit.observe(status, &headers, wait, Instant::now());
                if status == 200 {
                    return;
                }
                *refused.borrow_mut() += 1;
            }
        });
    }
    while requests.next().await.is_some() {}
    drop(requests);
    Outcome {
        refused: refused.into_inner(),
        took: start.elapsed(),
        round_trip: Duration::from_millis(
            delays
                .iter()
                .map(|(there, back)| there + back)
                .max()
                .unwrap_or_default(),
        ),
    }
}

fn run(limits: RateLimits, counting: Counting, limit: (u32, u32), directories: u32, delays: &[(u64, u64)]) -> Outcome {
    let server = Server {
        counting,
        start: Instant::now(),
        general: limit.0,
        per_directory: limit.1,
        passed: HashMap::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(simulate(limits, server, directories, delays))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_request_is_turned_away_and_the_limit_is_used(
        by_second in any::<bool>(),
        base in 0_u64..150,
        jitters in prop::collection::vec((0_u64..25, 0_u64..25), 300),
    ) {
        let counting = if by_second { Counting::BySecond } else { Counting::Sliding };
        let delays: Vec<_> = jitters.iter().map(|(there, back)| (base + there, base + back)).collect();
        let general = run(RateLimits::seed(), counting, (10, 4), 20, &delays);
        prop_assert_eq!(general.refused, 0);
        prop_assert!(general.used(300, 10) >= 0.95, "{:?}", general);

        let per_directory = RateLimits::off().with_per_directory(4, SECOND);
        let per_directory = run(per_directory, counting, (u32::MAX, 4), 5, &delays);
        prop_assert_eq!(per_directory.refused, 0);
        prop_assert!(per_directory.used(300, 20) >= 0.95, "{:?}", per_directory);
    }

    #[test]
    fn whoever_expects_too_much_is_turned_away_now_and_then_and_gets_everything_in_time(
        by_second in any::<bool>(),
        delays in prop::collection::vec((0_u64..200, 0_u64..200), 200),
    ) {
        let counting = if by_second { Counting::BySecond } else { Counting::Sliding };
        let outcome = run(RateLimits::live(), counting, (10, 4), 5, &delays);
        prop_assert!(outcome.refused < 40 && outcome.took < 60 * SECOND, "{:?}", outcome);
    }
}
