//! Lets requests through so that the limits hold, in turns between directories.
//!
//! Requests wait in a queue per directory, those that belong to none in one of their own, and the queues take turns.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::sync::Notify;

use crate::operation::Operation;
use crate::operation::Scope;
use crate::rate_limit::RateLimits;
use crate::retry_after;
use crate::runtime;
use crate::runtime::Instant;
use crate::window::SLACK;
use crate::window::Window;

/// The wait after a 429 that does not say how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// How many directories are remembered before those at rest are forgotten.
const MAX_IDLE: usize = 1_024;

/// Lets requests through one by one.
#[derive(Debug)]
pub(crate) struct Limiter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    general: Window,
    per_directory: (u32, Duration),
    queues: HashMap<String, Queue>,
    /// The queues that have somebody waiting, whose turn it is in front.
    turns: VecDeque<String>,
    in_flight: u64,
    /// When the first answer came: requests before it had to connect first.
    first_answer: Option<Instant>,
    /// The shortest time from a later request to the head of its answer: what the way there and back takes at least.
    round_trip: Option<Duration>,
}

/// Those who wait for the same directory; requests that belong to none have a queue without a window.
#[derive(Debug)]
struct Queue {
    window: Option<Window>,
    waiting: VecDeque<Arc<Ticket>>,
}

#[derive(Debug, Default)]
struct Ticket {
    /// When it was let through.
    granted: OnceLock<Instant>,
    notify: Notify,
}

/// A limit that never bites.
const UNLIMITED: (u32, Duration) = (u32::MAX, Duration::from_millis(1));

impl Limiter {
    pub(crate) fn new(limits: RateLimits) -> Self {
        let (requests, span) = limits.general.unwrap_or(UNLIMITED);
        Self {
            state: Mutex::new(State {
                general: Window::new(requests, span),
                per_directory: limits.per_directory.unwrap_or(UNLIMITED),
                queues: HashMap::new(),
                turns: VecDeque::new(),
                in_flight: 0,
                first_answer: None,
                round_trip: None,
            }),
        }
    }

