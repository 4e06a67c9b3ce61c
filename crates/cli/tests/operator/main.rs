//! What an operator does with `dsync` against the emulator: looking, verifying, watching, settings.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod follow;
mod health;
mod lists;
mod mirrored;
mod process;
mod settings;
mod verify;
