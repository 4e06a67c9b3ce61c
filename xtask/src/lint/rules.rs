//! What is looked for: one function a rule, named as findings name it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use super::examples;
use super::key_order;
use super::places::escaped;
use crate::openapi::METHODS;
use crate::openapi::items;
use crate::openapi::members;
use crate::openapi::text;

/// How an operation's id begins: with what it does.
const VERBS: [&str; 12] = [
    "list", "get", "create", "put", "update", "delete", "add", "remove", "sync", "replay", "advance", "reset",
];

/// Properties from which on two equal schemas are no coincidence.
const DUPLICATE: usize = 3;

/// An operation with its place.
struct Operation<'a> {
    pointer: String,
    value: &'a Value,
}

/// Checks a document by all rules; findings in the order of the rules. `siblings` are the documents that it refers to.
pub(crate) fn check(document: &Value, siblings: &BTreeMap<String, Value>) -> Vec<Finding> {
    let rules: [fn(&Value) -> Vec<Finding>; 11] = [
        operation_id,
        tag,
        description,
        errors,
        pagination,
        example,
        open_enum,
        justified,
        duplicate,
        key_order::check,
        inline,
    ];
    let mut findings: Vec<_> = rules.iter().flat_map(|rule| rule(document)).collect();
    findings.extend(reference(document, siblings));
    findings.extend(examples::check(document, siblings));
    findings
}

fn operation_id(document: &Value) -> Vec<Finding> {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    let mut findings = Vec::new();
    for Operation { pointer, value } in operations(document) {
        let id = text(value, "operationId");
        let is_good = VERBS.iter().any(|verb| {
            id.strip_prefix(verb).is_some_and(|rest| {
                rest.starts_with(|first: char| first.is_ascii_uppercase())
                    && rest.chars().all(|c| c.is_ascii_alphanumeric())
            })
        });
        let at = format!("{pointer}/operationId");
        if !is_good {
            let fix = format!("camel case, beginning with one of {}", VERBS.join(", "));
            findings.push(finding(
                "operation-id",
                at,
                format!("`{id}` is no good id of an operation"),
                fix,
            ));
        } else if let Some(other) = seen.insert(id, pointer) {
            findings.push(finding(
                "operation-id",
                at,
                format!("`{id}` is also the id of {other}"),
                "give it its own",
            ));
        }
    }
    findings
}

fn tag(document: &Value) -> Vec<Finding> {
    let known: BTreeSet<&str> = items(document, "tags").iter().map(|tag| text(tag, "name")).collect();
    let mut used = BTreeSet::new();
    let mut findings = Vec::new();
    for Operation { pointer, value } in operations(document) {
        match items(value, "tags") {
            [Value::String(tag)] if known.contains(tag.as_str()) => drop(used.insert(tag.as_str())),
            [Value::String(tag)] => {
                let message = format!("the tag `{tag}` is not declared");
                findings.push(finding(
                    "tag",
                    format!("{pointer}/tags"),
                    message,
                    "add it to `tags` of the document",
                ));
            }
            tags => {
                let message = format!("an operation has one tag, this one {}", tags.len());
                findings.push(finding(
                    "tag",
                    format!("{pointer}/tags"),
                    message,
                    "name the one that it belongs to",
                ));
            }
        }
    }
    for (index, tag) in items(document, "tags").iter().enumerate() {
        let name = text(tag, "name");
        if !used.contains(name) {
            let message = format!("no operation has the tag `{name}`");
            findings.push(finding("tag", format!("/tags/{index}"), message, "remove it"));
        }
    }
    findings
}

fn description(document: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut need = |value: &Value, pointer: &str, key: &str| {
        if text(value, key).trim().is_empty() {
            let message = format!("there is no `{key}`");
            findings.push(finding(
                "description",
                pointer.to_owned(),
                message,
                format!("say in `{key}` what it is"),
            ));
        }
    };
    for (index, tag) in items(document, "tags").iter().enumerate() {
        need(tag, &format!("/tags/{index}"), "description");
    }
    for Operation { pointer, value } in operations(document) {
        need(value, &pointer, "summary");
        need(value, &pointer, "description");
        for (index, parameter) in items(value, "parameters").iter().enumerate() {
            if parameter.get("$ref").is_none() {
                need(parameter, &format!("{pointer}/parameters/{index}"), "description");
            }
        }
        if let Some(body) = value.get("requestBody").filter(|body| body.get("$ref").is_none()) {
            need(body, &format!("{pointer}/requestBody"), "description");
        }
        for (status, response) in members(value.get("responses")) {
            if response.get("$ref").is_none() {
                need(response, &format!("{pointer}/responses/{status}"), "description");
            }
        }
    }
    for (name, example) in members(document["components"].get("examples")) {
        need(example, &format!("/components/examples/{}", escaped(name)), "summary");
    }
    for kind in [
        "securitySchemes",
        "schemas",
        "parameters",
        "headers",
        "responses",
        "requestBodies",
    ] {
        for (name, component) in members(document["components"].get(kind)) {
            let pointer = format!("/components/{kind}/{}", escaped(name));
            need(component, &pointer, "description");
            for (name, property) in members(component.get("properties")) {
                need(
                    property,
                    &format!("{pointer}/properties/{}", escaped(name)),
                    "description",
                );
            }
        }
    }
    findings
}