    /// Waits until a request may be sent. Dropping the future gives the place in the queue to the next.
    pub(crate) async fn acquire(&self, operation: &'static Operation, directory: Option<&str>) -> Permit<'_> {
        let is_limited = operation.rate_limits.iter().any(|limit| limit.per == Scope::Directory);
        let directory = directory.filter(|_| is_limited).unwrap_or_default().to_owned();
        let place = Place {
            limiter: self,
            ticket: self.lock().enqueue(&directory),
            directory,
            is_taken: false,
        };
        loop {
            let now = Instant::now();
            let next = self.lock().dispatch(now);
            if place.ticket.granted.get().is_some() {
                return place.into_permit();
            }
            // Whoever gives the grant also wakes us; the time is for when nobody else comes.
            let wait = next.saturating_duration_since(now);
            let _ = runtime::timeout(wait, place.ticket.notify.notified()).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enqueue(&mut self, directory: &str) -> Arc<Ticket> {
        let (requests, span) = self.per_directory;
        let queue = self.queues.entry(directory.to_owned()).or_insert_with(|| Queue {
            window: (!directory.is_empty()).then(|| Window::new(requests, span)),
            waiting: VecDeque::new(),
        });
        let ticket = Arc::new(Ticket::default());
        if queue.waiting.is_empty() {
            self.turns.push_back(directory.to_owned());
        }
        queue.waiting.push_back(Arc::clone(&ticket));
        ticket
    }

    /// Lets through whoever may go now, in turns; gives the time at which the next one may.
    fn dispatch(&mut self, now: Instant) -> Instant {
        self.forget(now);
        loop {
            let general = self.general.ready_at(now);
            if general > now {
                return general;
            }
            let mut next: Option<Instant> = None;
            let ready = self.turns.iter().position(|directory| {
                let ready_at = self.queues.get(directory).and_then(|queue| queue.window.as_ref());
                let ready_at = ready_at.map_or(now, |window| window.ready_at(now));
                next = Some(next.map_or(ready_at, |next| next.min(ready_at)));
                ready_at <= now
            });
            let Some(directory) = ready.and_then(|index| self.turns.remove(index)) else {
                // With nobody waiting there is nothing to come back for.
                return next.unwrap_or(now + DEFAULT_WAIT);
            };
            let Some(queue) = self.queues.get_mut(&directory) else {
                continue;
            };
            let Some(ticket) = queue.waiting.pop_front() else {
                continue;
            };
            self.general.take(now);
            if let Some(window) = &mut queue.window {
                window.take(now);
            }
            self.in_flight += 1;
            if !queue.waiting.is_empty() {
                self.turns.push_back(directory);
            }
            let _ = ticket.granted.set(now);
            ticket.notify.notify_one();
        }
    }

    /// Takes a ticket out of its queue, or its grant back.
    fn give_up(&mut self, directory: &str, ticket: &Arc<Ticket>) {
        let Some(queue) = self.queues.get_mut(directory) else {
            return;
        };
        if let Some(granted) = ticket.granted.get() {
            self.general.give_back(*granted);
            if let Some(window) = &mut queue.window {
                window.give_back(*granted);
            }
            self.in_flight = self.in_flight.saturating_sub(1);
        } else {
            queue.waiting.retain(|waiting| !Arc::ptr_eq(waiting, ticket));
            if queue.waiting.is_empty() {
                self.turns.retain(|turn| turn != directory);
            }
        }
    }

    /// Forgets directories at rest, so that the map does not grow for ever.
    fn forget(&mut self, now: Instant) {
        if self.queues.len() > MAX_IDLE {
            self.queues.retain(|_, queue| {
                !queue.waiting.is_empty() || queue.window.as_ref().is_some_and(|window| !window.is_idle(now))
            });
        }
    }

    fn window(&mut self, directory: &str) -> Option<&mut Window> {
        self.queues.get_mut(directory)?.window.as_mut()
    }
}

/// A place in a queue, given up when dropped.
struct Place<'a> {
    limiter: &'a Limiter,
    directory: String,
    ticket: Arc<Ticket>,
    /// The grant has become a permit, which gives it back itself.
    is_taken: bool,
}

impl<'a> Place<'a> {
    fn into_permit(mut self) -> Permit<'a> {
        self.is_taken = true;
        Permit {
            limiter: self.limiter,
            directory: std::mem::take(&mut self.directory),
            sent: Instant::now(),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_taken {
            return;
        }
        let mut state = self.limiter.lock();
        state.give_up(&self.directory, &self.ticket);
        state.dispatch(Instant::now());
    }
}

/// The right to send one request; it is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    limiter: &'a Limiter,
    directory: String,
    sent: Instant,
}

impl Permit<'_> {
    /// Learns from an answer whose head came at `arrived`.
    pub(crate) fn observe(&self, status: u16, headers: &HeaderMap, wait: Option<Duration>, arrived: Instant) {
        let mut state = self.limiter.lock();
        match state.first_answer {
            None => state.first_answer = Some(arrived),
            Some(first) if first <= self.sent => {
                let took = arrived.saturating_duration_since(self.sent);
                state.round_trip = Some(state.round_trip.map_or(took, |shortest| shortest.min(took)));
            }
            Some(_) => {}
        }
        if status == 429 {
            let until = arrived + wait.unwrap_or(DEFAULT_WAIT).min(retry_after::MAX_WAIT);
            match state.window(&self.directory) {
                Some(window) => window.turned_away(until),
                None => state.general.turned_away(until),
            }
            return;
        }
        if status < 400 {
            state.general.succeeded();
            if let Some(window) = state.window(&self.directory) {
                window.succeeded();
            }
        }
        self.learn(&mut state, headers, arrived);
    }

