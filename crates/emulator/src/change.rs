//! One change of the state: checked, written, and told by the right event.
//!
//! A change that is refused changes nothing and tells nothing, and so does one that says what is known already: a newer
//! `updated_at` alone is no change.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::value::to_raw_value;
use workos_directory_sync::Attributes;
use workos_directory_sync::types;
use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryUserState;
use workos_directory_sync::types::EventName;

use crate::inactive::InactivePolicy;
use crate::index::Scope;
use crate::javascript::rewrite;
use crate::kind::Kind;
use crate::loader::ObjectError;
use crate::loader::complete_directory;
use crate::loader::complete_group;
use crate::loader::complete_user;
use crate::loader::encoded;
use crate::loader::home;
use crate::loader::organization_number;
use crate::loader::packed;
use crate::loader::parsed;
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

/// The state at a time, to change.
pub(crate) struct Change<'a> {
    state: &'a mut State,
    now: jiff::Timestamp,
}

impl State {
    /// Changes the state at a time.
    pub(crate) fn change(&mut self, now: jiff::Timestamp) -> Change<'_> {
        Change { state: self, now }
    }

    /// A user as the API shows it.
    pub(crate) fn user(&self, user: u32) -> Result<types::DirectoryUser, ObjectError> {
        let mut json = Vec::new();
        self.write_user(&mut json, user);
        serde_json::from_slice(&json).map_err(encoding)
    }

    /// A group as the API shows it.
    pub(crate) fn group(&self, group: u32) -> Result<types::DirectoryGroup, ObjectError> {
        let text = self.groups.get(group).map_or("", |row| &row.text);
        serde_json::from_str(text).map_err(encoding)
    }
}

