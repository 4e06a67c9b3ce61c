//! Everything that the emulator holds.

use std::sync::Arc;

use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryType;
use workos_directory_sync::types::DirectoryUserState;

use crate::admin::call::Call;
use crate::answer::Reply;
use crate::app::App;
use crate::kind::Kind;
use crate::refusal::Refusal;
use crate::seed_file::SeedFile;
use crate::seed_file::SeedFileError;
use crate::shelf::Shelf;

/// `GET /_emulator/state`
pub(crate) fn get(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let mut json = Vec::new();
    let written = app.state().write_seed_file(&mut json);
    written.map_err(|_| Refusal::internal())?;
    call.json(json)
}

/// `POST /_emulator/reset`
pub(crate) fn reset(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    app.reset().map_err(|error| Refusal::conflict(&error))?;
    call.done()
}

/// `PUT /_emulator/state`
pub(crate) fn put(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let file: SeedFile = call.objects()?;
    for (place, model) in file.directories.iter().enumerate() {
        let (kind, state) = (Some(&model.type_), Some(&model.state));
        call.known(format_args!("directories[{place}].type"), kind, DirectoryType::KNOWN)?;
        call.known(format_args!("directories[{place}].state"), state, DirectoryState::KNOWN)?;
    }
    for (place, model) in file.users.iter().enumerate() {
        let state = Some(&model.state);
        call.known(format_args!("users[{place}].state"), state, DirectoryUserState::KNOWN)?;
    }
    let mut new = file.state().map_err(|error| match error {
        SeedFileError::Object { at, error } => Refusal::invalid_field(&at, error.to_string()),
        error => Refusal::unprocessable(&error),
    })?;
    let mut state = app.state_mut();
    // What has happened has happened: cursors of the log and places of endpoints in it stay good.
    new.log = std::mem::replace(&mut state.log, Shelf::new(Kind::Event));
    new.inactive_policy = state.inactive_policy;
    *state = new;
    call.done()
}
