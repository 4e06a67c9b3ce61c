//! Which columns an object of the API becomes.
//!
//! Every column that comes from the source is text, JSON and times among them. So one piece of code compares and writes
//! directories, users and groups, and what is compared is all of what is written.

mod cleared;
mod columns;
pub(crate) mod json;
mod object;
mod read;
pub(crate) mod time;

use std::borrow::Cow;

use self::cleared::Cleared;
pub(crate) use self::columns::Columns;
pub(crate) use self::object::Field;
pub(crate) use self::object::Object;
pub(crate) use self::object::OddField;
pub(crate) use self::object::decode;
pub(crate) use self::object::odd;
pub(crate) use self::object::payload;
pub(crate) use self::object::readable_keys;
pub(crate) use self::read::Absent;
pub(crate) use self::read::ReadObject;
pub(crate) use self::read::UnreadableObject;
pub(crate) use self::read::identifier;
pub(crate) use self::read::ids as read_ids;
pub(crate) use self::read::object as read_object;
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
    /// The columns that stay as they are, whatever their values say.
    pub(crate) unchanged: Columns,
    /// The keys that go from the custom attributes while the others stay.
    pub(crate) cleared_attributes: Vec<String>,
}

impl Record {
    /// When the source last changed the object, with all digits: to be compared.
    pub(crate) fn updated_at(&self, table: &Table) -> Option<Cow<'_, str>> {
        time::order(self.value(table, "updated_at"), self.value(table, "updated_at_source"))
    }

    /// Whether the source last changed the object after a time, by the milliseconds that every time has.
    pub(crate) fn is_newer_than(&self, table: &Table, at: &str) -> bool {
        let updated_at = self.value(table, "updated_at").map(time::sort_key);
        updated_at.is_some_and(|updated_at| updated_at > time::sort_key(at))
    }

    /// The directory of a user or group.
    pub(crate) fn directory_id(&self, table: &Table) -> &str {
        self.value(table, "directory_id").unwrap_or_default()
    }

    /// The organization of an object.
    pub(crate) fn organization_id(&self, table: &Table) -> Option<&str> {
        self.value(table, "organization_id")
    }

    /// The state of a directory or user.
    pub(crate) fn state(&self, table: &Table) -> Option<&str> {
        self.value(table, "state")
    }

    fn value(&self, table: &Table, column: &str) -> Option<&str> {
        self.values.get(table.place(column)?)?.as_deref()
    }

    /// A row that every database takes and reads. Its last column says where that took a repair.
    fn new(
        table: &Table,
        id: String,
        values: Vec<Option<String>>,
        unchanged: Columns,
        mut repaired: Vec<&'static str>,
    ) -> Self {
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
                    if !repaired.contains(column) {
                        repaired.push(*column);
                    }
                    Some(readable)
                }
            }
        });
        let mut values: Vec<_> = values.collect();
        values.push(repaired_columns(&repaired));
        Self {
            id,
            values,
            unchanged,
            cleared_attributes: Vec::new(),
        }
    }

    /// The state of an object whose state could not be read for too long: one that nobody knows, which means suspended.
    pub(crate) const UNREADABLE: &'static str = "unreadable";

    /// An object of which only the state is known. Everything else stays as it is; a new row needs a directory.
    pub(crate) fn state_alone(table: &Table, id: &str, state: &str, directory: Option<&str>) -> Self {
        let mut unchanged = Columns::NONE;
        let values = table.columns.iter().enumerate().map(|(place, column)| match *column {
            "state" => Some(state.to_owned()),
            "directory_id" if directory.is_some() => directory.map(str::to_owned),
            _ => {
                unchanged.insert(place);
                None
            }
        });
        Self {
            id: id.to_owned(),
            values: values.collect(),
            unchanged,
            cleared_attributes: Vec::new(),
        }
    }

    /// Gives a column a value.
    pub(crate) fn set(&mut self, table: &Table, column: &str, text: &str) {
        if let Some(place) = table.place(column)
            && let Some(value) = self.values.get_mut(place)
        {
            *value = Some(storable(text).into_owned());
            self.unchanged.remove(place);
        }
    }

    /// Whether a column stays as it is.
    pub(crate) fn keeps(&self, table: &Table, column: &str) -> bool {
        table.place(column).is_some_and(|place| self.unchanged.contains(place))
    }

    /// The row of an object that is known to be gone, and of which nothing else has to be known.
    pub(crate) fn into_tombstone(mut self, table: &Table) -> Self {
        let state = match table.kind {
            Kind::Directories => "unlinked",
            _ => "inactive",
        };
        for (column, text) in [("state", state), ("directory_id", "")] {
            if self.value(table, column).is_none() {
                self.set(table, column, text);
            }
        }
        self.say_all();
        self
    }

    /// Makes it a row of its own, for there is none yet: columns that would stay as they are have nothing.
    pub(crate) fn say_all(&mut self) {
        self.unchanged = Columns::NONE;
        self.cleared_attributes.clear();
    }

    /// Takes the columns that stay as they are from the row that is stored.
    pub(crate) fn complete_from<'v>(&mut self, table: &Table, mut stored: impl FnMut(usize) -> Option<&'v str>) {
        if self.unchanged.is_empty() {
            return;
        }
        let (unchanged, last) = (self.unchanged, self.values.len().saturating_sub(1));
        for (place, value) in self.values.iter_mut().enumerate().filter(|(place, _)| *place != last) {
            if unchanged.contains(place) {
                *value = stored(place).map(str::to_owned);
            }
        }
        // Where a column stays as it is, so does the word that it was repaired.
        let said = |text: Option<&str>| -> Vec<String> {
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default()
        };
        let (new, old) = (
            said(self.values.get(last).and_then(Option::as_deref)),
            said(stored(last)),
        );
        let repaired = table.columns.iter().enumerate().filter(|(place, column)| {
            let said = if unchanged.contains(*place) { &old } else { &new };
            said.iter().any(|name| name == *column)
        });
        let repaired: Vec<_> = repaired.map(|(_, column)| *column).collect();
        if let Some(value) = self.values.last_mut() {
            *value = repaired_columns(&repaired);
        }
        self.unchanged = Columns::NONE;
        let cleared = std::mem::take(&mut self.cleared_attributes);
        if let Some(place) = table.place("custom_attributes").filter(|_| !cleared.is_empty())
            && let Some(Some(attributes)) = self.values.get_mut(place)
        {
            *attributes = object::without(attributes, &cleared);
        }
    }
}

