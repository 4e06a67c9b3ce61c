//! The organizations.

use std::sync::Arc;

use workos_directory_emulator_client::types;

use crate::admin::call::Call;
use crate::admin::call::refused;
use crate::answer::Reply;
use crate::app::App;
use crate::kind::Kind;
use crate::refusal::Refusal;

/// `PUT /_emulator/organizations/{organization}`
pub(crate) fn put(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let id = call.id("organization");
    // The id in the path says everything that is needed.
    let mut organization = if call.body.is_empty() {
        types::Organization::default()
    } else {
        call.body()?
    };
    if organization.id.as_ref().is_some_and(|other| other != id) {
        return Err(Refusal::invalid_field("id", format!("must be `{id}`, as in the path")));
    }
    organization.id = Some(id.to_owned());
    let mut state = app.state_mut();
    let put = state.change(call.now).organization(id, organization.name.clone());
    put.map_err(refused)?;
    call.reply(&organization)
}

/// `DELETE /_emulator/organizations/{organization}`
pub(crate) fn delete(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let id = call.id("organization");
    let mut state = app.state_mut();
    if !state.change(call.now).delete_organization(id).map_err(refused)? {
        return Err(Refusal::not_found(Kind::Organization, id));
    }
    call.done()
}
