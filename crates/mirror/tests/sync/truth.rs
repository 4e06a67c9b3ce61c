//! What the source has: the truth that a database is compared with.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use workos_directory_emulator::Emulator;
use workos_directory_sync::Client;

/// Everything, each kind in the order of its ids.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) directories: Vec<Value>,
    pub(crate) groups: Vec<Value>,
    pub(crate) users: Vec<Value>,
    /// Each as `USER GROUP`.
    pub(crate) memberships: Vec<String>,
}

impl Truth {
    /// As the API lists it.
    pub(crate) async fn listed(client: &Client) -> Self {
        let directories = client.list_directories().stream().try_collect().await.unwrap();
        let (mut groups, mut users, mut memberships) = (Vec::new(), Vec::new(), BTreeSet::new());
        for directory in &directories {
            let id = directory.id.as_str();
            let listed = client.list_directory_groups().directory(id).stream();
            for group in listed.try_collect().await.unwrap() {
                let members = client.list_directory_users().group(group.id.as_str()).stream();
                for user in members.try_collect().await.unwrap() {
                    memberships.insert(format!("{} {}", user.id, group.id));
                }
                groups.push(group);
            }
            let listed = client.list_directory_users().directory(id).stream();
            users.extend(listed.try_collect().await.unwrap());
        }
        Self {
            directories: sorted(directories),
            groups: sorted(groups),
            users: sorted(users),
            memberships: memberships.into_iter().collect(),
        }
    }

    /// As the emulator itself tells it, which is faster. Directories are listed, since their counts are made for that.
    pub(crate) async fn of(emulator: &Emulator, client: &Client) -> Self {
        let all = emulator.seed_file().unwrap();
        let memberships = all.memberships.iter();
        let memberships: BTreeSet<_> = memberships
            .map(|membership| format!("{} {}", membership.user, membership.group))
            .collect();
        Self {
            directories: sorted(client.list_directories().stream().try_collect().await.unwrap()),
            groups: sorted(all.groups),
            users: sorted(all.users),
            memberships: memberships.into_iter().collect(),
        }
    }
}

fn sorted<T: Serialize>(objects: Vec<T>) -> Vec<Value> {
    let mut objects: Vec<Value> = objects
        .iter()
        .map(|object| serde_json::to_value(object).unwrap())
        .collect();
    objects.sort_by_key(|object| object["id"].as_str().unwrap().to_owned());
    objects
}
