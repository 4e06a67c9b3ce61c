//! Which columns an object of the API becomes.
//!
//! Every column that comes from the source is text, JSON and times among them. So one piece of code compares and writes
//! directories, users and groups, and what is compared is all of what is written.

pub(crate) mod json;
pub(crate) mod time;

use std::borrow::Cow;

use serde::Serialize;
use workos_directory_sync::Attributes;
use workos_directory_sync::Timestamp;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::DirectoryGroup;
use workos_directory_sync::types::DirectoryUser;

use crate::Error;
use crate::Kind;

/// A table of objects that have an id.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) kind: Kind,
    /// The columns that come from the source, the id left out. The last one, `repaired`, names those of them in which
    /// something had to be replaced.
    pub(crate) columns: &'static [&'static str],
}

pub(crate) const DIRECTORIES: Table = Table {
    kind: Kind::Directories,
    columns: &[
        "organization_id",
        "external_key",
        "type",
        "state",
        "name",
        "domain",
        "metadata",
        "created_at",
        "created_at_source",
        "updated_at",
        "updated_at_source",
        "repaired",
    ],
};

pub(crate) const USERS: Table = Table {
    kind: Kind::Users,
    columns: &[
        "directory_id",
        "organization_id",
        "idp_id",
        "email",
        "emails",
        "first_name",
        "last_name",
        "name",
        "job_title",
        "username",
        "state",
        "role",
        "roles",
        "created_at",
        "created_at_source",
        "updated_at",
        "updated_at_source",
        "custom_attributes",
        "raw_attributes",
        "repaired",
    ],
};

pub(crate) const GROUPS: Table = Table {
    kind: Kind::Groups,
    columns: &[
        "directory_id",
        "organization_id",
        "idp_id",
        "name",
        "created_at",
        "created_at_source",
        "updated_at",
        "updated_at_source",
        "raw_attributes",
        "repaired",
    ],
};

impl Table {
    /// Whether a column has JSON. No two tables have different things in columns of one name.
    pub(crate) fn has_json(column: &str) -> bool {
        matches!(
            column,
            "metadata" | "emails" | "roles" | "custom_attributes" | "raw_attributes" | "repaired"
        )
    }

    /// Whether a column has attributes: an object of whatever the directory sends.
    pub(crate) fn has_attributes(column: &str) -> bool {
        matches!(column, "custom_attributes" | "raw_attributes")
    }

    /// The place of a column among its columns.
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| *name == column)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.kind.as_str()
    }
}

/// An object as a row of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// In the order of [`Table::columns`].
    pub(crate) values: Vec<Option<String>>,
}

impl Record {
    /// When the source last changed the object, with all digits: to be compared.
    pub(crate) fn updated_at(&self, table: &Table) -> Option<Cow<'_, str>> {
        time::order(self.value(table, "updated_at"), self.value(table, "updated_at_source"))
    }

    /// The directory of a user or group.
    pub(crate) fn directory_id(&self, table: &Table) -> &str {
        self.value(table, "directory_id").unwrap_or_default()
    }

    /// The state of a directory or user.
    pub(crate) fn state(&self, table: &Table) -> Option<&str> {
        self.value(table, "state")
    }

    fn value(&self, table: &Table, column: &str) -> Option<&str> {
        self.values.get(table.place(column)?)?.as_deref()
    }

    /// A row that every database takes and reads. Its last column says where that took a repair.
    fn new(table: &Table, id: String, values: Vec<Option<String>>) -> Self {
        let mut repaired = Vec::new();
        let values = table.columns.iter().zip(values).map(|(column, value)| {
            let value = value?;
            let readable = if Table::has_json(column) {
                json::readable(&value)
            } else {
                storable(&value)
            };
            match readable {
                Cow::Borrowed(_) => Some(value),
                Cow::Owned(readable) => {
                    repaired.push(*column);
                    Some(readable)
                }
            }
        });
        let mut values: Vec<_> = values.collect();
        values.push((!repaired.is_empty()).then(|| format!("[\"{}\"]", repaired.join("\",\""))));
        Self { id, values }
    }
}

/// The groups of a user, as far as the listing of users tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EmbeddedGroups {
    /// All of them, it says.
    Told(Vec<String>),
    /// It does not say.
    Untold,
}

