//! How clippy judges generated code: by its pedantic lints as well, minus those that ask for what only the document decides.
//!
//! Files say it, and not the `mod.rs` of all: that one is also included from a build script's output, where attributes of a
//! module cannot stand.

use std::fmt::Write as _;

/// A lint that a file allows, and why.
pub(crate) type Allowed = (&'static str, &'static str);

/// `types.rs`.
pub(crate) const MODELS: &[Allowed] = &[
    (
        "struct_excessive_bools",
        "a model has the fields that the document gives it",
    ),
    ("struct_field_names", "fields are called as in the document"),
];

/// `builder/mod.rs` and with it the files of all tags.
pub(crate) const REQUESTS: &[Allowed] = &[("similar_names", "parameters are called as in the document")];

/// The subcommands.
pub(crate) const COMMANDS: &[Allowed] = &[(
    "doc_markdown",
    "docs are the help on a terminal, which shows backticks as they are",
)];

/// Files of constants.
pub(crate) const NONE: &[Allowed] = &[];

/// The attributes at the top of a file.
pub(crate) fn attributes(allowed: &[Allowed]) -> String {
    let mut text = "#![warn(clippy::pedantic)]\n".to_owned();
    for (lint, reason) in allowed {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "#![allow(clippy::{lint}, reason = {reason:?})]");
    }
    text
}
