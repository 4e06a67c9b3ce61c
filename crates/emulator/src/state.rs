//! Everything that the emulator knows: directories, users, groups and who belongs to which group.
//!
//! Users and groups are encoded once, by their generated types, when they are written; an answer copies the texts of groups
//! and unpacks those of users. A row keeps beside its text only what lists are filtered by. Every list that a client reads in
//! bulk has an index of its own, so that a page reads as many rows with a million users as with a thousand.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use workos_directory_sync::types;

use crate::inactive::InactivePolicy;
use crate::index::Index;
use crate::index::Scope;
use crate::index::text_key;
use crate::kind::Kind;
use crate::log::EventRow;
use crate::row::DirectoryRow;
use crate::row::GroupRow;
use crate::row::StateCode;
use crate::row::UserRow;
use crate::row::UserTexts;
use crate::shelf::Shelf;

/// The whole state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) directories: Shelf<DirectoryRow>,
    pub(crate) users: Shelf<UserRow>,
    pub(crate) groups: Shelf<GroupRow>,
    /// What has happened, the oldest first.
    pub(crate) log: Shelf<EventRow>,
    /// The numbers of the organizations, by id.
    pub(crate) organizations: BTreeMap<String, u32>,
    /// How many numbers organizations were given, those of deleted ones included.
    pub(crate) organization_numbers: u32,
    /// The names of the organizations that were created for themselves, by id.
    pub(crate) organization_names: BTreeMap<String, Option<String>>,
    /// Directories by [`Scope`].
    pub(crate) directories_by_scope: Index,
    /// Users by [`Scope`] and state.
    pub(crate) users_by_scope: Index,
    /// Groups by [`Scope`].
    pub(crate) groups_by_scope: Index,
    /// Users by [`text_key`] of their `idp_id` and their addresses.
    pub(crate) users_by_text: Index,
    /// Groups by user.
    pub(crate) groups_of_user: Index,
    /// Users by group.
    pub(crate) users_of_group: Index,
    /// What becomes of users who turn inactive from now on.
    pub(crate) inactive_policy: InactivePolicy,
}

impl Default for State {
    fn default() -> Self {
        Self {
            directories: Shelf::new(Kind::Directory),
            users: Shelf::new(Kind::User),
            groups: Shelf::new(Kind::Group),
            log: Shelf::new(Kind::Event),
            organizations: BTreeMap::new(),
            organization_numbers: 0,
            organization_names: BTreeMap::new(),
            directories_by_scope: Index::default(),
            users_by_scope: Index::default(),
            groups_by_scope: Index::default(),
            users_by_text: Index::default(),
            groups_of_user: Index::default(),
            users_of_group: Index::default(),
            inactive_policy: InactivePolicy::default(),
        }
    }
}

impl State {
    /// A directory as the API shows it, with its counts.
    pub(crate) fn directory(&self, directory: u32) -> Option<types::Directory> {
        let row = self.directories.get(directory)?;
        let mut model = row.model.clone();
        let users = types::DirectoryUserCounts::new(row.active_users, row.other_users);
        model.metadata = Some(types::DirectoryMetadata::new(users, row.groups));
        Some(model)
    }

    /// The directory that an id stands for, or that its user or group belongs to.
    pub(crate) fn directory_of(&self, id: &str) -> Option<String> {
        if self.directories.find(id).is_some() {
            return Some(id.to_owned());
        }
        let user = self.users.find(id).and_then(|user| self.users.get(user));
        let home = user.map(|row| row.directory);
        let group = || self.groups.find(id).and_then(|group| self.groups.get(group));
        let home = home.or_else(|| group().map(|row| row.directory));
        self.directories.id(home?)
    }

    /// Appends a user's text; `false` when there is none with that number.
    pub(crate) fn write_user(&self, json: &mut Vec<u8>, user: u32) -> bool {
        let Some(row) = self.users.get(user) else {
            return false;
        };
        let directory = self.directories.get(row.directory);
        directory.is_some_and(|directory| directory.sample.unpack(&row.text, json))
    }