impl Change<'_> {
    /// Creates a directory, or replaces what is known of it. One that becomes linked is told of as activated.
    pub(crate) fn directory(&mut self, mut model: types::Directory) -> Result<(), ObjectError> {
        let ulid = parsed(Kind::Directory, &model.id)?;
        complete_directory(&mut model);
        let known = self.state.directories.find(&model.id);
        let was_linked = match known.and_then(|number| self.state.directories.get_mut(number)) {
            Some(row) => {
                if row.model.organization_id != model.organization_id {
                    let id = model.organization_id.unwrap_or_default();
                    let directory_organization = row.model.organization_id.clone();
                    return Err(ObjectError::OtherOrganization {
                        id,
                        directory_organization,
                    });
                }
                let was_linked = row.model.state == DirectoryState::Linked;
                row.model = model.clone();
                was_linked
            }
            None => {
                check_new(&self.state.directories, ulid, &model.id)?;
                let organization = match &model.organization_id {
                    Some(id) => Some(organization_number(self.state, id)?),
                    None => None,
                };
                let row = DirectoryRow::new(model.clone(), organization);
                let number = self.state.directories.push(ulid, row).ok_or(ObjectError::TooMany)?;
                for key in directory_keys(organization) {
                    self.state.directories_by_scope.insert(key, number);
                }
                false
            }
        };
        if model.state != DirectoryState::Linked || was_linked {
            return Ok(());
        }
        let types::Directory {
            id,
            type_,
            name,
            created_at,
            updated_at,
            ..
        } = model;
        let mut data = types::DirectoryActivated::new(id, type_, DirectoryState::Active, name, created_at, updated_at);
        data.object = Some("directory".to_owned());
        data.organization_id = model.organization_id;
        data.external_key = model.external_key;
        data.domains = Some(model.domain.into_iter().map(|name| domain(ulid, name)).collect());
        let organization = data.organization_id.clone();
        self.tell(EventName::DsyncActivated, organization, &data)
    }

    /// Creates an organization, or gives it another name.
    pub(crate) fn organization(&mut self, id: &str, name: Option<String>) -> Result<(), ObjectError> {
        organization_number(self.state, id)?;
        self.state.organization_names.insert(id.to_owned(), name);
        Ok(())
    }

    /// Deletes an organization with its directories; `false` when there is none.
    pub(crate) fn delete_organization(&mut self, id: &str) -> Result<bool, ObjectError> {
        let Some(&number) = self.state.organizations.get(id) else {
            return Ok(false);
        };
        let scope = Scope::Organization(number).key(0);
        let directories: Vec<u32> = self.state.directories_by_scope.all(scope).collect();
        for directory in directories {
            let id = self.state.directories.id(directory).unwrap_or_default();
            self.delete_directory(&id)?;
        }
        self.state.organizations.remove(id);
        self.state.organization_names.remove(id);
        Ok(true)
    }

    /// Deletes a directory with everything in it, which one event stands for.
    pub(crate) fn delete_directory(&mut self, id: &str) -> Result<(), ObjectError> {
        let number = self.state.directories.find(id);
        let number = number.ok_or_else(|| ObjectError::UnknownDirectory { id: id.to_owned() })?;
        let model = self
            .state
            .directory(number)
            .ok_or_else(|| ObjectError::UnknownDirectory { id: id.to_owned() })?;
        let state = match model.state {
            DirectoryState::Linked => DirectoryState::Active,
            DirectoryState::Unlinked => DirectoryState::Inactive,
            other => other,
        };
        let types::Directory {
            id,
            type_,
            name,
            created_at,
            updated_at,
            organization_id,
            ..
        } = model;
        let mut data = types::DirectoryDeleted::new(id, type_, state, name, created_at, updated_at);
        data.object = Some("directory".to_owned());
        data.organization_id.clone_from(&organization_id);
        self.state.delete_directory(number);
        self.tell(EventName::DsyncDeleted, organization_id, &data)
    }

    /// Creates a user, or replaces what is known of it.
    pub(crate) fn user(&mut self, mut model: types::DirectoryUser) -> Result<(), ObjectError> {
        let ulid = parsed(Kind::User, &model.id)?;
        let (directory, organization) = home(self.state, &model.directory_id, &mut model.organization_id)?;
        rewrite(&mut model.raw_attributes);
        rewrite(&mut model.custom_attributes);
        complete_user(&mut model);
        if model.state == DirectoryUserState::Inactive && self.state.inactive_policy == InactivePolicy::Delete {
            return self.deactivate(ulid, &model);
        }
        let text = encoded(&model)?;
        let code = StateCode::from(&model.state);
        let known = self.state.users.find(&model.id);
        let mut previous = None;
        if let Some(number) = known {
            let before = self.state.user(number)?;
            if before.directory_id != model.directory_id {
                return Err(ObjectError::DuplicateId { id: model.id });
            }
            let changed = previous_attributes(&encoded(&before)?, &text)?;
            if changed.is_empty() {
                return Ok(());
            }
            previous = Some(changed);
        }
        let row = UserRow {
            directory,
            state: code,
            text: packed(self.state, directory, &text)?,
        };
        let number = match known {
            Some(number) => {
                self.forget_user(number, organization);
                if let Some(place) = self.state.users.get_mut(number) {
                    *place = row;
                }
                number
            }
            None => {
                check_new(&self.state.users, ulid, &model.id)?;
                self.state.users.push(ulid, row).ok_or(ObjectError::TooMany)?
            }
        };
        for key in user_keys(directory, organization, code) {
            self.state.users_by_scope.insert(key, number);
        }
        for key in user_text_keys(directory, &UserTexts::from(&model)) {
            self.state.users_by_text.insert(key, number);
        }
        if let Some(row) = self.state.directories.get_mut(directory) {
            *row.count(code) += 1;
        }
        let organization = model.organization_id.clone();
        let Some(previous) = previous else {
            return self.tell(EventName::DsyncUserCreated, organization, &model);
        };
        let mut data: types::DirectoryUserUpdated = serde_json::from_str(&text).map_err(encoding)?;
        data.previous_attributes = Some(Attributes::from_serialize(&previous).map_err(encoding)?);
        self.tell(EventName::DsyncUserUpdated, organization, &data)
    }

    /// Deletes a user who turned inactive. One who was never there does not appear.
    fn deactivate(&mut self, ulid: Ulid, model: &types::DirectoryUser) -> Result<(), ObjectError> {
        let Some(number) = self.state.users.find(&model.id) else {
            return check_new(&self.state.users, ulid, &model.id);
        };
        if self.state.user(number)?.directory_id != model.directory_id {
            return Err(ObjectError::DuplicateId { id: model.id.clone() });
        }
        self.remove_user(number, model)
    }

    /// Deletes a user and its memberships.
    pub(crate) fn delete_user(&mut self, id: &str) -> Result<(), ObjectError> {
        let number = self.find_user(id)?;
        let model = self.state.user(number)?;
        self.remove_user(number, &model)
    }

    /// Removes a user, and tells it as the last that is known of it.
    fn remove_user(&mut self, number: u32, model: &types::DirectoryUser) -> Result<(), ObjectError> {
        let organization = self.organization_of(&model.directory_id);
        self.forget_user(number, organization);
        self.state.remove_user(number, organization);
        self.tell(EventName::DsyncUserDeleted, model.organization_id.clone(), model)
    }

    /// Creates a group, or replaces what is known of it.
    pub(crate) fn group(&mut self, mut model: types::DirectoryGroup) -> Result<(), ObjectError> {
        let ulid = parsed(Kind::Group, &model.id)?;
        let (directory, organization) = home(self.state, &model.directory_id, &mut model.organization_id)?;
        rewrite(&mut model.raw_attributes);
        complete_group(&mut model, ulid);
        let text = encoded(&model)?;
        let row = GroupRow {
            directory,
            text: text.clone().into_boxed_str(),
        };
        let Some(number) = self.state.groups.find(&model.id) else {
            check_new(&self.state.groups, ulid, &model.id)?;
            let number = self.state.groups.push(ulid, row).ok_or(ObjectError::TooMany)?;
            for key in group_keys(directory, organization) {
                self.state.groups_by_scope.insert(key, number);
            }
            if let Some(row) = self.state.directories.get_mut(directory) {
                row.groups += 1;
            }
            return self.tell(EventName::DsyncGroupCreated, model.organization_id.clone(), &model);
        };
        let before = self.state.group(number)?;
        if before.directory_id != model.directory_id {
            return Err(ObjectError::DuplicateId { id: model.id });
        }
        let previous = previous_attributes(&encoded(&before)?, &text)?;
        if previous.is_empty() {
            return Ok(());
        }
        if let Some(place) = self.state.groups.get_mut(number) {
            *place = row;
        }
        let mut data: types::DirectoryGroupUpdated = serde_json::from_str(&text).map_err(encoding)?;
        data.previous_attributes = Some(Attributes::from_serialize(&previous).map_err(encoding)?);
        self.tell(EventName::DsyncGroupUpdated, model.organization_id, &data)
    }

    /// Deletes a group, which stands for the end of its memberships.
    pub(crate) fn delete_group(&mut self, id: &str) -> Result<(), ObjectError> {
        let number = self.find_group(id)?;
        let model = self.state.group(number)?;
        let organization = self.organization_of(&model.directory_id);
        let members: Vec<u32> = self.state.users_of_group.all(number).collect();
        for user in members {
            self.state.users_of_group.remove(number, user);
            self.state.groups_of_user.remove(user, number);
        }
        if let Some(row) = self.state.groups.take(number) {
            for key in group_keys(row.directory, organization) {
                self.state.groups_by_scope.remove(key, number);
            }
            if let Some(row) = self.state.directories.get_mut(row.directory) {
                row.groups = row.groups.saturating_sub(1);
            }
        }
        self.tell(EventName::DsyncGroupDeleted, model.organization_id.clone(), &model)
    }

    /// Makes a user a member of a group, or ends that. What is so already is not told again.
    pub(crate) fn membership(&mut self, user: &str, group: &str, is_member: bool) -> Result<(), ObjectError> {
        let user_number = self.find_user(user)?;
        let group_number = self.find_group(group)?;
        let (user, group) = (self.state.user(user_number)?, self.state.group(group_number)?);
        if user.directory_id != group.directory_id {
            return Err(ObjectError::OtherDirectory {
                user: user.id,
                group: group.id,
            });
        }
        let (is_changed, name) = if is_member {
            self.state.groups_of_user.insert(user_number, group_number);
            (
                self.state.users_of_group.insert(group_number, user_number),
                EventName::DsyncGroupUserAdded,
            )
        } else {
            self.state.groups_of_user.remove(user_number, group_number);
            (
                self.state.users_of_group.remove(group_number, user_number),
                EventName::DsyncGroupUserRemoved,
            )
        };
        if !is_changed {
            return Ok(());
        }
        let organization = user.organization_id.clone();
        let data = types::Membership::new(user.directory_id.clone(), user, group);
        self.tell(name, organization, &data)
    }

    fn tell(
        &mut self,
        name: EventName,
        organization: Option<String>,
        data: &impl serde::Serialize,
    ) -> Result<(), ObjectError> {
        self.state.append_event(self.now, name, organization, data)
    }

    fn find_user(&self, id: &str) -> Result<u32, ObjectError> {
        self.state
            .users
            .find(id)
            .ok_or_else(|| ObjectError::UnknownUser { id: id.to_owned() })
    }

    fn find_group(&self, id: &str) -> Result<u32, ObjectError> {
        self.state
            .groups
            .find(id)
            .ok_or_else(|| ObjectError::UnknownGroup { id: id.to_owned() })
    }

    fn organization_of(&self, directory: &str) -> Option<u32> {
        let number = self.state.directories.find(directory)?;
        self.state.directories.get(number)?.organization
    }

    /// Takes a user out of what it is found and counted by, before it is written anew or deleted. Its memberships stay.
    fn forget_user(&mut self, number: u32, organization: Option<u32>) {
        let Some(row) = self.state.users.get(number) else {
            return;
        };
        let (directory, code) = (row.directory, row.state);
        let texts = self
            .state
            .with_user_texts(number, |texts| user_text_keys(directory, &texts));
        for key in user_keys(directory, organization, code) {
            self.state.users_by_scope.remove(key, number);
        }
        for key in texts {
            self.state.users_by_text.remove(key, number);
        }
        if let Some(row) = self.state.directories.get_mut(directory) {
            let count = row.count(code);
            *count = count.saturating_sub(1);
        }
    }
}

