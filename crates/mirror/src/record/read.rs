//! Objects of the source as rows, each read from its raw JSON.
//!
//! Only an id, the id of a directory, or a state that cannot be read costs an object. Another odd field costs that field: its
//! column stays as it is, and the field is reported.

use serde_json::value::RawValue;
use workos_directory_sync::Timestamp;
use workos_directory_sync::types::DirectoryMetadata;
use workos_directory_sync::types::DirectoryUserEmail;
use workos_directory_sync::types::Role;

use super::Cleared;
use super::Columns;
use super::EmbeddedGroups;
use super::Record;
use super::Table;
use super::object::Field;
use super::object::Object;
use super::object::OddField;
use super::object::decode;
use super::object::odd;
use super::object::payload;
use super::object::text;
use super::object::within_bounds;
use super::object::within_length;
use crate::Kind;

/// What a field means that an object does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is null: in lists and in responses by id.
    Null,
    /// Its column stays as it is, unless `previous_attributes` names it: in events, of which only the id has to be readable.
    Unchanged,
}

/// An object that was read.
#[derive(Clone, Debug)]
pub(crate) struct ReadObject {
    pub(crate) record: Record,
    /// Of a user.
    pub(crate) groups: EmbeddedGroups,
    /// The fields that cannot be read.
    pub(crate) odd: Vec<OddField>,
}

/// An object that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnreadableObject {
    pub(crate) kind: Kind,
    /// Its id, if that can be read.
    pub(crate) id: Option<String>,
    /// The id of its directory, if that can be read.
    pub(crate) directory_id: Option<String>,
    /// Its state, if it has one that can be read.
    pub(crate) state: Option<String>,
    /// What cannot be read.
    pub(crate) fault: OddField,
}

impl UnreadableObject {
    /// The state of a user who may no longer act: it counts whatever else cannot be read.
    pub(crate) fn inactive(&self, table: &'static Table) -> Option<ReadObject> {
        let (id, state) = (self.id.as_deref()?, self.state.as_deref()?);
        ReadObject::inactive(table, id, state)
    }
}

impl ReadObject {
    /// Nothing of a user but a state other than active.
    pub(crate) fn inactive(table: &'static Table, id: &str, state: &str) -> Option<Self> {
        (table.kind == Kind::Users && state != "active").then(|| Self {
            record: Record::state_alone(table, id, state, None),
            groups: EmbeddedGroups::Untold,
            odd: Vec::new(),
        })
    }
}

/// Reads an object of a table.
pub(crate) fn object(table: &'static Table, json: &str, absent: Absent) -> Result<ReadObject, Box<UnreadableObject>> {
    let mut repaired = None;
    let whole = |fault| {
        Box::new(UnreadableObject {
            kind: table.kind,
            id: None,
            directory_id: None,
            state: None,
            fault,
        })
    };
    let object = Object::parse_repaired(json, &mut repaired).map_err(whole)?;
    let id = identifier(&object, "id");
    let directory_id = match table.kind {
        Kind::Directories => id.clone(),
        _ => identifier(&object, "directory_id"),
    };
    let unreadable = |mut fault: OddField| {
        fault.payload = payload(json);
        Box::new(UnreadableObject {
            kind: table.kind,
            id: id.clone().ok(),
            directory_id: directory_id.clone().ok(),
            state: state(&object).ok().map(|(state, _)| state),
            fault,
        })
    };
    let record_id = id.clone().map_err(unreadable)?;
    let mut row = Row::new(table, &object, absent);
    match table.kind {
        Kind::Directories => directory(&mut row).map_err(unreadable)?,
        Kind::Users => {
            row.directory(directory_id.clone()).map_err(|fault| match absent {
                // Of two faults the state's counts: without one it is not known who may act.
                Absent::Null => unreadable(state(&object).err().unwrap_or(fault)),
                Absent::Unchanged => unreadable(fault),
            })?;
            user(&mut row).map_err(unreadable)?;
        }
        Kind::Groups | Kind::Memberships => {
            row.directory(directory_id.clone()).map_err(unreadable)?;
            group(&mut row);
        }
    }
    let groups = match (table.kind, absent) {
        (Kind::Users, Absent::Null) => row.embedded_groups(),
        _ => EmbeddedGroups::Untold,
    };
    let mut record = Record::new(table, record_id, row.values, row.unchanged, row.repaired);
    record.cleared_attributes = row.cleared.attributes;
    Ok(ReadObject {
        record,
        groups,
        odd: row.odd,
    })
}

/// Reads the id of a user or group, and that of its directory.
pub(crate) fn ids(kind: Kind, json: &str) -> Result<(String, String), Box<UnreadableObject>> {
    let mut repaired = None;
    let unreadable = |id: Option<String>| {
        move |mut fault: OddField| {
            fault.payload = payload(json);
            Box::new(UnreadableObject {
                kind,
                id,
                directory_id: None,
                state: None,
                fault,
            })
        }
    };
    let object = Object::parse_repaired(json, &mut repaired).map_err(unreadable(None))?;
    let id = identifier(&object, "id").map_err(unreadable(None))?;
    let directory_id = identifier(&object, "directory_id").map_err(unreadable(Some(id.clone())))?;
    Ok((id, directory_id))
}

