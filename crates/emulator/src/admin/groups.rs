//! The directory groups.

use std::sync::Arc;

use workos_directory_emulator_client::types;
use workos_directory_sync::types::DirectoryGroup;

use crate::admin::call::Call;
use crate::admin::call::refused;
use crate::answer::Reply;
use crate::app::App;
use crate::directories;
use crate::kind::Kind;
use crate::loader::ObjectError;
use crate::log::next_ulid;
use crate::refusal::Refusal;
use crate::state::State;

/// `POST /_emulator/directories/{directory}/groups`
pub(crate) fn create(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let new: types::NewGroup = call.body()?;
    let directory = call.id("directory");
    let mut state = app.state_mut();
    directories::find(&state, directory)?;
    let id = match new.id {
        Some(id) if state.groups.find(&id).is_some() => return Err(refused(ObjectError::DuplicateId { id })),
        Some(id) => id,
        None => Kind::Group.id(next_ulid(state.groups.last(), call.now)),
    };
    let mut model = DirectoryGroup::new(id.clone(), directory, new.name);
    model.idp_id = new.idp_id;
    model.raw_attributes = new.raw_attributes;
    model.created_at = Some(call.now.into());
    model.updated_at = Some(call.now.into());
    state.change(call.now).group(model).map_err(refused)?;
    call.reply(&shown(&state, &id)?)
}

/// `PATCH /_emulator/directories/{directory}/groups/{group}`
pub(crate) fn update(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let change: types::GroupChange = call.body()?;
    let mut state = app.state_mut();
    let mut model = in_directory(&state, call)?;
    let id = model.id.clone();
    if let Some(name) = change.name {
        model.name = name;
    }
    model.raw_attributes = change.raw_attributes.or(model.raw_attributes);
    model.updated_at = Some(call.now.into());
    state.change(call.now).group(model).map_err(refused)?;
    call.reply(&shown(&state, &id)?)
}

/// `DELETE /_emulator/directories/{directory}/groups/{group}`
pub(crate) fn delete(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let mut state = app.state_mut();
    let group = in_directory(&state, call)?;
    state.change(call.now).delete_group(&group.id).map_err(refused)?;
    call.done()
}

/// The group that a path names, in the directory that it names.
pub(crate) fn in_directory(state: &State, call: &Call) -> Result<DirectoryGroup, Refusal> {
    let (directory, id) = (call.id("directory"), call.id("group"));
    directories::find(state, directory)?;
    let group = shown(state, id)?;
    let found = Some(group).filter(|group| group.directory_id == directory);
    found.ok_or_else(|| Refusal::not_found(Kind::Group, id))
}

fn shown(state: &State, id: &str) -> Result<DirectoryGroup, Refusal> {
    let number = state.groups.find(id);
    let number = number.ok_or_else(|| Refusal::not_found(Kind::Group, id))?;
    state.group(number).map_err(refused)
}
