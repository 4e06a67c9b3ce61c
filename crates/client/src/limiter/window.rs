//! One limit: at most so many requests in any span of time, with what the API tells of it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::runtime::Instant;

/// How much longer than documented a span is taken to be, since requests do not travel equally fast. How far apart they
/// arrive does not depend on the span, so a long one needs no more.
pub(super) const SLACK: Duration = Duration::from_millis(30);

/// The share of a short span that this may cost.
const SLACK_SHARE: f64 = 0.05;

/// The longest span: the end of a longer one may be beyond what the clock can tell.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What is left of the pace after a 429.
const SLOWDOWN: f64 = 0.5;

/// The slowest pace.
const SLOWEST: f64 = 1.0 / 16.0;

/// What each success adds to the pace until it is whole again.
const RECOVERY: f64 = 0.02;

/// A sliding window: the times of the last requests, so that no span of time ever has more than the limit.
#[derive(Debug)]
pub(super) struct Window {
    limit: u32,
    span: Duration,
    sent: VecDeque<Instant>,
    /// The share of the limit that is used, less than one for a while after a 429.
    pace: f64,
    /// When the pace was last made slower.
    slowed_at: Option<Instant>,
    blocked_until: Option<Instant>,
    left: Option<Left>,
}

/// What the API says is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) requests: u64,
    /// The API's own name of the span that this is of: its end in Unix seconds.
    pub(super) reset: u64,
    /// Until when it holds, by the clock of this machine.
    pub(super) until: Instant,
}

