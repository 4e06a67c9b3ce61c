//! Two documents → what differs.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::ptr;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::deviations::Scope;
use crate::openapi::Document;
use crate::openapi::Operation;
use crate::openapi::Schema;
use crate::openapi::items;
use crate::openapi::json_schema;
use crate::openapi::members;
use crate::openapi::model;
use crate::openapi::text;

/// Who has what the other has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Upstream has it, we lack it.
    Lacking,
    /// We have it, upstream lacks it.
    Extra,
    /// Both have it and say different things of it.
    Differs,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Lacking, Self::Extra, Self::Differs];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lacking => "lacking",
            Self::Extra => "extra",
            Self::Differs => "differs",
        })
    }
}

/// A difference of the documents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Difference {
    pub(crate) kind: Kind,
    /// Its sort and its place, such as `field DirectoryUser.email`.
    pub(crate) what: String,
    pub(crate) upstream: String,
    pub(crate) ours: String,
}

impl Difference {
    pub(crate) fn extra(what: String) -> Self {
        Self {
            kind: Kind::Extra,
            what,
            upstream: "–".to_owned(),
            ours: "yes".to_owned(),
        }
    }

    fn lacking(what: String) -> Self {
        Self {
            kind: Kind::Lacking,
            what,
            upstream: "yes".to_owned(),
            ours: "–".to_owned(),
        }
    }

    fn differs(what: String, upstream: impl Into<String>, ours: impl Into<String>) -> Self {
        Self {
            kind: Kind::Differs,
            what,
            upstream: upstream.into(),
            ours: ours.into(),
        }
    }
}

/// A schema of ours with everything that upstream has in its places.
struct Pair<'a> {
    ours: &'a Value,
    theirs: Vec<&'a Value>,
    /// Whether one of its places is a request: what is written has to be what the other side reads.
    is_sent: bool,
}

/// What a schema is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Request,
    Response,
}

/// Both documents with what was found so far.
struct Comparison<'a> {
    ours: &'a Document,
    upstream: &'a Document,
    scope: &'a Scope,
    pairs: BTreeMap<String, Pair<'a>>,
    differences: BTreeSet<Difference>,
}

/// Compares what the scope covers; differences are sorted, and none is there twice.
pub(crate) fn compare(ours: &Document, upstream: &Document, scope: &Scope) -> Vec<Difference> {
    let (pairs, differences) = (BTreeMap::new(), BTreeSet::new());
    let mut comparison = Comparison {
        ours,
        upstream,
        scope,
        pairs,
        differences,
    };
    comparison.operations();
    comparison.schemas();
    comparison.differences.into_iter().collect()
}

