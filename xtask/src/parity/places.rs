//! What we have, by the names under which differences tell of it.

use serde_json::Value;

use crate::openapi::Document;
use crate::openapi::Field;
use crate::openapi::Schema;
use crate::openapi::items;
use crate::openapi::shown;

/// The places of everything that we have, as differences name them, each with what stands there.
pub(crate) fn places(document: &Document) -> Vec<(String, &Value)> {
    let mut places = Vec::new();
    for operation in document.operations() {
        let name = operation.name();
        places.push((format!("operation {name}"), operation.value));
        for ((_, parameter), value) in &operation.parameters {
            places.push((format!("parameter {name} {parameter}"), *value));
            if let Some(schema) = value.get("schema") {
                values(&format!("{name} {parameter}"), schema, &mut places);
            }
        }
        let responses = operation.responses(document).into_iter();
        places.extend(responses.map(|(status, response)| (format!("status {name} {status}"), response)));
    }
    for (model, schema) in document.schemas() {
        // Parts are told of where they are taken over.
        if schema.get("x-part") == Some(&Value::Bool(true)) {
            continue;
        }
        values(model, schema, &mut places);
        for (field, Field { schemas, .. }) in Schema::of(document, schema).fields {
            for schema in schemas {
                places.push((format!("field {model}.{field}"), schema));
                values(&format!("{model}.{field}"), schema, &mut places);
            }
        }
    }
    places
}

/// The values that a schema lists itself, and those of its items. What it refers to has a place of its own.
fn values<'a>(place: &str, schema: &'a Value, places: &mut Vec<(String, &'a Value)>) {
    let listed = ["enum", "x-extensible-enum"].into_iter();
    let listed = listed.flat_map(|key| items(schema, key)).chain(schema.get("const"));
    places.extend(listed.map(|value| (format!("value {place} {}", shown(value)), value)));
    if let Some(items) = schema.get("items") {
        values(&format!("{place}[]"), items, places);
    }
}
