//! Changes of schemas: fields, types, values and payloads.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::changes::BOUNDS;
use super::changes::Change;
use super::changes::entries;
use super::changes::stripped;
use super::rules;
use super::rules::Rule;
use super::rules::Use;
use crate::openapi::Document;
use crate::openapi::items;
use crate::openapi::json_schema;
use crate::openapi::members;
use crate::openapi::model;
use crate::openapi::text;

/// A model in both documents.
struct Both<'a> {
    old: Flat<'a>,
    new: Flat<'a>,
    place: Use,
    name: &'a str,
    changes: Vec<Change>,
}

/// A schema with what it takes over by `allOf`.
#[derive(Default)]
struct Flat<'a> {
    fields: BTreeMap<&'a str, &'a Value>,
    /// All fields in the order of the parts.
    order: Vec<&'a str>,
    /// The required fields in the order in which a constructor takes them.
    required: Vec<&'a str>,
    schema: Option<&'a Value>,
}

pub(super) fn between(old: &Document, new: &Document) -> Vec<Change> {
    let schemas = |document: &'_ Document| document.value().pointer("/components/schemas").cloned();
    let (olds, news) = (schemas(old), schemas(new));
    let uses = [uses(old), uses(new)];
    let mut changes = Vec::new();
    for (name, before, after) in entries(olds.as_ref(), news.as_ref()) {
        // A part is no model; its fields are those of the models that take it over.
        let is_model = |schema: &&Value| !is(schema, "x-part");
        let (before, after) = (before.filter(is_model), after.filter(is_model));
        if before.is_none() && after.is_none() {
            continue;
        }
        let place = uses.iter().fold(Use::default(), |all, uses| {
            let place = uses.get(name).copied().unwrap_or_default();
            Use {
                answers: all.answers || place.answers,
                requests: all.requests || place.requests,
            }
        });
        let (Some(before), Some(after)) = (before, after) else {
            let rule = if after.is_some() {
                &rules::MODEL_ADDED
            } else {
                &rules::MODEL_REMOVED
            };
            changes.push(Change::new(rule, place, name));
            continue;
        };
        if kind(before) != kind(after) {
            changes.push(Change::new(&rules::MODEL_KIND, place, name).between(kind(before), kind(after)));
            continue;
        }
        let (old, new) = (Flat::of(old, before), Flat::of(new, after));
        let mut both = Both {
            old,
            new,
            place,
            name,
            changes: Vec::new(),
        };
        both.fields();
        both.values(before, after);
        both.retired(before, after);
        both.alternatives(before, after);
        both.payloads(before, after);
        both.rest(before, after);
        changes.append(&mut both.changes);
    }
    changes
}

impl<'a> Flat<'a> {
    fn of(document: &'a Document, schema: &'a Value) -> Self {
        let mut flat = Self::default();
        flat.add(document, schema, 0);
        let Self { order, required, .. } = &mut flat;
        required.sort_by_key(|name| order.iter().position(|field| field == name));
        required.dedup();
        flat.schema = Some(schema);
        flat
    }

    fn add(&mut self, document: &'a Document, schema: &'a Value, depth: usize) {
        // Deeper than any document that people write; a circle ends here.
        if depth > 32 {
            return;
        }
        for part in items(schema, "allOf") {
            self.add(document, document.resolve(part), depth + 1);
        }
        for (name, field) in members(schema.get("properties")) {
            self.fields.insert(name, field);
            self.order.push(name);
        }
        self.required
            .extend(items(schema, "required").iter().filter_map(Value::as_str));
    }

    fn is_required(&self, name: &str) -> bool {
        self.required.contains(&name)
    }

    /// Whether the field is an `Option` in Rust.
    fn is_option(&self, name: &str) -> bool {
        !self.is_required(name) || self.fields.get(name).is_some_and(|field| is(field, "nullable"))
    }
}

