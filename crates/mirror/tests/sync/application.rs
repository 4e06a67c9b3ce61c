//! An application that reads nothing but the changes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use workos_directory_mirror::Change;
use workos_directory_mirror::ChangeKind;
use workos_directory_mirror::Mirror;

use crate::world::World;

/// What it knows.
#[derive(Debug, Default)]
pub(crate) struct Application {
    /// The id of the last change that it took.
    place: i64,
    /// It, if there was one.
    last: Option<Change>,
    /// Each with its state.
    users: BTreeMap<String, String>,
    directories: BTreeMap<String, String>,
    groups: BTreeSet<String>,
    memberships: BTreeSet<(String, String)>,
}

impl Application {
    /// Takes a change, which has to be one: what comes was not there, what goes was.
    fn take(&mut self, change: &Change) {
        let user = change.user_id.clone().unwrap_or_default();
        let group = change.group_id.clone().unwrap_or_default();
        let previous = match change.kind {
            ChangeKind::DirectoryStateChanged | ChangeKind::DirectoryDeleted => {
                replace(&mut self.directories, &change.directory_id, change.state.as_ref())
            }
            ChangeKind::GroupCreated => return assert!(self.groups.insert(group), "{change:?}"),
            ChangeKind::GroupUpdated => return assert!(self.groups.contains(&group), "{change:?}"),
            ChangeKind::GroupDeleted => return assert!(self.groups.remove(&group), "{change:?}"),
            ChangeKind::JoinedGroup => {
                assert!(self.users.contains_key(&user), "{change:?}");
                assert!(self.groups.contains(&group), "{change:?}");
                return assert!(self.memberships.insert((user, group)), "{change:?}");
            }
            ChangeKind::LeftGroup => return assert!(self.memberships.remove(&(user, group)), "{change:?}"),
            _ => replace(&mut self.users, &user, change.state.as_ref()),
        };
        assert_eq!(previous, change.previous_state, "{change:?}");
        let (before, now) = (previous.as_deref(), change.state.as_deref());
        let is_right = match change.kind {
            ChangeKind::UserCreated => before.is_none() && now.is_some(),
            ChangeKind::UserUpdated => now.is_some() && before.is_some(),
            ChangeKind::UserSuspended => matches!(before, Some("active" | "inactive")) && now != Some("active"),
            ChangeKind::UserDeprovisioned => {
                before.is_some_and(|state| state != "inactive") && now.is_none_or(|state| state == "inactive")
            }
            ChangeKind::UserRestored => before != Some("active") && now == Some("active"),
            ChangeKind::UserDeleted => before == Some("inactive") && now.is_none(),
            ChangeKind::DirectoryStateChanged => before != now && now.is_some(),
            ChangeKind::DirectoryDeleted => before.is_some() && now.is_none(),
            kind => panic!("a kind that the test does not know: {kind}"),
        };
        assert!(is_right, "{change:?}");
    }

    /// Takes what is new, and returns how much that was.
    pub(crate) async fn catch_up(&mut self, mirror: &Mirror) -> usize {
        let mut count = 0;
        loop {
            let page = mirror.changes_after(self.place, 50).await.unwrap();
            for change in &page {
                assert!(change.id > self.place, "{change:?}");
                self.place = change.id;
                self.take(change);
            }
            count += page.len();
            match page.into_iter().next_back() {
                Some(change) => self.last = Some(change),
                None => return count,
            }
        }
    }

    /// The last change that it took.
    pub(crate) fn last(&self) -> Option<&Change> {
        self.last.as_ref()
    }

    /// Asserts that it knows what the tables have.
    pub(crate) async fn assert_is(&self, world: &World) {
        let users = world
            .column("SELECT id || ' ' || state FROM users WHERE deleted_at IS NULL ORDER BY 1")
            .await;
        assert_eq!(joined(&self.users), users);
        let directories = world
            .column("SELECT id || ' ' || state FROM directories WHERE deleted_at IS NULL ORDER BY 1")
            .await;
        assert_eq!(joined(&self.directories), directories);
        let groups = world
            .column("SELECT id FROM groups WHERE deleted_at IS NULL ORDER BY 1")
            .await;
        assert_eq!(self.groups.iter().cloned().collect::<Vec<_>>(), groups);
        let memberships = world
            .column(
                "SELECT m.user_id || ' ' || m.group_id FROM memberships AS m
                 JOIN users AS u ON u.id = m.user_id AND u.deleted_at IS NULL
                 JOIN groups AS g ON g.id = m.group_id AND g.deleted_at IS NULL
                 WHERE m.deleted_at IS NULL ORDER BY 1",
            )
            .await;
        let known = self.memberships.iter();
        assert_eq!(
            known.map(|(user, group)| format!("{user} {group}")).collect::<Vec<_>>(),
            memberships
        );
    }
}

fn replace(objects: &mut BTreeMap<String, String>, id: &str, state: Option<&String>) -> Option<String> {
    match state {
        Some(state) => objects.insert(id.to_owned(), state.clone()),
        None => objects.remove(id),
    }
}

fn joined(objects: &BTreeMap<String, String>) -> Vec<String> {
    objects.iter().map(|(id, state)| format!("{id} {state}")).collect()
}

/// Asserts that the changes from the first on lead to what the tables have.
pub(crate) async fn assert_replays(world: &World) {
    let mut application = Application::default();
    application.catch_up(&world.mirror).await;
    application.assert_is(world).await;
}
