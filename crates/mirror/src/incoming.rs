//! What an event means for the tables: a row to write, a row that is gone, or a membership that began or ended.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use workos_directory_sync::Timestamp;
use workos_directory_sync::events::Event;
use workos_directory_sync::events::EventPayload;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::DirectoryGroup;
use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryUser;
use workos_directory_sync::types::Membership;

use crate::Error;
use crate::record;
use crate::record::DIRECTORIES;
use crate::record::GROUPS;
use crate::record::Record;
use crate::record::Table;
use crate::record::USERS;

/// An event, read.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) id: String,
    pub(crate) name: String,
    /// In canonical form.
    pub(crate) created_at: String,
    /// The whole event as JSON.
    pub(crate) payload: String,
    pub(crate) meaning: Meaning,
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
    /// Reads an event from its text. One that is no event as the API describes them, but has an id, is unreadable, as one
    /// with wrong data is.
    pub(crate) fn parse(text: &str, now: &Timestamp) -> Result<Self, Error> {
        let wrong = match serde_json::from_str::<Event>(text) {
            Ok(event) => return Self::read(&event),
            Err(wrong) => wrong,
        };
        let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else {
            return Err(Error::Event(wrong));
        };
        let Some(id) = field(&fields, "id") else {
            return Err(Error::Event(wrong));
        };
        Ok(Self {
            id: record::checked(id)?,
            name: record::storable(&field::<String>(&fields, "event").unwrap_or_default()).into_owned(),
            created_at: field::<Timestamp>(&fields, "created_at")
                .as_ref()
                .unwrap_or(now)
                .canonical(),
            payload: text.to_owned(),
            meaning: unreadable(wrong.to_string()),
        })
    }

    /// Reads an event. Only an id that cannot be one is refused; wrong data becomes [`Meaning::Unreadable`].
    pub(crate) fn read(event: &Event) -> Result<Self, Error> {
        let payload =
            serde_json::to_string(event).map_err(|error| Error::Database(sqlx::Error::Encode(error.into())))?;
        Ok(Self {
            id: record::checked(event.id.clone())?,
            name: record::storable(event.event.as_str()).into_owned(),
            created_at: event.created_at.canonical(),
            payload,
            meaning: meaning(event).unwrap_or_else(unreadable),
        })
    }
}

/// The reason can quote what it is about.
fn unreadable(reason: String) -> Meaning {
    Meaning::Unreadable(record::storable(&reason).into_owned())
}

/// A field, if it is there and of the type that it should have.
fn field<T: DeserializeOwned>(fields: &BTreeMap<String, &RawValue>, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

fn meaning(event: &Event) -> Result<Meaning, String> {
    let payload = event.payload().map_err(|error| error.to_string())?;
    let data = event.data.as_str();
    let read = match payload {
        EventPayload::DsyncActivated(activated) => {
            let mut directory: Directory = decode(data)?;
            directory.domain = activated
                .domains
                .and_then(|domains| domains.into_iter().next())
                .map(|domain| domain.domain);
            Ok(Meaning::Put(&DIRECTORIES, directory_record(directory)?))
        }
        EventPayload::DsyncDeleted(_) => Ok(Meaning::Gone(&DIRECTORIES, directory_record(decode(data)?)?)),
        EventPayload::DsyncUserCreated(_) | EventPayload::DsyncUserUpdated(_) => {
            user(data).map(|row| Meaning::Put(&USERS, row))
        }
        EventPayload::DsyncUserDeleted(_) => user(data).map(|row| Meaning::Gone(&USERS, row)),
        EventPayload::DsyncGroupCreated(_) | EventPayload::DsyncGroupUpdated(_) => {
            group(data).map(|row| Meaning::Put(&GROUPS, row))
        }
        EventPayload::DsyncGroupDeleted(_) => group(data).map(|row| Meaning::Gone(&GROUPS, row)),
        EventPayload::DsyncGroupUserAdded(membership) => pair(*membership, true),
        EventPayload::DsyncGroupUserRemoved(membership) => pair(*membership, false),
        _ => Ok(Meaning::Nothing),
    };
    read.map_err(|error| error.to_string())
}

fn decode<T: DeserializeOwned>(data: &str) -> Result<T, String> {
    serde_json::from_str(data).map_err(|error| error.to_string())
}

/// Events say `active` and `inactive` where the API says `linked` and `unlinked`.
fn directory_record(mut directory: Directory) -> Result<Record, String> {
    directory.state = match directory.state {
        DirectoryState::Active => DirectoryState::Linked,
        DirectoryState::Inactive => DirectoryState::Unlinked,
        other => other,
    };
    record::directory(directory).map_err(|error| error.to_string())
}

/// `dsync.user.updated` is a user with more fields, which are ignored here.
fn user(data: &str) -> Result<Record, Error> {
    let user: DirectoryUser =
        serde_json::from_str(data).map_err(|error| Error::Database(sqlx::Error::Decode(error.into())))?;
    let directory = record::checked(user.directory_id.clone())?;
    record::user(user, &directory).map(|(record, _)| record)
}

fn group(data: &str) -> Result<Record, Error> {
    let group: DirectoryGroup =
        serde_json::from_str(data).map_err(|error| Error::Database(sqlx::Error::Decode(error.into())))?;
    let directory = record::checked(group.directory_id.clone())?;
    record::group(group, &directory)
}

fn pair(membership: Membership, joined: bool) -> Result<Meaning, Error> {
    let user = record::checked(membership.user.id)?;
    let group = record::checked(membership.group.id)?;
    record::belongs("user", &user, &membership.user.directory_id, &membership.directory_id)?;
    record::belongs(
        "group",
        &group,
        &membership.group.directory_id,
        &membership.directory_id,
    )?;
    Ok(Meaning::Membership { user, group, joined })
}
