//! Drift: what the API sends and the document does not know, so that a maintainer hears of a change before a user does.
//!
//! Off unless [`ClientBuilder::on_drift`](crate::ClientBuilder::on_drift) switches it on, and free then. Each novelty is
//! reported once per client. Attributes of customers and identity providers are not looked into: their fields are theirs.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::Map;
use serde_json::Value;

use crate::api_error::excerpt;
use crate::generated::shapes::SHAPES;
use crate::operation::Operation;

/// How many novelties are remembered, so that a hostile server cannot fill the memory.
const REMEMBERED: usize = 1_000;

/// Something that the API sent and the document does not know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Drift {
    /// A field that a model does not have.
    Field {
        /// The operation whose answer has it.
        operation: &'static Operation,
        /// The model.
        model: &'static str,
        /// The field's name, of bounded length.
        field: String,
    },
    /// A value that an enum does not have.
    Value {
        /// The operation whose answer has it.
        operation: &'static Operation,
        /// The model.
        model: &'static str,
        /// The field.
        field: &'static str,
        /// The value, of bounded length.
        value: String,
    },
}

impl fmt::Display for Drift {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field {
                operation,
                model,
                field,
            } => {
                write!(
                    formatter,
                    "{}: `{model}` has a field `{field}` that the document does not know",
                    operation.id
                )
            }
            Self::Value {
                operation,
                model,
                field,
                value,
            } => write!(
                formatter,
                "{}: `{model}.{field}` is `{value}`, a value that the document does not know",
                operation.id
            ),
        }
    }
}

/// The shape of a model, from the document.
pub(crate) struct Shape {
    pub(crate) model: &'static str,
    pub(crate) fields: &'static [Field],
}

/// A field of a model.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) content: Content,
}

/// What a field, or each item of its list, holds.
pub(crate) enum Content {
    /// Something without a shape of its own.
    Anything,
    /// A model.
    Model(&'static str),
    /// One of these values.
    Values(&'static [&'static str]),
    /// The model that the event's name says.
    Payload(&'static [(&'static str, &'static str)]),
}

/// Who is told.
pub(crate) type Report = dyn Fn(&Drift) + Send + Sync;

/// Looks through answers and reports each novelty once.
pub(crate) struct Watch {
    report: Arc<Report>,
    seen: Mutex<HashSet<Drift>>,
}

impl Watch {
    pub(crate) fn new(report: Arc<Report>) -> Self {
        Self {
            report,
            seen: Mutex::new(HashSet::new()),
        }
    }

    /// Looks through the body of a success.
    pub(crate) fn look(&self, operation: &'static Operation, body: &[u8]) {
        let Some(model) = operation.answer else { return };
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return;
        };
        let mut found = Vec::new();
        compare(operation, model, &fields, &mut found);
        for drift in found {
            let is_new = {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.len() < REMEMBERED && seen.insert(drift.clone())
            };
            if is_new {
                (self.report)(&drift);
            }
        }
    }
}

fn compare(operation: &'static Operation, model: &'static str, object: &Map<String, Value>, found: &mut Vec<Drift>) {
    let Some(shape) = SHAPES.iter().find(|shape| shape.model == model) else {
        return;
    };
    for (name, value) in object {
        let Some(field) = shape.fields.iter().find(|field| field.name == name) else {
            found.push(Drift::Field {
                operation,
                model: shape.model,
                field: excerpt(name),
            });
            continue;
        };
        let items = match value {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for item in items {
            match (&field.content, item) {
                (Content::Model(model), Value::Object(fields)) => compare(operation, model, fields, found),
                (Content::Values(known), Value::String(value)) if !known.contains(&value.as_str()) => {
                    let value = excerpt(value);
                    found.push(Drift::Value {
                        operation,
                        model: shape.model,
                        field: field.name,
                        value,
                    });
                }
                (Content::Payload(payloads), Value::Object(fields)) => {
                    let event = object.get("event").and_then(Value::as_str);
                    if let Some((_, model)) = payloads.iter().find(|(name, _)| Some(*name) == event) {
                        compare(operation, model, fields, found);
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::operations::LIST_DIRECTORY_USERS;
    use crate::operations::LIST_EVENTS;

    /// What is reported of bodies, in words.
    fn reported(operation: &'static Operation, bodies: &[&str]) -> Vec<String> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        let watch = Watch::new(Arc::new(move |drift: &Drift| {
            ears.lock().unwrap().push(drift.to_string())
        }));
        bodies.iter().for_each(|body| watch.look(operation, body.as_bytes()));
        let mut heard = heard.lock().unwrap().clone();
        heard.sort();
        heard
    }

    #[test]
    fn new_fields_and_values_are_reported_once_even_when_null() {
        let page = r#"{"data":[{"id":"1","mfa":null,"state":"on leave","custom_attributes":{"mfa":1},
            "emails":[{"value":"a","verified":true}]},{"id":"2","mfa":false,"state":"active"}],"list_metadata":{}}"#;
        assert_eq!(
            reported(&LIST_DIRECTORY_USERS, &[page, page]),
            [
                "listDirectoryUsers: `DirectoryUser.state` is `on leave`, a value that the document does not know",
                "listDirectoryUsers: `DirectoryUserEmail` has a field `verified` that the document does not know",
                "listDirectoryUsers: `DirectoryUser` has a field `mfa` that the document does not know",
            ]
        );
    }

    #[test]
    fn the_payload_of_an_event_is_looked_into_by_its_name() {
        let page = r#"{"data":[{"id":"1","event":"dsync.user.created","data":{"id":"1","mfa":true}},
            {"id":"2","event":"dsync.health","data":{"score":1}}]}"#;
        assert_eq!(
            reported(&LIST_EVENTS, &[page]),
            [
                "listEvents: `DirectoryUser` has a field `mfa` that the document does not know",
                "listEvents: `Event.event` is `dsync.health`, a value that the document does not know",
            ]
        );
    }

    #[test]
    fn what_the_document_knows_is_no_drift_and_nonsense_is_no_panic() {
        let known = r#"{"object":"list","data":[{"id":"1","role":{"slug":"a"},"groups":null}],"list_metadata":null}"#;
        assert!(reported(&LIST_DIRECTORY_USERS, &[known, "", "[]", "7", "{\"data\":7}"]).is_empty());
    }

    #[test]
    fn the_early_name_of_the_cursors_is_no_drift_and_is_looked_into() {
        let page = r#"{"data":[],"list_metadata":{"after":null},"listMetadata":{"after":null,"middle":7}}"#;
        assert_eq!(
            reported(&LIST_DIRECTORY_USERS, &[page]),
            ["listDirectoryUsers: `ListMetadata` has a field `middle` that the document does not know"]
        );
    }

    #[test]
    fn a_server_that_makes_up_fields_cannot_fill_the_memory() {
        let fields: Vec<String> = (0..3_000).map(|number| format!("\"x{number}\":1")).collect();
        let page = format!("{{{}}}", fields.join(","));
        assert_eq!(reported(&LIST_EVENTS, &[&page, &page]).len(), REMEMBERED);
    }
}