impl<'a> Comparison<'a> {
    fn operations(&mut self) {
        let covered = |operation: &Operation<'_>| self.scope.covers(operation.path, items(operation.value, "tags"));
        let by_place = |document: &'a Document| {
            let operations = document.operations().into_iter().filter(covered);
            operations
                .map(|operation| (place(operation.method, operation.path), operation))
                .collect::<BTreeMap<_, _>>()
        };
        let (ours, mut theirs) = (by_place(self.ours), by_place(self.upstream));
        for (place, ours) in ours {
            match theirs.remove(&place) {
                Some(theirs) => self.operation(&ours, &theirs),
                None => drop(
                    self.differences
                        .insert(Difference::extra(format!("operation {}", ours.name()))),
                ),
            }
        }
        let lacking = theirs
            .values()
            .map(|operation| Difference::lacking(format!("operation {}", operation.name())));
        self.differences.extend(lacking);
    }

    fn operation(&mut self, ours: &Operation<'a>, theirs: &Operation<'a>) {
        let name = ours.name();
        let (mine, mut others) = (parameters(ours), parameters(theirs));
        for (key, parameter) in mine {
            let parameter_name = text(parameter, "name");
            let what = format!("parameter {name} {parameter_name}");
            match others.remove(&key) {
                None => drop(self.differences.insert(Difference::extra(what))),
                Some(other) => self.parameter(&format!("{name} {parameter_name}"), parameter, other),
            }
        }
        let lacking = others
            .values()
            .map(|parameter| format!("parameter {name} {}", text(parameter, "name")));
        self.differences.extend(lacking.map(Difference::lacking));

        match (ours.request(self.ours), theirs.request(self.upstream)) {
            (Some(ours), Some(theirs)) => self.pair(format!("{name} body"), ours, &[theirs], Message::Request),
            (Some(_), None) => drop(self.differences.insert(Difference::extra(format!("body {name}")))),
            (None, Some(_)) => drop(self.differences.insert(Difference::lacking(format!("body {name}")))),
            (None, None) => {}
        }

        let (mine, mut others) = (ours.responses(self.ours), theirs.responses(self.upstream));
        for (status, response) in mine {
            let Some(other) = others.remove(status) else {
                self.differences
                    .insert(Difference::extra(format!("status {name} {status}")));
                continue;
            };
            if let (Some(ours), Some(theirs)) = (json_schema(response), json_schema(other)) {
                self.pair(format!("{name} {status}"), ours, &[theirs], Message::Response);
            }
        }
        let lacking = others.keys().map(|status| format!("status {name} {status}"));
        self.differences.extend(lacking.map(Difference::lacking));
    }

    fn parameter(&mut self, place: &str, ours: &'a Value, theirs: &'a Value) {
        let is_required = |parameter: &Value| parameter.get("required") == Some(&Value::Bool(true));
        self.required(place, is_required(ours), is_required(theirs));
        if let (Some(mine), Some(other)) = (ours.get("schema"), theirs.get("schema")) {
            // What holds without the parameter is the parameter's, whichever model its values are of.
            let (default, other_default) = (Schema::of(self.ours, mine), Schema::of(self.upstream, other));
            self.bound("default", place, &default, &other_default);
            self.encoding(place, (ours, mine), (theirs, other));
            self.pair(place.to_owned(), mine, &[other], Message::Request);
        }
    }

    /// Who expects less loses nothing, and is told of it; who expects more fails where the other side sends less.
    fn required(&mut self, place: &str, ours: bool, theirs: bool) {
        let what = format!("required {place}");
        match (ours, theirs) {
            (true, false) => drop(
                self.differences
                    .insert(Difference::differs(what, "optional", "required")),
            ),
            (false, true) => drop(self.differences.insert(Difference::lacking(what))),
            (true, true) | (false, false) => {}
        }
    }

    /// The bounds that either side names: a request beyond those of the other fails, and an answer is not understood.
    fn bounds(&mut self, place: &str, ours: &Schema<'_>, theirs: &Schema<'_>, is_sent: bool) {
        let keywords: BTreeSet<_> = ours.bounds.keys().chain(theirs.bounds.keys()).copied().collect();
        for keyword in keywords {
            let is_compared = match keyword {
                // A model has none: it is a parameter's or a field's.
                "default" => !self.ours.schemas().any(|(name, _)| name == place),
                // Where upstream leaves the format of an answer out it says less than we do, and nothing else.
                "format" => is_sent || theirs.bounds.contains_key(keyword),
                _ => true,
            };
            if is_compared {
                self.bound(keyword, place, ours, theirs);
            }
        }
    }

    fn bound(&mut self, keyword: &str, place: &str, ours: &Schema<'_>, theirs: &Schema<'_>) {
        let (mine, other) = (ours.bounds.get(keyword), theirs.bounds.get(keyword));
        if mine != other {
            let shown = |values: Option<&BTreeSet<String>>| values.map_or_else(|| "–".to_owned(), joined);
            self.differences.insert(Difference::differs(
                format!("{keyword} {place}"),
                shown(other),
                shown(mine),
            ));
        }
    }

    /// How a list is written into the request, which is said beside its schema.
    fn encoding(&mut self, place: &str, (ours, mine): (&Value, &Value), (theirs, other): (&Value, &Value)) {
        let is_list = |document, schema| Schema::of(document, schema).types.contains("array");
        if !is_list(self.ours, mine) || !is_list(self.upstream, other) {
            return;
        }
        let (mine, other) = (encoding(ours), encoding(theirs));
        if mine != other {
            self.differences
                .insert(Difference::differs(format!("encoding {place}"), other, mine));
        }
    }

    /// Notes that upstream has `theirs` where we have `ours`, and goes on with the parts of both.
    fn pair(&mut self, place: String, ours: &'a Value, theirs: &[&'a Value], message: Message) {
        let place = match model(ours) {
            None => place,
            Some(name) => {
                // Whether null may stand here is said here; the rest is said by the model.
                let (mine, other) = (Schema::of(self.ours, ours), Schema::any_of(self.upstream, theirs));
                self.nullable(&place, &mine, &other);
                name.to_owned()
            }
        };
        let pair = self.pairs.entry(place.clone()).or_insert_with(|| Pair {
            ours,
            theirs: Vec::new(),
            is_sent: false,
        });
        let is_newly_sent = message == Message::Request && !pair.is_sent;
        pair.is_sent |= is_newly_sent;
        let target = |schema: &&'a Value| match self.upstream.says_more_than_reference(schema) {
            true => *schema,
            false => self.upstream.resolve(schema),
        };
        let mut new: Vec<&Value> = theirs.iter().map(target).collect();
        // What is in it is sent as well, so that it is gone through once more.
        new.retain(|schema| is_newly_sent || !pair.theirs.iter().any(|known| ptr::eq(*known, *schema)));
        if new.is_empty() {
            return;
        }
        for schema in &new {
            if !pair.theirs.iter().any(|known| ptr::eq(*known, *schema)) {
                pair.theirs.push(schema);
            }
        }
        let (mine, others) = (Schema::of(self.ours, ours), Schema::any_of(self.upstream, &new));
        if mine.raw {
            return;
        }
        let payloads = self.ours.resolve(ours).get("x-event-payloads");
        for (name, field) in &mine.fields {
            if payloads.is_some() && *name == "data" {
                continue;
            }
            if let Some(other) = others.fields.get(name) {
                for schema in &field.schemas {
                    self.pair(format!("{place}.{name}"), schema, &other.schemas, message);
                }
            }
        }
        for schema in &mine.items {
            if !others.items.is_empty() {
                self.pair(format!("{place}[]"), schema, &others.items, message);
            }
        }
        for (event, payload) in members(payloads) {
            let theirs: Vec<_> = new
                .iter()
                .flat_map(|schema| payloads_of(self.upstream, schema, event))
                .collect();
            let target = payload
                .as_str()
                .and_then(|target| self.ours.value().pointer(target.strip_prefix('#')?));
            let name = payload
                .as_str()
                .and_then(|target| target.rsplit('/').next())
                .unwrap_or_default();
            if let (Some(target), false) = (target, theirs.is_empty()) {
                self.pair(name.to_owned(), target, &theirs, message);
            }
        }
    }

    fn schemas(&mut self) {
        for (place, Pair { ours, theirs, is_sent }) in std::mem::take(&mut self.pairs) {
            let (mine, other) = (Schema::of(self.ours, ours), Schema::any_of(self.upstream, &theirs));
            if model(ours).is_none() && !self.ours.schemas().any(|(name, _)| *name == place) {
                self.nullable(&place, &mine, &other);
            }
            self.types(&place, &mine, &other);
            self.values(&place, &mine, &named(self.upstream, &theirs));
            self.bounds(&place, &mine, &other, is_sent);
            // An object of which upstream says no more than that it is one has nothing to compare.
            if mine.raw || other.fields.is_empty() {
                continue;
            }
            for (name, field) in &mine.fields {
                match other.fields.get(name) {
                    None => drop(
                        self.differences
                            .insert(Difference::extra(format!("field {place}.{name}"))),
                    ),
                    Some(theirs) => self.required(&format!("{place}.{name}"), field.required, theirs.required),
                }
            }
            let lacking = other.fields.keys().filter(|name| !mine.fields.contains_key(*name));
            self.differences
                .extend(lacking.map(|name| Difference::lacking(format!("field {place}.{name}"))));
        }
    }

    fn nullable(&mut self, place: &str, ours: &Schema<'_>, theirs: &Schema<'_>) {
        let word = |nullable| if nullable { "with null" } else { "without null" };
        if ours.nullable != theirs.nullable {
            let what = format!("nullable {place}");
            self.differences
                .insert(Difference::differs(what, word(theirs.nullable), word(ours.nullable)));
        }
    }

    fn types(&mut self, place: &str, ours: &Schema<'_>, theirs: &Schema<'_>) {
        if !ours.types.is_empty() && !theirs.types.is_empty() && ours.types != theirs.types {
            let what = format!("type {place}");
            self.differences
                .insert(Difference::differs(what, joined(&theirs.types), joined(&ours.types)));
        }
    }

    /// The values that only one side names, be it that the other one has a list without them or none at all.
    fn values(&mut self, place: &str, ours: &Schema<'_>, theirs: &BTreeSet<String>) {
        let none = BTreeSet::new();
        let mine = ours.values.as_ref().unwrap_or(&none);
        let is_covered = |value: &&String| !is_event(value) || value.starts_with(&self.scope.events);
        let what = |value: &String| format!("value {place} {value}");
        let lacking = theirs.difference(mine).filter(is_covered).map(what);
        let extra = mine.difference(theirs).map(what);
        let differences: Vec<_> = lacking
            .map(Difference::lacking)
            .chain(extra.map(Difference::extra))
            .collect();
        self.differences.extend(differences);
    }
}

