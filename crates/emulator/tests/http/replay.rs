//! The state as the log tells it, and whether the lists show the same.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use workos_directory_sync::types::DirectoryGroup;
use workos_directory_sync::types::DirectoryUser;
use workos_directory_sync::types::Event;
use workos_directory_sync::types::EventPayload;

use crate::asking::Asking;

/// What somebody knows who reads nothing but the log.
#[derive(Default)]
pub(crate) struct Replay {
    pub(crate) directories: BTreeSet<String>,
    pub(crate) users: BTreeMap<String, DirectoryUser>,
    pub(crate) groups: BTreeMap<String, DirectoryGroup>,
    pub(crate) memberships: BTreeSet<(String, String)>,
}

impl Replay {
    pub(crate) fn apply(&mut self, event: &Event) {
        match event.payload().unwrap() {
            EventPayload::DsyncActivated(directory) => {
                self.directories.insert(directory.id);
            }
            EventPayload::DsyncDeleted(directory) => {
                self.directories.remove(&directory.id);
                self.users.retain(|_, user| user.directory_id != directory.id);
                self.groups.retain(|_, group| group.directory_id != directory.id);
            }
            EventPayload::DsyncUserCreated(user) => {
                self.users.insert(user.id.clone(), *user);
            }
            EventPayload::DsyncUserUpdated(user) => {
                assert!(user.previous_attributes.is_some() && self.users.contains_key(&user.id));
                // It has all that the user has, and what was before.
                let text = serde_json::to_string(&user).unwrap();
                self.users.insert(user.id, serde_json::from_str(&text).unwrap());
            }
            EventPayload::DsyncUserDeleted(user) => {
                self.users.remove(&user.id);
            }
            EventPayload::DsyncGroupCreated(group) => {
                self.groups.insert(group.id.clone(), *group);
            }
            EventPayload::DsyncGroupUpdated(group) => {
                assert!(group.previous_attributes.is_some() && self.groups.contains_key(&group.id));
                let text = serde_json::to_string(&group).unwrap();
                self.groups.insert(group.id, serde_json::from_str(&text).unwrap());
            }
            EventPayload::DsyncGroupDeleted(group) => {
                self.groups.remove(&group.id);
            }
            EventPayload::DsyncGroupUserAdded(joined) => {
                assert!(self.memberships.insert((joined.user.id, joined.group.id)));
            }
            EventPayload::DsyncGroupUserRemoved(left) => {
                assert!(self.memberships.remove(&(left.user.id, left.group.id)));
            }
            other => panic!("{other:?}"),
        }
        let (users, groups) = (&self.users, &self.groups);
        self.memberships
            .retain(|(user, group)| users.contains_key(user) && groups.contains_key(group));
    }

    /// Asserts that each list shows what the log told, no more and no less.
    pub(crate) async fn assert_shown_by(&self, asking: &Asking) {
        assert_eq!(
            asking.all_ids("/directories").await,
            self.directories.iter().cloned().collect::<Vec<_>>()
        );
        assert_eq!(
            asking.all_ids("/directory_groups").await,
            self.groups.keys().cloned().collect::<Vec<_>>()
        );
        for user in asking.all("/directory_users").await {
            let mut user: DirectoryUser = serde_json::from_str(&user.to_string()).unwrap();
            user.groups = None;
            assert_eq!(Some(&user), self.users.get(&user.id));
        }
        for state in ["active", "suspended"] {
            let expected: Vec<_> = self
                .users
                .values()
                .filter(|user| user.state.as_str() == state)
                .map(|user| user.id.clone())
                .collect();
            assert_eq!(
                asking.all_ids(&format!("/directory_users?state={state}")).await,
                expected
            );
        }
        for directory in &self.directories {
            let members = self
                .users
                .values()
                .filter(|user| user.directory_id == *directory)
                .map(|user| user.id.clone());
            let members: Vec<_> = members.collect();
            assert_eq!(
                asking.all_ids(&format!("/directory_users?directory={directory}")).await,
                members
            );
            let counts = asking.get(&format!("/directories/{directory}")).await.json()["metadata"].clone();
            let total = counts["users"]["active"].as_u64().unwrap() + counts["users"]["inactive"].as_u64().unwrap();
            assert_eq!(total as usize, members.len());
        }
        let mut memberships = BTreeSet::new();
        for group in self.groups.keys() {
            let users = asking.all_ids(&format!("/directory_users?group={group}")).await;
            memberships.extend(users.into_iter().map(|user| (user, group.clone())));
        }
        assert_eq!(memberships, self.memberships);
        for user in self.users.keys() {
            let groups = asking.all_ids(&format!("/directory_groups?user={user}")).await;
            assert_eq!(
                groups.len(),
                memberships.iter().filter(|(member, _)| member == user).count()
            );
        }
    }
}
