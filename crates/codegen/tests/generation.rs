//! What the generator makes of small documents, and which documents it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use serde_json::json;
use workos_directory_codegen::Document;
use workos_directory_codegen::Error;
use workos_directory_codegen::Generated;
use workos_directory_codegen::Target;
use workos_directory_codegen::generate;

/// A document with one list operation, one model of each kind and one error.
fn widgets() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Widgets", "version": "1" },
        "servers": [{ "url": "https://example.com" }],
        "paths": { "/widgets": { "get": {
            "operationId": "listWidgets",
            "summary": "List widgets",
            "description": "All widgets.",
            "tags": ["widgets"],
            "x-cursor-pagination": {
                "cursor": "after", "limit": "limit", "items": "data", "next": "list_metadata.after",
                "defaults": { "order": "up" },
            },
            "parameters": [
                { "name": "after", "in": "query", "description": "The cursor.", "schema": { "type": "string" } },
                { "name": "limit", "in": "query", "description": "The size of a page.",
                  "schema": { "type": "integer", "minimum": 1, "maximum": 50, "default": 5 } },
                { "name": "order", "in": "query", "description": "The order.",
                  "schema": { "$ref": "#/components/schemas/Order" } },
            ],
            "responses": {
                "200": { "description": "A page.", "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/WidgetList" } } } },
                "4XX": { "description": "No.", "x-cause": "You erred", "x-fix": "Do not", "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/Problem" } } } },
            },
        } } },
        "components": { "schemas": {
            "Widget": {
                "type": "object", "description": "A thing.", "required": ["id", "color"],
                "properties": {
                    "id": { "type": "string", "description": "Its id." },
                    "color": { "description": "Its color.", "allOf": [{ "$ref": "#/components/schemas/Color" }] },
                    "owner": { "type": "string", "nullable": true, "description": "Its owner." },
                    "tags": { "type": "array", "description": "Its tags.", "items": { "type": "string" } },
                },
            },
            "WidgetList": {
                "type": "object", "description": "A page.", "required": ["data", "list_metadata"],
                "properties": {
                    "data": { "type": "array", "items": { "$ref": "#/components/schemas/Widget" } },
                    "list_metadata": { "$ref": "#/components/schemas/Cursors" },
                },
            },
            "Cursors": { "type": "object", "description": "Cursors.", "properties": {
                "after": { "type": "string", "nullable": true, "description": "The next page." } } },
            "Color": { "type": "string", "description": "A color.", "x-extensible-enum": ["red", "deep blue", "puce"],
                "x-enum-retired": ["puce"] },
            "Order": { "type": "string", "description": "An order.", "enum": ["up", "down"] },
            "Problem": { "type": "object", "description": "What went wrong.", "properties": {
                "message": { "type": "string", "description": "In words." } } },
        } },
    })
}

fn run(document: &Value) -> Result<Generated, Error> {
    generate(&Document::parse(&document.to_string()).unwrap(), &Target::CLIENT)
}

fn file(generated: &Generated, name: &str) -> String {
    generated
        .files()
        .find(|(path, _)| *path == name)
        .expect(name)
        .1
        .to_owned()
}