fn check_new<T>(shelf: &Shelf<T>, ulid: Ulid, id: &str) -> Result<(), ObjectError> {
    match shelf.last() {
        Some(last) if last >= ulid => Err(ObjectError::NotNew { id: id.to_owned() }),
        _ => Ok(()),
    }
}

fn domain(ulid: Ulid, name: String) -> types::DirectoryDomain {
    let mut domain = types::DirectoryDomain::new(format!("org_domain_{ulid}"), name);
    domain.object = Some("organization_domain".to_owned());
    domain
}

fn encoding(error: serde_json::Error) -> ObjectError {
    ObjectError::Encoding {
        reason: error.to_string(),
    }
}

/// The fields of an object, unparsed: what customers write is of any depth and precision.
type Fields = BTreeMap<String, Box<RawValue>>;

/// The former values of what differs: root fields, and of `custom_attributes` only those that changed; `null` for what was
/// not there. `updated_at` alone is no difference.
fn previous_attributes(before: &str, after: &str) -> Result<Fields, ObjectError> {
    const CUSTOM: &str = "custom_attributes";
    let fields = |text: &str| serde_json::from_str::<Fields>(text).map_err(encoding);
    let (before, after) = (fields(before)?, fields(after)?);
    let mut previous = differences(&before, &after);
    previous.remove("updated_at");
    if previous.contains_key(CUSTOM) {
        let custom = |object: &Fields| {
            let custom = object
                .get(CUSTOM)
                .and_then(|custom| serde_json::from_str(custom.get()).ok());
            custom.unwrap_or_default()
        };
        let custom = differences(&custom(&before), &custom(&after));
        previous.insert(CUSTOM.to_owned(), to_raw_value(&custom).map_err(encoding)?);
    }
    Ok(previous)
}