/// What a document declares decides what can go wrong: a key that is asked for may be wrong, a limit may be exceeded.
fn errors(document: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Operation { pointer, value } in operations(document) {
        let security = value.get("security").or_else(|| document.get("security"));
        let is_secured = security
            .and_then(Value::as_array)
            .is_some_and(|schemes| !schemes.is_empty());
        let is_limited = document
            .get("x-rate-limit")
            .or_else(|| value.get("x-rate-limit"))
            .is_some();
        let statuses = [("401", is_secured), ("429", is_limited), ("4XX", true), ("5XX", true)];
        for (status, is_needed) in statuses {
            if is_needed && value["responses"].get(status).is_none() {
                let message = format!("the status {status} is not described");
                let fix = format!("refer to one of `components.responses` for {status}");
                findings.push(finding("errors", format!("{pointer}/responses"), message, fix));
            }
        }
    }
    findings
}

/// What only one of the two sources documents cannot be relied on.
fn justified(document: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let alone = |value: &Value| matches!(text(value, "x-origin"), "seed" | "live");
    for (name, schema) in members(document["components"].get("schemas")) {
        let pointer = format!("/components/schemas/{}", escaped(name));
        let fields = schema.get("properties");
        for (index, required) in items(schema, "required").iter().enumerate() {
            let field = required.as_str().unwrap_or_default();
            let at = format!("{pointer}/required/{index}");
            match fields.and_then(|fields| fields.get(field)) {
                Some(value) if alone(value) => {
                    let message = format!(
                        "`{field}` is required, but only the {} documents it",
                        text(value, "x-origin")
                    );
                    findings.push(finding(
                        "required",
                        at,
                        message,
                        "make it optional, or say `x-origin: both`",
                    ));
                }
                None if schema.get("allOf").is_none() => {
                    let message = format!("`{field}` is required, but it is no property");
                    findings.push(finding(
                        "required",
                        at,
                        message,
                        "describe it, or remove it from `required`",
                    ));
                }
                _ => {}
            }
        }
    }
    for Operation { pointer, value } in operations(document) {
        for (index, parameter) in items(value, "parameters").iter().enumerate() {
            if parameter.get("required") == Some(&Value::Bool(true)) && alone(parameter) {
                let at = format!("{pointer}/parameters/{index}/required");
                let origin = text(parameter, "x-origin");
                let message = format!(
                    "`{}` is required, but only the {origin} documents it",
                    text(parameter, "name")
                );
                findings.push(finding(
                    "required",
                    at,
                    message,
                    "make it optional, or say `x-origin: both`",
                ));
            }
        }
    }
    findings
}

/// A schema of several fields deserves a name, by which code and documentation can call it.
fn inline(document: &Value) -> Vec<Finding> {
    fn walk(value: &Value, pointer: &str, findings: &mut Vec<Finding>) {
        match value {
            Value::Object(fields) => {
                let is_named = pointer
                    .strip_prefix("/components/schemas/")
                    .is_some_and(|name| !name.contains('/'));
                let is_part = pointer.rsplit('/').nth(1) == Some("allOf");
                let is_schema =
                    fields.get("type").and_then(Value::as_str) == Some("object") && fields.contains_key("properties");
                if is_schema && !is_named && !is_part {
                    let message = "an object without a name".to_owned();
                    findings.push(finding(
                        "inline",
                        pointer.to_owned(),
                        message,
                        "move it to `components.schemas` and refer to it",
                    ));
                }
                let others = fields
                    .iter()
                    .filter(|(name, _)| !matches!(name.as_str(), "example" | "examples" | "value"));
                others.for_each(|(name, value)| walk(value, &format!("{pointer}/{}", escaped(name)), findings));
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| walk(item, &format!("{pointer}/{index}"), findings));
            }
            _ => {}
        }
    }
    let mut findings = Vec::new();
    walk(document, "", &mut findings);
    findings
}

