//! Changes of operations: their names and places, parameters, bodies, statuses and answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::changes::BOUNDS;
use super::changes::Change;
use super::changes::stripped;
use super::models::type_name;
use super::rules;
use super::rules::Rule;
use super::rules::Use;
use crate::openapi::Document;
use crate::openapi::Operation;
use crate::openapi::items;
use crate::openapi::json_schema;
use crate::openapi::members;
use crate::openapi::text;

const REQUEST: Use = Use {
    answers: false,
    requests: true,
};
const ANSWER: Use = Use {
    answers: true,
    requests: false,
};

/// One operation in both documents.
struct Both<'a> {
    old: &'a Document,
    new: &'a Document,
    name: String,
    before: &'a Operation<'a>,
    after: &'a Operation<'a>,
    changes: Vec<Change>,
}

pub(super) fn between(old: &Document, new: &Document) -> Vec<Change> {
    let (befores, afters) = (old.operations(), new.operations());
    let mut changes = Vec::new();
    let mut matched = Vec::new();
    for before in &befores {
        let id = text(before.value, "operationId");
        let same_id = afters.iter().position(|after| text(after.value, "operationId") == id);
        let same_place = afters
            .iter()
            .position(|after| (after.method, after.path) == (before.method, before.path));
        let Some(index) = same_id.or(same_place) else {
            changes.push(Change::new(&rules::OPERATION_REMOVED, REQUEST, before.name()).named(id));
            continue;
        };
        matched.push(index);
        let after = &afters[index];
        let mut both = Both {
            old,
            new,
            name: after.name(),
            before,
            after,
            changes: Vec::new(),
        };
        if same_id.is_none() {
            let change = Change::new(&rules::OPERATION_RENAMED, REQUEST, after.name());
            both.changes.push(change.between(id, text(after.value, "operationId")));
        } else if same_place != same_id {
            let change = Change::new(&rules::OPERATION_MOVED, REQUEST, id);
            both.changes.push(change.between(&before.name(), &after.name()));
        }
        both.compare();
        changes.append(&mut both.changes);
    }
    let added = afters.iter().enumerate().filter(|(index, _)| !matched.contains(index));
    changes.extend(added.map(|(_, after)| {
        Change::new(&rules::OPERATION_ADDED, REQUEST, after.name()).named(text(after.value, "operationId"))
    }));
    changes
}

