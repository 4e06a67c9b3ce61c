//! What an event means for the tables: a row to write, a row that is gone, or a membership that began or ended.
//!
//! Events are read field by field from their JSON. A field that is absent leaves its column as it is, unless
//! `previous_attributes` names it. Of what is gone, and of the ends of a membership, only the ids have to be readable.

use serde::de::Error as _;
use workos_directory_sync::Timestamp;
use workos_directory_sync::events::Event;
use workos_directory_sync::events::happened_at;

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
    pub(crate) fn parse(text: &str, now: &Timestamp) -> Result<Self, OddField> {
        let readable = record::readable_keys(text);
        let event = Object::parse(&readable)?;
        let id = record::identifier(&event, "id")?;
        let created_at = decoded::<Timestamp>(&event, "created_at").ok();
        let created_at = created_at.unwrap_or_else(|| happened_at(&id, now));
        let name = decoded::<String>(&event, "event");
        let read = name
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|name| meaning(name, &event));
        let (meaning, odd) = read.unwrap_or_else(|fault| (unreadable(&fault), Vec::new()));
        Ok(Self {
            id,
            name: record::storable(&name.unwrap_or_default()).into_owned(),
            created_at: time::exact(&created_at),
            payload: text.to_owned(),
            meaning,
            odd,
        })
    }

    /// The directory that it tells of, where it says so.
    pub(crate) fn directory(&self) -> Option<&str> {
        let (table, record) = match &self.meaning {
            Meaning::Put(table, record) | Meaning::Gone(table, record) => (table, record),
            _ => return None,
        };
        Some(match table.kind {
            Kind::Directories => record.id.as_str(),
            _ => record.directory_id(table),
        })
    }

    /// Reads an event that was kept under its id. What cannot be read of it becomes [`Meaning::Unreadable`].
    pub(crate) fn parse_kept(id: &str, text: &str, now: &Timestamp) -> Self {
        Self::parse(text, now).unwrap_or_else(|fault| Self {
            id: id.to_owned(),
            name: String::new(),
            created_at: time::exact(now),
            payload: text.to_owned(),
            meaning: unreadable(&fault),
            odd: Vec::new(),
        })
    }

    /// Reads an event that the client has read before.
    pub(crate) fn read(event: &Event, now: &Timestamp) -> Result<Self, Error> {
        record::checked(event.id.clone())?;
        let text = serde_json::to_string(event).map_err(Error::Event)?;
        Self::parse(&text, now).map_err(|fault| Error::Event(serde_json::Error::custom(described(&fault))))
    }
}

fn described(fault: &OddField) -> String {
    format!("`{}`: {}", fault.path, fault.error)
}

/// The reason can quote what it is about.
fn unreadable(fault: &OddField) -> Meaning {
    Meaning::Unreadable(record::storable(&described(fault)).into_owned())
}

/// The JSON of a field that has to be there.
fn required<'a>(object: &Object<'a>, name: &str) -> Result<&'a str, OddField> {
    match object.field(name) {
        Field::Absent => Err(record::odd(name, "missing", "")),
        Field::Null => Err(record::odd(name, "null", "null")),
        Field::Value(json) => Ok(json),
    }
}

fn decoded<T: serde::de::DeserializeOwned>(object: &Object<'_>, name: &str) -> Result<T, OddField> {
    record::decode(name, required(object, name)?).map(|(value, _)| value)
}

/// Says where the object is whose fault it is.
fn within(name: &str) -> impl Fn(OddField) -> OddField {
    move |mut fault| {
        fault.path = match fault.path.as_str() {
            "" => name.to_owned(),
            path => format!("{name}.{path}"),
        };
        fault
    }
}