impl Both<'_> {
    fn note(&mut self, rule: &'static Rule, field: &str) {
        let what = if field.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{field}", self.name)
        };
        self.changes.push(Change::new(rule, self.place, what));
    }

    fn fields(&mut self) {
        let names: BTreeSet<&str> = self.old.fields.keys().chain(self.new.fields.keys()).copied().collect();
        for name in names {
            match (self.old.fields.get(name).copied(), self.new.fields.get(name).copied()) {
                (Some(_), None) => self.note(&rules::FIELD_REMOVED, name),
                (None, Some(_)) if self.new.is_option(name) => self.note(&rules::FIELD_ADDED, name),
                (None, Some(_)) => self.note(&rules::REQUIRED_FIELD_ADDED, name),
                (Some(old), Some(new)) => self.field(name, old, new),
                (None, None) => {}
            }
        }
        let arguments = |flat: &Flat<'_>, other: &Flat<'_>| -> Vec<String> {
            let both = flat.required.iter().filter(|name| !flat.is_option(name));
            let both = both.filter(|name| other.fields.contains_key(**name) && !other.is_option(name));
            both.map(|name| (*name).to_owned()).collect()
        };
        let (old, new) = (arguments(&self.old, &self.new), arguments(&self.new, &self.old));
        if old != new {
            let change = Change::new(&rules::FIELDS_REORDERED, self.place, self.name);
            self.changes.push(change.between(&old.join(", "), &new.join(", ")));
        }
    }

    fn field(&mut self, name: &str, old: &Value, new: &Value) {
        let what = format!("{}.{name}", self.name);
        let place = self.place;
        let change = |rule| Change::new(rule, place, what.clone());
        let (old_type, new_type) = (type_name(old), type_name(new));
        let bounds = |schema: &Value| BOUNDS.map(|key| schema.get(key).cloned());
        if old_type != new_type {
            self.changes
                .push(change(&rules::FIELD_TYPE).between(&old_type, &new_type));
        } else if bounds(old) != bounds(new) {
            self.changes.push(change(&rules::BOUNDS));
        }
        let is_same_in_rust = self.old.is_option(name) == self.new.is_option(name);
        let mut option = |rule| {
            let change = change(rule);
            self.changes
                .push(if is_same_in_rust { change.same_in_rust() } else { change });
        };
        match (self.old.is_required(name), self.new.is_required(name)) {
            (true, false) => option(&rules::FIELD_NOW_OPTIONAL),
            (false, true) => option(&rules::FIELD_NOW_REQUIRED),
            _ => {}
        }
        match (is(old, "nullable"), is(new, "nullable")) {
            (false, true) => option(&rules::FIELD_NOW_NULLABLE),
            (true, false) => option(&rules::FIELD_NEVER_NULL),
            _ => {}
        }
        match (is(old, "deprecated"), is(new, "deprecated")) {
            (false, true) => self.changes.push(change(&rules::DEPRECATED)),
            (true, false) => self.changes.push(change(&rules::NOT_DEPRECATED)),
            _ => {}
        }
    }

    fn values(&mut self, old: &Value, new: &Value) {
        let closed = old.get("enum").is_some();
        let key = if closed { "enum" } else { "x-extensible-enum" };
        let (added, removed) = match closed {
            true => (&rules::CLOSED_VALUE_ADDED, &rules::CLOSED_VALUE_REMOVED),
            false => (&rules::VALUE_ADDED, &rules::VALUE_REMOVED),
        };
        let (olds, news) = (items(old, key), items(new, key));
        let variant = |schema: &Value, value: &Value| {
            let index = items(schema, key).iter().position(|other| other == value)?;
            items(schema, "x-enum-varnames").get(index).cloned()
        };
        for value in olds {
            if !news.contains(value) {
                self.changes
                    .push(Change::new(removed, self.place, self.name).named(value.to_string()));
            } else if variant(old, value) != variant(new, value) {
                let change = Change::new(&rules::VARIANT_RENAMED, self.place, self.name);
                self.changes.push(change.named(value.to_string()));
            }
        }
        for value in news.iter().filter(|value| !olds.contains(value)) {
            self.changes
                .push(Change::new(added, self.place, self.name).named(value.to_string()));
        }
    }

    fn retired(&mut self, old: &Value, new: &Value) {
        let (olds, news) = (items(old, "x-enum-retired"), items(new, "x-enum-retired"));
        // A value that is new as such, or gone altogether, is told of as that.
        let is_kept =
            |value: &&Value| [old, new].map(|schema| items(schema, "x-extensible-enum").contains(value)) == [true; 2];
        let mut note = |rule, value: &Value| {
            self.changes
                .push(Change::new(rule, self.place, self.name).named(value.to_string()));
        };
        for value in news.iter().filter(|value| !olds.contains(value)).filter(is_kept) {
            note(&rules::VALUE_RETIRED, value);
        }
        for value in olds.iter().filter(|value| !news.contains(value)).filter(is_kept) {
            note(&rules::VALUE_NOT_RETIRED, value);
        }
    }

    fn alternatives(&mut self, old: &Value, new: &Value) {
        let names = |schema: &Value| -> BTreeSet<String> {
            let alternatives = ["oneOf", "anyOf"].into_iter().flat_map(|key| items(schema, key));
            alternatives.map(type_name).collect()
        };
        let (olds, news) = (names(old), names(new));
        let mut note = |rule, name: &String| {
            self.changes
                .push(Change::new(rule, self.place, self.name).named(name.clone()));
        };
        news.difference(&olds)
            .for_each(|name| note(&rules::ALTERNATIVE_ADDED, name));
        olds.difference(&news)
            .for_each(|name| note(&rules::ALTERNATIVE_REMOVED, name));
    }

    fn payloads(&mut self, old: &Value, new: &Value) {
        for (event, before, after) in entries(old.get("x-event-payloads"), new.get("x-event-payloads")) {
            let rule = match (before, after) {
                (None, _) => &rules::PAYLOAD_ADDED,
                (_, None) => &rules::PAYLOAD_REMOVED,
                (before, after) if before != after => &rules::PAYLOAD_TYPE,
                _ => continue,
            };
            self.changes
                .push(Change::new(rule, self.place, self.name).named(event.as_str()));
        }
    }

    /// What none of the others has looked at.
    fn rest(&mut self, old: &Value, new: &Value) {
        const KNOWN: [&str; 11] = [
            "properties",
            "required",
            "enum",
            "x-extensible-enum",
            "x-enum-varnames",
            "x-enum-retired",
            "oneOf",
            "anyOf",
            "x-event-payloads",
            "deprecated",
            "allOf",
        ];
        let rest = |schema: &Value| {
            let mut schema = stripped(schema);
            if let Some(fields) = schema.as_object_mut() {
                fields.retain(|key, _| !KNOWN.contains(&key.as_str()) && !BOUNDS.contains(&key.as_str()));
            }
            schema
        };
        match (is(old, "deprecated"), is(new, "deprecated")) {
            (false, true) => self.note(&rules::DEPRECATED, ""),
            (true, false) => self.note(&rules::NOT_DEPRECATED, ""),
            _ => {}
        }
        if rest(old) != rest(new) {
            self.note(&rules::UNKNOWN, "");
        } else if BOUNDS.iter().any(|key| old.get(key) != new.get(key)) {
            self.note(&rules::BOUNDS, "");
        }
    }
}

