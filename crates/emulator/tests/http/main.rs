//! What the emulator does over HTTP, as any client of any language sees it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asking;
mod churn;
mod events;
mod faults;
mod inactive;
mod lies;
mod lifecycle;
mod lists;
mod objects;
mod official;
mod recorded;
mod refusals;
mod replay;
mod saving;
mod throttle;
mod webhooks;
