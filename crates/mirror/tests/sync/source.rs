//! What a test puts at the source.

use serde_json::json;
use workos_directory_emulator::SeedFile;
use workos_directory_emulator::SeedMembership;

/// A source with one or more directories, each with users and groups that the test names by number.
#[derive(Clone, Default)]
pub(crate) struct Source(pub(crate) SeedFile);

pub(crate) fn directory_id(directory: u32) -> String {
    format!("directory_01JD00000000000000{directory:08}")
}

pub(crate) fn organization_id(organization: u32) -> String {
    format!("org_01JE00000000000000{organization:08}")
}

pub(crate) fn user_id(directory: u32, user: u32) -> String {
    format!("directory_user_01JA000000{directory:06}{user:010}")
}

pub(crate) fn group_id(directory: u32, group: u32) -> String {
    format!("directory_group_01JB000000{directory:06}{group:010}")
}

impl Source {
    /// Directories from 1 on, each of its own organization, with this many users and groups; user u is in the groups u and
    /// u + 1, counted round.
    pub(crate) fn new(directories: u32, users: u32, groups: u32) -> Self {
        let mut source = Self::default();
        for directory in 1..=directories {
            source = source.with_directory(directory);
            for group in 0..groups {
                source = source.with_group(directory, group);
            }
            for user in 0..users {
                source = source.with_user(directory, user);
                for group in 0..groups.min(2) {
                    source = source.with_membership(directory, user, (user + group) % groups);
                }
            }
        }
        source
    }

    pub(crate) fn with_directory(mut self, directory: u32) -> Self {
        self.0.directories.push(from(json!({
            "id": directory_id(directory), "organization_id": organization_id(directory), "type": "okta scim v2.0",
            "state": "linked", "name": format!("Directory {directory}"),
            "created_at": "2024-01-15T10:00:00.000Z", "updated_at": "2024-01-15T10:00:00.000Z"
        })));
        self
    }

    pub(crate) fn with_group(mut self, directory: u32, group: u32) -> Self {
        self.0.groups.push(from(json!({
            "id": group_id(directory, group), "directory_id": directory_id(directory), "name": format!("Group {group}"),
            "idp_id": format!("g{group}"), "raw_attributes": { "n": group },
            "created_at": "2024-01-15T10:00:00Z", "updated_at": "2024-01-15T10:00:00.000Z"
        })));
        self
    }

    pub(crate) fn with_user(mut self, directory: u32, user: u32) -> Self {
        let state = ["active", "active", "active", "inactive", "on_leave"][user as usize % 5];
        self.0.users.push(from(json!({
            "id": user_id(directory, user), "directory_id": directory_id(directory), "idp_id": format!("u{user}"),
            "email": format!("u{user}@d{directory}.example"), "first_name": "Ünï", "last_name": format!("Nr {user}"),
            "state": state, "custom_attributes": { "b": 1.10, "a": [user] }, "raw_attributes": { "z": null },
            "created_at": "2023-04-28 20:05:31.093", "updated_at": "2024-01-15T10:00:00.000Z"
        })));
        self
    }

    pub(crate) fn with_membership(mut self, directory: u32, user: u32, group: u32) -> Self {
        self.0.memberships.push(SeedMembership {
            user: user_id(directory, user),
            group: group_id(directory, group),
        });
        self
    }

    /// Without some users, and their memberships.
    pub(crate) fn without_users(mut self, directory: u32, users: impl IntoIterator<Item = u32>) -> Self {
        let ids: Vec<_> = users.into_iter().map(|user| user_id(directory, user)).collect();
        self.0.users.retain(|user| !ids.contains(&user.id));
        self.0.memberships.retain(|membership| !ids.contains(&membership.user));
        self
    }

    /// Without a group, and its memberships.
    pub(crate) fn without_group(mut self, directory: u32, group: u32) -> Self {
        let id = group_id(directory, group);
        self.0.groups.retain(|group| group.id != id);
        self.0.memberships.retain(|membership| membership.group != id);
        self
    }

    /// Without a membership.
    pub(crate) fn without_membership(mut self, directory: u32, user: u32, group: u32) -> Self {
        let (user, group) = (user_id(directory, user), group_id(directory, group));
        self.0
            .memberships
            .retain(|membership| membership.user != user || membership.group != group);
        self
    }

    /// Without a directory, and all that is in it.
    pub(crate) fn without_directory(mut self, directory: u32) -> Self {
        let id = directory_id(directory);
        self.0.directories.retain(|directory| directory.id != id);
        self.0.users.retain(|user| user.directory_id != id);
        self.0.groups.retain(|group| group.directory_id != id);
        let users: std::collections::HashSet<_> = self.0.users.iter().map(|user| &user.id).collect();
        self.0.memberships.retain(|membership| users.contains(&membership.user));
        self
    }

    /// With another name for a user, whose `updated_at` stays, as the API does it for memberships.
    pub(crate) fn with_name(mut self, directory: u32, user: u32, name: &str) -> Self {
        let id = user_id(directory, user);
        let user = self.0.users.iter_mut().find(|user| user.id == id).unwrap();
        user.first_name = Some(name.to_owned());
        self
    }
}

fn from<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    // By way of text: attributes are kept as the text that came.
    serde_json::from_str(&json.to_string()).unwrap()
}
