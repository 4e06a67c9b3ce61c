//! One schema: its fields or values, and an example.

use maud::Markup;
use maud::html;
use serde_json::Value;

use super::words;
use crate::openapi::Document;
use crate::openapi::items;
use crate::openapi::members;
use crate::openapi::model;
use crate::openapi::text;

/// The section of a model.
pub(super) fn section(document: &Document, name: &str, schema: &Value) -> Markup {
    let values = ["x-extensible-enum", "enum"].map(|key| items(schema, key)).concat();
    let is_open = schema.get("x-extensible-enum").is_some();
    html! {
        section.card id=(anchor(name)) {
            h3 { a.self href={ "#" (anchor(name)) } { (name) } }
            (origin(schema))
            (words::block(text(schema, "description")))
            @if let Some(parts) = schema.get("oneOf").and_then(Value::as_array) {
                p { "One of: " @for (index, part) in parts.iter().enumerate() { @if index > 0 { ", " } (kind(part)) } "." }
            }
            @for part in items(schema, "allOf") {
                @if model(part).is_some() { p { "Everything of " (kind(part)) ", and:" } }
            }
            @let parts: Vec<&Value> = std::iter::once(schema).chain(items(schema, "allOf").iter().filter(|part| model(part).is_none())).collect();
            @if parts.iter().any(|part| part.get("properties").is_some()) {
                div.scroll { table {
                    thead { tr { th { "Field" } th { "Type" } th { "Meaning" } } }
                    tbody {
                        @for part in parts { @for (field, property) in members(part.get("properties")) {
                            @let required = [part, schema].iter().flat_map(|part| items(part, "required")).any(|required| required == field);
                            (row(field, property, required))
                        } }
                    }
                } }
            }
            @if !values.is_empty() {
                p { @if is_open { "Known values; others may come:" } @else { "Values:" } }
                ul.values { @for (index, value) in values.iter().enumerate() {
                    li {
                        code { (shown(value)) }
                        @if let Some(words) = items(schema, "x-enum-descriptions").get(index).and_then(Value::as_str) { " – " (words::line(words)) }
                        @if items(schema, "x-enum-retired").contains(value) { " No longer documented by the API." }
                    }
                } }
            }
            @if schema.get("x-event-payloads").is_some() {
                div.scroll { table {
                    thead { tr { th { "Event" } th { "Payload" } } }
                    tbody { @for (event, payload) in members(schema.get("x-event-payloads")) {
                        tr { td { code { (event) } } td { (link(payload.as_str().and_then(|target| target.rsplit('/').next()).unwrap_or_default())) } }
                    } }
                } }
            }
            @if let Some(value) = schema.get("example") { (example(document, "Example", value)) }
        }
    }
}

fn row(name: &str, property: &Value, required: bool) -> Markup {
    html! {
        tr {
            td { code { (name) } (marks(property, required)) }
            td { (kind(property)) }
            td { (words::line(text(property, "description"))) (origin(property)) }
        }
    }
}

/// Required or deprecated.
pub(super) fn marks(value: &Value, required: bool) -> Markup {
    html! {
        @if required { " " span.mark.required { "required" } }
        @if value.get("deprecated") == Some(&Value::Bool(true)) { " " span.mark.deprecated { "deprecated" } }
    }
}

/// Who documents a thing, if only one does.
pub(super) fn origin(value: &Value) -> Markup {
    html! {
        @match text(value, "x-origin") {
            "seed" => { " " span.mark title="The live API does not document it." { "seed only" } }
            "live" => { " " span.mark title="The seed reference does not know it." { "live only" } }
            _ => {}
        }
    }
}

/// A type, with links to models.
pub(super) fn kind(schema: &Value) -> Markup {
    let null = schema.get("nullable") == Some(&Value::Bool(true));
    html! {
        @if let Some(name) = model(schema) { (link(name)) }
        // A model of another document.
        @else if let Some((_, name)) = text(schema, "$ref").rsplit_once('/') { (name) }
        @else if text(schema, "type") == "array" { "list of " (kind(&schema["items"])) }
        @else if schema.get("type").is_none() { "any JSON" }
        @else {
            (text(schema, "type"))
            @if !text(schema, "format").is_empty() { " (" (text(schema, "format")) ")" }
        }
        @match (schema.get("minimum"), schema.get("maximum")) {
            (Some(minimum), Some(maximum)) => { ", " (minimum) " to " (maximum) }
            (Some(minimum), None) => { ", at least " (minimum) }
            (None, Some(maximum)) => { ", at most " (maximum) }
            (None, None) => {}
        }
        @if let Some(default) = schema.get("default") { ", " (shown(default)) " by default" }
        @if null { " or null" }
    }
}

fn link(name: &str) -> Markup {
    html! { a href={ "#" (anchor(name)) } { (name) } }
}

/// The place of a model on the page.
pub(super) fn anchor(name: &str) -> String {
    format!("model-{name}")
}

/// An example that opens when it is asked for.
pub(super) fn example(document: &Document, title: &str, value: &Value) -> Markup {
    let value = document.resolve(value);
    html! {
        details {
            summary { (title) }
            pre { code { (serde_json::to_string_pretty(value).unwrap_or_default()) } }
        }
    }
}

/// A text without quotes, everything else as JSON.
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
