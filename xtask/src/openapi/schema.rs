//! What a schema admits, whichever way it is written: `nullable` or `type: [string, "null"]`, `const` or `enum`, in one
//! piece or by `allOf`, `oneOf` and `anyOf`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::DEPTH;
use super::Document;
use super::items;
use super::members;
use super::text;

/// What a schema admits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema<'a> {
    /// JSON types with their formats; empty when the schema says nothing of them.
    pub(crate) types: BTreeSet<String>,
    pub(crate) nullable: bool,
    /// The values that are listed; `None` when any will do.
    pub(crate) values: Option<BTreeSet<String>>,
    /// Whether others than the listed ones may come (`x-extensible-enum`).
    pub(crate) open: bool,
    pub(crate) fields: BTreeMap<&'a str, Field<'a>>,
    /// The schemas of an array's items.
    pub(crate) items: Vec<&'a Value>,
    /// Whether the content is the customer's (`x-raw-json`).
    pub(crate) raw: bool,
}

/// A field of an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field<'a> {
    pub(crate) required: bool,
    /// One, or several where alternatives have it.
    pub(crate) schemas: Vec<&'a Value>,
}

impl<'a> Schema<'a> {
    /// What one schema admits.
    pub(crate) fn of(document: &'a Document, value: &'a Value) -> Self {
        Self::read(document, value, DEPTH)
    }

    /// What any of several schemas admits.
    pub(crate) fn any_of(document: &'a Document, values: &[&'a Value]) -> Self {
        let alternatives = values.iter().map(|value| Self::of(document, value));
        alternatives.reduce(Self::or).unwrap_or_default()
    }

    fn read(document: &'a Document, value: &'a Value, depth: usize) -> Self {
        let value = document.resolve(value);
        let Some(depth) = depth.checked_sub(1) else {
            return Self::default();
        };
        let mut schema = Self::own(value);
        for part in items(value, "allOf") {
            schema = schema.and(document, Self::read(document, part, depth));
        }
        // A part of `allOf` may require what another part describes.
        let demands = std::iter::once(value).chain(items(value, "allOf"));
        for name in demands
            .flat_map(|part| items(part, "required"))
            .filter_map(Value::as_str)
        {
            if let Some(field) = schema.fields.get_mut(name) {
                field.required = true;
            }
        }
        for key in ["oneOf", "anyOf"] {
            let alternatives = items(value, key)
                .iter()
                .map(|alternative| Self::read(document, alternative, depth));
            if let Some(any) = alternatives.reduce(Self::or) {
                schema = schema.and(document, any);
            }
        }
        schema
    }

    /// What the schema says itself, without its parts.
    fn own(value: &'a Value) -> Self {
        let mut schema = Self {
            nullable: value.get("nullable") == Some(&Value::Bool(true)),
            raw: value.get("x-raw-json") == Some(&Value::Bool(true)),
            ..Self::default()
        };
        let types = match value.get("type") {
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(name)) => vec![name.as_str()],
            _ if value.get("properties").is_some() => vec!["object"],
            _ => Vec::new(),
        };
        for name in types {
            match (name, text(value, "format")) {
                ("null", _) => schema.nullable = true,
                ("string", format @ ("date-time" | "date")) => drop(schema.types.insert(format!("{name} ({format})"))),
                _ => drop(schema.types.insert(name.to_owned())),
            }
        }
        schema.open = value.get("x-extensible-enum").is_some();
        let listed = value.get("const").map(std::slice::from_ref);
        let listed = listed.or_else(|| {
            value
                .get("enum")
                .or_else(|| value.get("x-extensible-enum"))?
                .as_array()
                .map(Vec::as_slice)
        });
        for value in listed.into_iter().flatten() {
            if value.is_null() {
                schema.nullable = true;
                continue;
            }
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            schema.values.get_or_insert_default().insert(shown);
            if schema.types.is_empty() && value.is_string() {
                schema.types.insert("string".to_owned());
            }
        }
        let required: Vec<_> = items(value, "required").iter().filter_map(Value::as_str).collect();
        for (name, field) in members(value.get("properties")) {
            let required = required.contains(&name.as_str());
            let schemas = vec![field];
            schema.fields.insert(name, Field { required, schemas });
        }
        schema.items.extend(value.get("items"));
        schema
    }

    /// Both have to hold. A part that says nothing of a thing leaves it to the other.
    fn and(mut self, document: &'a Document, other: Self) -> Self {
        let says_nothing = |schema: &Self| schema.types.is_empty() && schema.fields.is_empty();
        // `nullable` beside a reference adds null to what is referred to, as everybody reads it.
        self.nullable |= other.nullable;
        if says_nothing(&self) {
            self.types = other.types;
        }
        self.values = self.values.or(other.values);
        self.open |= other.open;
        self.raw |= other.raw;
        self.items.extend(other.items);
        for (name, field) in other.fields {
            let own = self.fields.entry(name).or_default();
            own.required |= field.required;
            // Where one part says `string` and the other names the values, the values count.
            match (says_more(document, &own.schemas), says_more(document, &field.schemas)) {
                (true, false) => {}
                (false, true) => own.schemas = field.schemas,
                _ => own.schemas.extend(field.schemas),
            }
        }
        self
    }

    /// One of both has to hold.
    fn or(mut self, other: Self) -> Self {
        let is_null = |schema: &Self| schema.nullable && schema.types.is_empty() && schema.values.is_none();
        if is_null(&other) {
            self.nullable = true;
            return self;
        }
        if is_null(&self) {
            return Self {
                nullable: true,
                ..other
            };
        }
        let both_are_objects = !self.fields.is_empty() && !other.fields.is_empty();
        for (name, field) in &mut self.fields {
            field.required &= !both_are_objects || other.fields.contains_key(name);
        }
        for (name, field) in other.fields {
            match self.fields.get_mut(name) {
                Some(own) => {
                    own.required &= field.required;
                    own.schemas.extend(field.schemas);
                }
                None => {
                    let required = field.required && !both_are_objects;
                    self.fields.insert(name, Field { required, ..field });
                }
            }
        }
        self.nullable |= other.nullable;
        self.values = match (self.values, other.values) {
            (Some(mut own), Some(values)) => {
                own.extend(values);
                Some(own)
            }
            _ => None,
        };
        self.types.extend(other.types);
        self.open |= other.open;
        self.raw |= other.raw;
        self.items.extend(other.items);
        self
    }
}

