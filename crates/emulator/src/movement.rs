//! What happens to a list while somebody reads it page by page.

use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;
use workos_directory_sync::types;

use crate::app::App;
use crate::fault::Movement;
use crate::kind::Kind;
use crate::loader::ObjectError;
use crate::log::next_ulid;
use crate::state::State;

/// What is moved: the object that a cursor names, and the list that is read.
pub(crate) struct Moving<'a> {
    pub(crate) kind: Kind,
    pub(crate) cursor: &'a str,
    /// The group whose members are listed.
    pub(crate) group: Option<&'a str>,
    pub(crate) now: jiff::Timestamp,
}

/// The kind of object in an operation's list, for lists that can change.
pub(crate) fn listed(operation: &Operation) -> Option<Kind> {
    [
        (&operations::LIST_DIRECTORIES, Kind::Directory),
        (&operations::LIST_DIRECTORY_GROUPS, Kind::Group),
        (&operations::LIST_DIRECTORY_USERS, Kind::User),
    ]
    .into_iter()
    .find_map(|(list, kind)| (list.id == operation.id).then_some(kind))
}

impl Moving<'_> {
    /// Lets it happen, with the events that tell of it. A cursor that names nothing moves nothing.
    pub(crate) fn happen(&self, app: &App, movement: Movement) {
        let mut state = app.state_mut();
        let done = match movement {
            Movement::Deleted => self.delete(&mut state),
            Movement::Added => self.add(&mut state),
            Movement::Changed | Movement::Repeated => self.change(&mut state),
        };
        // Nothing was there to move: the list is as it was.
        drop(done);
    }

    fn delete(&self, state: &mut State) -> Result<(), ObjectError> {
        let mut change = state.change(self.now);
        match self.kind {
            Kind::Directory => change.delete_directory(self.cursor),
            Kind::Group => change.delete_group(self.cursor),
            _ => change.delete_user(self.cursor),
        }
    }

    fn add(&self, state: &mut State) -> Result<(), ObjectError> {
        let time = self.now;
        match self.kind {
            Kind::Directory => {
                let id = Kind::Directory.id(next_ulid(state.directories.last(), time));
                let mut added = types::Directory::new(id, "okta scim v2.0", "linked", "Added meanwhile", time, time);
                added.organization_id = self.directory(state)?.organization_id;
                state.change(time).directory(added)
            }
            Kind::Group => {
                let home = self.group(state)?.directory_id;
                let id = Kind::Group.id(next_ulid(state.groups.last(), time));
                let added = types::DirectoryGroup::new(id, home, "Added meanwhile");
                state.change(time).group(added)
            }
            _ => {
                let home = self.user(state)?.directory_id;
                let id = Kind::User.id(next_ulid(state.users.last(), time));
                let mut added = types::DirectoryUser::new(id.as_str(), home, "active", time, time);
                added.idp_id = Some(id.clone());
                added.first_name = Some("Added".to_owned());
                added.last_name = Some("Meanwhile".to_owned());
                let mut change = state.change(time);
                change.user(added)?;
                self.group.map_or(Ok(()), |group| change.membership(&id, group, true))
            }
        }
    }

    fn change(&self, state: &mut State) -> Result<(), ObjectError> {
        match self.kind {
            Kind::Directory => {
                let mut changed = self.directory(state)?;
                changed.name.push('\'');
                changed.updated_at = self.now.into();
                state.change(self.now).directory(changed)
            }
            Kind::Group => {
                let mut changed = self.group(state)?;
                changed.name.push('\'');
                changed.updated_at = Some(self.now.into());
                state.change(self.now).group(changed)
            }
            _ => {
                let mut changed = self.user(state)?;
                changed.last_name.get_or_insert_default().push('\'');
                changed.updated_at = self.now.into();
                state.change(self.now).user(changed)
            }
        }
    }

    fn directory(&self, state: &State) -> Result<types::Directory, ObjectError> {
        let found = state.directories.find(self.cursor);
        let found = found.and_then(|number| state.directory(number));
        found.ok_or_else(|| ObjectError::UnknownDirectory {
            id: self.cursor.to_owned(),
        })
    }

    fn group(&self, state: &State) -> Result<types::DirectoryGroup, ObjectError> {
        let found = state.groups.find(self.cursor);
        state.group(found.ok_or_else(|| ObjectError::UnknownGroup {
            id: self.cursor.to_owned(),
        })?)
    }

    fn user(&self, state: &State) -> Result<types::DirectoryUser, ObjectError> {
        let found = state.users.find(self.cursor);
        state.user(found.ok_or_else(|| ObjectError::UnknownUser {
            id: self.cursor.to_owned(),
        })?)
    }
}
