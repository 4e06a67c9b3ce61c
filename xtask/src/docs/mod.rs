//! `cargo xtask docs`: the document as one HTML file that needs no network: every operation with its parameters, answers,
//! errors and Rust call, every model, every example.
//!
//! ```text
//! page        the frame: head, navigation, sections
//! operation   one operation and its call
//! model       one schema, and how types are written
//! words       descriptions in Markdown → HTML; whatever looks like HTML in them is shown, not obeyed
//! ```

mod model;
mod operation;
mod page;
mod words;

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use anyhow::Result;

use crate::openapi::Document;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The document
    #[arg(value_name = "FILE", default_value_os_t = crate::root().join("spec/openapi.yaml"))]
    spec: PathBuf,
    /// Where the page is written
    #[arg(long, value_name = "FILE", default_value_os_t = crate::root().join("target/reference/index.html"))]
    output: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let document = Document::read_whole(&arguments.spec)?;
    let page = page::page(&document).into_string();
    let output = &arguments.output;
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    fs::write(output, &page).with_context(|| format!("cannot write `{}`", output.display()))?;
    println!("{} ({} KB)", output.display(), page.len() / 1024);
    Ok(())
}
