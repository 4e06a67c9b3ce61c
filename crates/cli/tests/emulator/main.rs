//! `dsync emulator` as a program.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod behaviour;
mod control;
mod files;
mod running;
mod webhooks;
