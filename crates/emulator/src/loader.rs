//! How a state is built from many objects at once: each is checked, completed and encoded, then the indexes are made.

use workos_directory_sync::Timestamp;
use workos_directory_sync::types;

use crate::index::Index;
use crate::index::MAX_NUMBER;
use crate::index::pair;
use crate::kind::Kind;
use crate::log::EventRow;
use crate::packed::Packed;
use crate::row::DirectoryRow;
use crate::row::GroupRow;
use crate::row::StateCode;
use crate::row::UserRow;
use crate::row::UserTexts;
use crate::shelf::Shelf;
use crate::state::State;
use crate::state::directory_keys;
use crate::state::group_keys;
use crate::state::user_keys;
use crate::state::user_text_keys;
use crate::ulid::Ulid;

/// What is wrong with an object that shall be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The id does not look like the ids of its kind.
    #[error("the id `{id}` is not `{prefix}` followed by a ULID, such as `{prefix}01ECAZ4NV9QMV47GW873HDCX74`")]
    WrongId {
        /// The id.
        id: String,
        /// What ids of this kind begin with.
        prefix: &'static str,
    },
    /// Two objects have the same id.
    #[error("the id `{id}` is used twice")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// The object belongs to a directory that is not there.
    #[error("there is no directory `{id}`")]
    UnknownDirectory {
        /// The id of the directory.
        id: String,
    },
    /// The membership is of a user who is not there.
    #[error("there is no directory user `{id}`")]
    UnknownUser {
        /// The id of the user.
        id: String,
    },
    /// The membership is in a group that is not there.
    #[error("there is no directory group `{id}`")]
    UnknownGroup {
        /// The id of the group.
        id: String,
    },
    /// The object names another organization than its directory.
    #[error("it belongs to `{id}`, but its directory belongs to {}", shown(.directory_organization))]
    OtherOrganization {
        /// The organization that the object names.
        id: String,
        /// The organization that its directory names.
        directory_organization: Option<String>,
    },
    /// The user and the group of a membership belong to two directories.
    #[error("user `{user}` and group `{group}` belong to different directories")]
    OtherDirectory {
        /// The id of the user.
        user: String,
        /// The id of the group.
        group: String,
    },
    /// There are more objects than the emulator can number.
    #[error("there are too many objects")]
    TooMany,
    /// New objects stand behind the others of their kind.
    #[error("the id `{id}` does not sort behind those that are there; leave it out or let the emulator make it")]
    NotNew {
        /// The id.
        id: String,
    },
    /// The object does not serialize.
    #[error("it cannot be written as JSON: {reason}")]
    Encoding {
        /// Why not.
        reason: String,
    },
}

fn shown(organization: &Option<String>) -> String {
    organization
        .as_ref()
        .map_or_else(|| "no organization".to_owned(), |id| format!("`{id}`"))
}

/// A state that is being built. Directories come first, then users and groups, then memberships; each kind in ascending
/// order of ids.
#[derive(Debug, Default)]
pub(crate) struct Loader {
    state: State,
    users_by_scope: Vec<u64>,
    users_by_text: Vec<u64>,
    groups_by_scope: Vec<u64>,
    directories_by_scope: Vec<u64>,
    memberships: Vec<(u32, u32)>,
}

impl Loader {
    /// Adds an organization that was created for itself.
    pub(crate) fn organization(&mut self, id: String, name: Option<String>) -> Result<(), ObjectError> {
        organization_number(&mut self.state, &id)?;
        self.state.organization_names.insert(id, name);
        Ok(())
    }

    /// Adds a directory.
    pub(crate) fn directory(&mut self, mut model: types::Directory) -> Result<u32, ObjectError> {
        let ulid = parsed(Kind::Directory, &model.id)?;
        let organization = match &model.organization_id {
            Some(id) => Some(organization_number(&mut self.state, id)?),
            None => None,
        };
        complete_directory(&mut model);
        let id = model.id.clone();
        let row = DirectoryRow::new(model, organization);
        let number = pushed(&mut self.state.directories, ulid, row, id)?;
        if number > MAX_NUMBER {
            return Err(ObjectError::TooMany);
        }
        self.directories_by_scope
            .extend(directory_keys(organization).map(|key| pair(key, number)));
        Ok(number)
    }