fn meaning(name: &str, event: &Object<'_>) -> Result<(Meaning, Vec<OddField>), OddField> {
    let (table, is_gone) = match name {
        "" => return Err(record::odd("event", "empty", "")),
        "dsync.activated" | "dsync.deactivated" => (&DIRECTORIES, false),
        "dsync.deleted" => (&DIRECTORIES, true),
        "dsync.user.created" | "dsync.user.updated" => (&USERS, false),
        "dsync.user.deleted" => (&USERS, true),
        "dsync.group.created" | "dsync.group.updated" => (&GROUPS, false),
        "dsync.group.deleted" => (&GROUPS, true),
        "dsync.group.user_added" | "dsync.group.user_removed" => {
            let data = record::readable_keys(required(event, "data")?);
            let data = Object::parse(&data).map_err(within("data"))?;
            let meaning = Meaning::Membership {
                user: member(&data, "user").map_err(within("data"))?,
                group: member(&data, "group").map_err(within("data"))?,
                joined: name == "dsync.group.user_added",
            };
            return Ok((meaning, Vec::new()));
        }
        _ => return Ok((Meaning::Nothing, Vec::new())),
    };
    let data = required(event, "data")?;
    let mut read =
        record::read_object(table, data, Absent::Unchanged).map_err(|object| within("data")(object.fault))?;
    if is_gone {
        return Ok((Meaning::Gone(table, read.record.into_tombstone(table)), Vec::new()));
    }
    if table.kind == Kind::Directories {
        set_directory_state(&mut read.record, name);
    }
    Ok((Meaning::Put(table, read.record), read.odd))
}

/// The id of the user or group of a membership. What else is said of them is told by events of their own.
fn member(data: &Object<'_>, name: &str) -> Result<String, OddField> {
    let json = record::readable_keys(required(data, name)?);
    let member = Object::parse(&json).map_err(within(name))?;
    record::identifier(&member, "id").map_err(within(name))
}

