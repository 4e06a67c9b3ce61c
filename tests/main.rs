//! Tests that cross the borders of the crates, in one binary so that they link once.
//!
//! - `admin_conformance`: every answer of the emulator's admin API is one that its document describes.
//! - `conformance`: every answer of the emulator is one that the document describes.
//! - `schemas`: the shape of every generated model, as a snapshot to review.
//! - `examples`: every example of the document decodes into its model and encodes back.
//! - `client_examples`: the client's example programs run against the emulator.
//! - `client_features`: each TLS feature of the client builds one back end.
//! - `client_faults`: what the client makes of the faults that the emulator injects.
//! - `interop`: the official SDKs for Rust, Node and Python see what our client sees.
//! - `line`: what `dsync sync` writes is what the official crate lists.
//! - `recorded`: answers as the live API gave them are read by the client, and are what the document describes.
//! - `schemathesis`: whatever it asks the emulator, the answer is one that the document describes.
//! - `seed`: every JSON document of the seed decodes, and the document has it among its examples.

mod admin_conformance;
mod client_examples;
mod client_faults;
mod client_features;
mod conformance;
mod examples;
mod interop;
mod line;
mod models;
mod recorded;
mod schemas;
mod schemathesis;
mod seed;
mod spec;