/// The message of a document that differs from `widgets` in one place.
fn refusal(pointer: &str, value: Value) -> String {
    let mut document = widgets();
    *document.pointer_mut(pointer).expect(pointer) = value;
    match run(&document) {
        Err(error @ Error::Unsupported { .. }) => error.to_string(),
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn models_of_a_small_document() {
    insta::assert_snapshot!(file(&run(&widgets()).unwrap(), "types.rs"));
}

#[test]
fn requests_of_a_small_document() {
    insta::assert_snapshot!(file(&run(&widgets()).unwrap(), "builder/widgets.rs"));
}

#[test]
fn metadata_of_a_small_document() {
    insta::assert_snapshot!(file(&run(&widgets()).unwrap(), "operations.rs"));
}

#[test]
fn two_runs_give_the_same_bytes() {
    assert_eq!(run(&widgets()).unwrap(), run(&widgets()).unwrap());
}

#[test]
fn the_header_of_the_root_names_the_documents_fingerprint() {
    let document = Document::parse(&widgets().to_string()).unwrap();
    let root = file(&generate(&document, &Target::CLIENT).unwrap(), "mod.rs");
    let second = root.lines().nth(1).unwrap();
    assert_eq!(second, format!("// spec fnv1a64: {:016x}", document.fingerprint()));
}

#[test]
fn a_new_list_operation_gets_its_stream_for_nothing() {
    let mut document = widgets();
    let mut operation = document.pointer("/paths/~1widgets/get").unwrap().clone();
    operation["operationId"] = json!("listGadgets");
    document["paths"]["/gadgets"] = json!({ "get": operation });
    let text = file(&run(&document).unwrap(), "builder/widgets.rs");
    assert!(text.contains("impl ListRequest for ListGadgets"), "{text}");
    assert!(text.contains("pub fn stream(self) -> Items<Self>"), "{text}");
}

#[test]
fn a_deletion_that_may_answer_with_or_without_a_body_answers_nothing() {
    let mut document = widgets();
    document["paths"]["/widgets"]["delete"] = json!({
        "operationId": "deleteWidgets", "summary": "Delete", "tags": ["widgets"],
        "responses": {
            "202": { "description": "", "content": { "application/json": { "schema": {} } } },
            "204": { "description": "" },
            "default": { "description": "" },
        },
    });
    let text = file(&run(&document).unwrap(), "builder/widgets.rs");
    assert!(
        text.contains("pub async fn send(self) -> Result<ResponseValue<()>, Error>"),
        "{text}"
    );
}

#[test]
fn a_success_range_is_understood() {
    let mut document = widgets();
    let responses = document
        .pointer_mut("/paths/~1widgets/get/responses")
        .unwrap()
        .as_object_mut()
        .unwrap();
    let ok = responses.remove("200").unwrap();
    responses.insert("2XX".to_owned(), ok);
    let text = file(&run(&document).unwrap(), "builder/widgets.rs");
    assert!(
        text.contains("Result<ResponseValue<types::WidgetList>, Error>"),
        "{text}"
    );
}

#[test]
fn success_bodies_that_differ_are_refused() {
    let mut document = widgets();
    document["paths"]["/widgets"]["get"]["responses"]["202"] = json!({ "description": "", "content": {
        "application/json": { "schema": { "$ref": "#/components/schemas/Widget" } } } });
    let error = run(&document).unwrap_err().to_string();
    assert_eq!(
        error,
        "listWidgets: its success bodies differ: `WidgetList` and `Widget`"
    );
}

#[test]
fn a_second_error_model_is_refused() {
    let pointer = "/paths/~1widgets/get/responses/4XX/content/application~1json/schema/$ref";
    let mut document = widgets();
    document["paths"]["/widgets"]["get"]["responses"]["5XX"] =
        document.pointer("/paths/~1widgets/get/responses/4XX").unwrap().clone();
    *document.pointer_mut(pointer).unwrap() = json!("#/components/schemas/Widget");
    let error = run(&document).unwrap_err().to_string();
    assert!(error.contains("all errors share one model"), "{error}");
}

#[test]
fn a_cursor_parameter_that_does_not_exist_is_refused() {
    let error = refusal("/paths/~1widgets/get/x-cursor-pagination/cursor", json!("token"));
    assert_eq!(
        error,
        "listWidgets.x-cursor-pagination: there is no query parameter `token`"
    );
}

#[test]
fn a_parameter_that_goes_back_and_does_not_exist_is_refused() {
    let pagination = json!({
        "cursor": "after", "back": "before", "limit": "limit", "items": "data", "next": "list_metadata.after",
    });
    assert_eq!(
        refusal("/paths/~1widgets/get/x-cursor-pagination", pagination),
        "listWidgets.x-cursor-pagination: there is no query parameter `before`"
    );
}

#[test]
fn a_default_of_a_list_that_no_parameter_takes_is_refused() {
    let defaults = "/paths/~1widgets/get/x-cursor-pagination/defaults";
    assert_eq!(
        refusal(defaults, json!({ "sort": "up" })),
        "listWidgets.x-cursor-pagination: there is no query parameter `sort`"
    );
    assert_eq!(
        refusal(defaults, json!({ "order": "sideways" })),
        "listWidgets.x-cursor-pagination: `order` is never `sideways`"
    );
    assert_eq!(
        refusal(defaults, json!({ "order": 1 })),
        "listWidgets: `x-cursor-pagination.defaults.order` is no text"
    );
}

#[test]
fn a_next_cursor_that_does_not_exist_is_refused() {
    let error = refusal(
        "/paths/~1widgets/get/x-cursor-pagination/next",
        json!("list_metadata.next"),
    );
    assert_eq!(error, "listWidgets.x-cursor-pagination: `Cursors` has no field `next`");
}

#[test]
fn an_inline_schema_is_refused() {
    let inline = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let error = refusal("/components/schemas/Widget/properties/owner", inline);
    assert!(error.contains("give it a name in `components.schemas`"), "{error}");
}

#[test]
fn two_enum_values_of_the_same_name_are_refused() {
    let error = refusal(
        "/components/schemas/Color/x-extensible-enum",
        json!(["deep blue", "deep_blue", "puce"]),
    );
    assert_eq!(
        error,
        "schemas.Color: `deep blue` and `deep_blue` are both called `DeepBlue`"
    );
}

#[test]
fn a_retired_enum_value_that_does_not_exist_is_refused() {
    let error = refusal("/components/schemas/Color/x-enum-retired", json!(["mauve"]));
    assert_eq!(
        error,
        "schemas.Color: `x-enum-retired` names `mauve`, which is none of its values"
    );
}

#[test]
fn a_required_field_that_does_not_exist_is_refused() {
    let error = refusal("/components/schemas/Widget/required", json!(["id", "colour"]));
    assert_eq!(error, "schemas.Widget: `required` names `colour`, which it has not");
}

#[test]
fn a_broken_reference_is_refused() {
    let error = refusal(
        "/paths/~1widgets/get/parameters/0",
        json!({ "$ref": "#/components/parameters/After" }),
    );
    assert_eq!(
        error,
        "listWidgets: `#/components/parameters/After` is no parameter of this document"
    );
}

#[test]
fn every_file_asks_for_pedantic_lints_and_gives_a_reason_for_each_that_it_allows() {
    let generated = run(&widgets()).unwrap();
    for (path, text) in generated.files() {
        // `mod.rs` is included from a build script's output too; the files of tags lie below `builder/mod.rs`.
        let is_judged_by_others = path == "mod.rs" || (path.starts_with("builder/") && path != "builder/mod.rs");
        assert_eq!(
            text.contains("\n#![warn(clippy::pedantic)]\n"),
            !is_judged_by_others,
            "{path}"
        );
        for line in text
            .lines()
            .filter(|line| line.trim_start().starts_with("#![allow(") || line.trim_start().starts_with("#[allow("))
        {
            assert!(line.contains(", reason = \""), "{path}: {line}");
        }
    }
}
