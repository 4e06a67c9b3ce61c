//! What is kept of one directory, user or group.

use std::borrow::Cow;

use serde::Deserialize;
use workos_directory_sync::types;
use workos_directory_sync::types::DirectoryUserState;

use crate::packed::Packed;
use crate::packed::Sample;

/// A directory. There are few of them, so the model is kept as it is.
#[derive(Debug)]
pub(crate) struct DirectoryRow {
    /// Without `metadata`, which is made of the counts.
    pub(crate) model: types::Directory,
    pub(crate) organization: Option<u32>,
    /// What the texts of its users are packed by.
    pub(crate) sample: Sample,
    pub(crate) active_users: u64,
    pub(crate) other_users: u64,
    pub(crate) groups: u64,
    /// When a sync was last asked for, in Unix seconds.
    pub(crate) last_sync: Option<i64>,
}

/// A user.
#[derive(Debug)]
pub(crate) struct UserRow {
    pub(crate) directory: u32,
    pub(crate) state: StateCode,
    /// The JSON text of a [`types::DirectoryUser`] without `groups`, packed by the sample of the directory.
    pub(crate) text: Packed,
}

/// A group.
#[derive(Debug)]
pub(crate) struct GroupRow {
    pub(crate) directory: u32,
    /// The JSON text of a [`types::DirectoryGroup`] without `members`.
    pub(crate) text: Box<str>,
}

/// A user's state, in a byte; 0 means any state in a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum StateCode {
    Active = 1,
    Inactive = 2,
    Suspended = 3,
    /// A state that the document does not know.
    Other = 4,
}

impl From<&DirectoryUserState> for StateCode {
    fn from(state: &DirectoryUserState) -> Self {
        match state {
            DirectoryUserState::Active => Self::Active,
            DirectoryUserState::Inactive => Self::Inactive,
            DirectoryUserState::Suspended => Self::Suspended,
            _ => Self::Other,
        }
    }
}

/// The part of a user's text that is looked at without decoding the rest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UserTexts<'a> {
    #[serde(borrow)]
    pub(crate) idp_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    emails: Vec<EmailText<'a>>,
    #[serde(borrow)]
    pub(crate) first_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) last_name: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EmailText<'a> {
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
}

impl UserTexts<'_> {
    /// All addresses, in lower case: addresses are compared without regard to it.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = String> + '_ {
        let others = self.emails.iter().filter_map(|email| email.value.as_ref());
        self.email.iter().chain(others).map(|address| address.to_lowercase())
    }
}

impl<'a> From<&'a types::DirectoryUser> for UserTexts<'a> {
    fn from(user: &'a types::DirectoryUser) -> Self {
        fn borrowed(text: &Option<String>) -> Option<Cow<'_, str>> {
            text.as_deref().map(Cow::Borrowed)
        }
        Self {
            idp_id: borrowed(&user.idp_id),
            email: borrowed(&user.email),
            emails: user
                .emails
                .iter()
                .flatten()
                .map(|email| EmailText {
                    value: borrowed(&email.value),
                })
                .collect(),
            first_name: borrowed(&user.first_name),
            last_name: borrowed(&user.last_name),
        }
    }
}

impl DirectoryRow {
    /// A directory without users and groups.
    pub(crate) fn new(model: types::Directory, organization: Option<u32>) -> Self {
        Self {
            model,
            organization,
            sample: Sample::default(),
            active_users: 0,
            other_users: 0,
            groups: 0,
            last_sync: None,
        }
    }

    /// Counts a user of a state.
    pub(crate) fn count(&mut self, state: StateCode) -> &mut u64 {
        match state {
            StateCode::Active => &mut self.active_users,
            _ => &mut self.other_users,
        }
    }
}