    /// Looks at some of a user's texts.
    pub(crate) fn with_user_texts<T>(&self, user: u32, look: impl FnOnce(UserTexts<'_>) -> T) -> T {
        let mut text = Vec::new();
        self.write_user(&mut text, user);
        // The text was written by the model's own serializer, so it reads back.
        look(serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Removes a directory with its users, groups and memberships; `false` when there is none with that number.
    pub(crate) fn delete_directory(&mut self, directory: u32) -> bool {
        let Some(organization) = self.directories.get(directory).map(|row| row.organization) else {
            return false;
        };
        let key = Scope::Directory(directory).key(0);
        let groups: Vec<u32> = self.groups_by_scope.all(key).collect();
        let users: Vec<u32> = self.users_by_scope.all(key).collect();
        for user in users {
            self.remove_user(user, organization);
        }
        for group in groups {
            self.groups.take(group);
            for key in group_keys(directory, organization) {
                self.groups_by_scope.remove(key, group);
            }
        }
        for key in directory_keys(organization) {
            self.directories_by_scope.remove(key, directory);
        }
        self.directories.take(directory);
        true
    }

    #[cfg(test)]
    pub(crate) fn is_empty_of_indexes(&self) -> bool {
        let indexes = [
            &self.directories_by_scope,
            &self.users_by_scope,
            &self.groups_by_scope,
            &self.users_by_text,
            &self.groups_of_user,
            &self.users_of_group,
        ];
        indexes.iter().all(|index| index.is_empty())
    }

    pub(crate) fn remove_user(&mut self, user: u32, organization: Option<u32>) {
        let groups: Vec<u32> = self.groups_of_user.all(user).collect();
        for group in groups {
            self.groups_of_user.remove(user, group);
            self.users_of_group.remove(group, user);
        }
        let Some((directory, code)) = self.users.get(user).map(|row| (row.directory, row.state)) else {
            return;
        };
        for key in user_keys(directory, organization, code) {
            self.users_by_scope.remove(key, user);
        }
        for key in self.with_user_texts(user, |texts| user_text_keys(directory, &texts)) {
            self.users_by_text.remove(key, user);
        }
        self.users.take(user);
    }
}

/// The keys of [`State::directories_by_scope`] that a directory stands under.
pub(crate) fn directory_keys(organization: Option<u32>) -> impl Iterator<Item = u32> {
    [Some(Scope::All), organization.map(Scope::Organization)]
        .into_iter()
        .flatten()
        .map(|scope| scope.key(0))
}

/// The keys of [`State::groups_by_scope`] that a group stands under.
pub(crate) fn group_keys(directory: u32, organization: Option<u32>) -> impl Iterator<Item = u32> {
    scopes(directory, organization).map(|scope| scope.key(0))
}

/// The keys of [`State::users_by_scope`] that a user stands under.
pub(crate) fn user_keys(directory: u32, organization: Option<u32>, state: StateCode) -> impl Iterator<Item = u32> {
    scopes(directory, organization).flat_map(move |scope| [scope.key(0), scope.key(state as u8)])
}

/// The keys of [`State::users_by_text`] that a user stands under.
pub(crate) fn user_text_keys(directory: u32, texts: &UserTexts<'_>) -> BTreeSet<u32> {
    let idp_id = texts.idp_id.iter().map(|text| text_key(directory, "idp_id", text));
    let emails = texts.addresses().map(|text| text_key(directory, "email", &text));
    idp_id.chain(emails).collect()
}

fn scopes(directory: u32, organization: Option<u32>) -> impl Iterator<Item = Scope> {
    [
        Some(Scope::All),
        Some(Scope::Directory(directory)),
        organization.map(Scope::Organization),
    ]
    .into_iter()
    .flatten()
}