/// The values that upstream names in any of its places. One that takes any text there, such as a parameter that asks for
/// the names of events, does not hide what another one names.
fn named(document: &Document, schemas: &[&Value]) -> BTreeSet<String> {
    let values = schemas.iter().filter_map(|schema| Schema::of(document, schema).values);
    values.flatten().collect()
}

/// How a parameter writes a list, by its `style` and `explode` and what holds without them.
fn encoding(parameter: &Value) -> String {
    let style = match text(parameter, "style") {
        "" if matches!(text(parameter, "in"), "query" | "cookie") => "form",
        "" => "simple",
        style => style,
    };
    let explode = parameter
        .get("explode")
        .map_or(style == "form", |explode| explode == &Value::Bool(true));
    match (style, explode) {
        ("form", true) => "the parameter once for each value".to_owned(),
        ("form" | "simple", _) => "values with commas between".to_owned(),
        (style, _) => format!("style {style}{}", if explode { ", exploded" } else { "" }),
    }
}

/// Whether a value is a name of the manner `dsync.user.created`.
fn is_event(value: &str) -> bool {
    value.split('.').count() > 1
        && value
            .split('.')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

/// An operation's place, whatever the parts of its path are called.
fn place(method: &str, path: &str) -> (Vec<String>, String) {
    let parts = path.split('/').map(|part| {
        if part.starts_with('{') {
            "{}".to_owned()
        } else {
            part.to_owned()
        }
    });
    (parts.collect(), method.to_owned())
}

/// Parameters by what they are known by: those of the path by their position, all others by their name.
fn parameters<'a>(operation: &Operation<'a>) -> BTreeMap<(String, String), &'a Value> {
    let position = |name: &str| operation.path.split('/').position(|part| part == format!("{{{name}}}"));
    let parameters = operation.parameters.iter().filter(|((place, _), _)| !place.is_empty());
    parameters
        .map(|((place, name), parameter)| {
            let name = match (*place, position(name)) {
                ("path", Some(position)) => position.to_string(),
                // Names of headers have no case.
                ("header", _) => name.to_lowercase(),
                _ => (*name).to_owned(),
            };
            (((*place).to_owned(), name), *parameter)
        })
        .collect()
}

/// What upstream says of the payload of one event: the field `data` of the alternative with this name.
fn payloads_of<'a>(document: &'a Document, schema: &'a Value, event: &str) -> Vec<&'a Value> {
    let schema = document.resolve(schema);
    let alternatives = ["oneOf", "anyOf", "allOf"].iter().flat_map(|key| items(schema, key));
    let mut found: Vec<_> = alternatives
        .flat_map(|alternative| payloads_of(document, alternative, event))
        .collect();
    let name = schema
        .pointer("/properties/event")
        .map(|name| Schema::of(document, name));
    if name
        .and_then(|name| name.values)
        .is_some_and(|values| values.contains(event))
    {
        found.extend(schema.pointer("/properties/data"));
    }
    found
}

fn joined(values: &BTreeSet<String>) -> String {
    values.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
}
