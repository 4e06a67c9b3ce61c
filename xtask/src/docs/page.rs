//! The frame of the page: head, navigation and sections.

use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;
use serde_json::Value;

use super::model;
use super::operation;
use super::words;
use crate::openapi::Document;
use crate::openapi::items;
use crate::openapi::members;
use crate::openapi::text;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(super) fn page(document: &Document) -> Markup {
    let info = &document.value()["info"];
    let title = text(info, "title");
    let operations = document.operations();
    let tags = items(document.value(), "tags");
    let of_tag = |tag: &Value| {
        let name = tag.get("name").cloned().unwrap_or_default();
        operations
            .iter()
            .filter(move |operation| items(operation.value, "tags").contains(&name))
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Nothing is fetched and nothing runs, whatever a description says.
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav aria-label="Contents" {
                    a.title href="#top" { (title) }
                    details {
                        summary { "Contents" }
                        @for tag in tags {
                            p { (text(tag, "name").replace('_', " ")) }
                            ul { @for operation in of_tag(tag) {
                                li { a href={ "#" (operation::anchor(text(operation.value, "operationId"))) } {
                                    span class={ "method " (operation.method) } { (operation.method.to_uppercase()) } " "
                                    (text(operation.value, "summary"))
                                } }
                            } }
                        }
                        p { "Models" }
                        ul { @for (name, _) in document.schemas() { li { a href={ "#" (model::anchor(name)) } { (name) } } } }
                    }
                }
                main id="top" {
                    header {
                        h1 { (title) }
                        p.version { "Version " (text(info, "version")) }
                        (words::block(text(info, "description")))
                        (access(document))
                    }
                    @for tag in tags {
                        h2 { (text(tag, "name").replace('_', " ")) }
                        (words::block(text(tag, "description")))
                        @for operation in of_tag(tag) { (operation::section(document, operation)) }
                    }
                    h2 { "Models" }
                    @for (name, schema) in document.schemas() { (model::section(document, name, schema)) }
                }
            }
        }
    }
}

/// Where the API is, who may use it, and how often.
fn access(document: &Document) -> Markup {
    let value = document.value();
    html! {
        dl {
            @for server in items(value, "servers") {
                dt { "Server" }
                dd { code { (text(server, "url")) } " " (words::line(text(server, "description"))) }
            }
            @for (name, scheme) in members(value["components"].get("securitySchemes")) {
                dt { "Key (" (name) ")" }
                dd { (words::line(text(scheme, "description"))) }
            }
            @for limit in items(value, "x-rate-limit") {
                dt { "Limit" }
                dd { (limit["requests"]) " requests in " (limit["seconds"]) " s per " (text(limit, "per")) (model::origin(limit)) }
            }
        }
    }
}
