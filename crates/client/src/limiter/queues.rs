//! Who goes next: a queue for each directory, one for all that belongs to none, in turns.
//!
//! A request goes when the general limit and that of its directory let it. A directory that has to wait is passed over, so
//! that a big one does not starve the rest.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::DEFAULT_WAIT;
use super::Ticket;
use super::window::Window;
use crate::rate_limit::RateLimits;
use crate::runtime::Instant;

/// How many directories are remembered before those at rest are forgotten.
const MAX_IDLE: usize = 1_024;

/// A limit that never bites.
const UNLIMITED: (u32, Duration) = (u32::MAX, Duration::from_millis(1));

#[derive(Debug)]
pub(super) struct Queues {
    /// For all requests together.
    general: Window,
    per_directory: (u32, Duration),
    queues: HashMap<String, Queue>,
    /// The queues that have somebody waiting, whose turn it is in front.
    turns: VecDeque<String>,
    in_flight: u64,
    /// With more directories than this, those at rest are forgotten.
    forget_beyond: usize,
}

/// Those who wait for the same directory; requests that belong to none have a queue without a window.
#[derive(Debug)]
struct Queue {
    window: Option<Window>,
    waiting: VecDeque<Arc<Ticket>>,
    in_flight: u64,
}

impl Queues {
    pub(super) fn new(limits: RateLimits) -> Self {
        let (requests, span) = limits.general.unwrap_or(UNLIMITED);
        Self {
            general: Window::new(requests, span),
            per_directory: limits.per_directory.unwrap_or(UNLIMITED),
            queues: HashMap::new(),
            turns: VecDeque::new(),
            in_flight: 0,
            forget_beyond: MAX_IDLE,
        }
    }

    /// Takes the last place in a directory's queue.
    pub(super) fn enqueue(&mut self, directory: &str) -> Arc<Ticket> {
        let (requests, span) = self.per_directory;
        let queue = self.queues.entry(directory.to_owned()).or_insert_with(|| Queue {
            window: (!directory.is_empty()).then(|| Window::new(requests, span)),
            waiting: VecDeque::new(),
            in_flight: 0,
        });
        let ticket = Arc::new(Ticket::default());
        if queue.waiting.is_empty() {
            self.turns.push_back(directory.to_owned());
        }
        queue.waiting.push_back(Arc::clone(&ticket));
        ticket
    }

    /// Lets through whoever may go now, in turns; gives the time at which the next one may.
    pub(super) fn dispatch(&mut self, now: Instant) -> Instant {
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
            queue.in_flight += 1;
            if let Some(first) = queue.waiting.front() {
                first.notify.notify_one();
                self.turns.push_back(directory);
            }
            let _ = ticket.granted.set(now);
            ticket.notify.notify_one();
        }
    }

    /// Takes a ticket out of its queue, or its grant back.
    pub(super) fn give_up(&mut self, directory: &str, ticket: &Arc<Ticket>) {
        let Some(queue) = self.queues.get_mut(directory) else {
            return;
        };
        if let Some(granted) = ticket.granted.get() {
            if let Some(window) = &mut queue.window {
                window.give_back(*granted);
            }
            self.general.give_back(*granted);
            self.finish(directory);
        } else {
            queue.waiting.retain(|waiting| !Arc::ptr_eq(waiting, ticket));
            match queue.waiting.front() {
                Some(first) => first.notify.notify_one(),
                None => self.turns.retain(|turn| turn != directory),
            }
        }
    }

    /// Whether a ticket is the next of its queue.
    pub(super) fn is_first(&self, directory: &str, ticket: &Arc<Ticket>) -> bool {
        let first = self.queues.get(directory).and_then(|queue| queue.waiting.front());
        first.is_some_and(|first| Arc::ptr_eq(first, ticket))
    }

    /// Notes that a request is no longer under way.
    pub(super) fn finish(&mut self, directory: &str) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(queue) = self.queues.get_mut(directory) {
            queue.in_flight = queue.in_flight.saturating_sub(1);
        }
    }

    /// How many requests are under way.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// The general limit.
    pub(super) fn general(&mut self) -> &mut Window {
        &mut self.general
    }

    /// The limit of a directory, and how many requests for it are under way; `None` for what belongs to no directory.
    pub(super) fn directory(&mut self, directory: &str) -> Option<(&mut Window, u64)> {
        let queue = self.queues.get_mut(directory)?;
        Some((queue.window.as_mut()?, queue.in_flight))
    }

    /// Forgets directories at rest, so that the map does not grow for ever.
    fn forget(&mut self, now: Instant) {
        if self.queues.len() > self.forget_beyond {
            self.queues.retain(|_, queue| {
                let is_idle = queue.window.as_ref().is_none_or(|window| window.is_idle(now));
                !is_idle || queue.in_flight > 0 || !queue.waiting.is_empty()
            });
            // Where most are busy, not every request looks at all of them.
            self.forget_beyond = MAX_IDLE.max(2 * self.queues.len());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Mutex;

    use futures_util::StreamExt as _;
    use futures_util::stream::FuturesUnordered;

    use super::super::Limiter;
    use super::*;
    use crate::operations::LIST_DIRECTORY_USERS;

    const SECOND: Duration = Duration::from_secs(1);

    async fn pass(limiter: &Limiter, directory: &str) {
        drop(limiter.acquire(&LIST_DIRECTORY_USERS, Some(directory)).await);
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
                pass(limiter, name).await;
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
    async fn directories_at_rest_are_forgotten() {
        let limiter = Limiter::new(RateLimits::off().with_per_directory(4, SECOND));
        for number in 0..3_000 {
            pass(&limiter, &format!("directory_{number}")).await;
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!(limiter.lock().queues.queues.len() <= MAX_IDLE + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_directory_with_a_request_under_way_is_not_forgotten() {
        let limiter = Limiter::new(RateLimits::off());
        let under_way = limiter.acquire(&LIST_DIRECTORY_USERS, Some("slow")).await;
        tokio::time::advance(60 * SECOND).await;
        for number in 0..3_000 {
            pass(&limiter, &format!("directory_{number}")).await;
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert_eq!(limiter.lock().queues.directory("slow").unwrap().1, 1);
        drop(under_way);
        assert_eq!(limiter.lock().queues.in_flight(), 0);
    }
}
