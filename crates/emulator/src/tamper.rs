//! Answers whose fields are not what the document promises, or less than a client may be used to.

use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;
use serde_json::value::to_raw_value;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;
use workos_directory_sync::types;

use crate::fault::Fault;
use crate::fault::bytes_of_hex;
use crate::faults::Tampering;
use crate::fields::Edit;
use crate::fields::Fields;
use crate::fields::edited;
use crate::lies::Described;

/// The fields of the objects that are enums. Objects inside of others, such as attributes, are left alone.
const ENUMS: [&str; 4] = ["event", "state", "status", "type"];

/// A value that no document knows.
const UNKNOWN_VALUE: &str = "unknown_to_the_document";

/// A field that no document knows.
const UNKNOWN_FIELD: &str = "x_unknown_to_the_document";

/// Changes the JSON of a successful answer. `cursor` is the one that the request came with. What is no JSON object is left as
/// it is.
pub(crate) fn tamper(json: &mut Vec<u8>, operation: &Operation, cursor: Option<&str>, tampering: &[Tampering]) {
    let mut bytes = RawBytes::default();
    let text = std::str::from_utf8(json).ok();
    let changed = text.and_then(|text| match operation.pagination {
        Some(_) => changed_page(text, operation, cursor, tampering, &mut bytes),
        None => Some(changed_object(text, operation, tampering, &mut bytes)),
    });
    if let Some(changed) = changed {
        *json = bytes.inserted(changed);
    }
}

/// Changes an event as a webhook has it.
pub(crate) fn tamper_event(text: &str, tampering: &[Tampering]) -> String {
    let mut bytes = RawBytes::default();
    let changed = changed_object(text, &operations::LIST_EVENTS, tampering, &mut bytes);
    // Only text is put into webhooks.
    String::from_utf8(bytes.inserted(changed)).unwrap_or_else(|_| text.to_owned())
}

fn changed_page(
    text: &str,
    operation: &Operation,
    cursor: Option<&str>,
    tampering: &[Tampering],
    bytes: &mut RawBytes,
) -> Option<String> {
    let mut page = Fields::parse(text)?;
    let items: Vec<&RawValue> = serde_json::from_str(page.get("data")?.get()).ok()?;
    let changed = items.iter().map(|item| {
        let changed = changed_object(item.get(), operation, tampering, bytes);
        RawValue::from_string(changed).ok()
    });
    let changed: Option<Vec<Box<RawValue>>> = changed.collect();
    page.set("data", to_raw_value(&changed?).ok()?);
    for tampering in tampering {
        let page_faults: &dyn Fn(&mut Map<String, Value>) = match &tampering.fault {
            Fault::UnknownFields => &|page| {
                if let Some(Value::Object(metadata)) = page.get_mut("list_metadata") {
                    unknown_field(metadata);
                }
                unknown_field(page);
            },
            Fault::MissingOptionalFields => &|page| {
                page.remove("object");
                if let Some(Value::Object(metadata)) = page.get_mut("list_metadata") {
                    metadata.remove("before");
                    metadata.retain(|_, cursor| !cursor.is_null());
                }
            },
            Fault::RepeatedCursor => &|page| {
                if let (Some(cursor), Some(metadata)) = (cursor, page.get_mut("list_metadata")) {
                    metadata["after"] = cursor.into();
                }
            },
            _ => continue,
        };
        // The objects keep their bytes: only what surrounds them is read.
        let data = page.get("data")?.to_owned();
        page.set("data", RawValue::NULL.to_owned());
        let Value::Object(mut around) = serde_json::to_value(&page).ok()? else {
            return None;
        };
        page_faults(&mut around);
        page = Fields::parse(&serde_json::to_string(&around).ok()?)?;
        page.set("data", data);
    }
    serde_json::to_string(&page).ok()
}

/// An object with all that is wrong with it.
fn changed_object(text: &str, operation: &Operation, tampering: &[Tampering], bytes: &mut RawBytes) -> String {
    let Some(fields) = Fields::parse(text) else {
        return text.to_owned();
    };
    let described = Described::json(&fields);
    let meant = tampering
        .iter()
        .filter(|tampering| tampering.objects.include(&described));
    meant.fold(text.to_owned(), |text, tampering| {
        one_fault(&text, operation, &tampering.fault, bytes).unwrap_or(text)
    })
}

