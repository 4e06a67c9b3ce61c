//! The outbox, as an application reads it: each change once, in order, from where the application was.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream;
use serde::Serialize;
use workos_directory_sync::Attributes;

use crate::Error;
use crate::Mirror;

/// How many changes are read at a time.
const PAGE: u32 = 500;

/// How long to wait when there is nothing new, unless said otherwise.
const INTERVAL: Duration = Duration::from_secs(1);

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// A user came; `state` says whether they may act.
    UserCreated,
    /// Something about a user changed, but not whether they may act.
    UserUpdated,
    /// A user may not act for now.
    UserSuspended,
    /// A user may not act any more: they are inactive, or deleted (then `state` is null).
    UserDeprovisioned,
    /// A user may act again, and is active.
    UserRestored,
    /// A user who was inactive is deleted; `user_deprovisioned` was told before.
    UserDeleted,
    /// A group came, or came back.
    GroupCreated,
    /// Something about a group changed.
    GroupUpdated,
    /// A group is gone.
    GroupDeleted,
    /// A user is in a group from now on, and both of them are there.
    JoinedGroup,
    /// A user is not in a group any more, or one of them is gone.
    LeftGroup,
    /// A directory came or has another state.
    DirectoryStateChanged,
    /// A directory is gone.
    DirectoryDeleted,
}

impl ChangeKind {
    const ALL: [Self; 13] = [
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserSuspended,
        Self::UserDeprovisioned,
        Self::UserRestored,
        Self::UserDeleted,
        Self::GroupCreated,
        Self::GroupUpdated,
        Self::GroupDeleted,
        Self::JoinedGroup,
        Self::LeftGroup,
        Self::DirectoryStateChanged,
        Self::DirectoryDeleted,
    ];

    /// Its name, as the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserCreated => "user_created",
            Self::UserUpdated => "user_updated",
            Self::UserSuspended => "user_suspended",
            Self::UserDeprovisioned => "user_deprovisioned",
            Self::UserRestored => "user_restored",
            Self::UserDeleted => "user_deleted",
            Self::GroupCreated => "group_created",
            Self::GroupUpdated => "group_updated",
            Self::GroupDeleted => "group_deleted",
            Self::JoinedGroup => "joined_group",
            Self::LeftGroup => "left_group",
            Self::DirectoryStateChanged => "directory_state_changed",
            Self::DirectoryDeleted => "directory_deleted",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A change: one row of the table `changes`. What else is to be known of the object is in its own table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// Its place in the order; there can be gaps.
    pub id: i64,
    /// What changed.
    pub kind: ChangeKind,
    /// When the mirror wrote it.
    pub changed_at: String,
    /// In which directory.
    pub directory_id: String,
    /// Of which user.
    pub user_id: Option<String>,
    /// Of which group.
    pub group_id: Option<String>,
    /// The state of the user or directory now; `None` while it is not there.
    pub state: Option<String>,
    /// Its state before.
    pub previous_state: Option<String>,
    /// The columns of its table that changed, when there was a row before that differs; `updated_at` is one of them where it
    /// did.
    pub changed_columns: Option<Vec<String>>,
    /// What these columns had before, as an object by their names. Of `custom_attributes` and `raw_attributes` it has an
    /// array of the keys that changed, and no values.
    pub previous: Option<Attributes>,
    /// Why the mirror believes that a user, group or directory ended or moved, where no event said so.
    pub reason: Option<ChangeReason>,
}

/// Why the mirror believes that something ended or moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeReason {
    /// A list did not have it, and the API said that it is not there when it was asked for by id.
    Confirmed,
    /// Several complete lists did not have it, over a day or more, and asking by id decided nothing.
    RepeatedAbsence,
    /// Somebody approved its end.
    Approved,
    /// It is in another directory now.
    Moved,
}

impl ChangeReason {
    const ALL: [Self; 4] = [Self::Confirmed, Self::RepeatedAbsence, Self::Approved, Self::Moved];

    /// Its name, as the table has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::RepeatedAbsence => "repeated_absence",
            Self::Approved => "approved",
            Self::Moved => "moved",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

impl fmt::Display for ChangeReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An application that reads the changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// The last change that it is done with; 0 before the first.
    pub position: i64,
    /// When it said so.
    pub acknowledged_at: Option<String>,
    /// How many changes it is behind.
    pub waiting: u64,
}

/// The changes for one application, made by [`Mirror::changes`].
#[derive(Debug)]
pub struct Changes<'a> {
    mirror: &'a Mirror,
    consumer: String,
    interval: Duration,
}

impl<'a> Changes<'a> {
    pub(crate) fn new(mirror: &'a Mirror, consumer: String) -> Self {
        Self {
            mirror,
            consumer,
            interval: INTERVAL,
        }
    }

    /// How long [`stream`](Self::stream) waits when there is nothing new; 1 second unless set.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The oldest changes that were not acknowledged, at most `limit`. The same ones come again until they are.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn page(&self, limit: u32) -> Result<Vec<Change>, Error> {
        let position = self.mirror.store.position_of(&self.consumer).await?;
        self.mirror.store.changes_after(position, limit).await
    }

    /// Says that this change and all before it are done with: they do not come again, also after a restart.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn acknowledge(&self, change: &Change) -> Result<(), Error> {
        let now = self.mirror.now().canonical();
        self.mirror.store.position_of(&self.consumer).await?;
        self.mirror.store.acknowledge(&self.consumer, change.id, &now).await
    }

    /// Every change from the first that was not acknowledged on, without end. It goes on whether they are acknowledged or
    /// not; a new stream begins again behind the last one that was.
    pub fn stream(&self) -> impl Stream<Item = Result<Change, Error>> + Unpin + '_ {
        let start = (None, VecDeque::new());
        Box::pin(stream::try_unfold(start, move |(position, mut read)| async move {
            let mut position = match position {
                Some(position) => position,
                None => self.mirror.store.position_of(&self.consumer).await?,
            };
            loop {
                if let Some(change) = read.pop_front() {
                    return Ok(Some((change, (Some(position), read))));
                }
                read.extend(self.mirror.store.changes_after(position, PAGE).await?);
                match read.back() {
                    Some(last) => position = last.id,
                    None => tokio::time::sleep(self.interval).await,
                }
            }
        }))
    }
}