    /// Adds a group.
    pub(crate) fn group(&mut self, mut model: types::DirectoryGroup) -> Result<u32, ObjectError> {
        let ulid = parsed(Kind::Group, &model.id)?;
        let (directory, organization) = home(&self.state, &model.directory_id, &mut model.organization_id)?;
        complete_group(&mut model, ulid);
        let text = encoded(&model)?;
        let number = pushed(
            &mut self.state.groups,
            ulid,
            GroupRow {
                directory,
                text: text.into_boxed_str(),
            },
            model.id,
        )?;
        if let Some(row) = self.state.directories.get_mut(directory) {
            row.groups += 1;
        }
        self.groups_by_scope
            .extend(group_keys(directory, organization).map(|key| pair(key, number)));
        Ok(number)
    }

    /// Adds a user.
    pub(crate) fn user(&mut self, mut model: types::DirectoryUser) -> Result<u32, ObjectError> {
        let ulid = parsed(Kind::User, &model.id)?;
        let (directory, organization) = home(&self.state, &model.directory_id, &mut model.organization_id)?;
        complete_user(&mut model);
        let text = encoded(&model)?;
        let state = StateCode::from(&model.state);
        let texts = user_text_keys(directory, &UserTexts::from(&model));
        let text = packed(&mut self.state, directory, &text)?;
        let row = UserRow { directory, state, text };
        let number = pushed(&mut self.state.users, ulid, row, model.id)?;
        if let Some(row) = self.state.directories.get_mut(directory) {
            *row.count(state) += 1;
        }
        self.users_by_scope
            .extend(user_keys(directory, organization, state).map(|key| pair(key, number)));
        self.users_by_text
            .extend(texts.into_iter().map(|key| pair(key, number)));
        Ok(number)
    }

    /// Adds a membership; one that is there already is kept once.
    pub(crate) fn membership(&mut self, user: &str, group: &str) -> Result<(), ObjectError> {
        let found_user = self.state.users.find(user);
        let found_user = found_user.ok_or_else(|| ObjectError::UnknownUser { id: user.to_owned() })?;
        let found_group = self.state.groups.find(group);
        let found_group = found_group.ok_or_else(|| ObjectError::UnknownGroup { id: group.to_owned() })?;
        let user_home = self.state.users.get(found_user).map(|row| row.directory);
        let group_home = self.state.groups.get(found_group).map(|row| row.directory);
        if user_home != group_home {
            return Err(ObjectError::OtherDirectory {
                user: user.to_owned(),
                group: group.to_owned(),
            });
        }
        self.numbered_membership(found_user, found_group);
        Ok(())
    }

    /// Adds a membership of a user and a group of the same directory that this loader has numbered.
    pub(crate) fn numbered_membership(&mut self, user: u32, group: u32) {
        self.memberships.push((user, group));
    }

    /// Says when a sync of a directory was last asked for.
    pub(crate) fn last_sync(&mut self, directory: u32, at: Option<i64>) {
        if let Some(row) = self.state.directories.get_mut(directory) {
            row.last_sync = at;
        }
    }

    /// Adds an event.
    pub(crate) fn event(&mut self, ulid: Ulid, row: EventRow) -> Result<(), ObjectError> {
        pushed(&mut self.state.log, ulid, row, Kind::Event.id(ulid)).map(|_| ())
    }

    /// Keeps the place of an object that is there no more.
    pub(crate) fn removed(&mut self, id: &str) -> Result<(), ObjectError> {
        let state = &mut self.state;
        let kept = [Kind::Directory, Kind::User, Kind::Group].into_iter().find_map(|kind| {
            let ulid = kind.parse(id)?;
            Some(match kind {
                Kind::User => state.users.push_removed(ulid),
                Kind::Group => state.groups.push_removed(ulid),
                _ => state.directories.push_removed(ulid),
            })
        });
        match kept {
            Some(true) => Ok(()),
            Some(false) => Err(ObjectError::DuplicateId { id: id.to_owned() }),
            None => Err(ObjectError::WrongId {
                id: id.to_owned(),
                prefix: Kind::Directory.prefix(),
            }),
        }
    }