fn pagination(document: &Value) -> Vec<Finding> {
    let lists = operations(document).filter(|operation| text(operation.value, "operationId").starts_with("list"));
    let missing = lists.filter(|operation| operation.value.get("x-cursor-pagination").is_none());
    let fix = "x-cursor-pagination: { cursor: after, back: before, limit: limit, items: data, next: list_metadata.after, \
               defaults: { order: desc } }";
    missing
        .map(|operation| {
            finding(
                "pagination",
                operation.pointer,
                "a list without `x-cursor-pagination`".to_owned(),
                fix,
            )
        })
        .collect()
}

fn example(document: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in ["schemas", "parameters", "headers"] {
        for (name, component) in members(document["components"].get(kind)) {
            if component.get("example").is_none() {
                let pointer = format!("/components/{kind}/{}", escaped(name));
                findings.push(finding(
                    "example",
                    pointer,
                    format!("`{name}` has no example"),
                    "add an `example`",
                ));
            }
        }
    }
    findings
}

fn reference(document: &Value, siblings: &BTreeMap<String, Value>) -> Vec<Finding> {
    let mut used = BTreeMap::new();
    references(document, "", &mut used);
    let mut findings = Vec::new();
    for (target, from) in &used {
        let (file, pointer) = target.split_once('#').unwrap_or((target, ""));
        let file = if file.is_empty() {
            Some(document)
        } else {
            siblings.get(file)
        };
        let is_there = file.is_some_and(|file| file.pointer(pointer).is_some());
        if !is_there {
            findings.push(finding(
                "reference",
                from.clone(),
                format!("nothing is at `{target}`"),
                "correct the reference",
            ));
        }
    }
    for kind in [
        "schemas",
        "parameters",
        "headers",
        "responses",
        "requestBodies",
        "examples",
    ] {
        for name in members(document["components"].get(kind)).map(|(name, _)| name) {
            let pointer = format!("/components/{kind}/{}", escaped(name));
            if !used.contains_key(&format!("#{pointer}")) {
                findings.push(finding(
                    "reference",
                    pointer,
                    format!("nothing refers to `{name}`"),
                    "use it or remove it",
                ));
            }
        }
    }
    findings
}

/// A closed enum in an answer breaks every client on the day that the API learns a new value.
fn open_enum(document: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, schema) in members(document["components"].get("schemas")) {
        let target = format!("#/components/schemas/{name}");
        let is_answered = members(document["components"].get("schemas")).any(|(_, other)| refers(other, &target));
        if schema.get("enum").is_some() && is_answered {
            let pointer = format!("/components/schemas/{}/enum", escaped(name));
            let message = format!("`{name}` is closed, but answers have it");
            findings.push(finding(
                "open-enum",
                pointer,
                message,
                "write `x-extensible-enum` instead of `enum`",
            ));
        }
    }
    findings
}

fn duplicate(document: &Value) -> Vec<Finding> {
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    let mut findings = Vec::new();
    for (name, schema) in members(document["components"].get("schemas")) {
        let shape = shape(schema);
        if members(shape.get("properties")).count() < DUPLICATE {
            continue;
        }
        if let Some(twin) = seen.insert(shape.to_string(), name) {
            let pointer = format!("/components/schemas/{}", escaped(name));
            findings.push(finding(
                "duplicate",
                pointer,
                format!("`{name}` has the shape of `{twin}`"),
                "use one of them",
            ));
        }
    }
    findings
}

/// A schema without its words.
fn shape(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            // A property may have one of these names; then it is a schema, which is an object.
            let is_words = |name: &str, value: &Value| {
                name == "example" || (["description", "x-origin", "deprecated"].contains(&name) && !value.is_object())
            };
            let fields = fields.iter().filter(|(name, value)| !is_words(name, value));
            let fields = fields.map(|(name, value)| (name.clone(), shape(value))).collect();
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        other => other.clone(),
    }
}

/// Every `$ref` with a place where it stands; references of `x-event-payloads` count too.
fn references(value: &Value, pointer: &str, found: &mut BTreeMap<String, String>) {
    match value {
        Value::String(text) if text.starts_with("#/") || pointer.ends_with("/$ref") => {
            found.entry(text.clone()).or_insert_with(|| pointer.to_owned());
        }
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(name, value)| references(value, &format!("{pointer}/{}", escaped(name)), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| references(value, &format!("{pointer}/{index}"), found));
        }
        _ => {}
    }
}

fn refers(value: &Value, target: &str) -> bool {
    let mut found = BTreeMap::new();
    references(value, "", &mut found);
    found.contains_key(target)
}

fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    members(document.get("paths")).flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            let pointer = format!("/paths/{}/{method}", escaped(path));
            item.get(method).map(|value| Operation { pointer, value })
        })
    })
}

/// A finding of a rule.
pub(super) fn finding(rule: &'static str, pointer: String, message: String, fix: impl Into<String>) -> Finding {
    Finding {
        rule,
        pointer,
        message,
        fix: fix.into(),
    }
}
