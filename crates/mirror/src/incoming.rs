//! What an event means for the tables: a row to write, a row that is gone, or a membership that began or ended.
//!
//! Events are read field by field from their JSON. A field that is absent leaves its column as it is, unless
//! `previous_attributes` names it. Of what is gone only the id has to be readable, and of what is put the state.

use serde::de::Error as _;
use workos_directory_sync::Timestamp;
use workos_directory_sync::events::Event;
use workos_directory_sync::events::id_time;

use crate::Error;
use crate::Kind;
use crate::record;
use crate::record::Absent;
use crate::record::DIRECTORIES;
use crate::record::Field;
use crate::record::GROUPS;
use crate::record::Object;
use crate::record::OddField;
use crate::record::Record;
use crate::record::Table;
use crate::record::USERS;
use crate::record::time;

/// How far ahead of this clock the one may be that made an event's id.
const AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// An event, read.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) id: String,
    pub(crate) name: String,
    /// When it happened, in canonical form but with all of its digits.
    pub(crate) created_at: String,
    /// The whole event as JSON.
    pub(crate) payload: String,
    pub(crate) meaning: Meaning,
    /// The fields of its object that cannot be read; their columns stay as they are.
    pub(crate) odd: Vec<OddField>,
}

/// What an event means for the tables.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// An object was created or changed.
    Put(&'static Table, Record),
    /// An object is gone, and what hangs on it.
    Gone(&'static Table, Record),
    /// Somebody joined or left a group.
    Membership { user: String, group: String, joined: bool },
    /// Nothing: tokens, and what this version does not know.
    Nothing,
    /// Its data is not what its name promises.
    Unreadable(String),
}

impl Incoming {
    /// Reads an event from its JSON. Only one without an id that can be one is refused; what else cannot be read becomes
    /// [`Meaning::Unreadable`]. One that does not say when it happened did so at the time in its id, else now.
    pub(crate) fn parse(text: &str, now: &Timestamp) -> Result<Self, Error> {
        let readable = record::readable_keys(text);
        let no_event =
            |fault: OddField| Error::Event(serde_json::Error::custom(format!("{} {}", fault.path, fault.error)));
        let event = Object::parse(&readable).map_err(no_event)?;
        let id = value::<String>(&event, "", "id").map_err(no_event)?;
        let id = record::checked(id)?;
        let created_at = value::<Timestamp>(&event, "", "created_at").ok();
        let created_at = created_at.unwrap_or_else(|| happened_at(&id, now));
        let name = value::<String>(&event, "", "event");
        let (name, meaning) = match name {
            Ok(name) => {
                let meaning = meaning(&name, &event);
                (name, meaning)
            }
            Err(fault) => (String::new(), Err(fault)),
        };
        let (meaning, odd) = meaning.unwrap_or_else(|fault| (unreadable(&fault), Vec::new()));
        Ok(Self {
            id,
            name: record::storable(&name).into_owned(),
            created_at: time::exact(&created_at),
            payload: text.to_owned(),
            meaning,
            odd,
        })
    }

    /// Reads an event that the client has read before.
    pub(crate) fn read(event: &Event, now: &Timestamp) -> Result<Self, Error> {
        Self::parse(&serde_json::to_string(event).map_err(Error::Event)?, now)
    }
}

/// When an event happened that does not say so.
fn happened_at(id: &str, now: &Timestamp) -> Timestamp {
    let latest = now.as_jiff().checked_add(AHEAD).ok();
    id_time(id)
        .filter(|time| latest.is_none_or(|latest| time.as_jiff() <= latest))
        .unwrap_or_else(|| now.clone())
}

/// The reason can quote what it is about.
fn unreadable(fault: &OddField) -> Meaning {
    Meaning::Unreadable(record::storable(&format!("`{}`: {}", fault.path, fault.error)).into_owned())
}

/// A field that has to be there.
fn value<T: serde::de::DeserializeOwned>(object: &Object<'_>, within: &str, name: &str) -> Result<T, OddField> {
    let path = format!("{within}{name}");
    match object.field(name) {
        Field::Absent => Err(record::odd(&path, "missing", "")),
        Field::Null => Err(record::odd(&path, "null", "null")),
        Field::Value(json) => record::decode(&path, json).map(|(value, _)| value),
    }
}

type Read = (Meaning, Vec<OddField>);

fn meaning(name: &str, event: &Object<'_>) -> Result<Read, OddField> {
    let (table, is_gone) = match name {
        "dsync.activated" | "dsync.deactivated" => (&DIRECTORIES, false),
        "dsync.deleted" => (&DIRECTORIES, true),
        "dsync.user.created" | "dsync.user.updated" => (&USERS, false),
        "dsync.user.deleted" => (&USERS, true),
        "dsync.group.created" | "dsync.group.updated" => (&GROUPS, false),
        "dsync.group.deleted" => (&GROUPS, true),
        "dsync.group.user_added" | "dsync.group.user_removed" => {
            let json = data(event)?;
            let data = Object::parse(json).map_err(within_data)?;
            let meaning = Meaning::Membership {
                user: member(&data, "user")?,
                group: member(&data, "group")?,
                joined: name == "dsync.group.user_added",
            };
            return Ok((meaning, Vec::new()));
        }
        _ => return Ok((Meaning::Nothing, Vec::new())),
    };
    let json = data(event)?;
    if is_gone {
        return gone(table, json).map(|record| (Meaning::Gone(table, record), Vec::new()));
    }
    let readable = record::readable_keys(json);
    let mut read =
        record::read_object(table, &readable, Absent::Unchanged).map_err(|object| within_data(object.fault))?;
    let data = Object::parse(&readable).map_err(within_data)?;
    clear(table, &mut read.record, &data)?;
    if table.kind == Kind::Directories {
        complete_directory(&mut read.record, &data, name);
    }
    Ok((Meaning::Put(table, read.record), read.odd))
}

fn data<'a>(event: &Object<'a>) -> Result<&'a str, OddField> {
    match event.field("data") {
        Field::Absent => Err(record::odd("data", "missing", "")),
        Field::Null => Err(record::odd("data", "null", "null")),
        Field::Value(json) => Ok(json),
    }
}

