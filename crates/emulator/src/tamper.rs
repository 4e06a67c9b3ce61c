//! Answers whose fields are not what the document promises, or less than a client may be used to.

use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::types;

use crate::fault::Fault;

/// The fields of the objects that are enums. Objects inside of others, such as attributes, are left alone.
const ENUMS: [&str; 4] = ["event", "state", "status", "type"];

/// A value that no document knows.
const UNKNOWN_VALUE: &str = "unknown_to_the_document";

/// A field that no document knows.
const UNKNOWN_FIELD: &str = "x_unknown_to_the_document";

/// Changes the JSON of a successful answer. `cursor` is the one that the request came with. What is no JSON object is left as
/// it is.
pub(crate) fn tamper(json: &mut Vec<u8>, operation: &Operation, cursor: Option<&str>, faults: &[Fault]) {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(json) else {
        return;
    };
    for fault in faults {
        match fault {
            Fault::UnknownEnumValues => each_object(&mut answer, &mut unknown_values),
            Fault::UnknownFields => {
                each_object(&mut answer, &mut unknown_field);
                if operation.pagination.is_some() {
                    if let Some(Value::Object(metadata)) = answer.get_mut("list_metadata") {
                        unknown_field(metadata);
                    }
                    unknown_field(&mut answer);
                }
            }
            Fault::MissingOptionalFields => {
                let model = item(operation);
                each_object(&mut answer, &mut |object| strip(object, model));
                if operation.pagination.is_some() {
                    answer.remove("object");
                    if let Some(Value::Object(metadata)) = answer.get_mut("list_metadata") {
                        metadata.remove("before");
                        metadata.retain(|_, cursor| !cursor.is_null());
                    }
                }
            }
            Fault::RepeatedCursor => {
                if let (Some(cursor), Some(metadata)) = (cursor, answer.get_mut("list_metadata")) {
                    metadata["after"] = cursor.into();
                }
            }
            _ => {}
        }
    }
    // Values are always written.
    *json = serde_json::to_vec(&answer).unwrap_or_default();
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

/// Visits the objects that an answer is about: the items of a page with the payloads of its events, or the answer itself.
fn each_object(answer: &mut Map<String, Value>, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Some(Value::Array(items)) = answer.get_mut("data") else {
        visit(answer);
        return;
    };
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(Value::Object(payload)) = item.get_mut("data") {
            visit(payload);
        }
        visit(item);
    }
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