pub(crate) fn directory(directory: Directory) -> Result<Record, Error> {
    let [created_at, created_at_source] = columns(Some(&directory.created_at));
    let [updated_at, updated_at_source] = columns(Some(&directory.updated_at));
    let values = vec![
        directory.organization_id,
        directory.external_key,
        Some(directory.type_.as_str().to_owned()),
        Some(directory.state.as_str().to_owned()),
        Some(directory.name),
        directory.domain,
        json(directory.metadata.as_ref())?,
        created_at,
        created_at_source,
        updated_at,
        updated_at_source,
    ];
    Ok(Record::new(&DIRECTORIES, checked(directory.id)?, values))
}

/// A user who was listed for a directory.
pub(crate) fn user(user: DirectoryUser, asked: &str) -> Result<(Record, EmbeddedGroups), Error> {
    let id = checked(user.id)?;
    belongs("user", &id, &user.directory_id, asked)?;
    let groups = match user.groups {
        None => EmbeddedGroups::Untold,
        Some(groups) => {
            let ids = groups
                .into_iter()
                .map(|group| checked(group.id))
                .collect::<Result<_, _>>()?;
            EmbeddedGroups::Told(ids)
        }
    };
    let [created_at, created_at_source] = columns(Some(&user.created_at));
    let [updated_at, updated_at_source] = columns(Some(&user.updated_at));
    let roles: Option<Vec<String>> = user
        .roles
        .map(|roles| roles.into_iter().map(|role| role.slug).collect());
    let values = vec![
        Some(user.directory_id),
        user.organization_id,
        user.idp_id,
        user.email,
        json(user.emails.as_ref())?,
        user.first_name,
        user.last_name,
        user.name,
        user.job_title,
        user.username,
        Some(user.state.as_str().to_owned()),
        user.role.map(|role| role.slug),
        json(roles.as_ref())?,
        created_at,
        created_at_source,
        updated_at,
        updated_at_source,
        text(user.custom_attributes.as_ref()),
        text(user.raw_attributes.as_ref()),
    ];
    Ok((Record::new(&USERS, id, values), groups))
}

/// A group that was listed for a directory.
pub(crate) fn group(group: DirectoryGroup, asked: &str) -> Result<Record, Error> {
    let id = checked(group.id)?;
    belongs("group", &id, &group.directory_id, asked)?;
    let [created_at, created_at_source] = columns(group.created_at.as_ref());
    let [updated_at, updated_at_source] = columns(group.updated_at.as_ref());
    let values = vec![
        Some(group.directory_id),
        group.organization_id,
        group.idp_id,
        Some(group.name),
        created_at,
        created_at_source,
        updated_at,
        updated_at_source,
        text(group.raw_attributes.as_ref()),
    ];
    Ok(Record::new(&GROUPS, id, values))
}

/// Refuses an object of another directory: a server that ignores a filter must not move people between directories.
pub(crate) fn belongs(what: &'static str, id: &str, found: &str, asked: &str) -> Result<(), Error> {
    if found == asked {
        return Ok(());
    }
    Err(Error::Foreign {
        what,
        id: id.to_owned(),
        found: printable(found),
        asked: asked.to_owned(),
    })
}

/// Returns a text that every database takes, borrowed where nothing had to be replaced: PostgreSQL has none with the
/// character U+0000, in whose place comes U+FFFD.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        return Cow::Owned(text.replace('\0', "\u{FFFD}"));
    }
    Cow::Borrowed(text)
}

/// The longest id that is taken; those of the API have about 42 characters.
const MAX_ID: usize = 255;

/// An id, if it can be one: it becomes a key here and a part of an address.
pub(crate) fn checked(id: String) -> Result<String, Error> {
    if id.is_empty() || id.len() > MAX_ID || id.chars().any(char::is_control) {
        return Err(Error::Id { shown: printable(&id) });
    }
    Ok(id)
}

/// How much of a wrong id an error shows, in characters.
const SHOWN: usize = 60;

