//! What an object does not have any more: the fields that its event names in `previous_attributes` and leaves out.

use super::object::Field;
use super::object::Object;
use super::object::OddField;
use super::object::odd;
use super::object::readable_keys;
use super::storable;

/// The field in which events of updates say what was there before.
const PREVIOUS: &str = "previous_attributes";

/// The field of which they do so key by key.
const ATTRIBUTES: &str = "custom_attributes";

/// The fields that are not there any more.
#[derive(Debug, Default)]
pub(super) struct Cleared {
    fields: Vec<String>,
    /// The keys that the custom attributes do not have any more.
    pub(super) attributes: Vec<String>,
}

impl Cleared {
    /// Reads what an event's object says of itself before.
    pub(super) fn of(object: &Object<'_>) -> (Self, Option<OddField>) {
        let Field::Value(json) = object.field(PREVIOUS) else {
            return (Self::default(), None);
        };
        let readable = readable_keys(json);
        let Ok(previous) = Object::parse(&readable) else {
            return (Self::default(), Some(odd(PREVIOUS, "no object", json)));
        };
        let mut cleared = Self::default();
        for name in previous
            .names()
            .filter(|name| matches!(object.field(name), Field::Absent))
        {
            match previous.field(name) {
                Field::Value(attributes) if name == ATTRIBUTES && attributes.starts_with('{') => {
                    let attributes = readable_keys(attributes);
                    if let Ok(attributes) = Object::parse(&attributes) {
                        cleared.attributes = attributes.names().map(|key| storable(key).into_owned()).collect();
                    }
                }
                _ => cleared.fields.push(name.to_owned()),
            }
        }
        (cleared, None)
    }

    /// Whether a field is not there any more.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|name| name == field)
    }
}
