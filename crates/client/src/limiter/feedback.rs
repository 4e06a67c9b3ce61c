//! What an answer teaches: how much is left, whom a 429 is for, and how long the way there and back takes.
//!
//! A 429 may come from the general limit or from that of a directory. `X-RateLimit-Limit` tells them apart when it is the
//! number of just one of them. Without it the directory stops, which is the narrower limit of the two, and everybody goes on
//! slower, which is right for the other.

use std::time::Duration;

use reqwest::header::HeaderMap;

use super::DEFAULT_WAIT;
use super::Permit;
use super::State;
use super::queues::Queues;
use super::window::Left;
use super::window::SLACK;
use crate::operation::Method;
use crate::retry_after;
use crate::runtime;
use crate::runtime::Instant;

/// How long the way to the API and back takes at least.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    /// When the first answer came: requests before it had to connect first.
    first_answer: Option<Instant>,
    /// The shortest time from a later request to the head of its answer.
    shortest: Option<Duration>,
}

impl RoundTrip {
    fn observe(&mut self, sent: Instant, arrived: Instant) {
        match self.first_answer {
            None => self.first_answer = Some(arrived),
            Some(first) if first <= sent => {
                let took = arrived.saturating_duration_since(sent);
                self.shortest = Some(self.shortest.map_or(took, |shortest| shortest.min(took)));
            }
            Some(_) => {}
        }
    }

    /// How much before a time by the API's clock a request may leave: it takes its way too. Requests do not travel equally
    /// fast.
    fn early(&self) -> Duration {
        self.shortest.unwrap_or_default().saturating_sub(SLACK)
    }
}

/// Whose limit an answer speaks of.
#[derive(Debug, PartialEq)]
enum Limited {
    /// All requests together.
    Everybody,
    /// The request's directory.
    Directory,
    /// One of the two.
    Either,
    /// What this request asked for.
    Itself,
}

