//! Full syncs from the emulator over HTTP into a SQLite file.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod deletion;
mod equality;
mod faults;
mod interposer;
mod interruption;
mod plans;
mod scope;
mod source;
mod world;
