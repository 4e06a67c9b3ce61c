//! A client for the WorkOS Directory Sync API, generated from its OpenAPI document.
//!
//! Directories, directory users, directory groups and `dsync.*` events of a customer's identity provider, typed, with
//! streams over whole lists and one error type.
//!
//! ```no_run
//! use workos_directory_sync::Client;
//!
//! # async fn example() -> Result<(), workos_directory_sync::Error> {
//! let client = Client::from_env()?;
//! let mut users = client.list_directory_users().directory("directory_01ECAZ4NV9QMV47GW873HDCX74").stream();
//! while let Some(user) = users.next().await {
//!     let user = user?;
//!     println!("{} is {}", user.email.as_deref().unwrap_or("somebody"), user.state);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # How the data goes through it
//!
//! ```text
//! spec/openapi.yaml ──codegen──▶ generated/   types       models, open enums
//!                                             operations  what the document says of each operation
//!                                             builder     one request builder per operation
//!                                                │
//!      builder ── parameter, address ──▶ request ── client ──▶ the API
//!      model, page, item ◀── decode, pages ── answer ◀─┘ or Error ◀── api_error
//! ```
//!
//! The code under `generated/` is checked in; building this crate runs no generator. With the feature `buildtime` the
//! build script generates the same code instead, from the document in the workspace or from the one that the environment
//! variable `WORKOS_DIRECTORY_SYNC_SPEC` names.
//!
//! # What the models promise
//!
//! - Unknown fields are ignored. Values that an enum does not know are kept ([`types::DirectoryType::Unknown`]).
//! - A missing field and `null` mean the same and are `None`. On the way out, what may be null is written as `null`.
//! - [`Timestamp`] and [`Attributes`] are written back exactly as they came.
//!
//! # Features
//!
//! | feature | default | what it does |
//! | --- | --- | --- |
//! | `gzip` | yes | asks for packed answers, and reads no more of them than `max_body` once they are unpacked |
//! | `rustls` | yes | TLS by rustls, with the cryptography of reqwest's choice |
//! | `rustls-ring` | no | TLS by rustls with *ring*, in place of `rustls`: builds in two thirds of the time; see below |
//! | `native-tls` | no | TLS by the operating system's library |
//! | `webhooks` | yes | verification of webhooks |
//! | `tracing` | yes | a `tracing` span per operation: status, attempts, request id, wait; no ids of people, no secrets |
//! | `metrics` | no | counts and times of requests for the crate `metrics` |
//! | `schemars` | no | `schemars::JsonSchema` for every model |
//! | `buildtime` | no | generates the code while building |
//!
//! # TLS with *ring*
//!
//! The feature `rustls-ring` (with `default-features = false`) builds reqwest with rustls but without cryptography, and gives
//! this client *ring*, or the provider that the program has installed. That makes the build short. In return a program in
//! which somebody else makes clients with reqwest 0.13, all of reqwest's own TLS features being off, has to install a
//! provider with rustls first: reqwest's `Client::new()` panics without one.
//!
//! # In browsers and workers
//!
//! The crate builds for `wasm32-unknown-unknown`. There JavaScript's `fetch` makes the requests: TLS features do nothing, and
//! `fetch` itself follows redirects, leaving out the key where they lead to another origin as its standard says. Futures
//! are not `Send` there. An API key is a secret: it belongs into a worker on a server, not into a page.

#![forbid(unsafe_code)]

/// The examples of the README compile.
#[cfg(all(doctest, feature = "webhooks"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod address;
mod api_error;
mod attributes;
mod backoff;
mod body;
#[doc(hidden)]
pub mod builder_parts;
mod client;
mod client_builder;
mod decode;
mod drift;
mod enums;
pub mod error;
mod error_body;
pub mod events;
mod limiter;
mod meter;
pub mod operation;
pub mod pages;
mod parameter;
pub mod patterns;
pub mod rate_limit;
pub mod repair;
pub mod retry;
mod retry_after;
mod retry_budget;
mod runtime;
mod secret;
mod timestamp;
#[cfg(all(feature = "rustls-ring", not(all(target_arch = "wasm32", target_os = "unknown"))))]
mod tls;
mod trace;
mod transport;
#[cfg(feature = "webhooks")]
mod webhook;
#[cfg(feature = "webhooks")]
mod webhook_event;

#[cfg(not(feature = "buildtime"))]
#[rustfmt::skip]
mod generated;
#[cfg(feature = "buildtime")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/generated/mod.rs"));
}

pub use progenitor_client::ResponseValue;
pub use secrecy::SecretString;
pub use serde_json::value::RawValue;

pub use crate::attributes::Attributes;
pub use crate::backoff::Backoff;
pub use crate::client::Client;
pub use crate::client_builder::ClientBuilder;
pub use crate::drift::Drift;
pub use crate::enums::UnknownValue;
pub use crate::error::Error;
pub use crate::generated::builder;
pub use crate::generated::operations;
pub use crate::generated::types;
pub use crate::timestamp::Timestamp;
pub use crate::timestamp::TimestampError;
