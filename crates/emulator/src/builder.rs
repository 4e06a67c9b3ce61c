//! What an emulator is started with.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::net::TcpListener;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;

use crate::app::App;
use crate::app::OnRequest;
use crate::app::Settings;
use crate::beginning::Beginning;
use crate::beginning::Source;
use crate::behaviour::Behaviour;
use crate::behaviour::ReferenceParameters;
use crate::clock::Clock;
use crate::clock::Hands;
use crate::clock::SystemClock;
use crate::faults::Faults;
use crate::inactive::InactivePolicy;
use crate::population::Population;
use crate::population::PopulationError;
use crate::rate_limits::RateLimits;
use crate::received::ReceivedRequest;
use crate::rule::FaultRule;
use crate::rule::FaultRuleError;
use crate::seed_file::SeedFile;
use crate::seed_file::SeedFileError;
use crate::server::Emulator;
use crate::state_file::StateFileError;
use crate::webhooks::Dispatcher;

/// The API key that an emulator accepts unless another is set.
pub const DEFAULT_API_KEY: &str = "sk_test_emulator";

/// The API key that an emulator answers with 403 unless another is set.
pub const DEFAULT_FORBIDDEN_API_KEY: &str = "sk_test_forbidden";

/// How long a sync of a directory runs unless set.
const SYNC_DURATION: Duration = Duration::from_secs(10);

/// What keys of the live API begin with.
const LIVE_KEY_PREFIX: &str = "sk_live_";