/// An object with one thing wrong; `None` when nothing changes.
fn one_fault(text: &str, operation: &Operation, fault: &Fault, bytes: &mut RawBytes) -> Option<String> {
    match fault {
        Fault::UnknownEnumValues => changed_fields(text, &mut unknown_values),
        Fault::UnknownFields => changed_fields(text, &mut unknown_field),
        Fault::MissingOptionalFields => {
            let model = item(operation);
            changed_fields(text, &mut |object| strip(object, model))
        }
        Fault::WrongCounts {
            active_users,
            inactive_users,
            groups,
        } => {
            let counts = [
                ("/metadata/users/active", active_users),
                ("/metadata/users/inactive", inactive_users),
                ("/metadata/groups", groups),
            ];
            let wrong = counts.into_iter().filter_map(|(path, count)| Some((path, (*count)?)));
            Some(wrong.fold(text.to_owned(), |text, (path, count)| {
                replaced(&text, path, &count.to_string()).unwrap_or(text)
            }))
        }
        Fault::ReplacedField { path, json, hex } => {
            let new = match (json, hex) {
                (Some(json), _) => json.clone().into_bytes(),
                (None, Some(hex)) => bytes_of_hex(hex)?,
                (None, None) => return None,
            };
            replaced(text, path, &bytes.place(new))
        }
        Fault::OmittedFields { paths } => Some(paths.iter().fold(text.to_owned(), |text, path| {
            edit(&text, path, Edit::Remove).unwrap_or(text)
        })),
        _ => None,
    }
}

fn replaced(text: &str, path: &str, json: &str) -> Option<String> {
    let new: &RawValue = serde_json::from_str(json).ok()?;
    edit(text, path, Edit::Replace(new))
}

fn edit(text: &str, path: &str, edit: Edit<'_>) -> Option<String> {
    let value: &RawValue = serde_json::from_str(text).ok()?;
    edited(value, path, edit).map(|edited| edited.get().to_owned())
}

/// Values that may be no JSON. A place is kept for each until everything else is written.
#[derive(Debug, Default)]
struct RawBytes(Vec<Vec<u8>>);

impl RawBytes {
    /// Keeps a place for a value: the JSON that stands in for it. Nobody else writes characters for private use there.
    fn place(&mut self, value: Vec<u8>) -> String {
        self.0.push(value);
        format!("\"\u{e0f0}{}\u{e0f1}\"", self.0.len() - 1)
    }

    /// The text with the values in their places.
    fn inserted(self, text: String) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, behind)) = rest.split_once("\"\u{e0f0}") {
            bytes.extend_from_slice(before.as_bytes());
            let found = behind.split_once("\u{e0f1}\"").and_then(|(number, behind)| {
                let number: usize = number.parse().ok()?;
                Some((self.0.get(number)?, behind))
            });
            match found {
                Some((value, behind)) => {
                    bytes.extend_from_slice(value);
                    rest = behind;
                }
                None => {
                    bytes.extend_from_slice("\"\u{e0f0}".as_bytes());
                    rest = behind;
                }
            }
        }
        bytes.extend_from_slice(rest.as_bytes());
        bytes
    }
}

/// Puts an object in front of those of a page.
pub(crate) fn repeat(json: &mut Vec<u8>, object: &[u8]) {
    let (Ok(mut page), Ok(object)) = (serde_json::from_slice::<Value>(json), serde_json::from_slice(object)) else {
        return;
    };
    if let Some(data) = page.get_mut("data").and_then(Value::as_array_mut) {
        data.insert(0, object);
        *json = serde_json::to_vec(&page).unwrap_or_default();
    }
}

/// Changes an object and, if it is an event, the object that it is about.
fn changed_fields(text: &str, visit: &mut dyn FnMut(&mut Map<String, Value>)) -> Option<String> {
    let Ok(Value::Object(mut object)) = serde_json::from_str(text) else {
        return None;
    };
    if let Some(Value::Object(payload)) = object.get_mut("data") {
        visit(payload);
    }
    visit(&mut object);
    serde_json::to_string(&object).ok()
}

fn unknown_values(object: &mut Map<String, Value>) {
    for name in ENUMS {
        if let Some(value @ Value::String(_)) = object.get_mut(name) {
            *value = UNKNOWN_VALUE.into();
        }
    }
}

fn unknown_field(object: &mut Map<String, Value>) {
    object.insert(
        UNKNOWN_FIELD.to_owned(),
        json!({ "since": 2030, "values": [null, true] }),
    );
}

/// Whether a value decodes as a model.
type Judge = fn(&Map<String, Value>) -> bool;

/// The judge of an operation's objects.
fn item(operation: &Operation) -> Option<Judge> {
    let judge: Judge = match operation.answer? {
        "Directory" | "DirectoryList" => decodes::<types::Directory>,
        "DirectoryGroup" | "DirectoryGroupList" => decodes::<types::DirectoryGroup>,
        "DirectoryUser" | "DirectoryUserList" => decodes::<types::DirectoryUser>,
        "EventList" => decodes::<types::Event>,
        "DirectorySync" => decodes::<types::DirectorySync>,
        _ => return None,
    };
    Some(judge)
}

fn decodes<T: DeserializeOwned>(object: &Map<String, Value>) -> bool {
    T::deserialize(object).is_ok()
}

/// Removes every field that the model does without. The model itself says which: it decodes without them.
fn strip(object: &mut Map<String, Value>, model: Option<Judge>) {
    // The payload of an event is no object of the list.
    let Some(judge) = model.filter(|judge| judge(object)) else {
        return;
    };
    let names: Vec<String> = object.keys().cloned().collect();
    for name in names {
        if let Some(value) = object.remove(&name)
            && !judge(object)
        {
            object.insert(name, value);
        }
    }
}
