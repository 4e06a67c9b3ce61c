//! The directory users.

use std::sync::Arc;

use workos_directory_emulator_client::types;
use workos_directory_sync::types::DirectoryUser;
use workos_directory_sync::types::DirectoryUserState;

use crate::admin::call::Call;
use crate::admin::call::refused;
use crate::answer::Reply;
use crate::app::App;
use crate::directories;
use crate::kind::Kind;
use crate::loader::ObjectError;
use crate::loader::complete_user;
use crate::log::next_ulid;
use crate::person::work_address;
use crate::refusal::Refusal;
use crate::state::State;

/// `POST /_emulator/directories/{directory}/users`
pub(crate) fn create(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let new: types::NewUser = call.body()?;
    call.known("state", new.state.as_ref(), DirectoryUserState::KNOWN)?;
    let directory = call.id("directory");
    let mut state = app.state_mut();
    let home = directories::find(&state, directory)?;
    let ulid = next_ulid(state.users.last(), call.now);
    let id = match new.id {
        Some(id) if state.users.find(&id).is_some() => return Err(refused(ObjectError::DuplicateId { id })),
        Some(id) => id,
        None => Kind::User.id(ulid),
    };
    let user_state = new.state.unwrap_or(DirectoryUserState::Active);
    let mut model = DirectoryUser::new(id.clone(), directory, user_state, call.now, call.now);
    model.organization_id = state.directory(home).and_then(|home| home.organization_id);
    model.idp_id = Some(new.idp_id.unwrap_or_else(|| format!("idp_{ulid}")));
    Words {
        email: new.email,
        first_name: new.first_name,
        last_name: new.last_name,
        username: new.username,
        job_title: new.job_title,
    }
    .write(&mut model);
    model.raw_attributes = new.raw_attributes;
    model.custom_attributes = new.custom_attributes;
    model.role = new.role;
    complete_user(&mut model);
    state.change(call.now).user(model.clone()).map_err(refused)?;
    let shown = last_known(&state, &id, model)?;
    call.reply(&shown)
}

/// `PATCH /_emulator/directories/{directory}/users/{user}`
pub(crate) fn update(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let change: types::UserChange = call.body()?;
    call.known("state", change.state.as_ref(), DirectoryUserState::KNOWN)?;
    let mut state = app.state_mut();
    let mut model = in_directory(&state, call)?;
    let id = model.id.clone();
    Words {
        email: change.email,
        first_name: change.first_name,
        last_name: change.last_name,
        username: change.username,
        job_title: change.job_title,
    }
    .write(&mut model);
    if let Some(new) = change.state {
        model.state = new;
    }
    model.raw_attributes = change.raw_attributes.or(model.raw_attributes);
    model.custom_attributes = change.custom_attributes.or(model.custom_attributes);
    model.role = change.role.or(model.role);
    model.updated_at = call.now.into();
    state.change(call.now).user(model.clone()).map_err(refused)?;
    let shown = last_known(&state, &id, model)?;
    call.reply(&shown)
}

/// `DELETE /_emulator/directories/{directory}/users/{user}`
pub(crate) fn delete(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let mut state = app.state_mut();
    let user = in_directory(&state, call)?;
    state.change(call.now).delete_user(&user.id).map_err(refused)?;
    call.done()
}

/// The user that a path names, in the directory that it names.
pub(crate) fn in_directory(state: &State, call: &Call) -> Result<DirectoryUser, Refusal> {
    let (directory, id) = (call.id("directory"), call.id("user"));
    directories::find(state, directory)?;
    let missing = || Refusal::not_found(Kind::User, id);
    let number = state.users.find(id).ok_or_else(missing)?;
    let user = state.user(number).map_err(refused)?;
    Some(user)
        .filter(|user| user.directory_id == directory)
        .ok_or_else(missing)
}

/// The user as it is; one who turned inactive may be gone.
fn last_known(state: &State, id: &str, model: DirectoryUser) -> Result<DirectoryUser, Refusal> {
    match state.users.find(id) {
        Some(number) => state.user(number).map_err(refused),
        None => Ok(model),
    }
}

/// What people call a user, as far as it is given.
struct Words {
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
    job_title: Option<String>,
}

impl Words {
    /// Writes what is given; the rest stays. The whole name follows its parts.
    fn write(self, model: &mut DirectoryUser) {
        if let Some(email) = self.email {
            model.emails = Some(vec![work_address(&email)]);
            model.email = Some(email);
        }
        let is_renamed = self.first_name.is_some() || self.last_name.is_some();
        model.first_name = self.first_name.or(model.first_name.take());
        model.last_name = self.last_name.or(model.last_name.take());
        if is_renamed {
            let parts: Vec<&str> = [&model.first_name, &model.last_name]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            model.name = Some(parts.join(" "));
        }
        model.username = self.username.or(model.username.take());
        model.job_title = self.job_title.or(model.job_title.take());
    }
}