impl Both<'_> {
    fn compare(&mut self) {
        self.parameters();
        self.body();
        self.answers();
        self.pages();
        self.rest();
    }

    fn note(&mut self, rule: &'static Rule, place: Use) {
        let change = Change::new(rule, place, self.name.clone());
        self.changes.push(change);
    }

    fn parameters(&mut self) {
        let (before, after) = (&self.before.parameters, &self.after.parameters);
        let mut changes = Vec::new();
        for (key, old) in before {
            let what = format!("{} {}", self.name, key.1);
            let change = |rule| Change::new(rule, REQUEST, what.clone());
            let Some(new) = after.get(key) else {
                changes.push(change(&rules::PARAMETER_REMOVED));
                continue;
            };
            match (is(old, "required"), is(new, "required")) {
                (false, true) => changes.push(change(&rules::PARAMETER_NOW_REQUIRED)),
                (true, false) => changes.push(change(&rules::PARAMETER_NOW_OPTIONAL)),
                _ => {}
            }
            match (is(old, "deprecated"), is(new, "deprecated")) {
                (false, true) => changes.push(change(&rules::DEPRECATED)),
                (true, false) => changes.push(change(&rules::NOT_DEPRECATED)),
                _ => {}
            }
            let (old_schema, new_schema) = (&old["schema"], &new["schema"]);
            let (old_type, new_type) = (type_name(old_schema), type_name(new_schema));
            let bounds = |schema: &Value| BOUNDS.map(|key| schema.get(key).cloned());
            if old_type != new_type {
                changes.push(change(&rules::PARAMETER_TYPE).between(&old_type, &new_type));
            } else if bounds(old_schema) != bounds(new_schema) {
                changes.push(change(&rules::BOUNDS));
            }
            if (old.get("style"), old.get("explode")) != (new.get("style"), new.get("explode")) {
                changes.push(change(&rules::PARAMETER_TYPE).named("it is written in another style"));
            }
        }
        for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
            let rule = match is(new, "required") {
                true => &rules::REQUIRED_PARAMETER_ADDED,
                false => &rules::PARAMETER_ADDED,
            };
            changes.push(Change::new(rule, REQUEST, format!("{} {}", self.name, key.1)));
        }
        self.changes.append(&mut changes);
    }

    fn body(&mut self) {
        match (self.before.request(self.old), self.after.request(self.new)) {
            (None, Some(_)) => self.note(&rules::BODY_ADDED, REQUEST),
            (Some(_), None) => self.note(&rules::BODY_REMOVED, REQUEST),
            (Some(old), Some(new)) => {
                let (old, new) = (type_name(old), type_name(new));
                if old != new {
                    let change = Change::new(&rules::BODY_TYPE, REQUEST, self.name.clone());
                    self.changes.push(change.between(&old, &new));
                }
            }
            (None, None) => {}
        }
    }

    fn answers(&mut self) {
        let (before, after) = (self.before.responses(self.old), self.after.responses(self.new));
        let mut changes = Vec::new();
        for (status, old) in &before {
            let what = format!("{} {status}", self.name);
            let Some(new) = after.get(status) else {
                changes.push(Change::new(&rules::STATUS_REMOVED, ANSWER, what));
                continue;
            };
            let shown = |response| json_schema(response).map_or_else(|| "no body".to_owned(), type_name);
            let (old_type, new_type) = (shown(old), shown(new));
            if old_type != new_type {
                changes.push(Change::new(&rules::ANSWER_TYPE, ANSWER, what).between(&old_type, &new_type));
            } else if headers(self.old, old) != headers(self.new, new) {
                changes.push(Change::new(&rules::HEADERS, ANSWER, what));
            }
        }
        for status in after.keys().filter(|status| !before.contains_key(*status)) {
            changes.push(Change::new(
                &rules::STATUS_ADDED,
                ANSWER,
                format!("{} {status}", self.name),
            ));
        }
        self.changes.append(&mut changes);
    }

    fn pages(&mut self) {
        let pages = |operation: &Operation<'_>| operation.value.get("x-cursor-pagination").cloned();
        match (pages(self.before), pages(self.after)) {
            (None, Some(_)) => self.note(&rules::PAGES_ADDED, ANSWER),
            (Some(_), None) => self.note(&rules::PAGES_REMOVED, ANSWER),
            (old, new) if old != new => self.note(&rules::PAGES_CHANGED, ANSWER),
            _ => {}
        }
    }

    fn rest(&mut self) {
        let (before, after) = (self.before.value, self.after.value);
        match (is(before, "deprecated"), is(after, "deprecated")) {
            (false, true) => self.note(&rules::DEPRECATED, REQUEST),
            (true, false) => self.note(&rules::NOT_DEPRECATED, REQUEST),
            _ => {}
        }
        if items(before, "tags") != items(after, "tags") {
            self.note(&rules::TAG, REQUEST);
        }
        if stripped(&before["x-rate-limit"]) != stripped(&after["x-rate-limit"]) {
            self.note(&rules::RATE_LIMIT, REQUEST);
        }
        if before.get("security") != after.get("security") {
            self.note(&rules::SECURITY, REQUEST);
        }
        const KNOWN: [&str; 9] = [
            "operationId",
            "parameters",
            "requestBody",
            "responses",
            "x-cursor-pagination",
            "deprecated",
            "tags",
            "x-rate-limit",
            "security",
        ];
        let rest = |value: &Value| -> BTreeMap<String, Value> {
            let value = stripped(value);
            let rest = members(Some(&value)).filter(|(key, _)| !KNOWN.contains(&key.as_str()));
            rest.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        if rest(before) != rest(after) {
            self.note(&rules::UNKNOWN, REQUEST);
        }
    }
}

/// The headers of an answer, without words.
fn headers(document: &Document, response: &Value) -> BTreeMap<String, Value> {
    members(response.get("headers"))
        .map(|(name, header)| (name.to_lowercase(), stripped(document.resolve(header))))
        .collect()
}

fn is(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}
