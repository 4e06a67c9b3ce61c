//! What crates.io and its readers get to know of the crates that are published.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The workspace's own packages, as cargo understands them.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// An empty list of registries means that it is not published.
fn is_published(package: &Value) -> bool {
    package["publish"].is_null()
}

#[test]
fn every_published_crate_says_what_it_is_under_which_licence_and_has_a_readme() {
    let mut published = 0;
    for package in packages().iter().filter(|package| is_published(package)) {
        let name = &package["name"];
        for field in ["description", "license", "documentation", "readme", "rust_version"] {
            let text = package[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name} has no {field}");
        }
        let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
        for file in [package["readme"].as_str().unwrap(), "LICENSE-APACHE", "LICENSE-MIT"] {
            // Also where it is a link.
            assert!(folder.join(file).is_file(), "{name} has no {file}");
        }
        assert!(!package["keywords"].as_array().unwrap().is_empty(), "{name}");
        assert!(!package["categories"].as_array().unwrap().is_empty(), "{name}");
        published += 1;
    }
    assert_eq!(published, 2);
}

#[test]
fn ci_packages_every_published_crate_and_no_other() {
    let source = include_str!("../src/ci.rs");
    let command = source.lines().find(|line| line.contains("\"cargo package ")).unwrap();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let words = command.split([' ', '"']);
        let is_packaged = words.clone().zip(words.skip(1)).any(|pair| pair == ("--package", name));
        assert_eq!(is_packaged, is_published(&package), "{name}");
    }
}

#[test]
fn all_crates_have_one_version_and_ask_for_the_compiler_that_the_readme_names() {
    let readme = include_str!("../../README.md");
    let changelog = include_str!("../../CHANGELOG.md");
    let packages = packages();
    for package in &packages {
        assert_eq!(package["version"], packages[0]["version"], "{}", package["name"]);
        let compiler = package["rust_version"].as_str().unwrap();
        assert!(readme.contains(&format!("Rust {compiler} or newer")), "{compiler}");
    }
    assert!(changelog.contains("\n## Unreleased\n"));
}
