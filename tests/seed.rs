//! The seed, which is what the user asked for: its JSON documents decode and stand in the document as examples.

use serde_json::Value;

use crate::models::model;
use crate::spec;

const SEED: &str = include_str!("fixtures/seed-directory-sync-api.txt");

/// The JSON documents of the seed: each stands on a line of its own.
fn documents() -> Vec<&'static str> {
    SEED.lines().filter(|line| line.starts_with("{ \"")).collect()
}

#[test]
fn every_json_document_of_the_seed_decodes() {
    let documents = documents();
    assert_eq!(documents.len(), 3);
    for (json, name) in documents
        .into_iter()
        .zip(["DirectoryList", "DirectoryUserList", "DirectoryGroupList"])
    {
        let model = model(name);
        let original: Value = serde_json::from_str(json).expect("the seed has JSON");
        let back = (model.round_trip)(json).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(has(&back, &original), "{name}: {back}");
    }
}

/// Whether everything that was there is still there; fields that are `null` may have been added.
fn has(back: &Value, original: &Value) -> bool {
    match (back, original) {
        (Value::Object(back), Value::Object(original)) => {
            original
                .iter()
                .all(|(name, value)| back.get(name).is_some_and(|back| has(back, value)))
                && back
                    .iter()
                    .all(|(name, value)| original.contains_key(name) || value.is_null())
        }
        (Value::Array(back), Value::Array(original)) => {
            back.len() == original.len() && back.iter().zip(original).all(|(back, original)| has(back, original))
        }
        _ => back == original,
    }
}

#[test]
fn the_seeds_documents_are_examples_of_the_document() {
    let names = ["SeedDirectoryList", "SeedDirectoryUserList", "SeedDirectoryGroupList"];
    for (json, name) in documents().into_iter().zip(names) {
        let original: Value = serde_json::from_str(json).expect("the seed has JSON");
        assert_eq!(
            spec::document()["components"]["examples"][name]["value"],
            original,
            "{name}"
        );
    }
}

#[test]
fn the_seeds_endpoints_are_operations_of_the_document() {
    let mut endpoints = 0;
    for line in SEED.lines() {
        let Some((method @ ("GET" | "DELETE"), path)) = line.split_once(' ') else {
            continue;
        };
        let path = path.replace(":id", "{id}");
        let known = workos_directory_sync::operations::ALL
            .iter()
            .any(|operation| operation.method.as_str() == method && operation.path == path);
        assert!(known, "{line}");
        endpoints += 1;
    }
    assert_eq!(endpoints, 7);
}

#[test]
fn the_seeds_causes_and_fixes_are_what_errors_say() {
    let rows = [401, 404, 422, 429, 500].map(|status| {
        (
            status,
            SEED.lines().find(|line| line.starts_with(&format!("{status} "))),
        )
    });
    for (status, row) in rows {
        let row = row.unwrap_or_else(|| panic!("the seed has no row for {status}"));
        let help = workos_directory_sync::operations::LIST_DIRECTORY_USERS
            .help(status)
            .expect("the document has help");
        assert!(row.contains(help.cause) && row.ends_with(help.fix), "{row}");
    }
}
