//! One operation: what it takes, what it answers, what can go wrong, and its call in Rust.

use heck::ToSnakeCase as _;
use maud::Markup;
use maud::html;
use serde_json::Value;

use super::model;
use super::model::example;
use super::model::kind;
use super::model::marks;
use super::model::origin;
use super::words;
use crate::openapi::Document;
use crate::openapi::Operation;
use crate::openapi::json_schema;
use crate::openapi::members;
use crate::openapi::text;

/// The section of an operation.
pub(super) fn section(document: &Document, operation: &Operation<'_>) -> Markup {
    let id = text(operation.value, "operationId");
    let responses = operation.responses(document);
    let is_error = |status: &str| status.starts_with('4') || status.starts_with('5');
    html! {
        section.card id=(anchor(id)) {
            h3 { a.self href={ "#" (anchor(id)) } { (text(operation.value, "summary")) } (marks(operation.value, false)) (origin(operation.value)) }
            p.endpoint { span class={ "method " (operation.method) } { (operation.method.to_uppercase()) } " " code { (operation.path) } }
            (words::block(text(operation.value, "description")))
            h4 { "In Rust" }
            pre.call { code { (call(operation)) } }
            @if !operation.parameters.is_empty() {
                h4 { "Parameters" }
                div.scroll { table {
                    thead { tr { th { "Name" } th { "Type" } th { "Meaning" } } }
                    tbody { @for ((place, name), parameter) in in_order(document, operation) {
                        tr {
                            td { code { (name) } @if place != "query" { " " span.mark { (place) } }
                                (marks(parameter, parameter.get("required") == Some(&Value::Bool(true)))) }
                            td { (kind(&parameter["schema"])) }
                            td {
                                (words::line(text(parameter, "description"))) (origin(parameter))
                                @if let Some(example) = parameter.get("example") { div.example { "for example " code { (model::shown(example)) } } }
                            }
                        }
                    } }
                } }
            }
            @if let Some(body) = operation.request(document) { h4 { "Body" } p { (kind(body)) } }
            h4 { "Answers" }
            @for (status, response) in responses.iter().filter(|(status, _)| !is_error(status)) {
                (answer(document, status, response))
            }
            h4 { "Errors" }
            div.scroll { table {
                thead { tr { th { "Status" } th { "Cause" } th { "Fix" } } }
                tbody { @for (status, response) in responses.iter().filter(|(status, _)| is_error(status)) {
                    tr {
                        td { code { (status) } }
                        td { @match text(response, "x-cause") { "" => { (words::line(text(response, "description"))) } cause => { (cause) } } }
                        td {
                            @match text(response, "x-fix") { "" => { "See the message of the answer" } fix => { (fix) } }
                            @for (name, value) in examples(document, response) { (example(document, &name, value)) }
                        }
                    }
                } }
            } }
        }
    }
}

fn answer(document: &Document, status: &str, response: &Value) -> Markup {
    html! {
        div.answer {
            p {
                code.status { (status) } " " (words::line(text(response, "description")))
                @if let Some(schema) = json_schema(response) { " " span.kind { (kind(schema)) } }
                (origin(response))
            }
            @let headers: Vec<&String> = members(response.get("headers")).map(|(name, _)| name).collect();
            @if !headers.is_empty() {
                p.headers { "Headers: " @for (index, header) in headers.iter().enumerate() { @if index > 0 { ", " } code { (header) } } }
            }
            @for (name, value) in examples(document, response) { (example(document, &name, value)) }
        }
    }
}

/// The examples of an answer with their titles.
fn examples<'a>(document: &'a Document, response: &'a Value) -> Vec<(String, &'a Value)> {
    let mut examples = Vec::new();
    for (_, media) in members(response.get("content")) {
        examples.extend(media.get("example").map(|value| ("Example".to_owned(), value)));
        for (name, value) in members(media.get("examples")) {
            let value = document.resolve(value);
            let summary = match text(value, "summary") {
                "" => name.as_str(),
                summary => summary,
            };
            examples.extend(value.get("value").map(|value| (format!("Example: {summary}"), value)));
        }
    }
    examples
}

/// The parameters as the document has them: those of the path first.
fn in_order<'a>(document: &'a Document, operation: &'a Operation<'a>) -> Vec<((&'a str, &'a str), &'a Value)> {
    let of_operation = crate::openapi::items(operation.value, "parameters").iter();
    let written: Vec<_> = of_operation
        .map(|parameter| document.resolve(parameter))
        .map(|parameter| (text(parameter, "in"), text(parameter, "name")))
        .collect();
    let mut parameters: Vec<_> = operation.parameters.iter().map(|(key, value)| (*key, *value)).collect();
    parameters.sort_by_key(|(key, _)| written.iter().position(|other| other == key));
    parameters
}

/// How the generated client is called.
fn call(operation: &Operation<'_>) -> String {
    let method = text(operation.value, "operationId").to_snake_case();
    let is_list = operation.value.get("x-cursor-pagination").is_some();
    let required = operation
        .parameters
        .iter()
        .filter(|(_, parameter)| parameter.get("required") == Some(&Value::Bool(true)));
    let mut chain = String::new();
    for ((_, name), parameter) in required {
        chain.push_str(&format!("\n    .{}({})", name.to_snake_case(), argument(parameter)));
    }
    if operation.value.get("requestBody").is_some() {
        chain.push_str("\n    .body(body)");
    }
    match is_list {
        true => format!(
            "let mut items = client\n    .{method}(){chain}\n    .stream();\nwhile let Some(item) = items.next().await {{\n    let item = item?;\n}}"
        ),
        false => format!("let answer = client\n    .{method}(){chain}\n    .send()\n    .await?;"),
    }
}

/// The example of a parameter as a value in Rust.
fn argument(parameter: &Value) -> String {
    match parameter.get("example") {
        Some(Value::Array(values)) => {
            let model = crate::openapi::model(&parameter["schema"]["items"]).unwrap_or("String");
            let values = values.iter().map(|value| format!("\n        {model}::from({value}),"));
            format!("vec![{}\n    ]", values.collect::<String>())
        }
        Some(value) => value.to_string(),
        None => "…".to_owned(),
    }
}

/// The place of an operation on the page.
pub(super) fn anchor(id: &str) -> String {
    format!("operation-{id}")
}