fn directory(row: &mut Row<'_>) -> Result<(), OddField> {
    row.text("organization_id");
    row.text("external_key");
    row.required_text("type");
    row.state()?;
    row.required_text("name");
    row.domain();
    row.model::<DirectoryMetadata>("metadata");
    row.time("created_at");
    row.time("updated_at");
    Ok(())
}

fn user(row: &mut Row<'_>) -> Result<(), OddField> {
    for name in ["organization_id", "idp_id", "email"] {
        row.text(name);
    }
    row.model::<Vec<DirectoryUserEmail>>("emails");
    for name in ["first_name", "last_name", "name", "job_title", "username"] {
        row.text(name);
    }
    row.state()?;
    row.role();
    row.roles();
    row.time("created_at");
    row.time("updated_at");
    row.attributes("custom_attributes");
    row.attributes("raw_attributes");
    Ok(())
}

fn group(row: &mut Row<'_>) {
    row.text("organization_id");
    row.text("idp_id");
    row.required_text("name");
    row.time("created_at");
    row.time("updated_at");
    row.attributes("raw_attributes");
}

/// An id that can be a key.
pub(crate) fn identifier(object: &Object<'_>, name: &str) -> Result<String, OddField> {
    let json = match object.field(name) {
        Field::Absent => return Err(odd(name, "missing", "")),
        Field::Null => "null",
        Field::Value(json) => json,
    };
    let (id, is_repaired) = text(name, json)?;
    if is_repaired {
        return Err(odd(name, "half of a surrogate pair", json));
    }
    super::checked(id).map_err(|error| odd(name, error, json))
}

/// What may be done, and whether it took a repair.
fn state(object: &Object<'_>) -> Result<(String, bool), OddField> {
    let json = match object.field("state") {
        Field::Absent => return Err(odd("state", "missing", "")),
        Field::Null => "null",
        Field::Value(json) => json,
    };
    let (state, is_repaired) = text("state", json)?;
    if state.is_empty() {
        return Err(odd("state", "empty", json));
    }
    Ok((state, is_repaired))
}

/// A row under way, column by column in the order of its table.
struct Row<'a> {
    object: &'a Object<'a>,
    columns: &'static [&'static str],
    absent: Absent,
    /// What an event says is not there any more.
    cleared: Cleared,
    values: Vec<Option<String>>,
    unchanged: Columns,
    repaired: Vec<&'static str>,
    odd: Vec<OddField>,
}

impl<'a> Row<'a> {
    fn new(table: &'static Table, object: &'a Object<'a>, absent: Absent) -> Self {
        let (cleared, odd) = match absent {
            Absent::Null => (Cleared::default(), None),
            Absent::Unchanged => Cleared::of(object),
        };
        Self {
            object,
            columns: table.columns,
            absent,
            cleared,
            values: Vec::with_capacity(table.columns.len()),
            unchanged: Columns::NONE,
            repaired: Vec::new(),
            odd: odd.into_iter().collect(),
        }
    }