fn printable(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

/// A time in the form that sorts, and the source's text where that is another.
fn columns(timestamp: Option<&Timestamp>) -> [Option<String>; 2] {
    let Some(timestamp) = timestamp else {
        return [None, None];
    };
    let canonical = timestamp.canonical();
    let source = timestamp.to_string();
    let differs = source != canonical;
    [Some(canonical), differs.then_some(source)]
}

fn text(attributes: Option<&Attributes>) -> Option<String> {
    attributes.map(|attributes| attributes.as_str().to_owned())
}

fn json<T: Serialize>(value: Option<&T>) -> Result<Option<String>, Error> {
    // None of the types has a map with keys that are no strings, the one thing that JSON cannot say.
    let text = value.map(serde_json::to_string).transpose();
    text.map_err(|error| Error::Database(sqlx::Error::Encode(error.into())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ada() -> DirectoryUser {
        serde_json::from_str(
            r#"{"id":"directory_user_1","directory_id":"directory_1","state":"on_leave","emails":[{"value":"a@b.c"}],
                "roles":[{"slug":"admin"},{"slug":"member"}],"raw_attributes":{"b": 1.10,"a":[1e400]},
                "created_at":"2023-04-28 20:05:31.093","updated_at":"2024-01-15T10:00:00.000Z"}"#,
        )
        .unwrap()
    }

    fn value<'a>(table: &Table, record: &'a Record, column: &str) -> Option<&'a str> {
        let position = table.columns.iter().position(|name| *name == column).unwrap();
        record.values[position].as_deref()
    }

    #[test]
    fn a_record_has_one_value_for_each_column() {
        let (record, _) = user(ada(), "directory_1").unwrap();
        assert_eq!(record.values.len(), USERS.columns.len());
        let group_ = DirectoryGroup::new("directory_group_1", "directory_1", "Engineering");
        assert_eq!(group(group_, "directory_1").unwrap().values.len(), GROUPS.columns.len());
        let time: Timestamp = "2024-01-15T10:00:00.000Z".parse().unwrap();
        let directory_ = Directory::new("directory_1", "okta scim v2.0", "linked", "Acme", time.clone(), time);
        assert_eq!(directory(directory_).unwrap().values.len(), DIRECTORIES.columns.len());
    }

    #[test]
    fn unknown_states_attributes_and_odd_times_are_kept_as_they_came() {
        let (record, groups) = user(ada(), "directory_1").unwrap();
        let value = |column| value(&USERS, &record, column);
        assert_eq!(value("state"), Some("on_leave"));
        assert_eq!(value("raw_attributes"), Some(r#"{"b": 1.10,"a":[1e400]}"#));
        assert_eq!(value("custom_attributes"), None);
        assert_eq!(value("roles"), Some(r#"["admin","member"]"#));
        assert_eq!(value("created_at"), Some("2023-04-28T20:05:31.093Z"));
        assert_eq!(value("created_at_source"), Some("2023-04-28 20:05:31.093"));
        assert_eq!(value("updated_at_source"), None);
        assert_eq!(groups, EmbeddedGroups::Untold);
    }

    #[test]
    fn record_names_the_columns_in_which_something_was_replaced() {
        let mut source = ada();
        source.name = Some("A\0da".to_owned());
        source.raw_attributes = Some(serde_json::from_str(r#"{"a":"\u0000"}"#).unwrap());
        let (record, _) = user(source, "directory_1").unwrap();
        assert_eq!(value(&USERS, &record, "name"), Some("A\u{FFFD}da"));
        assert_eq!(value(&USERS, &record, "raw_attributes"), Some(r#"{"a":"\ufffd"}"#));
        assert_eq!(value(&USERS, &record, "repaired"), Some(r#"["name","raw_attributes"]"#));
        let (untouched, _) = user(ada(), "directory_1").unwrap();
        assert_eq!(value(&USERS, &untouched, "repaired"), None);
    }

    #[test]
    fn a_user_of_another_directory_is_refused() {
        let error = user(ada(), "directory_2").unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
    }

    #[test]
    fn an_id_that_cannot_be_one_is_refused_and_shown_in_bounded_words() {
        for id in [String::new(), "a\0b".to_owned(), "x".repeat(100_000)] {
            let message = checked(id).unwrap_err().to_string();
            assert!(message.len() < 150 && !message.contains('\0'), "{message}");
        }
    }
}
