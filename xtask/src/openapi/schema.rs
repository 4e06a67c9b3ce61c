//! What a schema admits, whichever way it is written: `nullable` or `type: [string, "null"]`, `const` or `enum`,
//! `exclusiveMinimum` as a number or beside `minimum`, in one piece or by `allOf`, `oneOf` and `anyOf`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::DEPTH;
use super::Document;
use super::items;
use super::members;

/// The keywords that narrow values of one of the types named; without types, values of any.
const BOUNDS: [(&str, &[&str]); 15] = [
    ("default", &[]),
    ("format", &[]),
    ("exclusiveMaximum", &["integer", "number"]),
    ("exclusiveMinimum", &["integer", "number"]),
    ("maximum", &["integer", "number"]),
    ("minimum", &["integer", "number"]),
    ("multipleOf", &["integer", "number"]),
    ("maxItems", &["array"]),
    ("minItems", &["array"]),
    ("uniqueItems", &["array"]),
    ("maxLength", &["string"]),
    ("minLength", &["string"]),
    ("pattern", &["string"]),
    ("maxProperties", &["object"]),
    ("minProperties", &["object"]),
];

/// What a schema admits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema<'a> {
    /// JSON types; empty when the schema says nothing of them.
    pub(crate) types: BTreeSet<String>,
    pub(crate) nullable: bool,
    /// The values that are listed; `None` when any will do.
    pub(crate) values: Option<BTreeSet<String>>,
    /// Whether others than the listed ones may come (`x-extensible-enum`).
    pub(crate) open: bool,
    /// `default`, `format`, `minItems` and their like by keyword; several values where alternatives differ.
    pub(crate) bounds: BTreeMap<&'static str, BTreeSet<String>>,
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
        let Some(depth) = depth.checked_sub(1) else {
            return Self::default();
        };
        if document.says_more_than_reference(value) {
            return Self::own(value).and(document, Self::read(document, document.resolve(value), depth));
        }
        let value = document.resolve(value);
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
            match name {
                "null" => schema.nullable = true,
                _ => drop(schema.types.insert(name.to_owned())),
            }
        }
        schema.bounds = bounds(value);
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
            schema.values.get_or_insert_default().insert(shown(value));
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
        for (keyword, values) in other.bounds {
            self.bounds.entry(keyword).or_insert(values);
        }
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
        self.bounds = either_bounds(&self, &other);
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

/// The bounds of a schema's own, each written in one way. What admits everything is none: `minItems: 0`.
fn bounds(value: &Value) -> BTreeMap<&'static str, BTreeSet<String>> {
    let says_nothing = |keyword: &str, value: &Value| match value {
        Value::Bool(false) => keyword != "default",
        Value::Number(number) => keyword.starts_with("min") && keyword != "minimum" && number.as_f64() == Some(0.0),
        Value::Null => true,
        _ => false,
    };
    let mut bounds = BTreeMap::new();
    for (keyword, _) in BOUNDS {
        if let Some(bound) = value.get(keyword).filter(|bound| !says_nothing(keyword, bound)) {
            bounds.insert(keyword, BTreeSet::from([shown(bound)]));
        }
    }
    // OpenAPI 3.0 has the number in `minimum` and says by a truth value whether the number itself is admitted.
    for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if value.get(exclusive) == Some(&Value::Bool(true)) {
            match bounds.remove(inclusive) {
                Some(number) => bounds.insert(exclusive, number),
                None => bounds.remove(exclusive),
            };
        }
    }
    bounds
}

/// The bounds of what one of two schemas admits: those that hold in each of the two that has values of such a type.
fn either_bounds(one: &Schema<'_>, other: &Schema<'_>) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut bounds = BTreeMap::new();
    for (keyword, types) in BOUNDS {
        let is_of_other_type = |schema: &Schema<'_>| {
            !types.is_empty()
                && !schema.types.is_empty()
                && !schema.types.iter().any(|name| types.contains(&name.as_str()))
        };
        let either = match (one.bounds.get(keyword), other.bounds.get(keyword)) {
            (Some(one), Some(other)) => one | other,
            (Some(one), None) if is_of_other_type(other) => one.clone(),
            (None, Some(other)) if is_of_other_type(one) => other.clone(),
            _ => continue,
        };
        bounds.insert(keyword, either);
    }
    bounds
}

/// A value as people write it: texts without quotes, `1.0` as `1`.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number
            .as_f64()
            .map_or_else(|| number.to_string(), |number| number.to_string()),
        value => value.to_string(),
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
        let bounds = schema.bounds.iter();
        let bounds: Vec<_> = bounds
            .map(|(keyword, values)| format!("{keyword}={}", Vec::from_iter(values.clone()).join("/")))
            .collect();
        format!(
            "{}{null} {}{values}{}",
            types.join("|"),
            fields.join(" "),
            bounds.join(" ")
        )
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
    fn bounds_are_read_in_every_way_in_which_they_are_written() {
        for (schema, bounds) in [
            (
                json!({ "type": "array", "minItems": 1, "uniqueItems": true }),
                "array minItems=1 uniqueItems=true",
            ),
            (json!({ "type": "array", "minItems": 0, "uniqueItems": false }), "array"),
            (
                json!({ "type": "integer", "minimum": 0, "format": "uint64" }),
                "integer format=uint64 minimum=0",
            ),
            (
                json!({ "type": "number", "maximum": 1.0, "default": false }),
                "number default=false maximum=1",
            ),
            (
                json!({ "type": "number", "exclusiveMinimum": 1 }),
                "number exclusiveMinimum=1",
            ),
            (
                json!({ "type": "number", "minimum": 1, "exclusiveMinimum": true }),
                "number exclusiveMinimum=1",
            ),
            (
                json!({ "type": "number", "minimum": 1, "exclusiveMinimum": false }),
                "number minimum=1",
            ),
            (
                json!({ "allOf": [{ "type": "string", "minLength": 2 }], "default": "ab" }),
                "string default=ab minLength=2",
            ),
        ] {
            assert_eq!(shown(json!({ "S": schema })), bounds, "{schema}");
        }
    }

    #[test]
    fn a_bound_holds_for_alternatives_that_all_have_it_or_have_no_values_of_its_type() {
        let list = json!({ "type": "array", "minItems": 1 });
        let text = json!({ "type": "string" });
        let any_list = json!({ "type": "array" });
        let longer = json!({ "type": "array", "minItems": 2 });
        for (one, other, bounds) in [
            (&list, &text, "array|string minItems=1"),
            (&text, &list, "array|string minItems=1"),
            (&list, &longer, "array minItems=1/2"),
            (&list, &any_list, "array"),
            (&list, &json!({ "type": "null" }), "array or null minItems=1"),
        ] {
            assert_eq!(shown(json!({ "S": { "oneOf": [one, other] } })), bounds);
        }
    }

    #[test]
    fn what_stands_beside_a_reference_counts_from_openapi_3_1_on() {
        let order = json!({ "T": { "enum": ["asc", "desc"], "default": "desc" },
            "S": { "$ref": "#/components/schemas/T", "default": "asc" } });
        assert_eq!(shown(order.clone()), r#"string {"asc", "desc"}default=asc"#);
        let old = json!({ "openapi": "3.0.3", "components": { "schemas": order } });
        let old = Document::parse(&old.to_string()).expect("it is a document");
        let schema = Schema::of(&old, &old.value()["components"]["schemas"]["S"]);
        assert_eq!(schema.bounds["default"], BTreeSet::from(["desc".to_owned()]));
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