/// Whether schemas name values or fields; asked without following them, which a schema that contains itself never ends.
fn says_more(document: &Document, schemas: &[&Value]) -> bool {
    const KEYS: [&str; 7] = [
        "const",
        "enum",
        "x-extensible-enum",
        "properties",
        "allOf",
        "oneOf",
        "anyOf",
    ];
    let schemas = schemas.iter().map(|schema| document.resolve(schema));
    schemas
        .into_iter()
        .any(|schema| KEYS.iter().any(|key| schema.get(key).is_some()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What the schema `S` of a document admits, in one line.
    fn shown(schemas: Value) -> String {
        let document = json!({ "openapi": "3.1.0", "components": { "schemas": schemas } });
        let document = Document::parse(&document.to_string()).expect("it is a document");
        let schema = Schema::of(&document, &document.value()["components"]["schemas"]["S"]);
        let types: Vec<_> = schema.types.iter().map(String::as_str).collect();
        let fields = schema.fields.iter();
        let fields: Vec<_> = fields
            .map(|(name, field)| format!("{name}{}", if field.required { "!" } else { "" }))
            .collect();
        let null = if schema.nullable { " or null" } else { "" };
        let values = schema.values.map(|values| format!("{values:?}")).unwrap_or_default();
        format!("{}{null} {}{values}", types.join("|"), fields.join(" "))
            .trim()
            .to_owned()
    }

    #[test]
    fn null_is_read_in_every_way_in_which_it_is_written() {
        for schema in [
            json!({ "type": "string", "nullable": true }),
            json!({ "type": ["string", "null"] }),
            json!({ "oneOf": [{ "type": "string" }, { "type": "null" }] }),
            json!({ "anyOf": [{ "type": "null" }, { "type": "string" }] }),
            json!({ "nullable": true, "allOf": [{ "$ref": "#/components/schemas/T" }] }),
            json!({ "oneOf": [{ "type": "string" }, { "oneOf": [{ "const": null }, { "type": "null" }] }] }),
        ] {
            let shown = shown(json!({ "S": schema, "T": { "type": "string" } }));
            assert_eq!(shown, "string or null", "{schema}");
        }
    }

    #[test]
    fn const_enum_and_an_open_enum_list_values_and_a_free_alternative_ends_the_list() {
        assert_eq!(shown(json!({ "S": { "const": "list" } })), r#"string {"list"}"#);
        assert_eq!(
            shown(json!({ "S": { "type": "string", "enum": ["a", null] } })),
            r#"string or null {"a"}"#
        );
        let either = json!({ "S": { "oneOf": [{ "const": "a" }, { "enum": ["b"] }] } });
        assert_eq!(shown(either), r#"string {"a", "b"}"#);
        let free = json!({ "S": { "oneOf": [{ "const": "a" }, { "type": "string" }] } });
        assert_eq!(shown(free), "string");
    }

    #[test]
    fn all_of_joins_fields_and_one_of_makes_those_optional_that_not_all_have() {
        let base = json!({ "type": "object", "required": ["id"], "properties": { "id": {} } });
        let more = json!({ "properties": { "id": {}, "name": {} }, "required": ["id", "name"] });
        assert_eq!(shown(json!({ "S": { "allOf": [base, more] } })), "object id! name!");
        let free = json!({ "properties": { "name": {} } });
        let outside = json!({ "S": { "required": ["name"], "allOf": [base, free] } });
        assert_eq!(shown(outside), "object id! name!");
        assert_eq!(shown(json!({ "S": { "oneOf": [base, more] } })), "object id! name");
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let circle = json!({ "S": { "allOf": [{ "$ref": "#/components/schemas/S" }, { "type": "object" }] } });
        assert_eq!(shown(circle), "object");
        assert_eq!(shown(json!({ "S": { "$ref": "#/components/schemas/S" } })), "");
        let part = json!({ "properties": { "s": { "$ref": "#/components/schemas/S" } } });
        assert_eq!(shown(json!({ "S": { "allOf": [part, part] } })), "object s");
    }
}
