//! What a test or a program that runs the emulator can change: each change is one event in the log.

use workos_directory_sync::types;
use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryUserState;

use crate::change::Change;
use crate::inactive::InactivePolicy;
use crate::kind::Kind;
use crate::loader::ObjectError;
use crate::log::next_ulid;
use crate::server::Emulator;

/// Changes, as a customer's identity provider or an administrator would make them.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use workos_directory_emulator::Emulator;
/// use workos_directory_emulator::Population;
/// use workos_directory_sync::types::Directory;
/// use workos_directory_sync::types::DirectoryUser;
///
/// let emulator = Emulator::builder().population(Population::empty()).start().await?;
/// let now = emulator.now();
/// let directory = Directory::new(emulator.new_directory_id(), "okta scim v2.0", "linked", "Acme", now, now);
/// emulator.put_directory(directory.clone())?;
/// let mut user = DirectoryUser::new(emulator.new_user_id(), directory.id, "active", now, now);
/// user.email = Some("jane@acme.example".to_owned());
/// emulator.put_user(user)?;
/// // GET /events now has dsync.activated and dsync.user.created.
/// # Ok(())
/// # }
/// ```
///
/// All of them fail with an [`ObjectError`] that says what is wrong with the object, and then change nothing.
impl Emulator {
    /// The time, by the emulator's clock.
    pub fn now(&self) -> jiff::Timestamp {
        self.app().settings.clock.now()
    }

    /// An id for a new directory.
    pub fn new_directory_id(&self) -> String {
        Kind::Directory.id(next_ulid(self.app().state().directories.last(), self.now()))
    }

    /// An id for a new user.
    pub fn new_user_id(&self) -> String {
        Kind::User.id(next_ulid(self.app().state().users.last(), self.now()))
    }

    /// An id for a new group.
    pub fn new_group_id(&self) -> String {
        Kind::Group.id(next_ulid(self.app().state().groups.last(), self.now()))
    }

    /// Creates a directory, or replaces what is known of it. `dsync.activated` tells of one that becomes linked.
    ///
    /// # Errors
    ///
    /// An [`ObjectError`] says what is wrong with the directory.
    pub fn put_directory(&self, directory: types::Directory) -> Result<(), ObjectError> {
        self.change(|change| change.directory(directory))
    }

    /// Sets a directory's state.
    ///
    /// # Errors
    ///
    /// [`ObjectError::UnknownDirectory`].
    pub fn set_directory_state(&self, id: &str, state: impl Into<DirectoryState>) -> Result<(), ObjectError> {
        let unknown = || ObjectError::UnknownDirectory { id: id.to_owned() };
        let mut state_now = self.app().state_mut();
        let number = state_now.directories.find(id).ok_or_else(unknown)?;
        let mut directory = state_now.directory(number).ok_or_else(unknown)?;
        directory.state = state.into();
        directory.updated_at = self.now().into();
        state_now.change(self.now()).directory(directory)
    }

    /// Deletes a directory with everything in it; `dsync.deleted` stands for all of that.
    ///
    /// # Errors
    ///
    /// [`ObjectError::UnknownDirectory`].
    pub fn delete_directory(&self, id: &str) -> Result<(), ObjectError> {
        self.change(|change| change.delete_directory(id))
    }

    /// Creates a user, told by `dsync.user.created`, or replaces what is known of it, told by `dsync.user.updated`. One who is
    /// inactive is deleted or kept by the [`InactivePolicy`](crate::InactivePolicy).
    ///
    /// # Errors
    ///
    /// An [`ObjectError`] says what is wrong with the user.
    pub fn put_user(&self, user: types::DirectoryUser) -> Result<(), ObjectError> {
        self.change(|change| change.user(user))
    }

    /// Sets a user's state. A user who turns inactive is deleted or kept by the [`InactivePolicy`](crate::InactivePolicy).
    ///
    /// # Errors
    ///
    /// [`ObjectError::UnknownUser`].
    pub fn set_user_state(&self, id: &str, state: impl Into<DirectoryUserState>) -> Result<(), ObjectError> {
        let now = self.now();
        let mut state_now = self.app().state_mut();
        let number = state_now.users.find(id);
        let number = number.ok_or_else(|| ObjectError::UnknownUser { id: id.to_owned() })?;
        let mut user = state_now.user(number)?;
        user.state = state.into();
        user.updated_at = now.into();
        state_now.change(now).user(user)
    }

    /// What becomes of users who turn inactive from now on.
    pub fn set_inactive_policy(&self, policy: InactivePolicy) {
        self.app().state_mut().inactive_policy = policy;
    }

    /// Deletes a user, told by `dsync.user.deleted`.
    ///
    /// # Errors
    ///
    /// [`ObjectError::UnknownUser`].
    pub fn delete_user(&self, id: &str) -> Result<(), ObjectError> {
        self.change(|change| change.delete_user(id))
    }

    /// Creates a group, told by `dsync.group.created`, or replaces what is known of it, told by `dsync.group.updated`.
    ///
    /// # Errors
    ///
    /// An [`ObjectError`] says what is wrong with the group.
    pub fn put_group(&self, group: types::DirectoryGroup) -> Result<(), ObjectError> {
        self.change(|change| change.group(group))
    }

    /// Deletes a group; `dsync.group.deleted` stands for the end of its memberships too.
    ///
    /// # Errors
    ///
    /// [`ObjectError::UnknownGroup`].
    pub fn delete_group(&self, id: &str) -> Result<(), ObjectError> {
        self.change(|change| change.delete_group(id))
    }

    /// Makes a user a member of a group, told by `dsync.group.user_added` unless it was one.
    ///
    /// # Errors
    ///
    /// An [`ObjectError`] when there is no such user or group, or they belong to different directories.
    pub fn add_member(&self, user: &str, group: &str) -> Result<(), ObjectError> {
        self.change(|change| change.membership(user, group, true))
    }

    /// Ends a membership, told by `dsync.group.user_removed` if there was one.
    ///
    /// # Errors
    ///
    /// As [`Emulator::add_member`].
    pub fn remove_member(&self, user: &str, group: &str) -> Result<(), ObjectError> {
        self.change(|change| change.membership(user, group, false))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Change<'_>) -> Result<T, ObjectError>) -> Result<T, ObjectError> {
        let now = self.now();
        change(&mut self.app().state_mut().change(now))
    }
}
