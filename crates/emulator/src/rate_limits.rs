//! How many requests are let through, and what the `X-RateLimit-*` headers say.
//!
//! Requests are counted in windows that begin at whole multiples of their length: all windows of one second end at the
//! same moment, which is what `X-RateLimit-Reset` can express.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use workos_directory_sync::operation::RateLimit;
use workos_directory_sync::operation::Scope;
use workos_directory_sync::operations;

use crate::behaviour::Behaviour;

/// How many requests are let through.
///
/// The default is [`RateLimits::unlimited`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    general: Option<Limit>,
    users_per_directory: Option<Limit>,
}

/// A number of requests in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    requests: u32,
    milliseconds: i64,
}

/// What `X-RateLimit-Limit` and `X-RateLimit-Remaining` say when there is no limit: the headers are never missing, and
/// a client that adapts to them is not slowed down.
const UNLIMITED: Limit = Limit {
    requests: 1_000_000,
    milliseconds: 1_000,
};

impl RateLimits {
    /// Every request is let through. The headers promise a million requests per second, all of them left.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// The limits that the document states for a behaviour: 6,000 requests per minute and 4 per second and directory for
    /// lists of users (live), 10 per second (seed).
    pub fn of(behaviour: Behaviour) -> Self {
        let stated = |limits: &'static [RateLimit], scope: Scope| {
            let mut limits = limits.iter();
            let limit = limits.find(|limit| limit.per == scope && behaviour.covers(limit.origin))?;
            Some(Limit::new(
                limit.requests,
                Duration::from_secs(u64::from(limit.seconds)),
            ))
        };
        Self {
            general: stated(operations::RATE_LIMITS, Scope::Address),
            users_per_directory: stated(operations::LIST_DIRECTORY_USERS.rate_limits, Scope::Directory),
        }
    }

    /// Lets this many requests through in each window, for all operations together. A window has a millisecond at least.
    #[must_use]
    pub fn general(mut self, requests: u32, window: Duration) -> Self {
        self.general = Some(Limit::new(requests, window));
        self
    }

    /// Lets this many lists of users through in each window, for each directory. A window has a millisecond at least.
    #[must_use]
    pub fn users_per_directory(mut self, requests: u32, window: Duration) -> Self {
        self.users_per_directory = Some(Limit::new(requests, window));
        self
    }
}

impl Limit {
    fn new(requests: u32, window: Duration) -> Self {
        let milliseconds = i64::try_from(window.as_millis()).unwrap_or(i64::MAX).max(1);
        Self { requests, milliseconds }
    }
}

/// What is left of a limit, as the headers say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// When the window ends, in Unix seconds, rounded up.
    pub(crate) reset: i64,
    /// How long until then, in seconds, rounded up.
    pub(crate) retry_after: u64,
}

/// Counts requests against the limits.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: RateLimits,
    general: Mutex<Window>,
    directories: Mutex<HashMap<u32, Window>>,
}

#[derive(Debug, Default)]
struct Window {
    number: i64,
    used: u32,
}

impl Limiter {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self {
            limits,
            general: Mutex::default(),
            directories: Mutex::default(),
        }
    }

    /// Forgets what was counted.
    pub(crate) fn reset(&self) {
        *self.general.lock().unwrap_or_else(PoisonError::into_inner) = Window::default();
        self.directories.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Counts a request. `Err` when it is one too many.
    pub(crate) fn admit(&self, now: jiff::Timestamp) -> Result<Quota, Quota> {
        let Some(limit) = self.limits.general else {
            return Ok(limit_quota(UNLIMITED, UNLIMITED.requests, now));
        };
        let mut window = self.general.lock().unwrap_or_else(PoisonError::into_inner);
        window.take(limit, now)
    }

    /// Counts a list of a directory's users. `Err` when it is one too many.
    pub(crate) fn admit_users_of(&self, directory: u32, now: jiff::Timestamp) -> Result<(), Quota> {
        let Some(limit) = self.limits.users_per_directory else {
            return Ok(());
        };
        let mut windows = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        windows.entry(directory).or_default().take(limit, now).map(|_| ())
    }
}

impl Window {
    fn take(&mut self, limit: Limit, now: jiff::Timestamp) -> Result<Quota, Quota> {
        let number = now.as_millisecond().div_euclid(limit.milliseconds);
        if self.number != number {
            *self = Self { number, used: 0 };
        }
        let granted = self.used < limit.requests;
        if granted {
            self.used += 1;
        }
        let quota = limit_quota(limit, limit.requests - self.used, now);
        if granted { Ok(quota) } else { Err(quota) }
    }
}

fn limit_quota(limit: Limit, remaining: u32, now: jiff::Timestamp) -> Quota {
    let now = now.as_millisecond();
    let end = (now.div_euclid(limit.milliseconds) + 1).saturating_mul(limit.milliseconds);
    let wait = u64::try_from(end - now).unwrap_or_default();
    Quota {
        limit: limit.requests,
        remaining,
        reset: end.div_euclid(1_000) + i64::from(end.rem_euclid(1_000) > 0),
        retry_after: wait.div_ceil(1_000),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn at(milliseconds: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[test]
    fn the_seed_allows_ten_requests_in_a_second() {
        let limiter = Limiter::new(RateLimits::of(Behaviour::Reference));
        for used in 1..=10 {
            let quota = limiter.admit(at(5_200)).unwrap();
            assert_eq!((quota.limit, quota.remaining, quota.reset), (10, 10 - used, 6));
        }
        let refused = limiter.admit(at(5_999)).unwrap_err();
        assert_eq!((refused.remaining, refused.reset, refused.retry_after), (0, 6, 1));
        assert_eq!(limiter.admit(at(6_000)).unwrap().remaining, 9);
        assert_eq!(limiter.admit_users_of(0, at(6_000)), Ok(()));
    }

    #[test]
    fn the_live_api_allows_four_lists_of_users_per_second_and_directory() {
        let limiter = Limiter::new(RateLimits::of(Behaviour::Live));
        assert_eq!(limiter.admit(at(0)).unwrap().limit, 6_000);
        for _ in 0..4 {
            limiter.admit_users_of(7, at(100)).unwrap();
        }
        assert_eq!(limiter.admit_users_of(7, at(100)).unwrap_err().limit, 4);
        assert_eq!(limiter.admit_users_of(8, at(100)), Ok(()));
        assert_eq!(limiter.admit_users_of(7, at(1_000)), Ok(()));
    }

    #[test]
    fn without_limits_the_headers_never_run_out() {
        let limiter = Limiter::new(RateLimits::unlimited());
        for _ in 0..20 {
            assert_eq!(limiter.admit(at(1)).unwrap().remaining, UNLIMITED.requests);
        }
    }

    #[test]
    fn the_longest_window_and_the_end_of_time_do_not_overflow() {
        let limiter = Limiter::new(RateLimits::unlimited().general(1, Duration::MAX));
        assert_eq!(limiter.admit(jiff::Timestamp::MAX).unwrap().remaining, 0);
        let limiter = Limiter::new(RateLimits::unlimited().general(1, Duration::ZERO));
        assert_eq!(limiter.admit(jiff::Timestamp::MAX).unwrap().remaining, 0);
    }
}
