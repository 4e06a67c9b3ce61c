//! Two versions of a document → what has changed.

use serde_json::Map;
use serde_json::Value;

use super::models;
use super::operations;
use super::rules;
use super::rules::Level;
use super::rules::Rule;
use super::rules::Use;
use crate::openapi::Document;
use crate::openapi::members;

/// Keys whose values are words.
const WORDS: [&str; 9] = [
    "summary",
    "description",
    "title",
    "example",
    "examples",
    "x-cause",
    "x-fix",
    "x-enum-descriptions",
    "x-origin",
];

/// Keys of schemas that bound values and leave the type as it is.
pub(super) const BOUNDS: [&str; 8] = [
    "minimum",
    "maximum",
    "default",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
];

/// Something that has changed.
pub(super) struct Change {
    pub(super) rule: &'static Rule,
    /// What it is about, such as `Role.title` or `GET /events`.
    pub(super) what: String,
    /// From what to what.
    pub(super) detail: Option<String>,
    pub(super) api: Level,
    pub(super) rust: Level,
}

impl Change {
    pub(super) fn new(rule: &'static Rule, place: Use, what: impl Into<String>) -> Self {
        Self {
            rule,
            what: what.into(),
            detail: None,
            api: rule.api(place),
            rust: rule.rust,
        }
    }

    pub(super) fn between(mut self, old: &str, new: &str) -> Self {
        self.detail = Some(format!("{old} → {new}"));
        self
    }

    pub(super) fn named(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// For a change that leaves the Rust types as they are.
    pub(super) fn same_in_rust(mut self) -> Self {
        self.rust = Level::Patch;
        self.detail = Some("the Rust type stays the same".to_owned());
        self
    }
}

/// What has changed, the gravest first.
pub(super) fn between(old: &Document, new: &Document) -> Vec<Change> {
    let mut changes = operations::between(old, new);
    changes.extend(models::between(old, new));
    let both = Use {
        answers: true,
        requests: true,
    };
    for (key, rule) in [
        ("servers", &rules::SERVER),
        ("security", &rules::SECURITY),
        ("x-rate-limit", &rules::RATE_LIMIT),
    ] {
        if stripped(&old.value()[key]) != stripped(&new.value()[key]) {
            changes.push(Change::new(rule, both, format!("the document's `{key}`")));
        }
    }
    let words = words(old.value(), new.value());
    if words > 0 {
        let places = if words == 1 {
            "1 place".to_owned()
        } else {
            format!("{words} places")
        };
        changes.push(Change::new(&rules::WORDS, both, "documentation").named(places));
    }
    changes.sort_by(|a, b| (b.api.max(b.rust), &a.what).cmp(&(a.api.max(a.rust), &b.what)));
    changes
}

/// A value without words. Under `properties` the keys are names, whatever they are.
pub(super) fn stripped(value: &Value) -> Value {
    fn strip(value: &Value, names: bool) -> Value {
        match value {
            Value::Object(fields) => {
                let fields = fields.iter().filter(|(key, _)| names || !WORDS.contains(&key.as_str()));
                let fields: Map<_, _> = fields
                    .map(|(key, value)| {
                        (
                            key.clone(),
                            strip(value, !names && (key == "properties" || key == "schemas")),
                        )
                    })
                    .collect();
                Value::Object(fields)
            }
            Value::Array(items) => items.iter().map(|item| strip(item, false)).collect(),
            other => other.clone(),
        }
    }
    strip(value, false)
}

/// In how many places words differ, within what both versions have.
fn words(old: &Value, new: &Value) -> usize {
    let is_word = |key: &str, value: Option<&Value>| {
        // `example` may be an object; a field that is called `description` is a schema, which is an object too.
        WORDS.contains(&key) && (key.starts_with("example") || !value.is_some_and(Value::is_object))
    };
    match (old, new) {
        (Value::Object(_), Value::Object(_)) => entries(Some(old), Some(new))
            .map(|(key, old, new)| match (old, new) {
                _ if is_word(key, old) && is_word(key, new) => usize::from(old != new),
                (Some(old), Some(new)) => words(old, new),
                _ => 0,
            })
            .sum(),
        // Of lists of different length nobody knows which items belong together; their change is told anyway.
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            old.iter().zip(new).map(|(old, new)| words(old, new)).sum()
        }
        _ => 0,
    }
}

/// Compares the entries of two objects: what is only in the old one, what is in both, what is only in the new one.
pub(super) fn entries<'a>(
    old: Option<&'a Value>,
    new: Option<&'a Value>,
) -> impl Iterator<Item = (&'a String, Option<&'a Value>, Option<&'a Value>)> {
    let olds = members(old).map(move |(key, value)| (key, Some(value), new.and_then(|new| new.get(key))));
    let news = members(new).filter(move |(key, _)| old.is_none_or(|old| old.get(key).is_none()));
    olds.chain(news.map(|(key, value)| (key, None, Some(value))))
}
