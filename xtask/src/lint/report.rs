//! Findings as text for people, JSON for tools, or annotations that GitHub shows beside the lines.

use annotate_snippets::AnnotationKind;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;
use anyhow::Result;
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
}

/// Writes findings to stdout.
pub(crate) fn write(format: Format, file: &str, text: &str, places: &Places, findings: &[Finding]) -> Result<()> {
    match format {
        Format::Text => findings
            .iter()
            .for_each(|finding| anstream::println!("{}", snippet(file, text, places, finding))),
        Format::Json => {
            let findings: Vec<_> = findings
                .iter()
                .map(|finding| {
                    let (line, column) = position(places.find(&finding.pointer));
                    let Finding {
                        rule,
                        pointer,
                        message,
                        fix,
                    } = finding;
                    json!({ "rule": rule, "file": file, "line": line, "column": column, "pointer": pointer,
                        "message": message, "fix": fix })
                })
                .collect();
            println!("{}", serde_json::to_string_pretty(&findings)?);
        }
        Format::Github => {
            for finding in findings {
                let (line, column) = position(places.find(&finding.pointer));
                let Finding { rule, message, fix, .. } = finding;
                println!(
                    "::error file={file},line={line},col={column},title={rule}::{}",
                    data(&format!("{message}; {fix}"))
                );
            }
        }
    }
    Ok(())
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

/// A message as the data of a workflow command.
fn data(message: &str) -> String {
    message.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
