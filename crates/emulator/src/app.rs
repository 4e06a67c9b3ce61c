//! What all requests share.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use workos_directory_sync::operation::Operation;

use crate::beginning::Beginning;
use crate::behaviour::Behaviour;
use crate::behaviour::ReferenceParameters;
use crate::churning::Churning;
use crate::clock::Hands;
use crate::faults::Faults;
use crate::rate_limits::Limiter;
use crate::rate_limits::RateLimits;
use crate::received::Received;
use crate::received::ReceivedRequest;
use crate::state::State;
use crate::ulid::Ulid;
use crate::webhooks::Dispatcher;

/// How an emulator behaves.
pub(crate) struct Settings {
    pub(crate) behaviour: Behaviour,
    pub(crate) reference_parameters: ReferenceParameters,
    /// Whether lists of users and groups have to name a directory, a group or a user.
    pub(crate) needs_scope: bool,
    /// Whether answers have the `X-RateLimit-*` headers.
    pub(crate) shows_rate_limits: bool,
    /// Whether bodies are compressed for who asks for it.
    pub(crate) gzip: bool,
    /// The host names that are answered besides those of this machine, in lower case.
    pub(crate) hosts: Vec<String>,
    pub(crate) on_request: Option<OnRequest>,
    pub(crate) api_key: String,
    /// The key that is known and may do nothing.
    pub(crate) forbidden_api_key: String,
    /// How long a sync of a directory runs.
    pub(crate) sync_duration: Duration,
    /// The statuses that operations answer a success with, where they are not the usual ones.
    pub(crate) success_statuses: BTreeMap<&'static str, StatusCode>,
    pub(crate) clock: Hands,
    /// Whether the admin API takes values of enums that the document does not know.
    pub(crate) lenient: bool,
    /// Whether the admin API answers other machines.
    pub(crate) allow_remote_admin: bool,
}

/// What is called with every request that was answered.
pub(crate) type OnRequest = Arc<dyn Fn(&ReceivedRequest) + Send + Sync>;

/// A running emulator's inside.
pub(crate) struct App {
    state: RwLock<State>,
    pub(crate) settings: Settings,
    pub(crate) limiter: Limiter,
    pub(crate) received: Received,
    pub(crate) faults: Arc<Faults>,
    pub(crate) webhooks: Dispatcher,
    pub(crate) churning: Churning,
    /// What a reset goes back to.
    pub(crate) beginning: Option<Beginning>,
    requests: AtomicU64,
}

/// The state while it is changed.
pub(crate) struct StateMut<'a> {
    state: RwLockWriteGuard<'a, State>,
    webhooks: &'a Dispatcher,
}

impl Deref for StateMut<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for StateMut<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for StateMut<'_> {
    fn drop(&mut self) {
        self.webhooks.wake.notify_one();
    }
}

impl App {
    pub(crate) fn new(state: State, settings: Settings, limits: RateLimits, faults: Arc<Faults>) -> Self {
        Self {
            state: RwLock::new(state),
            settings,
            limiter: Limiter::new(limits),
            received: Received::default(),
            faults,
            webhooks: Dispatcher::default(),
            churning: Churning::default(),
            beginning: None,
            requests: AtomicU64::new(0),
        }
    }

    /// The status of an operation's success: `usual`, unless another was asked for.
    pub(crate) fn success(&self, operation: &Operation, usual: StatusCode) -> StatusCode {
        let asked_for = self.settings.success_statuses.get(operation.id);
        asked_for.copied().unwrap_or(usual)
    }

    /// The state, to read from. No request waits while it holds this.
    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to change. Whoever delivers webhooks hears of it when the change is over.
    pub(crate) fn state_mut(&self) -> StateMut<'_> {
        StateMut {
            state: self.state.write().unwrap_or_else(PoisonError::into_inner),
            webhooks: &self.webhooks,
        }
    }

    /// A name for a request that no other has.
    pub(crate) fn request_id(&self, now: jiff::Timestamp) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        Ulid::new(milliseconds, u128::from(number)).to_string()
    }
}
