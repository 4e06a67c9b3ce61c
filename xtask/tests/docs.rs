//! `cargo xtask docs`: one file that has everything of the document, needs nothing else, and obeys no text.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const SPEC: &str = include_str!("../../spec/openapi.yaml");

fn page(document: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = folder.path().join("openapi.yaml");
    fs::write(&spec, document).expect("written");
    page_of(&spec, &folder.path().join("deep/reference.html"))
}

fn page_of(spec: &Path, output: &Path) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("docs")
        .arg(spec)
        .arg("--output")
        .arg(output)
        .output()
        .expect("xtask starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::read_to_string(output).expect("the page is there")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The texts between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start)
        .skip(1)
        .filter_map(|rest| rest.split(end).next())
        .collect()
}

#[test]
fn every_operation_parameter_model_value_cause_and_fix_is_on_the_page() {
    let document: Value = serde_saphyr::from_str(SPEC).expect("it is YAML");
    let page = page(SPEC);
    let has = |text: &str| assert!(page.contains(text), "{text} is not on the page");
    for (path, item) in document["paths"].as_object().expect("paths") {
        has(&format!("<code>{path}</code>"));
        for operation in item
            .as_object()
            .expect("a path")
            .values()
            .filter(|value| value.get("operationId").is_some())
        {
            has(&format!(
                "id=\"operation-{}\"",
                operation["operationId"].as_str().expect("an id")
            ));
            has(operation["summary"].as_str().expect("a summary"));
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        has(&format!("id=\"model-{name}\""));
        for field in schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.keys())
        {
            has(&format!("<code>{field}</code>"));
        }
        for value in schema["x-extensible-enum"].as_array().into_iter().flatten() {
            has(&format!("<code>{}</code>", value.as_str().expect("a text")));
        }
    }
    for response in document["components"]["responses"]
        .as_object()
        .expect("responses")
        .values()
    {
        for key in ["x-cause", "x-fix"] {
            if let Some(text) = response.get(key).and_then(Value::as_str) {
                has(&escaped(text));
            }
        }
    }
    for example in document["components"]["examples"]
        .as_object()
        .expect("examples")
        .values()
    {
        has(&format!("Example: {}", example["summary"].as_str().expect("a summary")));
        has(&escaped(
            &serde_json::to_string_pretty(&example["value"]).expect("it is JSON"),
        ));
    }
    has(
        "let answer = client\n    .get_directory()\n    .id(&quot;directory_01ECAZ4NV9QMV47GW873HDCX74&quot;)\n    .send()\n    .await?;",
    );
    has("EventName::from(&quot;dsync.user.created&quot;)");
}

#[test]
fn every_link_leads_to_a_place_on_the_page_and_nothing_is_fetched() {
    let page = page(SPEC);
    let ids = between(&page, " id=\"", "\"");
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id is there twice");
    let links = between(&page, " href=\"", "\"");
    assert!(links.len() > 100);
    for link in links {
        let target = link.strip_prefix('#').unwrap_or_else(|| panic!("{link} leads away"));
        assert!(unique.contains(&target), "{link} leads nowhere");
    }
    for mark in [" src=", "<script", "<link", "@import", "url("] {
        assert!(!page.contains(mark), "{mark}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn whatever_looks_like_html_in_the_document_is_shown_and_not_obeyed() {
    let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>";
    let text = SPEC
        .replacen("title: WorkOS Directory Sync API", &format!("title: '{evil}'"), 1)
        .replacen(
            "The role's name in code.",
            &format!("{evil} [x](javascript:alert(1))"),
            1,
        )
        .replacen("summary: List events", &format!("summary: '{evil}'"), 1)
        .replacen("x-cause: Rate limit exceeded", &format!("x-cause: '{evil}'"), 1)
        .replacen(
            "example: { slug: member }",
            &format!("example: {{ slug: '{evil}' }}"),
            1,
        )
        .replacen(
            "        slug:\n",
            "        '\"><script>':\n          type: string\n        slug:\n",
            1,
        );
    let page = page(&text);
    // The title three times, the summary twice, the cause once for each operation, the description, the example.
    let operations = SPEC.matches("operationId: ").count();
    assert_eq!(
        page.matches("&lt;script&gt;alert(1)").count(),
        3 + 2 + operations + 1 + 1
    );
    for mark in ["<script", "<img", "javascript:alert(1)\""] {
        assert!(!page.contains(mark), "{mark}");
    }
}

#[test]
fn the_emulators_document_has_a_page_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/emulator.yaml");
    let page = page_of(&spec, &folder.path().join("emulator.html"));
    assert!(page.contains("id=\"operation-putFaults\"") && page.contains(".body(body)"));
}
