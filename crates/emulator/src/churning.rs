//! Churn that goes on by itself, for demos and long runs.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::churn::Churn;
use crate::server::Emulator;

/// The most changes in a second.
const MAX_RATE: f64 = 1_000.0;

/// The fewest: one in a day.
const MIN_RATE: f64 = 1.0 / 86_400.0;

/// The churn that is going on, if there is any.
#[derive(Debug, Default)]
pub(crate) struct Churning {
    going: Mutex<Option<Going>>,
    /// The seed and the rate that the program asked for, which a reset goes back to.
    at_start: Mutex<Option<(u64, f64)>>,
}

#[derive(Debug)]
struct Going {
    per_second: f64,
    seed: u64,
    task: AbortHandle,
}

/// Why churn did not start.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChurnError {
    /// That many changes in a second are not possible.
    #[error("{per_second} changes per second are not possible; ask for one per day to {MAX_RATE} per second")]
    Rate {
        /// How many were asked for.
        per_second: f64,
    },
}

impl Churning {
    fn lock(&self) -> MutexGuard<'_, Option<Going>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The seed and the rate that a reset goes back to.
    pub(crate) fn at_start(&self) -> Option<(u64, f64)> {
        *self.at_start.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_with(&self, churn: Option<(u64, f64)>) {
        *self.at_start.lock().unwrap_or_else(PoisonError::into_inner) = churn;
    }

    /// The rate and the seed.
    pub(crate) fn status(&self) -> Option<(f64, u64)> {
        self.lock().as_ref().map(|going| (going.per_second, going.seed))
    }

    pub(crate) fn stop(&self) {
        if let Some(going) = self.lock().take() {
            going.task.abort();
        }
    }

    /// Starts on the current tokio runtime, in place of what was going on.
    pub(crate) fn start(app: &Arc<App>, seed: u64, per_second: f64) -> Result<(), ChurnError> {
        if !(MIN_RATE..=MAX_RATE).contains(&per_second) {
            return Err(ChurnError::Rate { per_second });
        }
        let task = tokio::spawn(go(Arc::clone(app), Churn::new(seed), per_second)).abort_handle();
        let going = Going { per_second, seed, task };
        if let Some(before) = app.churning.lock().replace(going) {
            before.task.abort();
        }
        Ok(())
    }
}

async fn go(app: Arc<App>, mut churn: Churn, per_second: f64) {
    let mut interval = tokio::time::interval(Duration::from_secs_f64(per_second.recip()));
    // After a long pause of the machine, change goes on at its rate and does not come all at once.
    interval.set_missed_tick_behavior(if per_second > 100.0 {
        MissedTickBehavior::Burst
    } else {
        MissedTickBehavior::Delay
    });
    // The first tick comes at once.
    interval.tick().await;
    loop {
        interval.tick().await;
        // An emulator that is full changes no more, but goes on answering.
        drop(churn.step_in(&app));
    }
}

impl Emulator {
    /// Changes something `per_second` times in a second from now on, as [`Churn`] does, until [`Emulator::stop_churn`]. What was going
    /// on before is replaced. Has to be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ChurnError::Rate`].
    pub fn start_churn(&self, seed: u64, per_second: f64) -> Result<(), ChurnError> {
        Churning::start(self.app_arc(), seed, per_second)?;
        self.app().churning.begin_with(Some((seed, per_second)));
        Ok(())
    }

    /// Changes nothing by itself any more.
    pub fn stop_churn(&self) {
        self.app().churning.begin_with(None);
        self.app().churning.stop();
    }

    /// How many changes per second go on by themselves, if they do.
    pub fn churn_rate(&self) -> Option<f64> {
        self.app().churning.status().map(|(per_second, _)| per_second)
    }
}
