//! Changes that go on by themselves.

use std::sync::Arc;

use workos_directory_emulator_client::types;

use crate::admin::call::Call;
use crate::answer::Reply;
use crate::app::App;
use crate::churning::Churning;
use crate::refusal::Refusal;

/// The seed of who gives none.
const DEFAULT_SEED: u64 = 1;

/// `PUT /_emulator/churn`
pub(crate) fn start(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let mut churn: types::Churn = call.body()?;
    let seed = churn.seed.unwrap_or(DEFAULT_SEED);
    let started = Churning::start(app, seed, churn.per_second);
    started.map_err(|error| Refusal::invalid_field("per_second", error.to_string()))?;
    churn.seed = Some(seed);
    call.reply(&churn)
}

/// `DELETE /_emulator/churn`
pub(crate) fn stop(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    app.churning.stop();
    call.done()
}
