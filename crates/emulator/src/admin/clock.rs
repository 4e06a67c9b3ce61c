//! The emulator's time.

use std::sync::Arc;
use std::time::Duration;

use workos_directory_emulator_client::types;

use crate::admin::call::Call;
use crate::answer::Reply;
use crate::app::App;
use crate::refusal::Refusal;

/// `GET /_emulator/clock`
pub(crate) fn get(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    call.reply(&types::Clock::new(app.settings.clock.now()))
}

/// `PUT /_emulator/clock`
pub(crate) fn put(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let clock: types::Clock = call.body()?;
    if !app.settings.clock.stop_at(clock.now.as_jiff()) {
        let message = format!("the clock does not go back; it is {} now", app.settings.clock.now());
        return Err(Refusal::invalid_field("now", message));
    }
    app.webhooks.wake.notify_one();
    get(app, call)
}

/// `POST /_emulator/clock/advance`
pub(crate) fn advance(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let by: types::ClockAdvance = call.body()?;
    app.settings.clock.advance(Duration::from_millis(by.milliseconds));
    app.webhooks.wake.notify_one();
    get(app, call)
}
