//! How the emulator behaves.

use std::sync::Arc;

use workos_directory_emulator_client::types;

use crate::admin::call::Call;
use crate::answer::Reply;
use crate::app::App;
use crate::inactive::InactivePolicy;
use crate::refusal::Refusal;
use crate::strict;

/// `GET /_emulator/settings`
pub(crate) fn get(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let policy = match app.state().inactive_policy {
        InactivePolicy::Delete => types::InactivePolicy::Delete,
        InactivePolicy::Keep => types::InactivePolicy::Keep,
    };
    call.reply(&types::Settings::new(policy))
}

/// `PUT /_emulator/settings`
pub(crate) fn put(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let settings: types::Settings = call.body()?;
    let policy = match settings.inactive_policy {
        types::InactivePolicy::Delete => InactivePolicy::Delete,
        types::InactivePolicy::Keep => InactivePolicy::Keep,
        other => {
            let known: Vec<&str> = types::InactivePolicy::KNOWN
                .iter()
                .map(types::InactivePolicy::as_str)
                .collect();
            let message = strict::unknown_value(other.as_str(), &known);
            return Err(Refusal::invalid_field("inactive_policy", message));
        }
    };
    app.state_mut().inactive_policy = policy;
    get(app, call)
}