impl Permit<'_> {
    /// Learns from an answer whose head came at `arrived`.
    pub(crate) fn observe(&self, status: u16, headers: &HeaderMap, wait: Option<Duration>, arrived: Instant) {
        let mut state = self.limiter.lock();
        state.round_trip.observe(self.sent, arrived);
        let limit = retry_after::number(headers, "x-ratelimit-limit");
        let limited = self.limited(&mut state.queues, limit);
        if status == 429 {
            let until = arrived + wait.unwrap_or(DEFAULT_WAIT).min(retry_after::MAX_WAIT);
            self.turned_away(&mut state.queues, &limited, arrived, until);
            return;
        }
        if status < 400 {
            state.queues.general().succeeded();
            if let Some((window, _)) = state.queues.directory(&self.directory) {
                window.succeeded();
            }
        }
        if limit.is_some() {
            self.learn(&mut state, &limited, headers, arrived);
        }
    }

    fn limited(&self, queues: &mut Queues, limit: Option<u64>) -> Limited {
        let is = |known: u32| limit == Some(u64::from(known));
        let is_general = is(queues.general().limit());
        match queues.directory(&self.directory) {
            Some((window, _)) if limit.is_none() || is_general == is(window.limit()) => Limited::Either,
            Some((window, _)) if is(window.limit()) => Limited::Directory,
            // A directory may be synced once in five minutes: `POST` answers 429 for that too.
            None if self.operation.method == Method::Post && !is_general => Limited::Itself,
            _ => Limited::Everybody,
        }
    }

    fn turned_away(&self, queues: &mut Queues, limited: &Limited, arrived: Instant, until: Instant) {
        if matches!(limited, Limited::Directory | Limited::Either)
            && let Some((window, _)) = queues.directory(&self.directory)
        {
            window.turned_away(self.sent, arrived, until);
        }
        match limited {
            Limited::Everybody => queues.general().turned_away(self.sent, arrived, until),
            Limited::Either => queues.general().slow_down(self.sent, arrived),
            Limited::Directory | Limited::Itself => {}
        }
    }

    fn learn(&self, state: &mut State, limited: &Limited, headers: &HeaderMap, arrived: Instant) {
        let remaining = retry_after::number(headers, "x-ratelimit-remaining");
        let reset = retry_after::number(headers, "x-ratelimit-reset");
        let clock = retry_after::date(headers).unwrap_or_else(runtime::system_time);
        let (Some(remaining), Some(reset), Some(wait)) = (remaining, reset, retry_after::reset(headers, clock)) else {
            return;
        };
        // The wait counts from when the API wrote the answer, which took its way.
        let until = arrived + wait.min(retry_after::MAX_WAIT).saturating_sub(state.round_trip.early());
        // What is under way may not be counted yet; this answer's own request is.
        let left = |in_flight: u64| Left {
            requests: remaining.saturating_sub(in_flight.saturating_sub(1)),
            reset,
            until,
        };
        match (limited, state.queues.directory(&self.directory)) {
            (Limited::Directory, Some((window, in_flight))) => window.learn(left(in_flight), arrived),
            (Limited::Itself, _) => {}
            _ => {
                let left = left(state.queues.in_flight());
                state.queues.general().learn(left, arrived);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::super::Limiter;
    use super::*;
    use crate::operation::Operation;
    use crate::operations::GET_DIRECTORY;
    use crate::operations::LIST_DIRECTORY_USERS;
    use crate::operations::SYNC_DIRECTORY;
    use crate::rate_limit::RateLimits;

    const SECOND: Duration = Duration::from_secs(1);

    /// What the headers say of the limit.
    fn headers(limit: u64, remaining: u64, reset_in: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("date", HeaderValue::from_static("Sat, 01 Jan 2022 00:00:00 GMT"));
        headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(1_640_995_200 + reset_in));
        headers
    }

    async fn users(limiter: &Limiter, directory: &str) {
        drop(limiter.acquire(&LIST_DIRECTORY_USERS, Some(directory)).await);
    }

    async fn other(limiter: &Limiter) {
        drop(limiter.acquire(&GET_DIRECTORY, None).await);
    }

    async fn answered(
        limiter: &Limiter,
        operation: &'static Operation,
        directory: Option<&str>,
        status: u16,
        headers: &HeaderMap,
        wait: Option<Duration>,
    ) {
        let permit = limiter.acquire(operation, directory).await;
        permit.observe(status, headers, wait, Instant::now());
    }

    /// A request for the users of `directory_1` is turned away for 30 s.
    async fn turned_away(limiter: &Limiter, headers: &HeaderMap) {
        let wait = Some(30 * SECOND);
        answered(limiter, &LIST_DIRECTORY_USERS, Some("directory_1"), 429, headers, wait).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_slows_everyone_down_and_is_forgotten_in_time() {
        let limiter = Limiter::new(RateLimits::off().with_general(10, SECOND));
        let wait = Some(3 * SECOND);
        answered(&limiter, &GET_DIRECTORY, None, 429, &HeaderMap::new(), wait).await;
        let start = Instant::now();
        for _ in 0..6 {
            other(&limiter).await;
        }
        // Five fit into the first second of the halved pace.
        assert_eq!(start.elapsed().as_millis(), 4_030);
        for _ in 0..100 {
            answered(&limiter, &GET_DIRECTORY, None, 200, &HeaderMap::new(), None).await;
        }
        tokio::time::advance(5 * SECOND).await;
        let start = Instant::now();
        for _ in 0..11 {
            other(&limiter).await;
        }
        assert_eq!(start.elapsed().as_millis(), 1_030);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_of_a_directorys_limit_stops_that_directory_alone() {
        let limiter = Limiter::new(RateLimits::seed());
        turned_away(&limiter, &headers(4, 0, 30)).await;
        let start = Instant::now();
        for _ in 0..4 {
            users(&limiter, "directory_2").await;
        }
        for _ in 0..5 {
            other(&limiter).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        users(&limiter, "directory_1").await;
        assert_eq!(start.elapsed(), 30 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_of_the_general_limit_stops_everyone_whichever_directory_met_it() {
        let limiter = Limiter::new(RateLimits::seed());
        turned_away(&limiter, &headers(10, 0, 30)).await;
        let start = Instant::now();
        users(&limiter, "directory_2").await;
        assert_eq!(start.elapsed(), 30 * SECOND);
        // At half the pace, 5 per second, the sixth has to wait. The directory itself did nothing wrong.
        for _ in 0..4 {
            users(&limiter, "directory_1").await;
        }
        assert_eq!(start.elapsed(), 30 * SECOND);
        other(&limiter).await;
        assert_eq!(start.elapsed().as_millis(), 31_030);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_that_does_not_say_whose_limit_it_is_stops_the_directory_and_slows_everyone() {
        // As many for a directory as for all together: the number does not tell either.
        let alike = RateLimits::seed().with_per_directory(10, SECOND);
        for (limits, headers) in [(RateLimits::seed(), HeaderMap::new()), (alike, headers(10, 0, 30))] {
            let limiter = Limiter::new(limits);
            turned_away(&limiter, &headers).await;
            tokio::time::advance(2 * SECOND).await;
            let start = Instant::now();
            for _ in 0..5 {
                other(&limiter).await;
            }
            assert_eq!(start.elapsed(), Duration::ZERO);
            other(&limiter).await;
            assert_eq!(start.elapsed().as_millis(), 1_030);
            users(&limiter, "directory_1").await;
            assert_eq!(start.elapsed(), 28 * SECOND);
            // Successes bring the pace back.
            for number in 0..50 {
                let directory = format!("directory_{number}");
                let directory = Some(directory.as_str()).filter(|_| number > 1);
                answered(&limiter, &LIST_DIRECTORY_USERS, directory, 200, &HeaderMap::new(), None).await;
            }
            tokio::time::advance(2 * SECOND).await;
            let start = Instant::now();
            for _ in 0..11 {
                other(&limiter).await;
            }
            assert_eq!(start.elapsed().as_millis(), 1_030);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_cooldown_of_a_sync_stops_nobody() {
        let limiter = Limiter::new(RateLimits::seed());
        for headers in [HeaderMap::new(), headers(1, 0, 300)] {
            let wait = Some(300 * SECOND);
            answered(&limiter, &SYNC_DIRECTORY, None, 429, &headers, wait).await;
            let start = Instant::now();
            other(&limiter).await;
            users(&limiter, "directory_1").await;
            assert_eq!(start.elapsed(), Duration::ZERO);
        }
        // A sync that meets the general limit is a 429 like any other.
        let wait = Some(7 * SECOND);
        answered(&limiter, &SYNC_DIRECTORY, None, 429, &headers(10, 0, 7), wait).await;
        let start = Instant::now();
        other(&limiter).await;
        assert_eq!(start.elapsed(), 7 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_before_the_api_has_to_say_no() {
        let limiter = Limiter::new(RateLimits::off());
        answered(&limiter, &GET_DIRECTORY, None, 200, &headers(10, 2, 7), None).await;
        let start = Instant::now();
        for _ in 0..2 {
            other(&limiter).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        other(&limiter).await;
        assert_eq!(start.elapsed(), 7 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_for_one_directory_is_not_taken_from_what_another_has_left() {
        let limiter = Limiter::new(RateLimits::off().with_per_directory(4, 60 * SECOND));
        let mut under_way = Vec::new();
        for number in 2..9 {
            let directory = format!("directory_{number}");
            under_way.push(limiter.acquire(&LIST_DIRECTORY_USERS, Some(&directory)).await);
        }
        let start = Instant::now();
        let left = headers(4, 3, 60);
        answered(&limiter, &LIST_DIRECTORY_USERS, Some("directory_1"), 200, &left, None).await;
        for _ in 0..3 {
            users(&limiter, "directory_1").await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        users(&limiter, "directory_1").await;
        assert_eq!(start.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn over_a_slow_network_a_request_leaves_early_enough_to_arrive_just_after_the_reset() {
        let limiter = Limiter::new(RateLimits::off());
        answered(&limiter, &GET_DIRECTORY, None, 200, &HeaderMap::new(), None).await;
        let start = Instant::now();
        let permit = limiter.acquire(&GET_DIRECTORY, None).await;
        // The API answers 200 ms after the request left that all is used up until 1 s after that; 200 ms later the answer is
        // here. A body may take as long as it likes.
        tokio::time::advance(Duration::from_millis(400)).await;
        let arrived = Instant::now();
        tokio::time::advance(Duration::from_millis(300)).await;
        permit.observe(200, &headers(10, 0, 1), None, arrived);
        drop(permit);
        other(&limiter).await;
        // It arrives at 1230 ms, 30 ms after the reset.
        assert_eq!(start.elapsed().as_millis(), 1_030);
    }

    #[tokio::test(start_paused = true)]
    async fn neither_connecting_nor_one_slow_answer_makes_others_leave_too_early() {
        let limiter = Limiter::new(RateLimits::off());
        let start = Instant::now();
        let permit = limiter.acquire(&GET_DIRECTORY, None).await;
        tokio::time::advance(Duration::from_millis(500)).await;
        permit.observe(200, &headers(10, 0, 1), None, Instant::now());
        other(&limiter).await;
        assert_eq!(start.elapsed().as_millis(), 1_500);

        let limiter = Limiter::new(RateLimits::off());
        let start = Instant::now();
        for (took, headers) in [(10, HeaderMap::new()), (50, HeaderMap::new()), (900, headers(10, 0, 3))] {
            let permit = limiter.acquire(&GET_DIRECTORY, None).await;
            tokio::time::advance(Duration::from_millis(took)).await;
            permit.observe(200, &headers, None, Instant::now());
        }
        other(&limiter).await;
        assert_eq!(start.elapsed().as_millis(), 960 + 3_000 - 20);
    }
}
