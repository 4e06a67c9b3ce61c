//! `dsync emulator` as a program.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod control;
mod files;
mod profiles;
mod running;
mod webhooks;
