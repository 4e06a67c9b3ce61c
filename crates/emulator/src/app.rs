//! What all requests share.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::profile::Profile;
use crate::rate_limits::Limiter;
use crate::rate_limits::RateLimits;
use crate::received::Received;
use crate::state::State;
use crate::ulid::Ulid;

/// A running emulator's inside.
pub(crate) struct App {
    state: RwLock<State>,
    pub(crate) profile: Profile,
    /// Whether parameters count that only the seed knows.
    pub(crate) honour_seed: bool,
    pub(crate) api_key: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limiter: Limiter,
    pub(crate) received: Received,
    pub(crate) faults: Faults,
    requests: AtomicU64,
}

impl App {
    pub(crate) fn new(
        state: State,
        profile: Profile,
        honour_seed: bool,
        api_key: String,
        clock: Arc<dyn Clock>,
        limits: RateLimits,
        faults: Faults,
    ) -> Self {
        Self {
            state: RwLock::new(state),
            profile,
            honour_seed,
            api_key,
            clock,
            limiter: Limiter::new(limits),
            received: Received::default(),
            faults,
            requests: AtomicU64::new(0),
        }
    }

    /// The state, to read from. No request waits while it holds this.
    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to change.
    pub(crate) fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name for a request that no other has.
    pub(crate) fn request_id(&self, now: jiff::Timestamp) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        Ulid::new(milliseconds, u128::from(number)).to_string()
    }
}
