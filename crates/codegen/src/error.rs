//! What can be wrong with a document, said so that a maintainer finds the place.

use std::path::PathBuf;

/// Why no code could be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document cannot be read from disk.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file that was asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The document is not YAML or JSON.
    #[error("the document is not well-formed YAML: {0}")]
    Yaml(String),
    /// The document is not OpenAPI 3.0.
    #[error("the document is not OpenAPI 3.0.x: {0}")]
    OpenApi(String),
    /// The document says something that the generator does not translate.
    #[error("{at}: {reason}")]
    Unsupported {
        /// Where in the document, such as `listEvents` or `schemas.Event.data`.
        at: String,
        /// What is wrong there, and how to say it instead.
        reason: String,
    },
    /// progenitor refuses the simplified copy of the document.
    #[error("progenitor refuses the document: {0}")]
    Progenitor(String),
    /// progenitor's output does not look as this generator expects, which happens after an upgrade of it.
    #[error("progenitor's output has changed its shape: {0}")]
    Shape(String),
}

/// The one way to make an [`Error::Unsupported`].
pub(crate) fn unsupported(at: impl Into<String>, reason: impl Into<String>) -> Error {
    Error::Unsupported {
        at: at.into(),
        reason: reason.into(),
    }
}
