//! What generated request builders are made of, here and in crates that are generated from other documents.
//!
//! Hidden from the documentation: it belongs to the generator, changes with it and promises nothing to other callers.

pub use reqwest::RequestBuilder;

pub use crate::parameter::Parameter;