    /// The state.
    pub(crate) fn finish(self) -> State {
        let mut state = self.state;
        state.directories_by_scope = Index::of(self.directories_by_scope);
        state.groups_by_scope = Index::of(self.groups_by_scope);
        state.users_by_scope = Index::of(self.users_by_scope);
        state.users_by_text = Index::of(self.users_by_text);
        let of_user = self.memberships.iter().map(|&(user, group)| pair(user, group));
        state.groups_of_user = Index::of(of_user.collect());
        let of_group = self.memberships.iter().map(|&(user, group)| pair(group, user));
        state.users_of_group = Index::of(of_group.collect());
        state
    }
}

/// What every directory has.
pub(crate) fn complete_directory(model: &mut types::Directory) {
    model.object = Some("directory".to_owned());
    // Official SDKs cannot read a directory without it.
    model.external_key.get_or_insert_default();
    model.metadata = None;
}

/// What every group has.
pub(crate) fn complete_group(model: &mut types::DirectoryGroup, ulid: Ulid) {
    model.object = Some("directory_group".to_owned());
    model.idp_id.get_or_insert_with(|| model.id.clone());
    model.raw_attributes.get_or_insert_default();
    model.members = None;
    let created = model.created_at.get_or_insert_with(|| time_of(ulid)).clone();
    model.updated_at.get_or_insert(created);
}

/// What every user has.
pub(crate) fn complete_user(model: &mut types::DirectoryUser) {
    model.object = Some("directory_user".to_owned());
    model.raw_attributes.get_or_insert_default();
    model.custom_attributes.get_or_insert_default();
    model.groups = None;
}

/// The number of an organization, which gets one when it has none.
pub(crate) fn organization_number(state: &mut State, id: &str) -> Result<u32, ObjectError> {
    parsed(Kind::Organization, id)?;
    if let Some(&number) = state.organizations.get(id) {
        return Ok(number);
    }
    let number = state.organization_numbers;
    if number > MAX_NUMBER {
        return Err(ObjectError::TooMany);
    }
    state.organization_numbers += 1;
    state.organizations.insert(id.to_owned(), number);
    Ok(number)
}

/// The numbers of an object's directory and organization; a missing organization is filled in.
pub(crate) fn home(
    state: &State,
    directory: &str,
    organization: &mut Option<String>,
) -> Result<(u32, Option<u32>), ObjectError> {
    let found = state.directories.find(directory);
    let found = found.and_then(|number| Some((number, state.directories.get(number)?)));
    let (number, row) = found.ok_or_else(|| ObjectError::UnknownDirectory {
        id: directory.to_owned(),
    })?;
    let expected = &row.model.organization_id;
    match organization {
        None => organization.clone_from(expected),
        Some(_) if organization == expected => {}
        Some(id) => {
            return Err(ObjectError::OtherOrganization {
                id: id.clone(),
                directory_organization: expected.clone(),
            });
        }
    }
    Ok((number, row.organization))
}

pub(crate) fn parsed(kind: Kind, id: &str) -> Result<Ulid, ObjectError> {
    kind.parse(id).ok_or_else(|| ObjectError::WrongId {
        id: id.to_owned(),
        prefix: kind.prefix(),
    })
}

/// Adds a row. Ids come in ascending order, so one that does not sort behind the last is the last once more.
fn pushed<T>(shelf: &mut Shelf<T>, ulid: Ulid, row: T, id: String) -> Result<u32, ObjectError> {
    if shelf.place(ulid).is_ok() {
        return Err(ObjectError::DuplicateId { id });
    }
    shelf.push(ulid, row).ok_or(ObjectError::TooMany)
}

pub(crate) fn encoded<T: serde::Serialize>(model: &T) -> Result<String, ObjectError> {
    serde_json::to_string(model).map_err(|error| ObjectError::Encoding {
        reason: error.to_string(),
    })
}

/// A user's text as it is kept.
pub(crate) fn packed(state: &mut State, directory: u32, text: &str) -> Result<Packed, ObjectError> {
    let home = state.directories.get_mut(directory);
    home.map(|home| home.sample.pack(text)).ok_or(ObjectError::TooMany)
}

fn time_of(ulid: Ulid) -> Timestamp {
    let milliseconds = i64::try_from(ulid.milliseconds()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(milliseconds)
        .unwrap_or(jiff::Timestamp::MAX)
        .into()
}
