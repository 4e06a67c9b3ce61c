//! What is kept of one directory, user or group.

use std::borrow::Cow;

use serde::Deserialize;
use workos_directory_sync::types;
use workos_directory_sync::types::DirectoryUserState;

/// A directory. There are few of them, so the model is kept as it is.
#[derive(Debug)]
pub(crate) struct DirectoryRow {
    /// Without `metadata`, which is made of the counts.
    pub(crate) model: types::Directory,
    pub(crate) organization: Option<u32>,
    /// What stands in the text of each of its users between the user's id and what is the user's own.
    pub(crate) user_middle: Box<str>,
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
    /// The JSON text of a [`types::DirectoryUser`] without `groups`, and without the beginning that its id and directory
    /// tell: a fifth of what a million users take.
    tail: Box<str>,
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
        let user_middle = user_middle(&model);
        Self {
            model,
            organization,
            user_middle,
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

/// In bytes; what most processors fetch from memory at once.
const CACHE_LINE: usize = 64;

/// How the text of every user begins.
const USER_HEAD: &str = r#"{"object":"directory_user","id":""#;

/// What follows the id in the text of every user of a directory. The ids were checked, so nothing has to be escaped.
pub(crate) fn user_middle(directory: &types::Directory) -> Box<str> {
    let organization = directory.organization_id.as_ref();
    let organization = organization.map_or_else(|| "null".to_owned(), |id| format!("\"{id}\""));
    let id = &directory.id;
    format!(r#"","directory_id":"{id}","organization_id":{organization},"#).into_boxed_str()
}

impl UserRow {
    /// A user from its text.
    pub(crate) fn new(directory: u32, state: StateCode, text: &str, id: &str, middle: &str) -> Self {
        let tail = text.strip_prefix(USER_HEAD);
        let tail = tail.and_then(|rest| rest.strip_prefix(id)?.strip_prefix(middle));
        Self {
            directory,
            state,
            // A document with its fields in another order costs memory, nothing else.
            tail: tail.unwrap_or(text).into(),
        }
    }

    /// Whether the text is kept with its beginning.
    fn is_whole(&self) -> bool {
        self.tail.starts_with('{')
    }

    /// Appends the text. `id` appends the user's id.
    pub(crate) fn write(&self, json: &mut Vec<u8>, middle: &str, id: impl FnOnce(&mut Vec<u8>)) {
        if !self.is_whole() {
            json.extend_from_slice(USER_HEAD.as_bytes());
            id(json);
            json.extend_from_slice(middle.as_bytes());
        }
        json.extend_from_slice(self.tail.as_bytes());
    }

    /// Reads one byte of each cache line of the text, and makes something of them so that they are read.
    pub(crate) fn touch(&self) -> u8 {
        let lines = self.tail.as_bytes().iter().step_by(CACHE_LINE);
        lines.fold(0, |sum, byte| sum ^ byte)
    }

    /// Looks at some of the texts.
    pub(crate) fn with_texts<T>(&self, look: impl FnOnce(UserTexts<'_>) -> T) -> T {
        let text = if self.is_whole() {
            Cow::Borrowed(&*self.tail)
        } else {
            Cow::Owned(format!("{{{}", self.tail))
        };
        // The text was written by the model's own serializer, so it reads back.
        look(serde_json::from_str(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const TIME: &str = "2024-01-15T10:00:00.000Z";

    #[test]
    fn the_beginning_of_a_users_text_is_not_kept_and_comes_back() {
        let time: workos_directory_sync::Timestamp = TIME.parse().unwrap();
        let mut directory = types::Directory::new("directory_1", "sftp", "linked", "", time.clone(), time.clone());
        for organization in [None, Some("org_1".to_owned())] {
            directory.organization_id.clone_from(&organization);
            let mut user =
                types::DirectoryUser::new("directory_user_1", "directory_1", "active", time.clone(), time.clone());
            user.object = Some("directory_user".to_owned());
            user.organization_id = organization;
            user.first_name = Some("Jörg \"J\"".to_owned());
            let text = serde_json::to_string(&user).unwrap();
            let middle = user_middle(&directory);
            let row = UserRow::new(0, StateCode::Active, &text, &user.id, &middle);
            assert!(!row.is_whole());
            let mut json = Vec::new();
            row.write(&mut json, &middle, |json| json.extend_from_slice(user.id.as_bytes()));
            assert_eq!(String::from_utf8(json).unwrap(), text);
            assert!(row.with_texts(|texts| texts.first_name.unwrap() == "Jörg \"J\""));
        }
    }

    #[test]
    fn a_text_that_begins_otherwise_is_kept_whole() {
        let row = UserRow::new(0, StateCode::Other, r#"{"idp_id":"7"}"#, "x", "y");
        let mut json = Vec::new();
        row.write(&mut json, "y", |_| ());
        assert_eq!(json, br#"{"idp_id":"7"}"#);
        assert!(row.with_texts(|texts| texts.idp_id.unwrap() == "7"));
    }
}
