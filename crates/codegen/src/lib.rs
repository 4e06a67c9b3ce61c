//! Turns an OpenAPI document into a client's generated code.
//!
//! A document is the only place where an API is described: `spec/openapi.yaml` the Directory Sync API, `spec/emulator.yaml`
//! what the emulator adds. What differs between their clients is a [`Target`]. This library is what
//! `cargo xtask codegen` and the client's build script (feature `buildtime`) both call, so that they cannot differ.
//!
//! # How the data goes through it
//!
//! ```text
//! spec/openapi.yaml ──▶ whole and flat: other files and `allOf` taken over                (bundle, compose)
//!                          │
//!                          ▼
//!                       Document ──▶ models, operations     what the document says        (schema, operation)
//!                          │               │
//!                          ▼               │
//!                      simplified copy ──▶ progenitor        Rust types of fields and parameters  (simplify,
//!                                          │                                                progenitor_output)
//!                                          ▼
//!                      passes: models, requests, metadata, shapes   the code around those types
//!                                          │
//!                                          ▼
//!                      prettyplease ──▶ Generated            files, the same bytes on every run   (render)
//! ```
//!
//! The document stays complete and true: where progenitor cannot take it, its copy is simplified, and a pass
//! puts back what was left out. Nothing here needs a network, a nightly compiler or rustfmt.
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let spec = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/openapi.yaml");
//! let document = workos_directory_codegen::Document::read(&spec)?;
//! let generated = workos_directory_codegen::generate(&document, &workos_directory_codegen::Target::CLIENT)?;
//! assert!(generated.files().any(|(path, text)| path == "types.rs" && text.contains("pub struct DirectoryUser")));
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod bundle;
mod commands;
mod compose;
mod docs;
mod document;
mod error;
mod lints;
mod metadata;
mod models;
mod names;
mod operation;
mod progenitor_output;
mod render;
mod request_examples;
mod requests;
mod schema;
mod shapes;
mod simplify;
mod target;

use std::collections::BTreeMap;

use quote::quote;

pub use crate::bundle::bundle;
pub use crate::document::Document;
pub use crate::error::Error;
use crate::operation::Operation;
use crate::progenitor_output::Output;
use crate::requests::Requests;
pub use crate::target::Target;

/// The generated code: files by their path below the `generated` folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    files: BTreeMap<String, String>,
}

impl Generated {
    /// The files, path and text, ordered by path. Paths use `/`.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

/// Generates a client's code from a document.
///
/// # Errors
///
/// [`Error::Unsupported`] names the place in the document that has no translation; the other variants say what else
/// went wrong.
pub fn generate(document: &Document, target: &Target) -> Result<Generated, Error> {
    let models = schema::models(document)?;
    let operations = operation::operations(document)?;
    operation::error_model(document)?;
    let output = Output::generate(&simplify::simplify(document, &operations)?, &models, target)?;
    let requests = Requests {
        document,
        models: &models,
        output: &output,
        target,
    };

    let mut files = BTreeMap::new();
    files.insert("mod.rs".to_owned(), root(document, target));
    files.insert(
        "types.rs".to_owned(),
        render::file(
            target,
            "The models of the API.",
            Some(lints::MODELS),
            models::file(&models, &cursor_fields(&operations), &output, target)?,
        )?,
    );
    files.insert(
        "operations.rs".to_owned(),
        render::file(
            target,
            "The operations of the API, as the document describes them.",
            Some(lints::NONE),
            metadata::file(document, &operations, target)?,
        )?,
    );
    if target.drift {
        files.insert(
            "shapes.rs".to_owned(),
            render::file(
                target,
                "The fields and values that the document knows, to notice others.",
                Some(lints::NONE),
                shapes::file(&models, &cursor_fields(&operations))?,
            )?,
        );
    }
    let tags = tags(&operations);
    for (tag, operations) in &tags {
        let docs = format!("Requests of the tag `{tag}`.");
        files.insert(
            format!("builder/{}.rs", names::field_ident(tag)),
            render::file(target, &docs, None, requests.file(operations)?)?,
        );
    }
    files.insert("builder/mod.rs".to_owned(), builder_root(&tags, target)?);
    Ok(Generated { files })
}

/// Generates a raw command line from a document: clap's arguments for each operation, and what they send.
///
/// The crate that gets it has the modules `api` (`answer`, `items`, `body`) and `failure` (`Failure`).
///
/// # Errors
///
/// As [`generate`].
pub fn generate_commands(document: &Document, target: &Target) -> Result<Generated, Error> {
    let models = schema::models(document)?;
    let operations = operation::operations(document)?;
    // Commands stand outside of the client's crate.
    let outside = Target {
        runtime: target.runtime_library(),
        ..*target
    };
    let output = Output::generate(&simplify::simplify(document, &operations)?, &models, &outside)?;
    let text = render::file(
        target,
        "One subcommand of `dsync api` per operation.",
        Some(lints::COMMANDS),
        commands::file(&operations, &output, target)?,
    )?;
    let files = BTreeMap::from([("mod.rs".to_owned(), text)]);
    Ok(Generated { files })
}

/// The fields of list answers that lead to the next cursor, each with its model: answers were
/// recorded that have them in camel case, and such that have both.
fn cursor_fields(operations: &[Operation]) -> Vec<(&str, &str)> {
    fn field(operation: &Operation) -> Option<(&str, &str)> {
        let next = &operation.pagination.as_ref()?.next;
        let field = next.split_once('.').map_or(next.as_str(), |(field, _)| field);
        Some((operation.answer.as_deref()?, field))
    }
    operations.iter().filter_map(field).collect()
}

/// Operations by tag, in the order of the document.
fn tags(operations: &[Operation]) -> Vec<(&str, Vec<&Operation>)> {
    let mut tags: Vec<(&str, Vec<&Operation>)> = Vec::new();
    for operation in operations {
        match tags.iter_mut().find(|(tag, _)| *tag == operation.tag) {
            Some((_, operations)) => operations.push(operation),
            None => tags.push((&operation.tag, vec![operation])),
        }
    }
    tags
}

/// `mod.rs` has no inner docs, since it is also included from a build script's output.
fn root(document: &Document, target: &Target) -> String {
    let shapes = if target.drift {
        "/// The fields and values that the document knows.\npub(crate) mod shapes;\n\n"
    } else {
        ""
    };
    format!(
        "{}// spec fnv1a64: {:016x}\n\n\
         /// Request builders, one per operation.\npub mod builder;\n\n\
         /// What the document says of each operation, as constants.\npub mod operations;\n\n\
         {shapes}\
         /// The models of the API.\npub mod types;\n",
        render::header(target),
        document.fingerprint()
    )
}

fn builder_root(tags: &[(&str, Vec<&Operation>)], target: &Target) -> Result<String, Error> {
    let modules = tags.iter().map(|(tag, _)| names::field_ident(tag));
    let exports = tags.iter().flat_map(|(tag, operations)| {
        let module = names::field_ident(tag);
        operations.iter().map(move |operation| {
            let builder = names::type_ident(&operation.id);
            quote! { pub use self::#module::#builder; }
        })
    });
    let tokens = quote! { #(mod #modules;)* #(#exports)* };
    render::file(
        target,
        "Request builders, one per operation.",
        Some(lints::REQUESTS),
        tokens,
    )
}
