//! Who belongs to which group.

use std::sync::Arc;

use crate::admin::call::Call;
use crate::admin::call::refused;
use crate::admin::groups;
use crate::admin::users;
use crate::answer::Reply;
use crate::app::App;
use crate::refusal::Refusal;

/// `PUT /_emulator/directories/{directory}/groups/{group}/members/{user}`
pub(crate) fn add(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    set(app, call, true)
}

/// `DELETE /_emulator/directories/{directory}/groups/{group}/members/{user}`
pub(crate) fn remove(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    set(app, call, false)
}

fn set(app: &Arc<App>, call: &Call, is_member: bool) -> Result<Reply, Refusal> {
    let mut state = app.state_mut();
    let group = groups::in_directory(&state, call)?;
    let user = users::in_directory(&state, call)?;
    let set = state.change(call.now).membership(&user.id, &group.id, is_member);
    set.map_err(refused)?;
    call.done()
}