/// Events say `active` and `inactive` where the API says `linked` and `unlinked`. Where the directory does not say its state,
/// the name of the event does.
fn set_directory_state(record: &mut Record, name: &str) {
    let state = match (record.state(&DIRECTORIES), name) {
        (Some("active" | "linked") | None, "dsync.deactivated") => "unlinked",
        (Some("active") | None, _) => "linked",
        (Some("inactive"), _) => "unlinked",
        (Some(_), _) => return,
    };
    record.set(&DIRECTORIES, "state", state);
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

    fn reason(name: &str, data: &str) -> String {
        match parse(name, data).meaning {
            Meaning::Unreadable(reason) => reason,
            meaning => panic!("{meaning:?}"),
        }
    }

    #[test]
    fn deletion_needs_an_id_only() {
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
            assert!(reason(name, r#"{"id":7}"#).starts_with("`data.id`"));
            assert!(reason(name, r#"{"id":"\ud83d"}"#).starts_with("`data.id`"));
            assert!(reason(name, "[]").starts_with("`data`"));
            assert_eq!(reason(name, "null"), "`data`: null");
        }
    }

    #[test]
    fn membership_needs_ids_only_and_may_name_another_directory() {
        for data in [
            r#"{"user":{"id":"u"},"group":{"id":"g"}}"#,
            r#"{"directory_id":"d1","user":{"id":"u","directory_id":"d2","state":7},"group":{"id":"g","directory_id":"d1"}}"#,
        ] {
            let Meaning::Membership { user, group, joined } = parse("dsync.group.user_removed", data).meaning else {
                panic!("{data}");
            };
            assert_eq!((user.as_str(), group.as_str(), joined), ("u", "g", false));
        }
        let without_group = r#"{"user":{"id":"u"},"group":{}}"#;
        assert_eq!(
            reason("dsync.group.user_added", without_group),
            "`data.group.id`: missing"
        );
        assert_eq!(reason("dsync.group.user_added", "{}"), "`data.user`: missing");
    }

    #[test]
    fn odd_field_of_an_event_is_reported_and_keeps_its_column() {
        let data = r#"{"id":"u","directory_id":"d","state":"suspended","role":{"slug":7},"emails":7,"created_at":"soon",
            "updated_at":null,"groups":7,"previous_attributes":[]}"#;
        let (record, odd) = put("dsync.user.updated", data);
        assert_eq!(record.state(&USERS), Some("suspended"));
        for column in ["role", "emails", "created_at", "updated_at", "roles"] {
            assert!(record.keeps(&USERS, column), "{column}");
        }
        let paths: Vec<_> = odd.iter().map(|odd| odd.path.as_str()).collect();
        assert_eq!(
            paths,
            ["previous_attributes", "emails", "role.slug", "created_at", "updated_at"]
        );
    }

    #[test]
    fn state_that_is_unreadable_or_cleared_stays_as_it_is_and_is_reported() {
        for data in [
            r#"{"id":"u","directory_id":"d","state":{}}"#,
            r#"{"id":"u","directory_id":"d","state":null}"#,
            r#"{"id":"u","directory_id":"d","state":""}"#,
            r#"{"id":"u","directory_id":"d","previous_attributes":{"state":"active"}}"#,
        ] {
            let (record, odd) = put("dsync.user.updated", data);
            assert!(record.keeps(&USERS, "state"), "{data}");
            assert_eq!(odd[0].path, "state", "{data}");
        }
        let (record, odd) = put("dsync.user.updated", r#"{"id":"u"}"#);
        assert!(record.keeps(&USERS, "state") && record.keeps(&USERS, "directory_id") && odd.is_empty());
    }

    #[test]
    fn directory_is_activated_and_deactivated_whatever_its_domains_have() {
        let value = |record: &Record, column| record.values[DIRECTORIES.place(column).unwrap()].clone();
        for (domains, domain, odd) in [
            (
                r#"[{"object":"organization_domain","domain":"b.example"}]"#,
                Some("b.example"),
                0,
            ),
            (
                r#"[7,{"id":"x"},{"domain":"b.example"},{"domain":"c.example"}]"#,
                Some("b.example"),
                0,
            ),
            ("[]", None, 0),
            ("null", None, 0),
            (r#"[{"id":"x"}]"#, None, 1),
            ("{}", None, 1),
        ] {
            let data = format!(r#"{{"id":"d","state":"active","domains":{domains}}}"#);
            let (record, odds) = put("dsync.activated", &data);
            assert_eq!(value(&record, "state").as_deref(), Some("linked"));
            assert_eq!(value(&record, "domain").as_deref(), domain, "{domains}");
            assert_eq!(
                (record.keeps(&DIRECTORIES, "domain"), odds.len()),
                (odd == 1, odd),
                "{domains}"
            );
        }
        for (name, state, wanted) in [
            ("dsync.deactivated", r#","state":"active""#, "unlinked"),
            ("dsync.deactivated", r#","state":"inactive""#, "unlinked"),
            (
                "dsync.deactivated",
                r#","state":"invalid_credentials""#,
                "invalid_credentials",
            ),
            ("dsync.deactivated", r#","state":7"#, "unlinked"),
            ("dsync.deactivated", "", "unlinked"),
            ("dsync.activated", "", "linked"),
            ("dsync.activated", r#","state":"inactive""#, "unlinked"),
        ] {
            let (record, _) = put(name, &format!(r#"{{"id":"d"{state}}}"#));
            assert_eq!(value(&record, "state").as_deref(), Some(wanted), "{name} {state}");
            assert!(record.keeps(&DIRECTORIES, "domain") && record.keeps(&DIRECTORIES, "metadata"));
        }
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

    #[test]
    fn event_without_a_readable_name_is_unreadable_and_one_without_an_id_is_refused() {
        let now = "2026-11-27T10:00:00.000Z".parse().unwrap();
        for name in ["null", "7", r#""""#] {
            let text = format!(r#"{{"id":"event_1","event":{name},"data":{{}}}}"#);
            let event = Incoming::parse(&text, &now).unwrap();
            assert!(matches!(event.meaning, Meaning::Unreadable(reason) if reason.starts_with("`event`")));
        }
        for text in ["[]", "7", "{}", r#"{"id":7}"#, r#"{"id":""}"#, r#"{"id":"\ud83d"}"#] {
            assert!(Incoming::parse(text, &now).is_err(), "{text}");
            assert!(matches!(
                Incoming::parse_kept("e", text, &now).meaning,
                Meaning::Unreadable(_)
            ));
        }
    }
}
