//! How an emulator began, to prepare it and to go back to it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::App;
use crate::builder::StartError;
use crate::churning::Churning;
use crate::inactive::InactivePolicy;
use crate::population::Population;
use crate::rule::FaultRule;
use crate::seed_file::SeedFile;
use crate::state::State;

/// Where the objects come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Population(Population),
    SeedFile(Arc<SeedFile>),
    StateFile(PathBuf),
}

/// What an emulator began with.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) source: Source,
    pub(crate) inactive_policy: InactivePolicy,
    pub(crate) faults: Vec<FaultRule>,
}

impl Beginning {
    /// The state to begin with.
    pub(crate) async fn prepare(self) -> Result<(Self, State), StartError> {
        // A large population takes seconds, during which the runtime should go on.
        let made = tokio::task::spawn_blocking(move || self.state().map(|state| (self, state)));
        made.await.map_err(|error| StartError::Prepare {
            reason: error.to_string(),
        })?
    }

    fn state(&self) -> Result<State, StartError> {
        let mut state = match &self.source {
            Source::Population(population) => population.state()?,
            Source::SeedFile(file) => SeedFile::clone(file).state()?,
            Source::StateFile(path) => State::load(path)?,
        };
        state.inactive_policy = self.inactive_policy;
        Ok(state)
    }
}

impl App {
    /// Goes back to how everything began: objects, events, settings, faults, time. Endpoints that came by the admin API are gone,
    /// the others stay, and nothing waits for them. What was asked and delivered is forgotten.
    pub(crate) fn reset(self: &Arc<Self>) -> Result<(), StartError> {
        let Some(beginning) = &self.beginning else {
            return Ok(());
        };
        // Before anything changes: a state file may be gone.
        let state = beginning.state()?;
        self.churning.stop();
        self.faults.replace(beginning.faults.clone())?;
        {
            let mut current = self.state_mut();
            *current = state;
            self.settings.clock.let_go();
            self.webhooks.reset(&current);
        }
        self.limiter.reset();
        self.received.clear();
        if let Some((seed, per_second)) = self.churning.at_start() {
            // It was let once.
            Churning::start(self, seed, per_second).unwrap_or_default();
        }
        Ok(())
    }
}
