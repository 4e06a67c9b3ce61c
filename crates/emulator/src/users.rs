//! The operations on directory users.

use crate::answer;
use crate::answer::Reply;
use crate::app::App;
use crate::behaviour::Behaviour;
use crate::directories;
use crate::faults::Plan;
use crate::groups;
use crate::index::Scope;
use crate::index::text_key;
use crate::kind::Kind;
use crate::lies::Described;
use crate::lies::lying_page;
use crate::packed::touch;
use crate::page::Page;
use crate::page::Window;
use crate::refusal::Refusal;
use crate::routes::Call;
use crate::row::StateCode;
use crate::row::UserRow;
use crate::state::State;

/// `GET /directory_users`
pub(crate) fn list(app: &App, call: &Call<'_>) -> Result<Reply, Refusal> {
    let mut query = call.query(app);
    let window = query.window(Kind::User);
    let directory = query.id("directory", Kind::Directory);
    let group = query.id("group", Kind::Group);
    let organization = query.id("organization", Kind::Organization);
    let user_state = query.user_state("state");
    let idp_id = query.text("idp_id");
    let email = query.text("email").map(|text| text.to_lowercase());
    query.needs("idp_id", "directory");
    query.needs("email", "directory");
    let embed = query.flag("groups");
    if app.settings.needs_scope && organization.is_none() {
        query.needs_one_of(["directory", "group"]);
    }
    query.finish()?;

    let state = app.state();
    let directory = directory.map(|id| directories::find(&state, &id)).transpose()?;
    if let Some(directory) = directory {
        let admitted = app.limiter.admit_users_of(directory, call.now);
        admitted.map_err(Refusal::rate_limited)?;
    }
    let filter = Filter {
        directory,
        group: group.map(|id| groups::find(&state, &id)).transpose()?,
        // An organization without directories has no users: nothing is found, and nothing is wrong.
        organization: organization.map(|id| state.organizations.get(&id).copied()),
        state: user_state,
        idp_id,
        email,
    };
    let found = filter.page(&state, window, call.plan);
    let rows = found.rows.iter().filter_map(|&user| state.users.get(user));
    touch(rows.map(|row| &row.text));
    answer::list(&state.users, &found, |json, user| write(json, app, &state, user, embed))
}

/// `GET /directory_users/{id}`
pub(crate) fn get(app: &App, call: &Call<'_>) -> Result<Reply, Refusal> {
    let state = app.state();
    let found = state.users.find(call.id);
    let user = found.ok_or_else(|| Refusal::missing(Kind::User, call.id, app.settings.behaviour))?;
    let mut json = Vec::new();
    write(&mut json, app, &state, user, true)?;
    Ok(Reply::ok(json))
}

/// The number of the user with this id.
pub(crate) fn find(state: &State, id: &str) -> Result<u32, Refusal> {
    let found = state.users.find(id);
    found.ok_or_else(|| Refusal::not_found(Kind::User, id))
}

/// Appends a user's JSON, with the groups where the behaviour embeds them.
fn write(json: &mut Vec<u8>, app: &App, state: &State, user: u32, embed: bool) -> Result<(), Refusal> {
    if !state.write_user(json, user) {
        return Err(Refusal::internal());
    }
    // The field is never missing: official SDKs insist on it.
    let is_full = embed && app.settings.behaviour == Behaviour::Reference;
    answer::add_array(json, "groups", |json| {
        if is_full {
            for (place, group) in state.groups_of_user.all(user).enumerate() {
                if place > 0 {
                    json.push(b',');
                }
                // A group inside a user has the fields of a group.
                let group = state.groups.get(group).ok_or_else(Refusal::internal)?;
                json.extend_from_slice(group.text.as_bytes());
            }
        }
        Ok(())
    })
}

/// Which users are asked for. All conditions hold at once.
#[derive(Debug, Default)]
struct Filter {
    directory: Option<u32>,
    group: Option<u32>,
    /// `Some(None)` is an organization that nothing belongs to.
    organization: Option<Option<u32>>,
    state: Option<StateCode>,
    idp_id: Option<String>,
    /// In lower case.
    email: Option<String>,
}

impl Filter {
    fn page(&self, state: &State, window: Window, plan: &Plan) -> Page {
        let any_or = self.state.map_or(0, |state| state as u8);
        let text = match (self.directory, &self.idp_id, &self.email) {
            (Some(directory), Some(id), _) => Some(text_key(directory, "idp_id", id)),
            (Some(directory), None, Some(email)) => Some(text_key(directory, "email", email)),
            _ => None,
        };
        // The narrowest index leads; what it does not know of is checked row by row.
        let scope = match (self.directory, self.organization) {
            _ if self.is_void(state) => return Page::default(),
            (Some(directory), _) => Scope::Directory(directory),
            (None, Some(Some(organization))) => Scope::Organization(organization),
            (None, _) => Scope::All,
        };
        let describe = |row: u32| {
            let home = state.users.get(row).and_then(|row| state.directories.id(row.directory));
            Described::row(state.users.id(row), home)
        };
        lying_page(
            plan,
            &state.users,
            |range| match (text, self.group) {
                (Some(key), _) => {
                    let rows = state.users_by_text.rows(key, range);
                    Box::new(rows.filter(|&user| self.matches(state, user)))
                }
                (None, Some(group)) => {
                    let rows = state.users_of_group.rows(group, range);
                    Box::new(rows.filter(|&user| self.matches(state, user)))
                }
                (None, None) => Box::new(state.users_by_scope.rows(scope.key(any_or), range)),
            },
            window,
            &describe,
        )
    }

    /// Whether two conditions exclude each other.
    fn is_void(&self, state: &State) -> bool {
        let group_home = self
            .group
            .and_then(|group| state.groups.get(group))
            .map(|row| row.directory);
        let home = match (self.directory, group_home) {
            (Some(one), Some(other)) if one != other => return true,
            (one, other) => one.or(other),
        };
        let Some(organization) = self.organization else {
            return false;
        };
        let home = home.and_then(|directory| state.directories.get(directory));
        organization.is_none() || home.is_some_and(|row| row.organization != organization)
    }

    /// Whether a user of the right directory and organization is one of those asked for.
    fn matches(&self, state: &State, user: u32) -> bool {
        let matches = |row: &UserRow| {
            self.state.is_none_or(|wanted| row.state == wanted)
                && self.directory.is_none_or(|wanted| row.directory == wanted)
        };
        state.users.get(user).is_some_and(matches)
            && self.has_texts(state, user)
            && self
                .group
                .is_none_or(|group| state.users_of_group.contains(group, user))
    }

    fn has_texts(&self, state: &State, user: u32) -> bool {
        if self.idp_id.is_none() && self.email.is_none() {
            return true;
        }
        state.with_user_texts(user, |texts| {
            let idp_id = self.idp_id.as_ref();
            let has_id = idp_id.is_none_or(|wanted| texts.idp_id.as_ref().is_some_and(|own| own == wanted));
            let email = self.email.as_ref();
            has_id && email.is_none_or(|wanted| texts.addresses().any(|own| own == *wanted))
        })
    }
}
