//! What an operator does with `dsync` against the emulator: looking, verifying, watching, settings.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod absences;
mod endings;
mod follow;
mod health;
mod lists;
mod logs;
mod mirrored;
mod process;
mod quarantine;
mod settings;
mod status;
mod verify;
