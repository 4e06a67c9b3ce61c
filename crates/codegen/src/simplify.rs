//! The copy of the document that progenitor gets: simpler where progenitor cannot take what the document says.
//!
//! - Error responses are left out: the client decodes them itself, so that status and headers are never lost.
//! - Request bodies are left out: each is a model by its name, which needs no type of progenitor's.
//! - All success responses become one `2XX`, with the schema that they share or without content.
//! - `allOf` with a single reference becomes that reference; the docs beside it are put back by the docs pass.
//! - An optional array becomes nullable, so that an empty array and no array stay different.
//! - A required field that may be null becomes optional, which in Rust is the same `Option`.
//! - Bounds of integers only choose their signedness; the server is the judge of values.
//! - Examples and defaults are left out.

use openapiv3::OpenAPI;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::Document;
use crate::Error;
use crate::operation::Operation;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Makes progenitor's copy.
pub(crate) fn simplify(document: &Document, operations: &[Operation]) -> Result<OpenAPI, Error> {
    let mut value = document.value.clone();
    if let Some(components) = value.get_mut("components").and_then(Value::as_object_mut) {
        components.retain(|key, _| key == "schemas" || key == "parameters");
        for schema in members(components.get_mut("schemas")) {
            simplify_schema(schema);
        }
        for parameter in members(components.get_mut("parameters")) {
            simplify_parameter(parameter);
        }
    }
    if let Some(paths) = value.get_mut("paths").and_then(Value::as_object_mut) {
        for (path, item) in paths {
            elements(item.get_mut("parameters")).for_each(simplify_parameter);
            for method in METHODS {
                let Some(operation) = item.get_mut(method) else {
                    continue;
                };
                elements(operation.get_mut("parameters")).for_each(simplify_parameter);
                let answer = operations
                    .iter()
                    .find(|known| known.path == *path && known.method == method)
                    .and_then(|known| known.answer.as_deref());
                operation["responses"] = responses(answer);
                if let Some(operation) = operation.as_object_mut() {
                    operation.remove("requestBody");
                }
            }
        }
    }
    serde_json::from_value(value).map_err(|error| Error::OpenApi(error.to_string()))
}

fn responses(answer: Option<&str>) -> Value {
    match answer {
        None => json!({ "2XX": { "description": "" } }),
        Some(model) => {
            let schema = json!({ "$ref": format!("#/components/schemas/{model}") });
            json!({ "2XX": { "description": "", "content": { "application/json": { "schema": schema } } } })
        }
    }
}

fn simplify_parameter(parameter: &mut Value) {
    if let Some(parameter) = parameter.as_object_mut() {
        parameter.remove("example");
        parameter.remove("examples");
        if let Some(schema) = parameter.get_mut("schema") {
            simplify_schema(schema);
        }
    }
}

fn simplify_schema(schema: &mut Value) {
    if let Some(reference) = single_reference(schema) {
        *schema = reference;
        return;
    }
    let Some(object) = schema.as_object_mut() else { return };
    for key in ["example", "examples", "default"] {
        object.remove(key);
    }
    if object.get("type").and_then(Value::as_str) == Some("integer") {
        simplify_integer(object);
    }
    simplify_properties(object);
    for key in ["items", "additionalProperties", "not"] {
        object.get_mut(key).into_iter().for_each(simplify_schema);
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        elements(object.get_mut(key)).for_each(simplify_schema);
    }
}

fn simplify_properties(object: &mut Map<String, Value>) {
    let mut required: Vec<Value> = object
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        required.retain(|name| {
            let property = name.as_str().and_then(|name| properties.get(name));
            property.and_then(|property| property.get("nullable")) != Some(&Value::Bool(true))
        });
        for (name, property) in properties {
            simplify_schema(property);
            let is_array = property.get("type").and_then(Value::as_str) == Some("array");
            if is_array && !required.iter().any(|entry| entry.as_str() == Some(name)) {
                property["nullable"] = Value::Bool(true);
            }
        }
        object.insert("required".to_owned(), Value::Array(required));
    }
}

fn simplify_integer(object: &mut Map<String, Value>) {
    let minimum = object.remove("minimum").as_ref().and_then(Value::as_i64);
    object.remove("maximum");
    let wide = object
        .get("format")
        .and_then(Value::as_str)
        .is_none_or(|format| format.ends_with("64"));
    let format = match (minimum.is_some_and(|minimum| minimum >= 0), wide) {
        (true, true) => "uint64",
        (true, false) => "uint32",
        (false, true) => "int64",
        (false, false) => "int32",
    };
    object.insert("format".to_owned(), Value::from(format));
}

/// The reference of `allOf: [{ $ref: … }]`.
fn single_reference(schema: &Value) -> Option<Value> {
    match schema.get("allOf")?.as_array()?.as_slice() {
        [only] if only.get("$ref").is_some() => Some(only.clone()),
        _ => None,
    }
}

fn members(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(|object| object.values_mut())
}

fn elements(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_array_mut).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simplified(mut schema: Value) -> Value {
        simplify_schema(&mut schema);
        schema
    }

    #[test]
    fn an_optional_array_becomes_nullable_and_a_required_one_stays() {
        let schema = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "array", "items": { "type": "string" } },
            "b": { "type": "array", "items": { "type": "string" } },
        }});
        let schema = simplified(schema);
        assert_eq!(schema["properties"]["a"].get("nullable"), None);
        assert_eq!(schema["properties"]["b"]["nullable"], true);
    }

    #[test]
    fn a_required_field_that_may_be_null_becomes_optional() {
        let schema = json!({ "type": "object", "required": ["a", "b"], "properties": {
            "a": { "type": "string", "nullable": true },
            "b": { "type": "string" },
        }});
        assert_eq!(simplified(schema)["required"], json!(["b"]));
    }

    #[test]
    fn bounds_of_an_integer_choose_its_sign() {
        let unsigned = simplified(json!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": 100 }));
        assert_eq!(unsigned, json!({ "type": "integer", "format": "uint32" }));
        assert_eq!(
            simplified(json!({ "type": "integer" })),
            json!({ "type": "integer", "format": "int64" })
        );
    }

    #[test]
    fn a_single_reference_in_all_of_is_that_reference() {
        let schema = json!({ "description": "d", "allOf": [{ "$ref": "#/x" }] });
        assert_eq!(simplified(schema), json!({ "$ref": "#/x" }));
    }
}
