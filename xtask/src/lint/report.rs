//! Findings as text for people, JSON or SARIF for tools, or annotations that GitHub shows beside the lines.

use std::collections::BTreeSet;

use annotate_snippets::AnnotationKind;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;
use anyhow::Result;
use serde_json::Value;
use serde_json::json;

use super::Finding;
use super::places::Place;
use super::places::Places;

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// With the lines of the document
    #[default]
    Text,
    /// One JSON document
    Json,
    /// Workflow commands of GitHub
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// A document with what is wrong with it.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) places: Places,
    pub(crate) findings: Vec<Finding>,
}

/// Writes findings to stdout.
pub(crate) fn write(format: Format, files: &[File]) -> Result<()> {
    let all = files
        .iter()
        .flat_map(|file| file.findings.iter().map(move |finding| (file, finding)));
    match format {
        Format::Text => all.for_each(|(file, finding)| {
            anstream::println!("{}", snippet(&file.name, &file.text, &file.places, finding));
        }),
        Format::Json => {
            let findings = all.map(|(file, finding)| {
                let (line, column) = position(file.places.find(&finding.pointer));
                let Finding {
                    rule,
                    pointer,
                    message,
                    fix,
                } = finding;
                json!({ "rule": rule, "file": file.name, "line": line, "column": column, "pointer": pointer,
                    "message": message, "fix": fix })
            });
            println!("{}", serde_json::to_string_pretty(&findings.collect::<Vec<_>>())?);
        }
        Format::Github => all.for_each(|(file, finding)| {
            let (line, column) = position(file.places.find(&finding.pointer));
            let Finding { rule, message, fix, .. } = finding;
            println!(
                "::error file={},line={line},col={column},title={rule}::{}",
                property(&file.name),
                data(&format!("{message}; {fix}"))
            );
        }),
        Format::Sarif => println!("{}", serde_json::to_string_pretty(&sarif(all))?),
    }
    Ok(())
}

/// One run in the Static Analysis Results Interchange Format.
fn sarif<'a>(findings: impl Iterator<Item = (&'a File, &'a Finding)>) -> Value {
    let mut rules = BTreeSet::new();
    let results: Vec<_> = findings
        .map(|(file, finding)| {
            let (line, column) = position(file.places.find(&finding.pointer));
            let Finding {
                rule,
                pointer,
                message,
                fix,
            } = finding;
            rules.insert(*rule);
            json!({
                "ruleId": rule,
                "level": "error",
                "message": { "text": format!("{message}; {fix}") },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": file.name },
                        "region": { "startLine": line, "startColumn": column },
                    },
                    "logicalLocations": [{ "fullyQualifiedName": pointer }],
                }],
            })
        })
        .collect();
    let rules: Vec<_> = rules.into_iter().map(|rule| json!({ "id": rule })).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "cargo xtask lint", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn snippet(file: &str, text: &str, places: &Places, finding: &Finding) -> String {
    let range = places
        .find(&finding.pointer)
        .map(|place| place.range.clone())
        .unwrap_or_default();
    let label = AnnotationKind::Primary.span(range).label(&*finding.fix);
    let report = [Level::ERROR
        .primary_title(&*finding.message)
        .id(finding.rule)
        .element(Snippet::source(text).path(file).annotation(label))];
    Renderer::styled().render(&report)
}

fn position(place: Option<&Place>) -> (usize, usize) {
    place.map_or((1, 1), |place| (place.line, place.column))
}

/// A name as a property of a workflow command.
fn property(name: &str) -> String {
    data(name).replace(':', "%3A").replace(',', "%2C")
}

/// A message as the data of a workflow command.
fn data(message: &str) -> String {
    message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
