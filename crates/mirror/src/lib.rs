//! Keeps a database equal to the directories behind the WorkOS Directory Sync API.
//!
//! Directories, users, groups and memberships become tables that an application reads with SQL. What is gone at the
//! source is marked as deleted, never removed. README.md describes the tables and views as a contract.
//!
//! ```no_run
//! use workos_directory_mirror::Mirror;
//! use workos_directory_sync::Client;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::from_env()?;
//! let mirror = Mirror::connect("sqlite:mirror.sqlite").await?;
//! let summary = mirror.full_sync(&client).run().await?;
//! println!("{} users, {} of them new", summary.users.seen, summary.users.inserted);
//! # Ok(())
//! # }
//! ```
//!
//! # How the data goes through it
//!
//! ```text
//! Mirror ── full_sync ──▶ engine: which lists, in which order     planner: memberships by the fewest calls
//!                            │ pages of the client, one ahead
//!                         record: objects as rows
//!                            │
//!                         store: one transaction per page: rows, counts and where to go on
//!                            │ after a complete traversal
//!                         store: what was not seen is noted as absent
//!                            │ asked for by id, with a control
//!                         store: what the API does not know either is marked as deleted
//! ```
//!
//! ```text
//! Mirror ── follow ───────▶ GET /events from a stored cursor, and full syncs by schedule
//!        ── apply_events ─▶ events that came in any other way
//!        ── ingest ───────▶ webhooks that were verified: kept in the inbox first; the worker applies them
//!                            │ incoming: what an event means for the tables
//!                         store::events: each once, the newest wins, in one transaction with the cursor
//! ```
//!
//! ```text
//! every transaction of the above ─▶ store::outbox: what it changed, in order and once
//!                                      │
//! an application ◀── changes ──────────┘
//! ```
//!
//! # What holds at any time
//!
//! - Memory is bounded by a few pages for each directory under way, not by the size of a directory.
//! - Rows and the place where the traversal goes on are written together. A run that is killed or dropped leaves a
//!   consistent database, and the next run goes on from there.
//! - No list ends anything by itself: what it does not have is asked for by id first.
//! - What is written is written by the one who has it to do: [`Error::Busy`] refuses a second process on one SQLite file, and
//!   with PostgreSQL workers share the work by leases, whose tokens keep one that lost its lease from writing.

#![forbid(unsafe_code)]

mod absences;
mod address;
mod budget;
mod changes;
mod diff;
mod error;
mod event_page;
mod failure;
mod follow;
mod freshness;
mod full_sync;
mod incoming;
mod ingest;
mod inspect;
mod keeping;
mod kind;
mod lock;
mod mirror;
mod presence;
mod quarantine;
mod record;
mod store;
mod summary;
#[cfg(feature = "webhooks")]
pub mod webhooks;

pub use crate::absences::AbsenceCounts;
pub use crate::absences::Approval;
pub use crate::absences::PendingDeletions;
pub use crate::absences::RepeatedAbsence;
pub use crate::absences::Warning;
pub use crate::absences::WarningKind;
pub use crate::changes::Change;
pub use crate::changes::ChangeKind;
pub use crate::changes::ChangeReason;
pub use crate::changes::Changes;
pub use crate::changes::Consumer;
pub use crate::diff::Diff;
pub use crate::diff::Difference;
pub use crate::diff::Pending;
pub use crate::error::Error;
pub use crate::failure::FailureKind;
pub use crate::follow::Follow;
pub use crate::follow::FollowProgress;
pub use crate::freshness::Freshness;
pub use crate::full_sync::DirectoryForecast;
pub use crate::full_sync::Forecast;
pub use crate::full_sync::FullSync;
pub use crate::full_sync::MembershipPlan;
pub use crate::full_sync::Progress;
pub use crate::ingest::Worker;
pub use crate::inspect::Inspection;
pub use crate::inspect::OddObject;
pub use crate::inspect::inspect;
pub use crate::inspect::inspect_directories;
pub use crate::inspect::inspect_organization;
pub use crate::kind::Kind;
pub use crate::mirror::Mirror;
pub use crate::quarantine::RetryOutcome;
pub use crate::store::DeadEvent;
pub use crate::store::EventCounts;
pub use crate::store::Purged;
pub use crate::store::QuarantinedObject;
pub use crate::store::Schema;
pub use crate::summary::Counts;
pub use crate::summary::Summary;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
