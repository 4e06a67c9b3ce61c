//! The directories.

use std::sync::Arc;

use workos_directory_emulator_client::types;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryType;

use crate::admin::call::Call;
use crate::admin::call::refused;
use crate::answer::Reply;
use crate::app::App;
use crate::directories::find;
use crate::kind::Kind;
use crate::loader::ObjectError;
use crate::log::next_ulid;
use crate::refusal::Refusal;
use crate::state::State;

/// `POST /_emulator/directories`
pub(crate) fn create(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let new: types::NewDirectory = call.body()?;
    call.known("type", Some(&new.type_), DirectoryType::KNOWN)?;
    call.known("state", new.state.as_ref(), DirectoryState::KNOWN)?;
    let mut state = app.state_mut();
    let id = match new.id {
        Some(id) if state.directories.find(&id).is_some() => return Err(refused(ObjectError::DuplicateId { id })),
        Some(id) => id,
        None => Kind::Directory.id(next_ulid(state.directories.last(), call.now)),
    };
    let state_of = new.state.unwrap_or(DirectoryState::Linked);
    let mut model = Directory::new(id.clone(), new.type_, state_of, new.name, call.now, call.now);
    model.organization_id = new.organization_id;
    model.domain = new.domain;
    state.change(call.now).directory(model).map_err(refused)?;
    call.reply(&shown(&state, &id)?)
}

/// `PATCH /_emulator/directories/{directory}`
pub(crate) fn update(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let change: types::DirectoryChange = call.body()?;
    call.known("state", change.state.as_ref(), DirectoryState::KNOWN)?;
    let id = call.id("directory");
    let mut state = app.state_mut();
    let before = shown(&state, id)?;
    let mut model = before.clone();
    if let Some(new) = change.state {
        model.state = new;
    }
    if let Some(name) = change.name {
        model.name = name;
    }
    model.domain = change.domain.or(model.domain);
    if model != before {
        model.updated_at = call.now.into();
        state.change(call.now).directory(model).map_err(refused)?;
    }
    call.reply(&shown(&state, id)?)
}

/// `DELETE /_emulator/directories/{directory}`
pub(crate) fn delete(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let id = call.id("directory");
    let mut state = app.state_mut();
    find(&state, id)?;
    state.change(call.now).delete_directory(id).map_err(refused)?;
    call.done()
}

fn shown(state: &State, id: &str) -> Result<Directory, Refusal> {
    state.directory(find(state, id)?).ok_or_else(Refusal::internal)
}