fn within_data(mut fault: OddField) -> OddField {
    fault.path = match fault.path.as_str() {
        "" => "data".to_owned(),
        path => format!("data.{path}"),
    };
    fault
}

/// What is gone. Where no more than its id can be read, that is enough.
fn gone(table: &'static Table, json: &str) -> Result<Record, OddField> {
    let record = match record::read_object(table, json, Absent::Unchanged) {
        Ok(read) => read.record,
        Err(unreadable) => match &unreadable.id {
            Some(id) => Record::unreadable(table, id, unreadable.directory_id.as_deref().unwrap_or_default()),
            None => return Err(within_data(unreadable.fault)),
        },
    };
    Ok(record.into_tombstone(table))
}

/// The id of the user or group of a membership. What else is said of them is told by events of their own.
fn member(data: &Object<'_>, name: &str) -> Result<String, OddField> {
    let path = format!("data.{name}");
    let json = match data.field(name) {
        Field::Value(json) => json,
        Field::Absent | Field::Null => return Err(record::odd(&path, "missing", "")),
    };
    let readable = record::readable_keys(json);
    let object = Object::parse(&readable).map_err(|mut fault| {
        fault.path.clone_from(&path);
        fault
    })?;
    let id = value(&object, &format!("{path}."), "id")?;
    record::checked(id).map_err(|error| record::odd(&format!("{path}.id"), error, json))
}

/// Clears what `previous_attributes` names and the object does not have: it had a value before, and has none now.
fn clear(table: &Table, record: &mut Record, data: &Object<'_>) -> Result<(), OddField> {
    let Field::Value(json) = data.field("previous_attributes") else {
        return Ok(());
    };
    let readable = record::readable_keys(json);
    let Ok(previous) = Object::parse(&readable) else {
        return Ok(());
    };
    for name in previous.names() {
        if !matches!(data.field(name), Field::Absent) {
            continue;
        }
        match name {
            // Nothing has no directory, and times order the events.
            "directory_id" | "updated_at" | "repaired" => {}
            "state" => {
                return Err(record::odd(
                    "data.state",
                    "it changed, and the event does not say to what",
                    "",
                ));
            }
            "custom_attributes" => match previous.field(name) {
                Field::Value(attributes) if attributes.starts_with('{') => {
                    let attributes = record::readable_keys(attributes);
                    let attributes = Object::parse(&attributes).map_err(within_data)?;
                    record.cleared_attributes = attributes.names().map(str::to_owned).collect();
                }
                _ => record.clear(table, name),
            },
            _ => record.clear(table, name),
        }
    }
    Ok(())
}

