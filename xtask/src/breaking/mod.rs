//! `cargo xtask breaking`: what the change of the document since a revision means, for users of the HTTP API and for Rust
//! users of the generated client, each item with the step of the version that it asks for.
//!
//! ```text
//! rules        what each kind of change means: the table
//! operations   changes of operations, parameters and answers
//! models       changes of schemas
//! changes      both, and what belongs to the whole document
//! git          the document as it was
//! ```

mod changes;
mod git;
mod models;
mod operations;
mod rules;

use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;
use anyhow::bail;
use serde_json::json;

use self::changes::Change;
use self::rules::Level;
use crate::openapi::Document;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The revision to compare with; without it, where this branch left `main`, else HEAD
    #[arg(long, value_name = "REV", conflicts_with = "old")]
    base: Option<String>,
    /// The document as it was, from a file in place of a revision
    #[arg(long, value_name = "FILE")]
    old: Option<PathBuf>,
    /// The document as it is; what it refers to in others of its folder counts as its own
    #[arg(long, value_name = "FILE", default_value_os_t = crate::root().join("spec/openapi.yaml"))]
    new: PathBuf,
    /// How changes are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Fail when the change asks for this step or a greater one
    #[arg(long, value_name = "LEVEL")]
    deny: Option<Level>,
    /// Show the rules as a table and do nothing else
    #[arg(long)]
    rules: bool,
}

/// How changes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// A table for a pull request
    Markdown,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.rules {
        print!("{}", rules::table());
        return Ok(());
    }
    let new = Document::read_whole(&arguments.new)?;
    let (since, old) = match &arguments.old {
        Some(old) => (old.display().to_string(), Document::read_whole(old)?),
        None => git::document(&arguments.new, arguments.base.as_deref())?,
    };
    let changes = changes::between(&old, &new);
    match arguments.format {
        Format::Text => print!("{}", text(&since, &changes)?),
        Format::Json => println!("{}", serde_json::to_string_pretty(&json(&changes))?),
        Format::Markdown => print!("{}", markdown(&changes)?),
    }
    let (api, rust) = levels(&changes);
    match arguments.deny {
        Some(deny) if !changes.is_empty() && api.max(rust) >= deny => {
            bail!(
                "the change asks for a {} version, which `--deny {deny}` forbids",
                api.max(rust)
            )
        }
        _ => Ok(()),
    }
}

/// The same summary for a document that is about to be generated from; `None` when it is as at HEAD or HEAD has none.
pub(crate) fn summary(document: &Path) -> Option<String> {
    let (since, old) = git::document(document, Some("HEAD")).ok()?;
    let new = Document::read_whole(document).ok()?;
    let changes = changes::between(&old, &new);
    if changes.is_empty() {
        None
    } else {
        text(&since, &changes).ok()
    }
}

/// The steps that all changes together ask for: of the API and of the Rust client.
fn levels(changes: &[Change]) -> (Level, Level) {
    let api = changes.iter().map(|change| change.api).max();
    let rust = changes.iter().map(|change| change.rust).max();
    (api.unwrap_or(Level::Patch), rust.unwrap_or(Level::Patch))
}

fn text(since: &str, changes: &[Change]) -> Result<String> {
    let mut out = String::new();
    if changes.is_empty() {
        writeln!(out, "nothing has changed since {since}")?;
        return Ok(out);
    }
    for Change {
        rule,
        what,
        detail,
        api,
        rust,
    } in changes
    {
        let detail = detail
            .as_deref()
            .map(|detail| format!(" ({detail})"))
            .unwrap_or_default();
        writeln!(
            out,
            "API {api:5}  Rust {rust:5}  {what}: {}{detail}; {}",
            rule.name, rule.reason
        )?;
    }
    let (api, rust) = levels(changes);
    let count = changes.len();
    writeln!(
        out,
        "{count} changes since {since}: {api} for users of the API, {rust} for Rust users of the client"
    )?;
    Ok(out)
}

fn markdown(changes: &[Change]) -> Result<String> {
    let mut out = String::from("| what | change | API | Rust | why |\n| --- | --- | --- | --- | --- |\n");
    for Change {
        rule,
        what,
        detail,
        api,
        rust,
    } in changes
    {
        let detail = detail
            .as_deref()
            .map(|detail| format!(" ({detail})"))
            .unwrap_or_default()
            .replace('|', "\\|");
        writeln!(
            out,
            "| `{what}` | {}{detail} | {api} | {rust} | {} |",
            rule.name, rule.reason
        )?;
    }
    let (api, rust) = levels(changes);
    writeln!(out, "\nAPI: **{api}**. Rust: **{rust}**.")?;
    Ok(out)
}

fn json(changes: &[Change]) -> serde_json::Value {
    let (api, rust) = levels(changes);
    let changes = changes.iter().map(|change| {
        let Change {
            rule,
            what,
            detail,
            api,
            rust,
        } = change;
        json!({ "what": what, "change": rule.name, "detail": detail, "api": api, "rust": rust, "reason": rule.reason })
    });
    json!({ "api": api, "rust": rust, "changes": changes.collect::<Vec<_>>() })
}