    fn learn(&self, state: &mut State, headers: &HeaderMap, arrived: Instant) {
        let limit = retry_after::number(headers, "x-ratelimit-limit");
        let remaining = retry_after::number(headers, "x-ratelimit-remaining");
        let clock = retry_after::date(headers).unwrap_or_else(runtime::system_time);
        let (Some(limit), Some(remaining), Some(wait)) = (limit, remaining, retry_after::reset(headers, clock)) else {
            return;
        };
        // The wait counts from when the API wrote the answer, which took its way; the next request takes its way too, so
        // that it may leave a round trip early and still arrive after the reset. Requests do not travel equally fast.
        let early = state.round_trip.unwrap_or_default().saturating_sub(SLACK);
        let resets_at = arrived + wait.min(retry_after::MAX_WAIT).saturating_sub(early);
        // This answer's own request is counted already.
        let in_flight = state.in_flight.saturating_sub(1);
        match state.window(&self.directory) {
            Some(window) if u64::from(window.limit()) == limit => window.learn(remaining, in_flight, resets_at),
            _ => state.general.learn(remaining, in_flight, resets_at),
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.dispatch(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt as _;
    use futures_util::StreamExt as _;
    use futures_util::stream::FuturesUnordered;
    use reqwest::header::HeaderValue;

    use super::*;
    use crate::operations::GET_DIRECTORY;
    use crate::operations::LIST_DIRECTORY_USERS;

    const SECOND: Duration = Duration::from_secs(1);

    async fn pass(limiter: &Limiter, directory: Option<&str>) {
        drop(limiter.acquire(&LIST_DIRECTORY_USERS, directory).await);
    }

    fn headers(limit: u64, remaining: u64, reset_in: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("date", HeaderValue::from_static("Sat, 01 Jan 2022 00:00:00 GMT"));
        headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(1_640_995_200 + reset_in));
        headers
    }

    #[tokio::test(start_paused = true)]
    async fn ten_requests_per_second_and_four_per_directory() {
        let limiter = Limiter::new(RateLimits::seed());
        let start = Instant::now();
        for _ in 0..21 {
            drop(limiter.acquire(&GET_DIRECTORY, None).await);
        }
        assert_eq!(start.elapsed().as_millis(), 2_060);
        let limiter = Limiter::new(RateLimits::live());
        let start = Instant::now();
        for _ in 0..9 {
            pass(&limiter, Some("directory_1")).await;
        }
        assert_eq!(start.elapsed().as_millis(), 2_060);
    }

    #[tokio::test(start_paused = true)]
    async fn users_of_no_named_directory_share_only_the_general_limit_with_everything_else() {
        let limiter = Limiter::new(RateLimits::off().with_per_directory(1, SECOND * 60));
        let start = Instant::now();
        for _ in 0..3 {
            pass(&limiter, None).await;
            drop(limiter.acquire(&GET_DIRECTORY, None).await);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_big_directory_does_not_starve_a_small_one() {
        let limiter = Limiter::new(
            RateLimits::off()
                .with_general(2, SECOND)
                .with_per_directory(100, SECOND),
        );
        let order = Mutex::new(Vec::new());
        let mut requests = FuturesUnordered::new();
        for name in ["big"; 20].into_iter().chain(["small"; 3]) {
            let (limiter, order) = (&limiter, &order);
            requests.push(async move {
                pass(limiter, Some(name)).await;
                order.lock().unwrap().push(name);
            });
        }
        while requests.next().await.is_some() {}
        drop(requests);
        let order = order.into_inner().unwrap();
        let last = order.iter().rposition(|name| *name == "small").unwrap();
        assert!(last < 8, "{order:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_given_up_costs_nobody_anything() {
        let limiter = Limiter::new(RateLimits::off().with_general(1, SECOND));
        pass(&limiter, None).await;
        {
            let mut waiting = Box::pin(limiter.acquire(&GET_DIRECTORY, None));
            assert!((&mut waiting).now_or_never().is_none());
            // The grant comes while nobody looks, and is dropped with the future.
            tokio::time::advance(2 * SECOND).await;
            limiter.lock().dispatch(Instant::now());
        }
        let start = Instant::now();
        pass(&limiter, None).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(limiter.lock().in_flight, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_that_is_given_up_does_not_undo_a_later_request() {
        let limiter = Limiter::new(RateLimits::off().with_general(2, SECOND));
        let start = Instant::now();
        pass(&limiter, None).await;
        pass(&limiter, None).await;
        let mut waiting = Box::pin(limiter.acquire(&GET_DIRECTORY, None));
        assert!((&mut waiting).now_or_never().is_none());
        tokio::time::advance(2 * SECOND).await;
        limiter.lock().dispatch(Instant::now());
        tokio::time::advance(SECOND / 2).await;
        pass(&limiter, None).await;
        drop(waiting);
        pass(&limiter, None).await;
        pass(&limiter, None).await;
        assert_eq!(start.elapsed().as_millis(), 2_500 + 1_030);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_slows_everyone_down_and_is_forgotten_in_time() {
        let limiter = Limiter::new(RateLimits::off().with_general(10, SECOND));
        let permit = limiter.acquire(&GET_DIRECTORY, None).await;
        permit.observe(429, &HeaderMap::new(), Some(3 * SECOND), Instant::now());
        drop(permit);
        let start = Instant::now();
        for _ in 0..6 {
            pass(&limiter, None).await;
        }
        // Five fit into the first second of the halved pace.
        assert_eq!(start.elapsed().as_millis(), 4_030);
        for _ in 0..100 {
            let permit = limiter.acquire(&GET_DIRECTORY, None).await;
            permit.observe(200, &HeaderMap::new(), None, Instant::now());
        }
        tokio::time::advance(5 * SECOND).await;
        let start = Instant::now();
        for _ in 0..11 {
            pass(&limiter, None).await;
        }
        assert_eq!(start.elapsed().as_millis(), 1_030);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_of_one_directory_does_not_stop_the_others() {
        let limiter = Limiter::new(RateLimits::live());
        let permit = limiter.acquire(&LIST_DIRECTORY_USERS, Some("directory_1")).await;
        permit.observe(429, &HeaderMap::new(), Some(30 * SECOND), Instant::now());
        drop(permit);
        let start = Instant::now();
        pass(&limiter, Some("directory_2")).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        pass(&limiter, Some("directory_1")).await;
        assert_eq!(start.elapsed(), 30 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_before_the_api_has_to_say_no() {
        let limiter = Limiter::new(RateLimits::off());
        let permit = limiter.acquire(&GET_DIRECTORY, None).await;
        permit.observe(200, &headers(10, 2, 7), None, Instant::now());
        drop(permit);
        let start = Instant::now();
        for _ in 0..2 {
            pass(&limiter, None).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        pass(&limiter, None).await;
        assert_eq!(start.elapsed(), 7 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn over_a_slow_network_a_request_leaves_early_enough_to_arrive_just_after_the_reset() {
        let limiter = Limiter::new(RateLimits::off());
        let permit = limiter.acquire(&GET_DIRECTORY, None).await;
        permit.observe(200, &HeaderMap::new(), None, Instant::now());
        let start = Instant::now();
        let permit = limiter.acquire(&GET_DIRECTORY, None).await;
        // The API answers 200 ms after the request left that all is used up until 1 s after that; 200 ms later the answer is
        // here. A body may take as long as it likes.
        tokio::time::advance(Duration::from_millis(400)).await;
        let arrived = Instant::now();
        tokio::time::advance(Duration::from_millis(300)).await;
        permit.observe(200, &headers(10, 0, 1), None, arrived);
        drop(permit);
        pass(&limiter, None).await;
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
        pass(&limiter, None).await;
        assert_eq!(start.elapsed().as_millis(), 1_500);

        let limiter = Limiter::new(RateLimits::off());
        let start = Instant::now();
        for (took, remaining) in [(10, 9), (50, 9), (900, 0)] {
            let permit = limiter.acquire(&GET_DIRECTORY, None).await;
            tokio::time::advance(Duration::from_millis(took)).await;
            permit.observe(200, &headers(10, remaining, 3), None, Instant::now());
        }
        pass(&limiter, None).await;
        assert_eq!(start.elapsed().as_millis(), 960 + 3_000 - 20);
    }

    #[tokio::test(start_paused = true)]
    async fn directories_at_rest_are_forgotten() {
        let limiter = Limiter::new(RateLimits::off().with_per_directory(4, SECOND));
        for number in 0..3_000 {
            pass(&limiter, Some(&format!("directory_{number}"))).await;
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(limiter.lock().queues.len() <= MAX_IDLE + 1);
    }
}
