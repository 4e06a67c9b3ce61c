//! The limits that a client keeps to, so that it does not run into 429s.
//!
//! One limiter is shared by all clones of a client. It has a window for all requests together and one for each directory
//! whose users are listed. Requests for different directories take turns, so that one big directory does not starve the
//! rest. It learns from `X-RateLimit-*` headers. After a 429 everyone goes on slower until successes have brought the pace back,
//! unless the headers say that one directory alone has met its limit: then that directory does.
//!
//! Several processes that use the same key share its limits. [`Gate`] is where they agree.

use std::pin::Pin;
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

    /// The limit for all requests together: how many in which span of time.
    pub const fn general(&self) -> Option<(u32, Duration)> {
        self.general
    }

    /// The limit for listing the users of a directory: how many in which span of time.
    pub const fn per_directory(&self) -> Option<(u32, Duration)> {
        self.per_directory
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

/// Lets the requests of several clients through that share a limit, such as processes with the same key. See
/// [`Client::with_gate`](crate::Client::with_gate).
pub trait Gate: Send + Sync {
    /// Waits until one request may be sent, which is sent at once then. The client's own limits have let it through already.
    ///
    /// `directory` is the directory whose limit holds for the request, if one does. Dropping the future gives the request up.
    ///
    /// # Errors
    ///
    /// Why nobody can say whether it may be sent; the call ends with [`Error::Gate`](crate::Error::Gate) then.
    fn pass<'a>(&'a self, directory: Option<&'a str>) -> Passing<'a>;
}

/// What [`Gate::pass`] returns.
pub type Passing<'a> = Pin<Box<dyn Future<Output = Result<(), GateError>> + Send + 'a>>;

/// Why a gate could not be asked.
pub type GateError = Box<dyn std::error::Error + Send + Sync>;

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