/// Events say `active` and `inactive` where the API says `linked` and `unlinked`, and all domains of a directory.
fn complete_directory(record: &mut Record, data: &Object<'_>, name: &str) {
    let state = match (record.state(&DIRECTORIES), name) {
        (Some("active" | "linked") | None, "dsync.deactivated") => Some("unlinked"),
        (Some("active"), _) | (None, "dsync.activated") => Some("linked"),
        (Some("inactive"), _) => Some("unlinked"),
        _ => None,
    };
    if let Some(state) = state {
        record.set(&DIRECTORIES, "state", state);
    }
    let Field::Value(json) = data.field("domains") else {
        return;
    };
    let Ok((domains, _)) = record::decode::<Vec<serde_json::Value>>("domains", json) else {
        return;
    };
    if let Some(domain) = domains.iter().find_map(|domain| domain.get("domain")?.as_str()) {
        record.set(&DIRECTORIES, "domain", domain);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn parse(name: &str, data: &str) -> Incoming {
        let now = "2026-11-27T10:00:00.000Z".parse().unwrap();
        let text =
            format!(r#"{{"id":"event_1","event":"{name}","data":{data},"created_at":"2026-11-27T09:00:00.0001Z"}}"#);
        Incoming::parse(&text, &now).unwrap()
    }

    fn put(name: &str, data: &str) -> (Record, Vec<OddField>) {
        let event = parse(name, data);
        let Meaning::Put(_, record) = event.meaning else {
            panic!("{:?}", event.meaning);
        };
        (record, event.odd)
    }

    #[test]
    fn deletions_need_ids_only() {
        for (name, table) in [
            ("dsync.user.deleted", &USERS),
            ("dsync.group.deleted", &GROUPS),
            ("dsync.deleted", &DIRECTORIES),
        ] {
            for data in [
                r#"{"id":"x"}"#,
                r#"{"id":"x","state":{},"directory_id":7,"name":[],"created_at":{}}"#,
            ] {
                let event = parse(name, data);
                assert!(
                    matches!(&event.meaning, Meaning::Gone(of, record) if of.kind == table.kind && record.id == "x"),
                    "{data} {:?}",
                    event.meaning
                );
            }
            assert!(matches!(parse(name, r#"{"id":7}"#).meaning, Meaning::Unreadable(_)));
            assert!(matches!(parse(name, "[]").meaning, Meaning::Unreadable(_)));
        }
    }

    #[test]
    fn memberships_need_ids_only_and_may_name_another_directory() {
        for data in [
            r#"{"user":{"id":"u"},"group":{"id":"g"}}"#,
            r#"{"directory_id":"d1","user":{"id":"u","directory_id":"d2","state":7},"group":{"id":"g","directory_id":"d1"}}"#,
        ] {
            let Meaning::Membership { user, group, joined } = parse("dsync.group.user_removed", data).meaning else {
                panic!("{data}");
            };
            assert_eq!((user.as_str(), group.as_str(), joined), ("u", "g", false));
        }
        let Meaning::Unreadable(reason) = parse("dsync.group.user_added", r#"{"user":{"id":"u"},"group":{}}"#).meaning
        else {
            panic!("it has no group");
        };
        assert_eq!(reason, "`data.group.id`: missing");
    }

    #[test]
    fn odd_field_of_an_event_is_reported_and_keeps_its_column() {
        let data = r#"{"id":"u","directory_id":"d","state":"suspended","role":{},"emails":7,"created_at":"soon"}"#;
        let (record, odd) = put("dsync.user.updated", data);
        assert_eq!(record.state(&USERS), Some("suspended"));
        for column in ["role", "emails", "created_at", "roles"] {
            assert!(record.keeps(&USERS, column), "{column}");
        }
        let paths: Vec<_> = odd.iter().map(|odd| odd.path.as_str()).collect();
        assert_eq!(paths, ["emails", "role.slug", "created_at"]);
    }

    #[test]
    fn state_that_is_unreadable_or_cleared_is_a_dead_letter() {
        for data in [
            r#"{"id":"u","directory_id":"d","state":{}}"#,
            r#"{"id":"u","directory_id":"d","state":null}"#,
            r#"{"id":"u","directory_id":"d","previous_attributes":{"state":"active"}}"#,
        ] {
            let meaning = parse("dsync.user.updated", data).meaning;
            assert!(
                matches!(&meaning, Meaning::Unreadable(reason) if reason.starts_with("`data.state`")),
                "{meaning:?}"
            );
        }
    }

    #[test]
    fn directories_are_activated_and_deactivated_whatever_their_domains_have() {
        let value = |record: &Record, column| record.values[DIRECTORIES.place(column).unwrap()].clone();
        let domains =
            r#"{"id":"d","state":"active","domains":[{"object":"organization_domain"},{"domain":"b.example"}]}"#;
        let (record, _) = put("dsync.activated", domains);
        assert_eq!(value(&record, "state").as_deref(), Some("linked"));
        assert_eq!(value(&record, "domain").as_deref(), Some("b.example"));
        for state in ["active", "inactive"] {
            let (record, _) = put("dsync.deactivated", &format!(r#"{{"id":"d","state":"{state}"}}"#));
            assert_eq!(value(&record, "state").as_deref(), Some("unlinked"));
        }
        let (record, _) = put("dsync.deactivated", r#"{"id":"d"}"#);
        assert_eq!(value(&record, "state").as_deref(), Some("unlinked"));
        assert!(record.keeps(&DIRECTORIES, "domain"));
    }

    #[test]
    fn time_of_an_event_has_all_digits_and_comes_from_its_id_where_it_is_missing() {
        assert_eq!(parse("dsync.new", "{}").created_at, "2026-11-27T09:00:00.0001Z");
        let now = "2026-11-27T10:00:00.000Z".parse().unwrap();
        let at = |id: &str, more: &str| {
            let text = format!(r#"{{"id":"{id}","event":"dsync.new","data":{{}}{more}}}"#);
            Incoming::parse(&text, &now).unwrap().created_at
        };
        assert_eq!(at("event_01GV8Q6R4WZ8P5YVBZT7K4K7QF", ""), "2023-03-11T16:14:04.956Z");
        assert_eq!(at("wh_1", r#","created_at":"\u0000""#), "2026-11-27T10:00:00.000Z");
    }
}
