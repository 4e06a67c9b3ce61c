//! What is looked for: one function a rule, named as findings name it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use super::places::escaped;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// How an operation's id begins: with what it does.
const VERBS: [&str; 11] = [
    "add", "advance", "create", "delete", "get", "list", "put", "remove", "replay", "sync", "update",
];

/// The error statuses that every operation has to describe; 429 where the document has a limit.
const ERRORS: [&str; 4] = ["401", "429", "4XX", "5XX"];

/// Properties from which on two equal schemas are no coincidence.
const DUPLICATE: usize = 3;

/// An operation with its place.
struct Operation<'a> {
    pointer: String,
    value: &'a Value,
}

/// Checks a document by all rules; findings in the order of the rules.
pub(crate) fn check(document: &Value) -> Vec<Finding> {
    let rules: [fn(&Value) -> Vec<Finding>; 9] = [
        operation_id,
        tag,
        description,
        errors,
        pagination,
        example,
        reference,
        open_enum,
        order,
    ];
    rules
        .iter()
        .flat_map(|rule| rule(document))
        .chain(duplicate(document))
        .collect()
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
        for (status, response) in members(value.get("responses")) {
            if response.get("$ref").is_none() {
                need(response, &format!("{pointer}/responses/{status}"), "description");
            }
        }
    }
    for kind in ["schemas", "parameters", "headers", "responses"] {
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

fn errors(document: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_limited = document.get("x-rate-limit").is_some();
    for Operation { pointer, value } in operations(document) {
        for status in ERRORS
            .into_iter()
            .filter(|status| *status != "429" || is_limited)
            .filter(|status| value["responses"].get(status).is_none())
        {
            let message = format!("the status {status} is not described");
            let fix = format!("refer to one of `components.responses` for {status}");
            findings.push(finding("errors", format!("{pointer}/responses"), message, fix));
        }
    }
    findings
}

fn pagination(document: &Value) -> Vec<Finding> {
    let lists = operations(document).filter(|operation| text(operation.value, "operationId").starts_with("list"));
    let missing = lists.filter(|operation| operation.value.get("x-cursor-pagination").is_none());
    let fix =
        "x-cursor-pagination: { cursor: after, back: before, limit: limit, items: data, next: list_metadata.after }";
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

fn reference(document: &Value) -> Vec<Finding> {
    let mut used = BTreeMap::new();
    references(document, "", &mut used);
    let mut findings = Vec::new();
    for (target, from) in &used {
        let is_there = target
            .strip_prefix('#')
            .is_some_and(|pointer| document.pointer(pointer).is_some());
        if !is_there {
            findings.push(finding(
                "reference",
                from.clone(),
                format!("nothing is at `{target}`"),
                "correct the reference",
            ));
        }
    }
    for kind in ["schemas", "parameters", "headers", "responses", "examples"] {
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

fn order(document: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (kind, components) in members(document.get("components")) {
        let names: Vec<&String> = members(Some(components)).map(|(name, _)| name).collect();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] > pair[1]) {
            let pointer = format!("/components/{kind}/{}", escaped(pair[1]));
            let message = format!("`{}` stands behind `{}`", pair[1], pair[0]);
            findings.push(finding("order", pointer, message, "sort the components by name"));
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
        Value::String(text) if text.starts_with("#/") => {
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

fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn finding(rule: &'static str, pointer: String, message: String, fix: impl Into<String>) -> Finding {
    Finding {
        rule,
        pointer,
        message,
        fix: fix.into(),
    }
}