/// The column `repaired`: a JSON array of names, null without any.
fn repaired_columns(columns: &[&str]) -> Option<String> {
    (!columns.is_empty()).then(|| format!("[\"{}\"]", columns.join("\",\"")))
}

/// The groups of a user, as far as the listing of users tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EmbeddedGroups {
    /// All of them, it says.
    Told(Vec<String>),
    /// It does not say.
    Untold,
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
    // An id in which a character was replaced tells no two objects apart.
    let is_odd = |character: char| character.is_control() || character == char::REPLACEMENT_CHARACTER;
    if id.is_empty() || id.len() > MAX_ID || id.contains(is_odd) {
        return Err(Error::Id { shown: printable(&id) });
    }
    Ok(id)
}

/// How much of a wrong id an error shows, in characters.
const SHOWN: usize = 60;

fn printable(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ADA: &str = r#"{"id":"directory_user_1","directory_id":"directory_1","state":"on_leave","emails":[{"value":"a@b.c"}],
        "roles":[{"slug":"admin"},{"slug":"member"}],"raw_attributes":{"b": 1.10,"a":[1e400]},
        "created_at":"2023-04-28 20:05:31.093","updated_at":"2024-01-15T10:00:00.000Z"}"#;

    fn read(table: &'static Table, json: &str) -> Record {
        read_object(table, json, Absent::Null).unwrap().record
    }

    #[test]
    fn a_record_has_one_value_for_each_column() {
        for (table, json) in [
            (&USERS, ADA),
            (
                &GROUPS,
                r#"{"id":"directory_group_1","directory_id":"directory_1","name":"Engineering"}"#,
            ),
            (&DIRECTORIES, r#"{"id":"directory_1","state":"linked"}"#),
        ] {
            assert_eq!(read(table, json).values.len(), table.columns.len());
        }
    }

    #[test]
    fn unknown_states_attributes_and_odd_times_are_kept_as_they_came() {
        let record = read(&USERS, ADA);
        let value = |column| record.value(&USERS, column);
        assert_eq!(value("state"), Some("on_leave"));
        assert_eq!(value("raw_attributes"), Some(r#"{"b": 1.10,"a":[1e400]}"#));
        assert_eq!(value("custom_attributes"), None);
        assert_eq!(value("roles"), Some(r#"["admin","member"]"#));
        assert_eq!(value("created_at"), Some("2023-04-28T20:05:31.093Z"));
        assert_eq!(value("created_at_source"), Some("2023-04-28 20:05:31.093"));
        assert_eq!(value("updated_at_source"), None);
    }

    #[test]
    fn record_names_the_columns_in_which_something_was_replaced() {
        let json = ADA.replace(r#""b": 1.10"#, r#""b":"\u0000""#);
        let record = read(&USERS, &json.replace(r#""state""#, r#""name":"A\u0000da","state""#));
        assert_eq!(record.value(&USERS, "name"), Some("A\u{FFFD}da"));
        assert_eq!(
            record.value(&USERS, "raw_attributes"),
            Some(r#"{"b":"\ufffd","a":[1e400]}"#)
        );
        assert_eq!(record.value(&USERS, "repaired"), Some(r#"["name","raw_attributes"]"#));
        assert_eq!(read(&USERS, ADA).value(&USERS, "repaired"), None);
    }

    /// What an event makes of the stored row of a user.
    fn merged(stored: &Record, event: &str) -> Record {
        let mut record = read_object(&USERS, event, Absent::Unchanged).unwrap().record;
        record.complete_from(&USERS, |place| stored.values[place].as_deref());
        record
    }

    #[test]
    fn record_keeps_what_an_event_leaves_out_and_clears_what_it_says_is_null_or_gone() {
        let stored = read(
            &USERS,
            &ADA.replace(
                r#""state""#,
                r#""custom_attributes":{"a":1, "\u0000":2, "b":[2]},"name":"A\u0000","email":"e","job_title":"j","state""#,
            ),
        );
        let event = r#"{"id":"directory_user_1","email":null,"state":"active","username":"u",
            "previous_attributes":{"job_title":"j","username":null,"custom_attributes":{"a":1,"\u0000":2,"c":null}}}"#;
        let record = merged(&stored, event);
        let value = |column| record.value(&USERS, column);
        assert_eq!((value("email"), value("job_title")), (None, None));
        assert_eq!((value("state"), value("username")), (Some("active"), Some("u")));
        assert_eq!(value("directory_id"), Some("directory_1"));
        assert_eq!(value("name"), Some("A\u{FFFD}"));
        assert_eq!(value("repaired"), Some(r#"["name","custom_attributes"]"#));
        assert_eq!(value("custom_attributes"), Some(r#"{"b":[2]}"#));
        assert_eq!(value("roles"), Some(r#"["admin","member"]"#));
        assert_eq!(value("created_at_source"), Some("2023-04-28 20:05:31.093"));
        let all = r#"{"id":"directory_user_1","previous_attributes":{"custom_attributes":null}}"#;
        assert_eq!(merged(&stored, all).value(&USERS, "custom_attributes"), None);
    }

    #[test]
    fn an_id_that_cannot_be_one_is_refused_and_shown_in_bounded_words() {
        for id in [
            String::new(),
            "a\0b".to_owned(),
            "a\u{FFFD}".to_owned(),
            "x".repeat(100_000),
        ] {
            let message = checked(id).unwrap_err().to_string();
            assert!(message.len() < 150 && !message.contains('\0'), "{message}");
        }
    }
}
