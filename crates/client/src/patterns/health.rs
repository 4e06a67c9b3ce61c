//! Which directories do not sync, and why.

use std::fmt;

use futures_util::TryStreamExt as _;
use futures_util::future;

use super::Found;
use crate::Client;
use crate::types::Directory;
use crate::types::DirectoryState;

/// A directory that does not sync. Its text is one line to alert somebody with.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unhealthy {
    /// The directory.
    pub directory: Directory,
    /// Why it does not sync, and what to do about it.
    pub reason: &'static str,
}

impl Unhealthy {
    /// The directory and the reason, if its state is another than linked.
    pub fn of(directory: Directory) -> Option<Self> {
        let reason = reason(&directory.state)?;
        Some(Self { directory, reason })
    }
}

impl fmt::Display for Unhealthy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Directory { id, name, state, .. } = &self.directory;
        // Name and state come from outside and go to terminals and chats.
        let (name, state) = (name.escape_debug(), state.as_str().escape_debug());
        write!(formatter, "directory `{name}` ({id}) is {state}: {}", self.reason)
    }
}

/// The directories whose state is another than linked, with the reason.
pub fn unhealthy_directories(client: &Client) -> Found<Unhealthy> {
    let directories = client.list_directories().stream();
    Found::new(directories.try_filter_map(|directory| future::ready(Ok(Unhealthy::of(directory)))))
}

/// Why a directory in this state does not sync; `None` when it does.
fn reason(state: &DirectoryState) -> Option<&'static str> {
    match state {
        // What events say of a linked directory.
        DirectoryState::Linked | DirectoryState::Active => None,
        DirectoryState::Unlinked | DirectoryState::Inactive => {
            Some("the identity provider is not connected; finish its set-up or connect it again")
        }
        DirectoryState::Validating => Some("the connection is still being checked; look again in some minutes"),
        DirectoryState::InvalidCredentials => {
            Some("the identity provider refuses the credentials; have its administrator renew them")
        }
        DirectoryState::Deleting => Some("it is being deleted; its users and groups will go with it"),
        DirectoryState::Unknown(_) => Some("this version does not know the state; look at it in the WorkOS Dashboard"),
    }
}
