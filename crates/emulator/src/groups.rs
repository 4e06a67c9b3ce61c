//! The operations on directory groups.

use workos_directory_sync::types;

use crate::answer;
use crate::answer::Reply;
use crate::app::App;
use crate::behaviour::Behaviour;
use crate::directories;
use crate::faults::Plan;
use crate::index::Scope;
use crate::kind::Kind;
use crate::lies::Described;
use crate::lies::lying_page;
use crate::page::Page;
use crate::page::Window;
use crate::refusal::Refusal;
use crate::routes::Call;
use crate::state::State;
use crate::users;

/// `GET /directory_groups`
pub(crate) fn list(app: &App, call: &Call<'_>) -> Result<Reply, Refusal> {
    let mut query = call.query(app);
    let window = query.window(Kind::Group);
    let directory = query.id("directory", Kind::Directory);
    let user = query.id("user", Kind::User);
    let organization = query.id("organization", Kind::Organization);
    let embed = query.flag("members");
    if app.settings.needs_scope && organization.is_none() {
        query.needs_one_of(["directory", "user"]);
    }
    query.finish()?;

    let state = app.state();
    let filter = Filter {
        directory: directory.map(|id| directories::find(&state, &id)).transpose()?,
        user: user.map(|id| users::find(&state, &id)).transpose()?,
        organization: organization.map(|id| state.organizations.get(&id).copied()),
    };
    let found = filter.page(&state, window, call.plan);
    answer::list(&state.groups, &found, |json, group| {
        write(json, app, &state, group, embed)
    })
}

/// `GET /directory_groups/{id}`
pub(crate) fn get(app: &App, call: &Call<'_>) -> Result<Reply, Refusal> {
    let state = app.state();
    let found = state.groups.find(call.id);
    let group = found.ok_or_else(|| Refusal::missing(Kind::Group, call.id, app.settings.behaviour))?;
    let mut json = Vec::new();
    write(&mut json, app, &state, group, true)?;
    Ok(Reply::ok(json))
}

/// The number of the group with this id.
pub(crate) fn find(state: &State, id: &str) -> Result<u32, Refusal> {
    let found = state.groups.find(id);
    found.ok_or_else(|| Refusal::not_found(Kind::Group, id))
}

/// Appends a group's JSON, with the members where the behaviour embeds them.
fn write(json: &mut Vec<u8>, app: &App, state: &State, group: u32, embed: bool) -> Result<(), Refusal> {
    let row = state.groups.get(group).ok_or_else(Refusal::internal)?;
    json.extend_from_slice(row.text.as_bytes());
    if app.settings.behaviour == Behaviour::Live || !embed {
        return Ok(());
    }
    answer::add_array(json, "members", |json| {
        for (place, user) in state.users_of_group.all(group).enumerate() {
            if place > 0 {
                json.push(b',');
            }
            let id = state.users.id(user).ok_or_else(Refusal::internal)?;
            let mut member = types::GroupMember::new(id);
            state.with_user_texts(user, |texts| {
                member.first_name = texts.first_name.map(String::from);
                member.last_name = texts.last_name.map(String::from);
            });
            answer::encode(json, &member)?;
        }
        Ok(())
    })
}

/// Which groups are asked for. All conditions hold at once.
#[derive(Debug, Default)]
struct Filter {
    directory: Option<u32>,
    user: Option<u32>,
    /// `Some(None)` is an organization that nothing belongs to.
    organization: Option<Option<u32>>,
}

impl Filter {
    fn page(&self, state: &State, window: Window, plan: &Plan) -> Page {
        let scope = match (self.directory, self.organization) {
            _ if self.is_void(state) => return Page::default(),
            (Some(directory), _) => Scope::Directory(directory),
            (None, Some(Some(organization))) => Scope::Organization(organization),
            (None, _) => Scope::All,
        };
        let describe = |row: u32| {
            let home = state
                .groups
                .get(row)
                .and_then(|row| state.directories.id(row.directory));
            Described::row(state.groups.id(row), home)
        };
        lying_page(
            plan,
            &state.groups,
            |range| match self.user {
                // A user's groups are of the user's directory, which `is_void` has compared.
                Some(user) => Box::new(state.groups_of_user.rows(user, range)),
                None => Box::new(state.groups_by_scope.rows(scope.key(0), range)),
            },
            window,
            &describe,
        )
    }

    /// Whether two conditions exclude each other.
    fn is_void(&self, state: &State) -> bool {
        let user_home = self
            .user
            .and_then(|user| state.users.get(user))
            .map(|row| row.directory);
        let home = match (self.directory, user_home) {
            (Some(one), Some(other)) if one != other => return true,
            (one, other) => one.or(other),
        };
        let Some(organization) = self.organization else {
            return false;
        };
        let home = home.and_then(|directory| state.directories.get(directory));
        organization.is_none() || home.is_some_and(|row| row.organization != organization)
    }
}