    /// What the object has of a name; null where it had something before, and says so by leaving it out.
    fn field(&self, name: &str) -> Field<'a> {
        match self.object.field(name) {
            Field::Absent if self.cleared.has(name) => Field::Null,
            field => field,
        }
    }

    fn push(&mut self, value: Option<String>) {
        self.values.push(value);
    }

    /// The next column stays as it is.
    fn keep(&mut self) {
        self.unchanged.insert(self.values.len());
        self.values.push(None);
    }

    fn keep_odd(&mut self, fault: OddField) {
        self.odd.push(fault);
        self.keep();
    }

    /// The JSON of a field; without it the next column is decided.
    fn value(&mut self, name: &str) -> Option<&'a str> {
        match self.field(name) {
            Field::Value(json) => Some(json),
            Field::Absent if self.absent == Absent::Unchanged => {
                self.keep();
                None
            }
            Field::Absent | Field::Null => {
                self.push(None);
                None
            }
        }
    }

    fn push_read(&mut self, read: Result<(Option<String>, bool), OddField>) {
        match read {
            Ok((value, is_repaired)) => {
                if is_repaired {
                    self.repaired.extend(self.columns.get(self.values.len()));
                }
                self.push(value);
            }
            Err(fault) => self.keep_odd(fault),
        }
    }

    fn text(&mut self, name: &str) {
        if let Some(json) = self.value(name) {
            self.push_read(text(name, json).map(|(text, is_repaired)| (Some(text), is_repaired)));
        }
    }

    /// A text without which an object is odd.
    fn required_text(&mut self, name: &str) {
        match self.field(name) {
            Field::Null => self.keep_odd(odd(name, "null", "null")),
            Field::Absent if self.absent == Absent::Null => self.keep_odd(odd(name, "missing", "")),
            _ => self.text(name),
        }
    }

    /// In which directory it is; a list has to say so.
    fn directory(&mut self, directory_id: Result<String, OddField>) -> Result<(), OddField> {
        match directory_id {
            Ok(id) => self.push(Some(id)),
            Err(fault) if self.absent == Absent::Null => return Err(fault),
            Err(_) if matches!(self.object.field("directory_id"), Field::Absent) => self.keep(),
            Err(fault) => self.keep_odd(fault),
        }
        Ok(())
    }

    /// What may be done; without it an object of a list cannot be mirrored.
    fn state(&mut self) -> Result<(), OddField> {
        let read = match self.field("state") {
            Field::Absent if self.absent == Absent::Unchanged => {
                self.keep();
                return Ok(());
            }
            _ => state(self.object),
        };
        match read {
            Err(fault) if self.absent == Absent::Null => return Err(fault),
            read => self.push_read(read.map(|(state, is_repaired)| (Some(state), is_repaired))),
        }
        Ok(())
    }

    /// The domain of a directory. Events have a list of them in its place.
    fn domain(&mut self) {
        match (self.object.field("domain"), self.object.field("domains")) {
            (Field::Absent | Field::Null, Field::Value(json)) if self.absent == Absent::Unchanged => {
                self.push_read(first_domain(json));
            }
            (Field::Absent, Field::Null) => self.push(None),
            _ => self.text("domain"),
        }
    }

    /// JSON of a model, written anew: what it does not have is left out.
    fn model<T: serde::de::DeserializeOwned + serde::Serialize>(&mut self, name: &str) {
        let Some(json) = self.value(name) else { return };
        let read = within_bounds(name, json).and_then(|()| decode::<T>(name, json));
        let read = read.and_then(|(model, is_repaired)| {
            let text = serde_json::to_string(&model).map_err(|error| odd(name, error, json))?;
            Ok((Some(text), is_repaired))
        });
        self.push_read(read);
    }

    fn role(&mut self) {
        if let Some(json) = self.value("role") {
            let read = within_length("role", json).and_then(|()| decode::<Role>("role", json));
            self.push_read(read.map(|(role, is_repaired)| (Some(role.slug), is_repaired)));
        }
    }

    fn roles(&mut self) {
        let Some(json) = self.value("roles") else { return };
        let read = within_bounds("roles", json).and_then(|()| decode::<Vec<Role>>("roles", json));
        let read = read.and_then(|(roles, is_repaired)| {
            let slugs: Vec<_> = roles.into_iter().map(|role| role.slug).collect();
            let text = serde_json::to_string(&slugs).map_err(|error| odd("roles", error, json))?;
            Ok((Some(text), is_repaired))
        });
        self.push_read(read);
    }

    /// An object of any JSON, as it came.
    fn attributes(&mut self, name: &str) {
        let Some(json) = self.value(name) else { return };
        if !json.starts_with('{') {
            return self.keep_odd(odd(name, "no object", json));
        }
        self.push_read(within_bounds(name, json).map(|()| (Some(json.to_owned()), false)));
    }

    /// A time in the form that sorts, and the source's text where that is another.
    fn time(&mut self, name: &str) {
        let json = match self.field(name) {
            // Early objects do not have it: what is known stays.
            Field::Absent => return self.keep_time(),
            Field::Null => "null",
            Field::Value(json) => json,
        };
        let read = text(name, json).and_then(|(text, _)| {
            let time = text.parse::<Timestamp>().map_err(|error| odd(name, error, json))?;
            Ok((time, text))
        });
        match read {
            Ok((time, text)) => {
                let canonical = time.canonical();
                let differs = canonical != text;
                self.push(Some(canonical));
                self.push(differs.then_some(text));
            }
            Err(fault) => {
                self.odd.push(fault);
                self.keep_time();
            }
        }
    }

    /// The next two columns stay as they are.
    fn keep_time(&mut self) {
        self.keep();
        self.keep();
    }

    /// The groups of a user. An odd one costs all of them: the memberships are found out in another way.
    fn embedded_groups(&mut self) -> EmbeddedGroups {
        #[derive(serde::Deserialize)]
        struct Group {
            id: String,
        }
        let Field::Value(json) = self.object.field("groups") else {
            return EmbeddedGroups::Untold;
        };
        let read = decode::<Vec<Group>>("groups", json).and_then(|(groups, _)| {
            let ids = groups.into_iter().map(|group| super::checked(group.id));
            ids.collect::<Result<Vec<_>, _>>()
                .map_err(|error| odd("groups", error, json))
        });
        match read {
            Ok(ids) => EmbeddedGroups::Told(ids),
            Err(fault) => {
                self.odd.push(fault);
                EmbeddedGroups::Untold
            }
        }
    }
}

/// The first of a directory's domains; `None` where there is none.
fn first_domain(json: &str) -> Result<(Option<String>, bool), OddField> {
    let (domains, _) = decode::<Vec<Box<RawValue>>>("domains", json)?;
    let mut first = Ok((None, false));
    for domain in &domains {
        let named = Object::parse(domain.get()).map(|domain| domain.field("domain"));
        let read = match named {
            Ok(Field::Value(json)) => text("domains", json),
            _ => Err(odd("domains", "a domain without its name", json)),
        };
        match read {
            Ok((domain, is_repaired)) => return Ok((Some(domain), is_repaired)),
            Err(fault) => first = Err(fault),
        }
    }
    first
}