/// What a model becomes in Rust.
fn kind(schema: &Value) -> &'static str {
    if is(schema, "x-raw-json") {
        "raw JSON"
    } else if schema.get("enum").is_some() {
        "closed enum"
    } else if schema.get("x-extensible-enum").is_some() {
        "open enum"
    } else if schema.get("oneOf").is_some() || schema.get("anyOf").is_some() {
        "union"
    } else if schema.get("properties").is_some() || schema.get("allOf").is_some() {
        "struct"
    } else {
        "plain type"
    }
}

/// A type as people call it, such as `array of Role`; what bounds its values is left out, and null is told elsewhere.
pub(super) fn type_name(schema: &Value) -> String {
    if let Some(name) = model(schema) {
        return name.to_owned();
    }
    let is_unsigned = schema
        .get("minimum")
        .and_then(Value::as_i64)
        .is_some_and(|minimum| minimum >= 0);
    match (text(schema, "type"), text(schema, "format")) {
        ("array", _) => format!("array of {}", type_name(&schema["items"])),
        ("integer", format) => {
            let sign = if is_unsigned { "unsigned " } else { "" };
            format!("{sign}integer {format}").trim().to_owned()
        }
        (kind @ ("string" | "number" | "boolean"), format) if schema.get("enum").is_none() => {
            format!("{kind} {format}").trim().to_owned()
        }
        _ => {
            let mut schema = stripped(schema);
            if let Some(fields) = schema.as_object_mut() {
                fields.remove("nullable");
                fields.remove("deprecated");
            }
            schema.to_string()
        }
    }
}

/// Where each model is used: in answers, in requests, or in both.
fn uses(document: &Document) -> BTreeMap<String, Use> {
    let mut uses = BTreeMap::new();
    for operation in document.operations() {
        let request = Use {
            answers: false,
            requests: true,
        };
        let answer = Use {
            answers: true,
            requests: false,
        };
        for parameter in operation.parameters.values() {
            reach(document, &parameter["schema"], request, &mut uses);
        }
        if let Some(body) = operation.request(document) {
            reach(document, body, request, &mut uses);
        }
        for response in operation.responses(document).values() {
            if let Some(schema) = json_schema(response) {
                reach(document, schema, answer, &mut uses);
            }
        }
    }
    uses
}

fn reach(document: &Document, value: &Value, place: Use, uses: &mut BTreeMap<String, Use>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| reach(document, value, place, uses)),
        Value::Array(items) => items.iter().for_each(|value| reach(document, value, place, uses)),
        Value::String(target) => {
            let Some(name) = target.strip_prefix("#/components/schemas/") else {
                return;
            };
            let known = uses.entry(name.to_owned()).or_default();
            let all = Use {
                answers: known.answers || place.answers,
                requests: known.requests || place.requests,
            };
            if *known != all {
                *known = all;
                if let Some((_, schema)) = document.schemas().find(|(other, _)| *other == name) {
                    reach(document, schema, place, uses);
                }
            }
        }
        _ => {}
    }
}

fn is(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}