/// Says what is to be emulated, and where. Made by [`Emulator::builder`].
#[derive(Clone)]
#[must_use = "nothing runs before `start`"]
pub struct EmulatorBuilder {
    address: SocketAddr,
    allow_remote: bool,
    allow_remote_admin: bool,
    lenient: bool,
    api_key: String,
    forbidden_api_key: String,
    behaviour: Behaviour,
    reference_parameters: Option<ReferenceParameters>,
    unscoped_lists: bool,
    rate_limit_headers: Option<bool>,
    gzip: bool,
    hosts: Vec<String>,
    on_request: Option<OnRequest>,
    source: Source,
    inactive_policy: Option<InactivePolicy>,
    sync_duration: Duration,
    success_statuses: Vec<(String, u16)>,
    rate_limits: RateLimits,
    fault_seed: u64,
    faults: Vec<FaultRule>,
    clock: Arc<dyn Clock>,
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The key is one of the live API, which has no business here.
    #[error("a live API key must not be used with the emulator; use any other key, such as `{DEFAULT_API_KEY}`")]
    LiveKey,
    /// The key cannot stand in an `Authorization` header.
    #[error("the API key is empty or has characters other than visible ASCII")]
    InvalidKey,
    /// The address can be reached from other machines, which was not allowed.
    #[error("`{address}` can be reached from other machines; allow that explicitly or use 127.0.0.1")]
    Remote {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The population cannot be made.
    #[error(transparent)]
    Population(#[from] PopulationError),
    /// The objects of the seed file do not go together.
    #[error(transparent)]
    SeedFile(#[from] SeedFileError),
    /// The state file cannot be used.
    #[error(transparent)]
    StateFile(#[from] StateFileError),
    /// A fault that shall be injected makes no sense.
    #[error(transparent)]
    FaultRule(#[from] FaultRuleError),
    /// The document has no such success of the operation.
    #[error("the document does not say that `{operation}` answers `{status}` when all is well")]
    SuccessStatus {
        /// The operation.
        operation: String,
        /// The status.
        status: u16,
    },
    /// The objects could not be prepared.
    #[error("the objects could not be prepared: {reason}")]
    Prepare {
        /// Why not.
        reason: String,
    },
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            allow_remote_admin: false,
            lenient: false,
            api_key: DEFAULT_API_KEY.to_owned(),
            forbidden_api_key: DEFAULT_FORBIDDEN_API_KEY.to_owned(),
            behaviour: Behaviour::default(),
            reference_parameters: None,
            unscoped_lists: false,
            rate_limit_headers: None,
            gzip: true,
            hosts: Vec::new(),
            on_request: None,
            source: Source::Population(Population::default()),
            inactive_policy: None,
            sync_duration: SYNC_DURATION,
            success_statuses: Vec::new(),
            rate_limits: RateLimits::default(),
            fault_seed: 1,
            faults: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl EmulatorBuilder {
    /// Listens on this port instead of any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Listens on this address; other than loopback addresses are refused without [`Self::allow_remote`].
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Allows addresses that other machines can reach, to listen on and to post webhooks to.
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allow_remote = allow;
        self
    }

    /// Lets other machines use the admin API under `/_emulator` too, where they can reach the emulator at all: by default it
    /// answers this machine only.
    pub fn allow_remote_admin(mut self, allow: bool) -> Self {
        self.allow_remote_admin = allow;
        self
    }

    /// Lets the admin API take values of enums (`state`, `type`, names of events) that the document does not know, to test how a
    /// program bears them. By default they are refused, as unknown fields always are.
    pub fn lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// Accepts this API key instead of [`DEFAULT_API_KEY`]. A live key (`sk_live_…`) is refused.
    pub fn api_key(mut self, api_key: impl Into<String>) -> Self {
        self.api_key = api_key.into();
        self
    }

    /// Answers 403 to this API key instead of [`DEFAULT_FORBIDDEN_API_KEY`]: it is known, but may do nothing. A live key is
    /// refused.
    pub fn forbidden_api_key(mut self, api_key: impl Into<String>) -> Self {
        self.forbidden_api_key = api_key.into();
        self
    }

    /// What happens to users who become inactive. Unless set, they are deleted in [`Behaviour::Live`] and kept in
    /// [`Behaviour::Reference`], which lists users by `state=inactive`.
    pub fn inactive_policy(mut self, policy: InactivePolicy) -> Self {
        self.inactive_policy = Some(policy);
        self
    }

    /// How long a sync of a directory that was asked for runs, by the emulator's clock: 10 seconds unless set. Meanwhile
    /// another call for it is answered with 409, and with 429 after that, until the five minutes of the API are over.
    pub fn sync_duration(mut self, duration: Duration) -> Self {
        self.sync_duration = duration;
        self
    }

    /// Lets an operation answer a success with another status that the document gives it, such as 200 for
    /// `DELETE_DIRECTORY`.
    pub fn success_status(mut self, operation: &Operation, status: u16) -> Self {
        self.success_statuses.push((operation.id.to_owned(), status));
        self
    }

    /// Behaves like this one of the two.
    pub fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }

    /// What becomes of the parameters that only the reference knows (`organization`, `state`, `groups`, `members`): unless set,
    /// they have an effect in [`Behaviour::Reference`] and none in [`Behaviour::Live`].
    pub fn reference_parameters(mut self, parameters: ReferenceParameters) -> Self {
        self.reference_parameters = Some(parameters);
        self
    }

    /// Whether [`Behaviour::Live`] answers lists of users and groups that name no directory, group or user. The live API refused
    /// them when it was recorded; whether it still does is unknown.
    pub fn unscoped_lists(mut self, accept: bool) -> Self {
        self.unscoped_lists = accept;
        self
    }

    /// Whether answers have the `X-RateLimit-*` headers: unless set, they do in [`Behaviour::Reference`] only, and the live API was
    /// never seen to send them.
    pub fn rate_limit_headers(mut self, show: bool) -> Self {
        self.rate_limit_headers = Some(show);
        self
    }

    /// Whether a body of a kilobyte or more is compressed for who asks for gzip, which it is unless switched off.
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// Answers requests for this host name too. By default only addresses, `localhost` and names below it are answered, so that
    /// no web page can reach the emulator by a name of its own (DNS rebinding). Can be called several times.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into());
        self
    }

    /// Calls this with every request that was answered, those of the admin API included: to print it, for example. It is called
    /// where the answer is made and should be quick.
    pub fn on_request(mut self, call: impl Fn(&ReceivedRequest) + Send + Sync + 'static) -> Self {
        self.on_request = Some(Arc::new(call));
        self
    }

    /// Makes up objects.
    pub fn population(mut self, population: Population) -> Self {
        self.source = Source::Population(population);
        self
    }

    /// Begins with the objects of a seed file.
    pub fn seed_file(mut self, file: SeedFile) -> Self {
        self.source = Source::SeedFile(Arc::new(file));
        self
    }

    /// Goes on with the state that [`Emulator::save`] has written: objects, ids and the log of events. Settings, faults and
    /// webhook endpoints are not part of it.
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.source = Source::StateFile(path.into());
        self
    }

    /// Lets only so many requests through.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = limits;
        self
    }

    /// Injects a fault from the beginning; [`Emulator::faults`] injects more later.
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// Where the random numbers of the faults begin: 1 unless set. The same seed hits the same requests.
    pub fn fault_seed(mut self, seed: u64) -> Self {
        self.fault_seed = seed;
        self
    }

    /// Tells the time by this clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts the emulator on the current tokio runtime. It listens when this returns.
    ///
    /// # Errors
    ///
    /// When the address cannot be used, the key is a live one, or the objects to begin with are wrong.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let address = self.address;
        if !self.allow_remote && !address.ip().is_loopback() {
            return Err(StartError::Remote { address });
        }
        check_key(&self.api_key)?;
        check_key(&self.forbidden_api_key)?;
        let success_statuses = success_statuses(self.success_statuses)?;
        let faults = Faults::new(self.fault_seed);
        for rule in &self.faults {
            faults.inject(rule.clone())?;
        }
        let bind = |source| StartError::Bind { address, source };
        // Before the objects are made: a port that is taken should not cost the time that a million users take.
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let bound = listener.local_addr().map_err(bind)?;
        let inactive_policy = self.inactive_policy.unwrap_or(match self.behaviour {
            Behaviour::Live => InactivePolicy::Delete,
            Behaviour::Reference => InactivePolicy::Keep,
        });
        let beginning = Beginning {
            source: self.source,
            inactive_policy,
            faults: self.faults,
        };
        let (beginning, state) = beginning.prepare().await?;
        let settings = Settings {
            behaviour: self.behaviour,
            reference_parameters: self
                .reference_parameters
                .unwrap_or(self.behaviour.reference_parameters()),
            needs_scope: self.behaviour == Behaviour::Live && !self.unscoped_lists,
            shows_rate_limits: self
                .rate_limit_headers
                .unwrap_or(self.behaviour == Behaviour::Reference),
            gzip: self.gzip,
            hosts: self.hosts.iter().map(|name| name.to_ascii_lowercase()).collect(),
            on_request: self.on_request,
            api_key: self.api_key,
            forbidden_api_key: self.forbidden_api_key,
            sync_duration: self.sync_duration,
            success_statuses,
            clock: Hands::new(self.clock),
            lenient: self.lenient,
            allow_remote_admin: self.allow_remote_admin,
        };
        let faults = Arc::new(faults);
        let mut app = App::new(state, settings, self.rate_limits, Arc::clone(&faults));
        app.webhooks = Dispatcher::new(self.allow_remote, faults);
        app.beginning = Some(beginning);
        Ok(Emulator::serve(listener, bound, app))
    }
}

fn check_key(key: &str) -> Result<(), StartError> {
    if key.starts_with(LIVE_KEY_PREFIX) {
        return Err(StartError::LiveKey);
    }
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(StartError::InvalidKey);
    }
    Ok(())
}

/// The statuses by operation, as far as the document knows them.
fn success_statuses(asked_for: Vec<(String, u16)>) -> Result<BTreeMap<&'static str, StatusCode>, StartError> {
    let known = |(operation, status): (String, u16)| {
        let found = operations::ALL.iter().find(|known| known.id == operation);
        let found = found.filter(|known| known.success.contains(&status));
        match (found, StatusCode::from_u16(status)) {
            (Some(found), Ok(code)) => Ok((found.id, code)),
            _ => Err(StartError::SuccessStatus { operation, status }),
        }
    };
    asked_for.into_iter().map(known).collect()
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the API key, and without a million objects.
        let mut shown = formatter.debug_struct("EmulatorBuilder");
        shown
            .field("address", &self.address)
            .field("behaviour", &self.behaviour);
        shown.finish_non_exhaustive()
    }
}
