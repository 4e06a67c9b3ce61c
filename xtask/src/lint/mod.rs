//! `cargo xtask lint`: the document against rules that matter here, each finding with the place where it stands.
//!
//! ```text
//! rules     what is looked for, one function a rule
//! places    where in the text each node stands
//! report    findings as text, JSON or annotations of GitHub
//! ```

mod places;
mod report;
mod rules;

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;
use workos_directory_codegen::Document;

use self::places::Places;
use self::report::Format;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The document
    #[arg(value_name = "FILE", default_value_os_t = crate::root().join("spec/openapi.yaml"))]
    file: PathBuf,
    /// How findings are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
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
    let text =
        fs::read_to_string(&arguments.file).with_context(|| format!("cannot read `{}`", arguments.file.display()))?;
    let document = Document::read(&arguments.file)?;
    let places = Places::of(&text)?;
    let mut findings = rules::check(document.value());
    // What was taken over from another document is judged where it stands.
    findings.retain(|finding| {
        let component: String = finding.pointer.split_inclusive('/').take(4).collect();
        let component = component.trim_end_matches('/');
        !component.starts_with("/components/") || places.has(component)
    });
    let name = arguments
        .file
        .strip_prefix(crate::root())
        .unwrap_or(&arguments.file)
        .display()
        .to_string();
    report::write(arguments.format, &name, &text, &places, &findings)?;
    match findings.len() {
        0 => {
            if arguments.format == Format::Text {
                println!("{name} breaks no rule");
            }
            Ok(())
        }
        1 => bail!("1 finding in {name}"),
        count => bail!("{count} findings in {name}"),
    }
}
