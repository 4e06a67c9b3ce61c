#![doc = include_str!("../README.md")]
//!
//! # How the data goes through it
//!
//! ```text
//! Population ─▶ generator ─┐
//!                          ├─▶ loader ─▶ state: shelf (rows in the order of their ids) + index (who belongs to what)
//! SeedFile, state file ────┘               │
//!                                          ▼
//! request ─▶ routes ─▶ query ─▶ directories, users, groups ─▶ page ─▶ answer ─▶ response
//!              │ rate_limits, API key      └─ refusal: 404, 422 … ──────┘
//!              ├─ received: what tests look at
//!              └─ faults: what goes wrong on purpose ─▶ movement, tamper, delivery, connection
//!
//! /_emulator ─▶ admin ─▶ everything above and below: objects, webhooks, faults, churn, state, clock, received
//!
//! change, churn ─▶ state ─▶ log ─┬▶ GET /events
//!                                └▶ webhooks: chaos ─▶ queue ─▶ signed ─▶ endpoint, retried ─▶ delivery log
//! ```

#![forbid(unsafe_code)]

mod admin;
mod answer;
mod app;
mod beginning;
mod behaviour;
mod builder;
mod change;
mod churn;
mod churning;
mod clock;
mod connection;
mod data_file;
mod delivery;
mod dice;
mod directories;
mod events;
mod export;
mod fault;
mod faults;
mod fields;
mod generator;
mod groups;
mod host;
mod inactive;
mod index;
mod javascript;
mod kind;
mod lies;
mod loader;
mod log;
mod movement;
mod mutations;
mod names;
mod packed;
mod page;
mod person;
mod population;
mod query;
mod rate_limits;
mod received;
mod refusal;
mod routes;
mod row;
mod rule;
mod sdks;
mod seed_file;
mod server;
mod shelf;
mod state;
mod state_file;
mod strict;
mod tamper;
mod ulid;
mod users;
mod webhooks;
mod whole_file;
mod wire;

pub use crate::behaviour::Behaviour;
pub use crate::behaviour::ReferenceParameters;
pub use crate::builder::DEFAULT_API_KEY;
pub use crate::builder::DEFAULT_FORBIDDEN_API_KEY;
pub use crate::builder::EmulatorBuilder;
pub use crate::builder::StartError;
pub use crate::churn::Churn;
pub use crate::churn::ChurnStep;
pub use crate::churning::ChurnError;
pub use crate::clock::Clock;
pub use crate::clock::ManualClock;
pub use crate::clock::SystemClock;
pub use crate::fault::Fault;
pub use crate::fault::FaultBody;
pub use crate::fault::Movement;
pub use crate::faults::Faults;
pub use crate::faults::InjectedFault;
pub use crate::inactive::InactivePolicy;
pub use crate::loader::ObjectError;
pub use crate::population::Population;
pub use crate::population::PopulationError;

pub use crate::rate_limits::RateLimits;
pub use crate::received::ReceivedRequest;
pub use crate::rule::FaultRule;
pub use crate::rule::FaultRuleError;
pub use crate::sdks::SdkLine;
pub use crate::seed_file::SeedFile;
pub use crate::seed_file::SeedFileError;
pub use crate::seed_file::SeedMembership;
pub use crate::server::Emulator;
pub use crate::state_file::StateFileError;
pub use crate::webhooks::Attempt;
pub use crate::webhooks::Chaos;
pub use crate::webhooks::Delivery;
pub use crate::webhooks::DeliveryKind;
pub use crate::webhooks::DeliveryState;
pub use crate::webhooks::Endpoint;
pub use crate::webhooks::EndpointError;
pub use crate::webhooks::EndpointInfo;
pub use crate::webhooks::Outcome;
pub use crate::webhooks::Retries;
pub use crate::webhooks::SignedWebhook;
pub use crate::webhooks::Webhooks;
pub use crate::webhooks::new_webhook_secret;
