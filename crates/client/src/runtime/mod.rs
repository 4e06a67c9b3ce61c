//! What differs between targets: the clock, tasks of their own, and whether futures cross threads.
//!
//! Everywhere but on `wasm32-unknown-unknown` tokio gives them; there JavaScript does. All other modules read time and
//! start tasks through here and do not know where they run.

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod native;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod web;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(crate) use self::native::*;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use self::web::*;

/// `Send`, where there are threads.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub trait MaybeSend: Send {}
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
impl<T: Send + ?Sized> MaybeSend for T {}

/// Nothing, where there are no threads.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub trait MaybeSend {}
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
impl<T: ?Sized> MaybeSend for T {}
