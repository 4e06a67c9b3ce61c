//! `cargo xtask lint`: the documents against rules that matter here, each finding with the place where it stands.
//!
//! ```text
//! rules      what is looked for, one function a rule
//! key_order  in which order keys stand
//! examples   whether examples are of their schemas
//! places     where in the text each node stands
//! report     findings as text, JSON, SARIF or annotations of GitHub
//! fix        what can be mended without asking anybody
//! ```
//!
//! The rules ask what a document declares, not what it is called: where nothing has an `x-origin` nothing is to be
//! justified, and where no limit is declared nobody has to describe 429.

mod examples;
mod fix;
mod key_order;
mod places;
mod report;
mod rules;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;
use serde_json::Value;

use self::places::Places;
use self::report::File;
use self::report::Format;
use crate::openapi::Document;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The documents; without one, all of the folder `spec`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Mend what can be mended in the files; comments stay
    #[arg(long)]
    fix: bool,
}

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The rule's name.
    pub(crate) rule: &'static str,
    /// Where, as a JSON pointer.
    pub(crate) pointer: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) fix: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let paths = if arguments.files.is_empty() {
        documents(&crate::root().join("spec"))?
    } else {
        arguments.files.clone()
    };
    let mut files = Vec::new();
    for path in &paths {
        files.push(lint(path, arguments.fix)?);
    }
    report::write(arguments.format, &files)?;
    let count: usize = files.iter().map(|file| file.findings.len()).sum();
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    let names = names.join(" and ");
    match count {
        0 => {
            if arguments.format == Format::Text {
                println!("{names}: no rule is broken");
            }
            Ok(())
        }
        1 => bail!("1 finding in {names}"),
        count => bail!("{count} findings in {names}"),
    }
}

/// All documents of a folder.
pub(crate) fn documents(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn lint(path: &Path, fix: bool) -> Result<File> {
    let name = path.strip_prefix(crate::root()).unwrap_or(path).display().to_string();
    let mut text = fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
    let document = Document::parse(&text).with_context(|| name.clone())?;
    let siblings = siblings(path, document.value())?;
    let mut findings = rules::check(document.value(), &siblings);
    if fix && !findings.is_empty() {
        let fixed = fix::fixed(&text, |document| rules::check(document, &siblings))?;
        if fixed != text {
            fs::write(path, &fixed).with_context(|| format!("cannot write `{name}`"))?;
            text = fixed;
            findings = rules::check(Document::parse(&text)?.value(), &siblings);
        }
    }
    let places = Places::of(&text)?;
    Ok(File {
        name,
        text,
        places,
        findings,
    })
}

/// The documents beside this one that it refers to; one that is not there is a finding of the references to it.
fn siblings(path: &Path, document: &Value) -> Result<BTreeMap<String, Value>> {
    let mut names = BTreeSet::new();
    files(document, &mut names);
    let mut siblings = BTreeMap::new();
    for name in names {
        let sibling = path.with_file_name(&name);
        if sibling.exists() {
            siblings.insert(name, Document::read(&sibling)?.value().clone());
        }
    }
    Ok(siblings)
}

/// The names of files in references.
fn files(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let reference = fields
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|target| target.split_once('#'));
            if let Some((file, _)) = reference.filter(|(file, _)| !file.is_empty()) {
                found.insert(file.to_owned());
            }
            fields.values().for_each(|value| files(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| files(item, found)),
        _ => {}
    }
}
