//! One budget: what was drawn from it, and how much may be drawn now.
//!
//! A draw at the time T lets some requests be sent until T + v. It counts until T + v + S, where S is the span of the limit:
//! as long as any of its requests may lie less than S back. All draws that count are together never more than the limit.
//!
//! So no span S ever has more requests than the limit. Of all draws that have a request in a span from x to x + S, look at
//! the one that was made last, at T: its request was sent at T or later, so T < x + S. Every other one sent a request at x
//! or later, so it counted until x + S at least, which is after T: it was counted when the last one was made.
//!
//! What a worker drew and did not use lapses by itself, so a worker may die at any time. Nothing depends on the clocks of
//! the workers: T is the database's, and a worker measures v from before it asked.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

/// At most so many requests in any span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) requests: u32,
    pub(crate) span_ms: i64,
}

/// How finely the ends of draws are told apart, as a share of the span: so the ledger is short however many draws there are.
const GRAINS: i64 = 50;

/// For how long a draw may be used, unless the span is longer: where the database is slow, requests go on slowly.
pub(crate) const LONGEST_USE: Duration = Duration::from_secs(60);

/// What was drawn and still counts, and who wants to draw. Times are in milliseconds by the database's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ledger {
    /// Until when, by which worker, and how many.
    draws: Vec<(i64, i64, u32)>,
    /// Which worker wanted more than it got, and until when that counts.
    hungry: Vec<(i64, i64)>,
}

/// Who draws, when, and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) worker: i64,
    pub(crate) now: i64,
    pub(crate) wanted: u32,
    /// For how long what is drawn may be used.
    pub(crate) valid_ms: i64,
}

impl Limit {
    /// How finely the ends of draws are told apart.
    fn grain_ms(self) -> i64 {
        (self.span_ms / GRAINS).max(1)
    }

    /// How long a draw counts at most.
    fn longest_ms(self) -> i64 {
        let longest_use = i64::try_from(LONGEST_USE.as_millis()).unwrap_or(i64::MAX);
        let use_ms = self.span_ms.max(longest_use);
        use_ms.saturating_add(self.span_ms).saturating_add(2 * self.grain_ms())
    }
}

impl Ledger {
    /// How many requests may be drawn now: what is left, but no more than a fair part while others want more than they got.
    pub(crate) fn ask(&mut self, limit: Limit, wish: Wish) -> u32 {
        self.keep_to_the_clock(limit, wish.now);
        self.draws.retain(|(until, ..)| *until > wish.now);
        self.hungry
            .retain(|(worker, until)| *worker != wish.worker && *until > wish.now);
        let (mut used, mut own) = (0_u32, 0_u32);
        for (_, worker, drawn) in &self.draws {
            used = used.saturating_add(*drawn);
            if *worker == wish.worker {
                own = own.saturating_add(*drawn);
            }
        }
        let workers = u32::try_from(self.hungry.len()).unwrap_or(u32::MAX).saturating_add(1);
        let part = (limit.requests / workers).max(1).saturating_sub(own);
        let drawn = limit.requests.saturating_sub(used).min(part).min(wish.wanted);
        if drawn < wish.wanted {
            self.hungry.push((wish.worker, wish.now.saturating_add(limit.span_ms)));
        }
        drawn
    }

    /// What lasts longer than anything can was noted by a clock that was ahead, that of a server before this one, say. It is
    /// not waited for until this clock is there.
    fn keep_to_the_clock(&mut self, limit: Limit, now: i64) {
        let latest = now.saturating_add(limit.longest_ms());
        let draws = self.draws.iter_mut().map(|(until, ..)| until);
        for until in draws.chain(self.hungry.iter_mut().map(|(_, until)| until)) {
            *until = latest.min(*until);
        }
    }

    /// Notes what is drawn.
    pub(crate) fn draw(&mut self, limit: Limit, wish: Wish, requests: u32) {
        let grain = limit.grain_ms();
        let until = wish.now.saturating_add(wish.valid_ms).saturating_add(limit.span_ms);
        // Later rather than earlier.
        let until = until.div_euclid(grain).saturating_add(1).saturating_mul(grain);
        let same = |(known, worker, _): &&mut (i64, i64, u32)| *known == until && *worker == wish.worker;
        match self.draws.iter_mut().find(same) {
            Some((.., drawn)) => *drawn = drawn.saturating_add(requests),
            None => self.draws.push((until, wish.worker, requests)),
        }
    }

