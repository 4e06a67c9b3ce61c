//! Composition: a schema that is put together by `allOf` becomes one object with all of the fields.
//!
//! Fields stand in the order of the parts, then come the schema's own. A schema with `x-part: true` is only a part of
//! others and no model itself.

use serde_json::Map;
use serde_json::Value;

use crate::Error;
use crate::error::unsupported;

/// A circle of `allOf` ends here; no document that people write is so deep.
const DEPTH: usize = 32;

/// What a part may say beside its fields.
const KNOWN: [&str; 7] = [
    "description",
    "type",
    "required",
    "properties",
    "allOf",
    "example",
    "x-part",
];

/// Puts all schemas of a document together.
///
/// # Errors
///
/// [`Error::Unsupported`] where a part is no object, says what an object cannot take over, or has a field that another
/// part has too.
pub(crate) fn compose(document: &mut Value) -> Result<(), Error> {
    let schemas = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut);
    let Some(schemas) = schemas else { return Ok(()) };
    let parts = schemas.clone();
    schemas.retain(|_, schema| schema.get("x-part") != Some(&Value::Bool(true)));
    for (name, schema) in schemas.iter_mut() {
        if schema.get("allOf").is_some() {
            *schema = whole(&parts, name, schema)?;
        }
    }
    let remaining = schemas.clone();
    references(document, &remaining)
}

/// Refuses references to parts and to nothing, on which progenitor panics.
fn references(value: &Value, schemas: &Map<String, Value>) -> Result<(), Error> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| match value {
            Value::String(reference) if key == "$ref" => match reference.strip_prefix("#/components/schemas/") {
                Some(name) if !schemas.contains_key(name) => {
                    let reason =
                        "there is no such schema, or it is a part (`x-part`), which only `allOf` of a schema takes";
                    Err(unsupported(reference, reason))
                }
                _ => Ok(()),
            },
            value => references(value, schemas),
        }),
        Value::Array(items) => items.iter().try_for_each(|item| references(item, schemas)),
        _ => Ok(()),
    }
}

/// A schema in one piece.
fn whole(schemas: &Map<String, Value>, name: &str, schema: &Value) -> Result<Value, Error> {
    let mut composition = Composition {
        schemas,
        at: format!("schemas.{name}"),
        properties: Map::new(),
        required: Vec::new(),
    };
    composition.add(schema, DEPTH)?;
    let mut whole = schema.as_object().cloned().unwrap_or_default();
    whole.retain(|key, _| key != "allOf");
    whole.insert("type".to_owned(), "object".into());
    whole.insert("required".to_owned(), composition.required.into());
    whole.insert("properties".to_owned(), composition.properties.into());
    Ok(whole.into())
}

struct Composition<'a> {
    schemas: &'a Map<String, Value>,
    at: String,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl Composition<'_> {
    fn add(&mut self, schema: &Value, depth: usize) -> Result<(), Error> {
        let wrong = |at: &str, reason: String| Err(unsupported(at, reason));
        let Some(depth) = depth.checked_sub(1) else {
            return wrong(&self.at, "its `allOf` leads back to itself".to_owned());
        };
        if !matches!(schema.get("type").and_then(Value::as_str), None | Some("object")) {
            return wrong(&self.at, "a part of its `allOf` is no object".to_owned());
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            let part = self.resolve(part)?;
            let stranger = part
                .as_object()
                .and_then(|part| part.keys().find(|key| !KNOWN.contains(&key.as_str())));
            if let Some(key) = stranger {
                return wrong(
                    &self.at,
                    format!("a part of its `allOf` has `{key}`, which no other schema can take over"),
                );
            }
            self.add(&part, depth)?;
        }
        for (field, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if self.properties.insert(field.clone(), property.clone()).is_some() {
                return wrong(
                    &self.at,
                    format!("two parts of its `allOf` have `{field}`: leave it to one of them"),
                );
            }
        }
        for field in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !self.required.contains(field) {
                self.required.push(field.clone());
            }
        }
        Ok(())
    }

    /// A part, which may stand elsewhere.
    fn resolve(&self, part: &Value) -> Result<Value, Error> {
        let Some(reference) = part.get("$ref").and_then(Value::as_str) else {
            return Ok(part.clone());
        };
        let schema = reference
            .strip_prefix("#/components/schemas/")
            .and_then(|name| self.schemas.get(name));
        schema
            .cloned()
            .ok_or_else(|| unsupported(&self.at, format!("`{reference}` in its `allOf` leads to no schema")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn composed(schemas: Value) -> Result<Value, String> {
        let mut document = json!({ "components": { "schemas": schemas } });
        compose(&mut document).map_err(|error| error.to_string())?;
        Ok(document["components"]["schemas"].take())
    }

    #[test]
    fn fields_stand_in_the_order_of_the_parts_and_a_part_is_no_model() {
        let schemas = composed(json!({
            "A": { "description": "a", "required": ["z"], "allOf": [
                { "$ref": "#/components/schemas/P" },
                { "type": "object", "properties": { "b": {} } },
                { "$ref": "#/components/schemas/Q" },
            ]},
            "P": { "x-part": true, "allOf": [{ "properties": { "y": {} } }], "required": ["y"] },
            "Q": { "x-part": true, "type": "object", "properties": { "z": {} }, "example": {} },
        }));
        let expected = json!({ "A": {
            "description": "a", "type": "object", "required": ["y", "z"], "properties": { "y": {}, "b": {}, "z": {} },
        }});
        let schemas = schemas.unwrap();
        assert_eq!(schemas, expected);
        let fields: Vec<_> = schemas["A"]["properties"].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["y", "b", "z"]);
    }

    #[test]
    fn what_cannot_be_put_together_is_refused_with_the_schemas_name() {
        let refusal = |parts: Value| composed(json!({ "A": { "allOf": parts } })).unwrap_err();
        assert_eq!(
            refusal(json!([{ "properties": { "b": {} } }, { "properties": { "b": {} } }])),
            "schemas.A: two parts of its `allOf` have `b`: leave it to one of them"
        );
        assert_eq!(
            refusal(json!([{ "type": "string" }])),
            "schemas.A: a part of its `allOf` is no object"
        );
        assert_eq!(
            refusal(json!([{ "oneOf": [] }])),
            "schemas.A: a part of its `allOf` has `oneOf`, which no other schema can take over"
        );
        assert_eq!(
            refusal(json!([{ "$ref": "#/components/schemas/B" }])),
            "schemas.A: `#/components/schemas/B` in its `allOf` leads to no schema"
        );
        let used =
            json!({ "A": { "properties": { "p": { "$ref": "#/components/schemas/P" } } }, "P": { "x-part": true } });
        assert_eq!(
            composed(used).unwrap_err(),
            "#/components/schemas/P: there is no such schema, or it is a part (`x-part`), which only `allOf` of a schema takes"
        );
        assert_eq!(
            refusal(json!([{ "$ref": "#/components/schemas/A" }])),
            "schemas.A: its `allOf` leads back to itself"
        );
    }
}
