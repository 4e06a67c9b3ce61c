//! Examples are what people copy: each has to be of the schema beside which it stands, without fields that nobody describes.

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::Finding;
use super::places::escaped;

/// A circle of `allOf` ends here; no document that people write is so deep.
const DEPTH: usize = 32;

/// The documents by the file names by which others refer to them; the one at hand has the empty name.
pub(super) type Files<'a> = BTreeMap<String, &'a Value>;

/// Checks the examples of a document.
pub(super) fn check(document: &Value, siblings: &BTreeMap<String, Value>) -> Vec<Finding> {
    let mut files: Files<'_> = siblings.iter().map(|(name, value)| (name.clone(), value)).collect();
    files.insert(String::new(), document);
    let definitions = files.iter().map(|(file, value)| {
        let schemas = value
            .pointer("/components/schemas")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let converter = Converter { files: &files, file };
        let schemas: Map<_, _> = schemas
            .map(|(name, schema)| (name.clone(), converter.schema(schema, true, DEPTH)))
            .collect();
        (key(file), Value::Object(schemas))
    });
    let definitions = Value::Object(definitions.collect());
    let mut checker = Checker {
        document,
        files: &files,
        definitions,
        findings: Vec::new(),
    };
    checker.walk(document, "");
    // What is wrong inside of a value makes the value wrong too; the inner place says it all.
    let findings = checker.findings;
    let has_inner = |place: &str| {
        let inner = format!("{place}/");
        findings.iter().any(|finding| finding.pointer.starts_with(&inner))
    };
    findings
        .iter()
        .filter(|finding| !has_inner(&finding.pointer))
        .cloned()
        .collect()
}

struct Checker<'a> {
    document: &'a Value,
    files: &'a Files<'a>,
    definitions: Value,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    /// Goes through everything that is no example itself.
    fn walk(&mut self, value: &Value, pointer: &str) {
        match value {
            Value::Object(fields) => {
                let is_schema = pointer.starts_with("/components/schemas/") && !pointer.ends_with("/properties");
                let schema = if is_schema { Some(value) } else { fields.get("schema") };
                if let Some(schema) = schema {
                    self.examples(schema, value, pointer);
                }
                for (name, value) in fields {
                    // A property may be called `example`; its value is a schema, and `properties` stands before it.
                    let is_example =
                        matches!(name.as_str(), "example" | "examples") && !pointer.ends_with("/properties");
                    if !is_example {
                        self.walk(value, &format!("{pointer}/{}", escaped(name)));
                    }
                }
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| self.walk(item, &format!("{pointer}/{index}")));
            }
            _ => {}
        }
    }

    fn examples(&mut self, schema: &Value, value: &Value, pointer: &str) {
        if let Some(example) = value.get("example") {
            self.one(schema, example, format!("{pointer}/example"));
        }
        for (name, example) in value.get("examples").and_then(Value::as_object).into_iter().flatten() {
            let target = example
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|target| target.strip_prefix('#'));
            let (pointer, example) = match target {
                Some(target) => (target.to_owned(), self.document.pointer(target)),
                None => (format!("{pointer}/examples/{}", escaped(name)), Some(example)),
            };
            // A reference to nothing is found by another rule.
            if let Some(example) = example.and_then(|example| example.get("value")) {
                self.one(schema, example, format!("{pointer}/value"));
            }
        }
    }

    fn one(&mut self, schema: &Value, example: &Value, pointer: String) {
        let mut root = Converter {
            files: self.files,
            file: "",
        }
        .schema(schema, true, DEPTH);
        let Some(fields) = root.as_object_mut() else { return };
        fields.insert("$defs".to_owned(), self.definitions.clone());
        let validator = match jsonschema::draft202012::new(&root) {
            Ok(validator) => validator,
            Err(error) => {
                let message = format!("the schema of this example cannot be used: {error}");
                self.findings
                    .push(super::rules::finding("example", pointer, message, "correct the schema"));
                return;
            }
        };
        for error in validator.iter_errors(example) {
            let place = format!("{pointer}{}", error.instance_path());
            if self.findings.iter().any(|finding| finding.pointer == place) {
                continue;
            }
            let message = format!("the example is not of its schema: {error}");
            self.findings.push(super::rules::finding(
                "example",
                place,
                message,
                "correct the example or the schema",
            ));
        }
    }
}

/// Makes JSON Schema of the schemas of one file.
struct Converter<'a> {
    files: &'a Files<'a>,
    file: &'a str,
}

impl Converter<'_> {
    /// A schema of OpenAPI 3.0 as one of JSON Schema; a closed one admits no fields beyond those that it describes.
    fn schema(&self, schema: &Value, closed: bool, depth: usize) -> Value {
        let (Some(fields), Some(depth)) = (schema.as_object(), depth.checked_sub(1)) else {
            return json!({});
        };
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            return self.reference(reference, closed, depth);
        }
        let mut converted = Map::new();
        for (name, value) in fields {
            let list = || value.as_array().into_iter().flatten();
            match name.as_str() {
                "properties" => {
                    let properties = value.as_object().into_iter().flatten();
                    let properties: Map<_, _> = properties
                        .map(|(name, value)| (name.clone(), self.schema(value, true, depth)))
                        .collect();
                    converted.insert(name.clone(), properties.into());
                }
                "items" => drop(converted.insert(name.clone(), self.schema(value, true, depth))),
                // Its parts describe one object together, so that none of them may close it.
                "allOf" => drop(converted.insert(
                    name.clone(),
                    list().map(|part| self.schema(part, false, depth)).collect(),
                )),
                "anyOf" | "oneOf" => {
                    drop(converted.insert(
                        name.clone(),
                        list().map(|part| self.schema(part, closed, depth)).collect(),
                    ));
                }
                "type"
                | "required"
                | "enum"
                | "minimum"
                | "maximum"
                | "minItems"
                | "maxItems"
                | "minLength"
                | "maxLength"
                | "pattern"
                | "additionalProperties" => drop(converted.insert(name.clone(), value.clone())),
                _ => {}
            }
        }
        let is_object = converted.contains_key("properties") || converted.contains_key("allOf");
        if closed && is_object && !converted.contains_key("additionalProperties") {
            converted.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
        }
        match fields.get("nullable") == Some(&Value::Bool(true)) {
            true => json!({ "anyOf": [converted, { "type": "null" }] }),
            false => converted.into(),
        }
    }

    fn reference(&self, reference: &str, closed: bool, depth: usize) -> Value {
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let file = if file.is_empty() { self.file } else { file };
        let Some(name) = pointer.strip_prefix("/components/schemas/") else {
            return json!({});
        };
        let target = self.files.get(file).and_then(|document| document.pointer(pointer));
        match target {
            None => json!({}),
            Some(_) if closed => json!({ "$ref": format!("#/$defs/{}/{name}", key(file)) }),
            Some(target) => Converter {
                files: self.files,
                file,
            }
            .schema(target, false, depth),
        }
    }
}

/// The name of a file's definitions.
fn key(file: &str) -> String {
    match file {
        "" => "this".to_owned(),
        file => file.replace(['/', '~'], "-"),
    }
}
