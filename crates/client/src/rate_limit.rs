//! The limits that a client keeps to, so that it does not run into 429s.
//!
//! One limiter is shared by all clones of a client. It has a window for all requests together and one for each directory
//! whose users are listed. Requests for different directories take turns, so that one big directory does not starve the
//! rest. It learns from `X-RateLimit-*` headers. After a 429 everyone goes on slower until successes have brought the pace back,
//! unless the headers say that one directory alone has met its limit: then that directory does.

use std::time::Duration;

use crate::operation::Origin;
use crate::operation::RateLimit;
use crate::operation::Scope;
use crate::operations;

/// The limits that a client keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    pub(crate) general: Option<(u32, Duration)>,
    pub(crate) per_directory: Option<(u32, Duration)>,
}

impl RateLimits {
    /// What the seed promises: 10 requests per second; and 4 per second and directory for directory users, as the live API.
    pub fn seed() -> Self {
        Self::documented(Origin::Seed)
    }

    /// What the live API documents: 6,000 requests per minute, and 4 per second and directory for directory users.
    pub fn live() -> Self {
        Self::documented(Origin::Live)
    }

    /// No limits: for a server that has none. Headers and 429s are still heeded.
    pub const fn off() -> Self {
        Self {
            general: None,
            per_directory: None,
        }
    }

    /// The same with another limit for all requests together.
    #[must_use]
    pub const fn with_general(mut self, requests: u32, span: Duration) -> Self {
        self.general = Some((requests, span));
        self
    }

    /// The same with another limit for listing the users of a directory.
    #[must_use]
    pub const fn with_per_directory(mut self, requests: u32, span: Duration) -> Self {
        self.per_directory = Some((requests, span));
        self
    }

    fn documented(origin: Origin) -> Self {
        let find = |limits: &[RateLimit], per: Scope, origin: Option<Origin>| {
            let limit = limits
                .iter()
                .find(|limit| limit.per == per && origin.is_none_or(|origin| limit.origin == origin));
            limit.map(|limit| (limit.requests, Duration::from_secs(u64::from(limit.seconds))))
        };
        let per_directory = operations::ALL
            .iter()
            .find_map(|operation| find(operation.rate_limits, Scope::Directory, None));
        Self {
            general: find(operations::RATE_LIMITS, Scope::Address, Some(origin)),
            per_directory,
        }
    }
}

impl Default for RateLimits {
    /// Those of the seed, which hold for the live API too.
    fn default() -> Self {
        Self::seed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_documented_limits_come_from_the_document() {
        let live = RateLimits {
            general: Some((6_000, 60 * SECOND)),
            per_directory: Some((4, SECOND)),
        };
        assert_eq!(RateLimits::live(), live);
        let seed = RateLimits {
            general: Some((10, SECOND)),
            per_directory: Some((4, SECOND)),
        };
        assert_eq!((RateLimits::seed(), RateLimits::default()), (seed, seed));
    }
}