impl Window {
    pub(super) fn new(limit: u32, span: Duration) -> Self {
        let span = span.min(LONGEST);
        Self {
            limit: limit.max(1),
            span: span.saturating_add(SLACK.min(span.mul_f64(SLACK_SHARE))),
            sent: VecDeque::new(),
            pace: 1.0,
            slowed_at: None,
            blocked_until: None,
            left: None,
        }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// When the next request may be sent; `now` or earlier when it may be sent at once.
    pub(super) fn ready_at(&self, now: Instant) -> Instant {
        let mut ready = self.blocked_until.unwrap_or(now);
        if let Some(left) = self.left.filter(|left| left.requests == 0) {
            ready = ready.max(left.until);
        }
        let allowed = self.allowed();
        if let Some(index) = self.sent.len().checked_sub(allowed) {
            // The request that has to leave the window before another fits in.
            ready = ready.max(self.sent[index] + self.span);
        }
        ready
    }

    /// Notes that a request is sent now.
    pub(super) fn take(&mut self, now: Instant) {
        while self.sent.front().is_some_and(|sent| *sent + self.span <= now) || self.sent.len() >= self.limit as usize {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        self.left = self.left.filter(|left| left.until > now);
        if let Some(left) = &mut self.left {
            left.requests = left.requests.saturating_sub(1);
        }
    }

    /// Takes back a request that was noted at a time and not sent after all.
    pub(super) fn give_back(&mut self, noted: Instant) {
        let Some(index) = self.sent.iter().rposition(|sent| *sent == noted) else {
            return;
        };
        self.sent.remove(index);
        if let Some(left) = &mut self.left {
            left.requests = left.requests.saturating_add(1);
        }
    }

    /// Notes what the API says is left. Answers overtake each other: within a span the least counts, and one that is of
    /// an earlier span comes too late.
    pub(super) fn learn(&mut self, told: Left, now: Instant) {
        self.left = Some(match self.left.filter(|known| known.until > now) {
            Some(known) if known.reset > told.reset => known,
            Some(known) if known.reset == told.reset => Left {
                requests: known.requests.min(told.requests),
                // Each is late by as long as its answer took, and by what a `Date` of whole seconds leaves out.
                until: known.until.min(told.until),
                reset: told.reset,
            },
            _ => told,
        });
    }

    /// Notes that a request sent at a time was turned away: nothing until a time, and slower after it.
    pub(super) fn turned_away(&mut self, sent: Instant, now: Instant, until: Instant) {
        self.blocked_until = Some(self.blocked_until.map_or(until, |blocked| blocked.max(until)));
        self.slow_down(sent, now);
    }

    /// Goes on slower, since a request sent at a time was turned away. Many that were under way together count once.
    pub(super) fn slow_down(&mut self, sent: Instant, now: Instant) {
        if self.slowed_at.is_none_or(|slowed| sent > slowed) {
            self.pace = (self.pace * SLOWDOWN).max(SLOWEST);
            self.slowed_at = Some(now);
        }
    }

    /// Notes a success: a little faster again.
    pub(super) fn succeeded(&mut self) {
        self.pace = (self.pace + RECOVERY).min(1.0);
    }

    /// Whether it knows nothing that a new one would not know.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.pace >= 1.0 && self.ready_at(now) <= now && self.sent.back().is_none_or(|sent| *sent + self.span <= now)
    }

    fn allowed(&self) -> usize {
        let allowed = (f64::from(self.limit) * self.pace).floor();
        // The limit is a u32, so the product fits and is not negative.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let allowed = allowed as usize;
        allowed.max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sends as early as allowed, `count` times; gives the milliseconds of each.
    fn send(window: &mut Window, start: Instant, count: usize) -> Vec<u64> {
        let mut now = start;
        let mut times = Vec::new();
        for _ in 0..count {
            now = now.max(window.ready_at(now));
            window.take(now);
            times.push(u64::try_from((now - start).as_millis()).unwrap_or(u64::MAX));
        }
        times
    }

    proptest! {
        #[test]
        fn no_span_ever_has_more_requests_than_the_limit(
            limit in 1_u32..20,
            pauses in prop::collection::vec(0_u64..400, 1..200),
        ) {
            let start = Instant::now();
            let mut window = Window::new(limit, SECOND);
            let mut now = start;
            let mut sent = Vec::new();
            for pause in pauses {
                now = (now + Duration::from_millis(pause)).max(window.ready_at(now));
                window.take(now);
                sent.push(now);
            }
            for (index, first) in sent.iter().enumerate() {
                let within = sent[index..].iter().filter(|time| **time - *first < SECOND).count();
                prop_assert!(within <= limit as usize);
            }
        }
    }

    #[test]
    fn the_whole_limit_is_used() {
        let mut window = Window::new(4, SECOND);
        let times = send(&mut window, Instant::now(), 9);
        assert_eq!(times, [0, 0, 0, 0, 1030, 1030, 1030, 1030, 2060]);
    }

    #[test]
    fn no_limit_is_too_odd() {
        for (limit, span) in [
            (0, SECOND),
            (1, Duration::MAX),
            (u32::MAX, Duration::MAX),
            (1, Duration::ZERO),
        ] {
            let mut window = Window::new(limit, span);
            assert_eq!(send(&mut window, Instant::now(), 2)[0], 0);
        }
    }

    #[test]
    fn the_slack_costs_a_short_span_one_twentieth_and_a_long_one_thirty_milliseconds() {
        let fifth = |span| {
            let mut window = Window::new(4, span);
            send(&mut window, Instant::now(), 5)[4]
        };
        assert_eq!(fifth(Duration::from_millis(100)), 105);
        assert_eq!(fifth(60 * SECOND), 60_030);
    }

    fn left(requests: u64, reset: u64, until: Instant) -> Left {
        Left { requests, reset, until }
    }

    #[test]
    fn a_429_stops_everything_then_halves_the_pace_until_successes_restore_it() {
        let start = Instant::now();
        let mut window = Window::new(4, SECOND);
        window.turned_away(start, start, start + 5 * SECOND);
        assert_eq!(send(&mut window, start, 3), [5000, 5000, 6030]);
        for _ in 0..25 {
            window.succeeded();
        }
        assert_eq!(send(&mut window, start + 60 * SECOND, 5), [0, 0, 0, 0, 1030]);
    }

    #[test]
    fn requests_that_are_turned_away_together_halve_the_pace_once() {
        let start = Instant::now();
        let mut window = Window::new(16, SECOND);
        for number in 0..10 {
            window.turned_away(start, start + number * SECOND / 10, start + 5 * SECOND);
        }
        assert_eq!(window.allowed(), 8);
        window.turned_away(start + 6 * SECOND, start + 7 * SECOND, start + 8 * SECOND);
        assert_eq!(window.allowed(), 4);
        for number in 0..10 {
            let sent = start + (9 + number) * SECOND;
            window.slow_down(sent, sent);
        }
        assert_eq!(window.allowed(), 1);
    }

    #[test]
    fn what_the_api_says_is_left_counts_before_what_was_assumed() {
        let start = Instant::now();
        let mut window = Window::new(10, SECOND);
        window.learn(left(2, 4, start + 4 * SECOND), start);
        assert_eq!(send(&mut window, start, 4), [0, 0, 4000, 4000]);
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_give_back_what_is_used_up() {
        let start = Instant::now();
        let mut window = Window::new(10, SECOND);
        for (requests, reset) in [(1, 4), (9, 4), (8, 3)] {
            window.learn(left(requests, reset, start + Duration::from_secs(reset)), start);
        }
        assert_eq!(send(&mut window, start, 2), [0, 4000]);
        // The next span begins with what it says itself.
        let start = start + 4 * SECOND;
        window.learn(left(2, 5, start + SECOND), start);
        assert_eq!(send(&mut window, start, 3), [0, 0, 1000]);
    }

    #[test]
    fn a_reset_in_the_far_future_counts_no_longer_than_it_is_believed() {
        let start = Instant::now();
        let mut window = Window::new(10, SECOND);
        window.learn(left(0, u64::MAX, start + 60 * SECOND), start);
        assert_eq!(send(&mut window, start, 1), [60_000]);
        let start = start + 60 * SECOND;
        window.learn(left(1, 5, start + SECOND), start);
        assert_eq!(send(&mut window, start, 2), [0, 1000]);
    }
}
