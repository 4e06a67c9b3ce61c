//! The client against a server that sends what it likes: keys, errors, retries and lists as they are on the wire.

#![allow(clippy::unwrap_used, clippy::panic)]

mod errors;
mod gate;
#[cfg(feature = "gzip")]
mod gzip;
mod hostile;
mod lists;
mod matrix;
mod patterns;
mod requests;
mod server;

use std::time::Duration;

use workos_directory_sync::Backoff;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::retry::RetryPolicy;

use crate::server::Server;

const KEY: &str = "sk_test_do_not_show";

/// A client of the server that does not wait between tries.
fn client(server: &Server) -> Client {
    let retry = RetryPolicy::default().with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    let builder = Client::builder().api_key(KEY).base_url(&server.url).retry(retry);
    builder.rate_limits(RateLimits::off()).build().unwrap()
}

/// The status of the answer that an error tells of, as a number.
fn status_of(error: &Error) -> Option<u16> {
    error.status().map(|status| status.as_u16())
}
