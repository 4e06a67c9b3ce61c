//! Lets requests through so that the limits hold, in turns between directories, and learns from the answers.
//!
//! Requests wait in [`queues`], one per directory; each limit is a [`window`]; what an answer teaches is [`feedback`].
//!
//! Why not crate `governor`: its cells refill evenly, so that the whole share of a second can never go at once, and they can
//! neither be told what the API says is left nor take back the grant of a request that was given up.

mod feedback;
mod queues;
#[cfg(test)]
mod simulation;
mod window;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::Notify;

use self::feedback::RoundTrip;
use self::queues::Queues;
use crate::operation::Operation;
use crate::operation::Scope;
use crate::rate_limit::RateLimits;
use crate::runtime;
use crate::runtime::Instant;

/// The wait after a 429 that does not say how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// Lets requests through one by one.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: RateLimits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queues: Queues,
    round_trip: RoundTrip,
}

/// A request that waits.
#[derive(Debug, Default)]
struct Ticket {
    /// When it was let through.
    granted: OnceLock<Instant>,
    notify: Notify,
}

impl Limiter {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self {
            limits,
            state: Mutex::new(State {
                queues: Queues::new(limits),
                round_trip: RoundTrip::default(),
            }),
        }
    }

    pub(crate) fn limits(&self) -> RateLimits {
        self.limits
    }

    /// Waits until a request may be sent. Dropping the future gives the place in the queue to the next.
    pub(crate) async fn acquire(&self, operation: &'static Operation, directory: Option<&str>) -> Permit<'_> {
        let is_limited = operation.rate_limits.iter().any(|limit| limit.per == Scope::Directory);
        let directory = directory.filter(|_| is_limited).unwrap_or_default().to_owned();
        let place = Place {
            limiter: self,
            operation,
            ticket: self.lock().queues.enqueue(&directory),
            directory,
            is_taken: false,
        };
        loop {
            let now = Instant::now();
            let (next, is_first) = {
                let mut state = self.lock();
                let next = state.queues.dispatch(now);
                (next, state.queues.is_first(&place.directory, &place.ticket))
            };
            if place.ticket.granted.get().is_some() {
                return place.into_permit();
            }
            // Whoever gives the grant, or leaves the place in front, wakes us. The first of each queue looks at the clock too,
            // for when nobody else comes.
            let woken = place.ticket.notify.notified();
            if is_first {
                let _ = runtime::timeout(next.saturating_duration_since(now), woken).await;
            } else {
                woken.await;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a queue, given up when dropped.
struct Place<'a> {
    limiter: &'a Limiter,
    operation: &'static Operation,
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
            operation: self.operation,
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
        state.queues.give_up(&self.directory, &self.ticket);
        state.queues.dispatch(Instant::now());
    }
}

/// The right to send one request; it is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    limiter: &'a Limiter,
    operation: &'static Operation,
    /// Empty when the request counts for no directory.
    directory: String,
    sent: Instant,
}

impl Permit<'_> {
    /// The directory whose limit holds for the request, if one does.
    pub(crate) fn directory(&self) -> Option<&str> {
        (!self.directory.is_empty()).then_some(&self.directory)
    }

    /// The request is sent later than it was let through.
    pub(crate) fn sent_now(&mut self) {
        self.sent = Instant::now();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.lock();
        state.queues.finish(&self.directory);
        state.queues.dispatch(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::operations::GET_DIRECTORY;
    use crate::operations::LIST_DIRECTORY_USERS;

    const SECOND: Duration = Duration::from_secs(1);

    async fn pass(limiter: &Limiter) {
        drop(limiter.acquire(&GET_DIRECTORY, None).await);
    }

    async fn pass_users(limiter: &Limiter, directory: Option<&str>) {
        drop(limiter.acquire(&LIST_DIRECTORY_USERS, directory).await);
    }

    #[tokio::test(start_paused = true)]
    async fn ten_requests_per_second_and_four_per_directory() {
        let limiter = Limiter::new(RateLimits::seed());
        let start = Instant::now();
        for _ in 0..21 {
            pass(&limiter).await;
        }
        assert_eq!(start.elapsed().as_millis(), 2_060);
        let limiter = Limiter::new(RateLimits::live());
        let start = Instant::now();
        for _ in 0..9 {
            pass_users(&limiter, Some("directory_1")).await;
        }
        assert_eq!(start.elapsed().as_millis(), 2_060);
    }

    #[tokio::test(start_paused = true)]
    async fn users_of_no_named_directory_share_only_the_general_limit_with_everything_else() {
        let limiter = Limiter::new(RateLimits::off().with_per_directory(1, SECOND * 60));
        let start = Instant::now();
        for _ in 0..3 {
            pass_users(&limiter, None).await;
            pass(&limiter).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_given_up_costs_nobody_anything() {
        let limiter = Limiter::new(RateLimits::off().with_general(1, SECOND));
        pass(&limiter).await;
        {
            let mut waiting = Box::pin(limiter.acquire(&GET_DIRECTORY, None));
            assert!((&mut waiting).now_or_never().is_none());
            // The grant comes while nobody looks, and is dropped with the future.
            tokio::time::advance(2 * SECOND).await;
            limiter.lock().queues.dispatch(Instant::now());
        }
        let start = Instant::now();
        pass(&limiter).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(limiter.lock().queues.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_first_of_a_queue_gives_up_the_second_has_its_turn_in_time() {
        let limiter = Limiter::new(RateLimits::off().with_general(1, SECOND));
        pass(&limiter).await;
        let start = Instant::now();
        let mut first = Box::pin(limiter.acquire(&GET_DIRECTORY, None));
        let mut second = Box::pin(limiter.acquire(&GET_DIRECTORY, None));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop(first);
        // Nobody else is there to wake it.
        let second = tokio::time::timeout(60 * SECOND, second).await;
        assert!(second.is_ok());
        assert_eq!(start.elapsed().as_millis(), 1_030);
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_that_is_given_up_does_not_undo_a_later_request() {
        let limiter = Limiter::new(RateLimits::off().with_general(2, SECOND));
        let start = Instant::now();
        pass(&limiter).await;
        pass(&limiter).await;
        let mut waiting = Box::pin(limiter.acquire(&GET_DIRECTORY, None));
        assert!((&mut waiting).now_or_never().is_none());
        tokio::time::advance(2 * SECOND).await;
        limiter.lock().queues.dispatch(Instant::now());
        tokio::time::advance(SECOND / 2).await;
        pass(&limiter).await;
        drop(waiting);
        pass(&limiter).await;
        pass(&limiter).await;
        assert_eq!(start.elapsed().as_millis(), 2_500 + 1_030);
    }
}
