//! What an emulator is started with.

use std::fmt;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::app::App;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::fault::FaultRule;
use crate::fault::FaultRuleError;
use crate::faults::Faults;
use crate::population::Population;
use crate::population::PopulationError;
use crate::profile::Profile;
use crate::rate_limits::RateLimits;
use crate::seed_file::SeedFile;
use crate::seed_file::SeedFileError;
use crate::server::Emulator;
use crate::state::State;
use crate::webhooks::Dispatcher;

/// The API key that an emulator accepts unless another is set.
pub const DEFAULT_API_KEY: &str = "sk_test_emulator";

/// What keys of the live API begin with.
const LIVE_KEY_PREFIX: &str = "sk_live_";

/// Says what is to be emulated, and where. Made by [`Emulator::builder`].
#[derive(Clone)]
#[must_use = "nothing runs before `start`"]
pub struct EmulatorBuilder {
    address: SocketAddr,
    allow_remote: bool,
    api_key: String,
    profile: Profile,
    honour_seed_parameters: bool,
    source: Source,
    rate_limits: RateLimits,
    fault_seed: u64,
    faults: Vec<FaultRule>,
    clock: Arc<dyn Clock>,
}

/// Where the objects come from.
#[derive(Clone, Debug)]
enum Source {
    Population(Population),
    SeedFile(SeedFile),
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
    /// A fault that shall be injected makes no sense.
    #[error(transparent)]
    FaultRule(#[from] FaultRuleError),
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
            api_key: DEFAULT_API_KEY.to_owned(),
            profile: Profile::default(),
            honour_seed_parameters: true,
            source: Source::Population(Population::default()),
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

    /// Accepts this API key instead of [`DEFAULT_API_KEY`]. A live key (`sk_live_…`) is refused.
    pub fn api_key(mut self, api_key: impl Into<String>) -> Self {
        self.api_key = api_key.into();
        self
    }

    /// Behaves like this one of the two references.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Whether the parameters that only the seed knows (`organization`, `state`, `groups`, `members`) have an effect, which
    /// they do unless they are switched off. The live API does not document them: a client that relies on them should
    /// be tested without.
    pub fn honour_seed_parameters(mut self, honour: bool) -> Self {
        self.honour_seed_parameters = honour;
        self
    }

    /// Makes up objects.
    pub fn population(mut self, population: Population) -> Self {
        self.source = Source::Population(population);
        self
    }

    /// Begins with the objects of a seed file.
    pub fn seed_file(mut self, file: SeedFile) -> Self {
        self.source = Source::SeedFile(file);
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
        if self.api_key.starts_with(LIVE_KEY_PREFIX) {
            return Err(StartError::LiveKey);
        }
        if self.api_key.is_empty() || !self.api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(StartError::InvalidKey);
        }
        let faults = Faults::new(self.fault_seed);
        for rule in self.faults {
            faults.inject(rule)?;
        }
        let bind = |source| StartError::Bind { address, source };
        // Before the objects are made: a port that is taken should not cost the time that a million users take.
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let bound = listener.local_addr().map_err(bind)?;
        let state = self.source.state().await?;
        let mut app = App::new(
            state,
            self.profile,
            self.honour_seed_parameters,
            self.api_key,
            self.clock,
            self.rate_limits,
            faults,
        );
        app.webhooks = Dispatcher::new(self.allow_remote);
        Ok(Emulator::serve(listener, bound, app))
    }
}

impl Source {
    async fn state(self) -> Result<State, StartError> {
        // A large population takes seconds, during which the runtime should go on.
        let made = tokio::task::spawn_blocking(move || match self {
            Self::Population(population) => population.state().map_err(StartError::from),
            Self::SeedFile(file) => file.state().map_err(StartError::from),
        });
        made.await.map_err(|error| StartError::Prepare {
            reason: error.to_string(),
        })?
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the API key, and without a million objects.
        let mut shown = formatter.debug_struct("EmulatorBuilder");
        shown.field("address", &self.address).field("profile", &self.profile);
        shown.finish_non_exhaustive()
    }
}
