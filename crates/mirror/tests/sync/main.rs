//! Full syncs from the emulator over HTTP into a SQLite file and into PostgreSQL.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod absences;
mod application;
mod changes;
#[path = "../cluster/mod.rs"]
mod cluster;
mod contradictions;
mod crashes;
mod cut;
mod deletion;
mod equality;
mod events;
mod faults;
mod histories;
mod interposer;
mod interruption;
mod odd_events;
mod odd_objects;
mod odd_webhooks;
mod plans;
mod raw_source;
mod scope;
mod source;
mod truth;
mod upkeep;
mod webhooks;
mod workers;
mod world;