fn differences(before: &Fields, after: &Fields) -> Fields {
    let value = |fields: &Fields, name: &String| fields.get(name).map_or(RawValue::NULL, |value| value).to_owned();
    let names = before.keys().chain(after.keys());
    names
        .filter(|&name| value(before, name).get() != value(after, name).get())
        .map(|name| (name.clone(), value(before, name)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn previous_attributes_are_shallow_except_for_custom_attributes() {
        let before = r#"{"state":"active","custom_attributes":{"a":1,"b":2},"emails":[1],"updated_at":"x"}"#;
        let after = r#"{"state":"active","custom_attributes":{"b":3,"c":4},"emails":[1,2],"updated_at":"y"}"#;
        let previous = previous_attributes(before, after).unwrap();
        let expected = serde_json::json!({ "custom_attributes": { "a": 1, "b": 2, "c": null }, "emails": [1] });
        assert_eq!(serde_json::to_value(previous).unwrap(), expected);
        assert!(
            previous_attributes(before, &before.replace("\"x\"", "\"z\""))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn attributes_of_any_depth_and_precision_are_compared() {
        let deep = |depth: usize| format!(r#"{{"raw_attributes":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        let previous = previous_attributes(&deep(10_000), &deep(10_001)).unwrap();
        assert_eq!(previous["raw_attributes"].get().len(), 20_000);
        assert!(previous_attributes(&deep(10_000), &deep(10_000)).unwrap().is_empty());
        let exact = |digit: char| format!(r#"{{"custom_attributes":{{"id":1234567890123456789012{digit}}}}}"#);
        let previous = previous_attributes(&exact('1'), &exact('2')).unwrap();
        assert_eq!(previous["custom_attributes"].get(), r#"{"id":12345678901234567890121}"#);
    }
}