    /// How many milliseconds it takes until the first draw stops counting.
    pub(crate) fn again_in(&self, now: i64) -> u64 {
        let first = self.draws.iter().map(|(until, ..)| *until).min().unwrap_or(now);
        u64::try_from(first.saturating_sub(now)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Limit = Limit {
        requests: 10,
        span_ms: 1_000,
    };

    fn wish(worker: i64, now: i64, wanted: u32) -> Wish {
        Wish {
            worker,
            now,
            wanted,
            valid_ms: 50,
        }
    }

    fn take(ledger: &mut Ledger, limit: Limit, wish: Wish) -> u32 {
        let drawn = ledger.ask(limit, wish);
        ledger.draw(limit, wish, drawn);
        drawn
    }

    proptest! {
        /// Workers come and go, ask for any number, use any part of it at any time until it lapses, and die with the rest.
        #[test]
        fn no_span_ever_has_more_requests_than_the_limit(
            requests in 1_u32..20,
            span_ms in 1_i64..3_000,
            draws in prop::collection::vec(
                (0_i64..500, 0_i64..6, 0_u32..30, 0_i64..400, prop::collection::vec(0.0_f64..=1.0, 0..30)),
                1..80,
            ),
        ) {
            let limit = Limit { requests, span_ms };
            let (mut ledger, mut now, mut sent) = (Ledger::default(), 0, Vec::new());
            for (pause, worker, wanted, valid_ms, uses) in draws {
                now += pause;
                let wish = Wish { worker, now, wanted, valid_ms };
                let drawn = take(&mut ledger, limit, wish);
                for part in uses.into_iter().take(drawn as usize) {
                    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
                    let later = (part * valid_ms as f64) as i64;
                    sent.push(now + later);
                }
            }
            sent.sort_unstable();
            for (index, first) in sent.iter().enumerate() {
                let within = sent[index..].iter().filter(|time| **time - *first < span_ms).count();
                prop_assert!(within <= requests as usize, "{within} within {span_ms} ms from {first}");
            }
        }
    }

    #[test]
    fn one_worker_alone_uses_the_whole_limit_but_for_what_draws_may_be_used_late() {
        let (mut ledger, mut now, mut sent) = (Ledger::default(), 0, 0);
        while now < 60_000 {
            sent += take(&mut ledger, LIMIT, wish(1, now, 10));
            now += 10;
        }
        // 10 in each 1,080 ms: the span, 50 ms and a grain of up to 20 ms.
        assert!((550..=570).contains(&sent), "{sent}");
    }

    #[test]
    fn workers_who_want_all_of_it_get_as_much_as_each_other() {
        let (mut ledger, mut sent) = (Ledger::default(), [0_u32; 3]);
        for now in (0..60_000).step_by(10) {
            // The first is always the quickest.
            for (worker, sent) in sent.iter_mut().enumerate() {
                *sent += take(&mut ledger, LIMIT, wish(i64::try_from(worker).unwrap_or(0), now, 10));
            }
        }
        let total: u32 = sent.iter().sum();
        assert!(total > 480, "{sent:?}");
        assert!(sent.iter().all(|sent| *sent * 4 > total), "{sent:?}");
    }

    #[test]
    fn a_clock_that_is_put_back_by_an_hour_holds_nobody_up_for_that_long() {
        let hour = 60 * 60 * 1_000;
        let mut ledger = Ledger::default();
        assert_eq!(take(&mut ledger, LIMIT, wish(1, hour, 10)), 10);
        // What was drawn just before counts still.
        assert_eq!(ledger.ask(LIMIT, wish(2, 0, 10)), 0);
        let wait = i64::try_from(ledger.again_in(0)).unwrap_or(i64::MAX);
        assert_eq!(wait, LIMIT.longest_ms());
        assert_eq!(take(&mut ledger, LIMIT, wish(2, wait, 10)), 10);
    }

    #[test]
    fn what_a_dead_worker_drew_lapses() {
        let mut ledger = Ledger::default();
        assert_eq!(take(&mut ledger, LIMIT, wish(1, 0, 10)), 10);
        assert_eq!(take(&mut ledger, LIMIT, wish(2, 10, 10)), 0);
        let wait = ledger.again_in(10);
        assert!((1_000..=1_080).contains(&wait), "{wait}");
        let later = 10 + i64::try_from(wait).unwrap_or(0);
        assert_eq!(take(&mut ledger, LIMIT, wish(2, later, 10)), 10);
    }
}
