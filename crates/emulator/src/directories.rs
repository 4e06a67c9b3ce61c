//! The operations on directories.

use axum::http::StatusCode;
use workos_directory_sync::operations;
use workos_directory_sync::types;
use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryType;

use crate::answer;
use crate::answer::Reply;
use crate::app::App;
use crate::behaviour::Behaviour;
use crate::index::Scope;
use crate::kind::Kind;
use crate::lies::Described;
use crate::lies::lying_page;
use crate::page::Page;
use crate::rate_limits::Quota;
use crate::refusal::Refusal;
use crate::routes::Call;
use crate::row::DirectoryRow;
use crate::state::State;

/// How long a directory takes no other call for a sync, in seconds.
const SYNC_COOLDOWN_SECONDS: u64 = 300;

/// `GET /directories`
pub(crate) fn list(app: &App, call: &Call<'_>) -> Result<Reply, Refusal> {
    let mut query = call.query(app);
    let window = query.window(Kind::Directory);
    // Two names for one filter.
    let organizations = ["organization", "organization_id"].map(|name| query.id(name, Kind::Organization));
    let search = query.text("search").map(|text| text.to_lowercase());
    let domain = query.text("domain").map(|text| text.to_lowercase());
    query.finish()?;

    let matches = |row: &DirectoryRow| {
        let named = search
            .as_ref()
            .is_none_or(|text| row.model.name.to_lowercase().contains(text));
        let located = domain.as_ref().is_none_or(|domain| {
            row.model
                .domain
                .as_ref()
                .is_some_and(|own| own.to_lowercase() == *domain)
        });
        named && located
    };
    let state = app.state();
    let found = match organization(&state, &organizations) {
        Some(scope) => lying_page(
            call.plan,
            &state.directories,
            |range| {
                let rows = state.directories_by_scope.rows(scope.key(0), range);
                Box::new(rows.filter(|&row| state.directories.get(row).is_some_and(matches)))
            },
            window,
            &|row| Described::row(state.directories.id(row), state.directories.id(row)),
        ),
        None => Page::default(),
    };
    answer::list(&state.directories, &found, |json, row| {
        answer::encode(json, &model(&state, row)?)
    })
}

/// `GET /directories/{id}`
pub(crate) fn get(app: &App, call: &Call<'_>) -> Result<Reply, Refusal> {
    let state = app.state();
    let directory = find(&state, call.id)?;
    let mut json = Vec::new();
    answer::encode(&mut json, &model(&state, directory)?)?;
    Ok(Reply::ok(json))
}

/// `DELETE /directories/{id}`
pub(crate) fn delete(app: &App, call: &Call<'_>) -> Result<Reply, Refusal> {
    let mut state = app.state_mut();
    find(&state, call.id)?;
    state
        .change(call.now)
        .delete_directory(call.id)
        .map_err(|_| Refusal::internal())?;
    let usual = match app.settings.behaviour {
        Behaviour::Live => StatusCode::ACCEPTED,
        Behaviour::Reference => StatusCode::NO_CONTENT,
    };
    Ok(match app.success(&operations::DELETE_DIRECTORY, usual) {
        StatusCode::ACCEPTED => Reply::json(StatusCode::ACCEPTED, b"{}".to_vec()),
        status => Reply::empty(status),
    })
}

/// `POST /directories/{id}/sync`
pub(crate) fn sync(app: &App, call: &Call<'_>) -> Result<Reply, Refusal> {
    let mut state = app.state_mut();
    let directory = find(&state, call.id)?;
    let row = state.directories.get_mut(directory);
    let row = row.ok_or_else(|| Refusal::not_found(Kind::Directory, call.id))?;
    if row.model.type_ != DirectoryType::GsuiteDirectory {
        return Err(Refusal::sync_unsupported(&format!("of type {}", row.model.type_)));
    }
    if ![DirectoryState::Linked, DirectoryState::Validating].contains(&row.model.state) {
        return Err(Refusal::sync_unsupported(&format!("in state {}", row.model.state)));
    }
    let now = call.now.as_second();
    if let Some(last) = row.last_sync {
        let passed = u64::try_from(now.saturating_sub(last)).unwrap_or_default();
        if passed < app.settings.sync_duration.as_secs() {
            return Err(Refusal::sync_in_progress());
        }
        if passed < SYNC_COOLDOWN_SECONDS {
            let wait = SYNC_COOLDOWN_SECONDS - passed;
            return Err(Refusal::rate_limited(Quota {
                limit: 1,
                remaining: 0,
                reset: last.saturating_add(SYNC_COOLDOWN_SECONDS as i64),
                retry_after: wait,
            }));
        }
    }
    row.last_sync = Some(now);
    let mut json = Vec::new();
    answer::encode(&mut json, &types::DirectorySync::new("queued"))?;
    let status = app.success(&operations::SYNC_DIRECTORY, StatusCode::ACCEPTED);
    Ok(Reply::json(status, json))
}

/// The rows that belong to the organizations asked for, all of them at once; `None` when there can be none.
fn organization(state: &State, ids: &[Option<String>]) -> Option<Scope> {
    let mut scope = Scope::All;
    for id in ids.iter().flatten() {
        let found = Scope::Organization(*state.organizations.get(id)?);
        if scope != Scope::All && scope != found {
            return None;
        }
        scope = found;
    }
    Some(scope)
}

/// The number of the directory with this id.
pub(crate) fn find(state: &State, id: &str) -> Result<u32, Refusal> {
    let found = state.directories.find(id);
    found.ok_or_else(|| Refusal::not_found(Kind::Directory, id))
}

fn model(state: &State, directory: u32) -> Result<types::Directory, Refusal> {
    state.directory(directory).ok_or_else(Refusal::internal)
}
