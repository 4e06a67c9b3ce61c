//! A client for the emulator's own API, generated from `spec/emulator.yaml`.
//!
//! It changes what the emulator holds, as an identity provider or an administrator would, and asks what became of it. The
//! emulator decodes the same [`types`], so that both sides of the wire come from one document.
//!
//! ```no_run
//! use workos_directory_emulator_client::EmulatorClient;
//! use workos_directory_emulator_client::types::NewUser;
//!
//! # async fn example() -> Result<(), workos_directory_emulator_client::Error> {
//! let emulator = EmulatorClient::new("http://127.0.0.1:4010", "sk_test_emulator")?;
//! let mut user = NewUser::default();
//! user.email = Some("jane@acme.example".to_owned());
//! let user = emulator.create_user().directory("directory_01ECAZ4NV9QMV47GW873HDCX74").body(user).send().await?;
//! println!("{} is there, and dsync.user.created tells of it", user.id);
//! # Ok(())
//! # }
//! ```
//!
//! # How the data goes through it
//!
//! ```text
//! spec/emulator.yaml ──codegen──▶ generated/   types, operations, builder
//!                                                 │
//!     builder ──▶ request ── workos_directory_sync::Client ──▶ the emulator
//! ```
//!
//! Everything but the generated code is that of [`workos_directory_sync`]: addresses, retry, errors, streams over lists.
//! Models that `spec/openapi.yaml` describes are its types.

#![forbid(unsafe_code)]

#[rustfmt::skip]
mod generated;

use workos_directory_sync::Client;
pub use workos_directory_sync::Error;
use workos_directory_sync::SecretString;
use workos_directory_sync::rate_limit::RateLimits;

pub use crate::generated::builder;
pub use crate::generated::operations;
pub use crate::generated::types;

/// A client of an emulator's admin API.
///
/// Clones are cheap and share connections. Each operation of `spec/emulator.yaml` is a method that starts a request.
#[derive(Clone, Debug)]
pub struct EmulatorClient {
    client: Client,
}

impl EmulatorClient {
    /// A client of the emulator at this address, with the key that it was started with.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the address or the key cannot be used.
    pub fn new(base_url: impl Into<String>, api_key: impl Into<SecretString>) -> Result<Self, Error> {
        let client = Client::builder()
            .base_url(base_url)
            .api_key(api_key)
            .rate_limits(RateLimits::off())
            .build()?;
        Ok(Self { client })
    }

    /// The client that sends the requests; for the same emulator it speaks the Directory Sync API.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl From<Client> for EmulatorClient {
    /// Uses a client's address, key, retry policy and rate limits.
    fn from(client: Client) -> Self {
        Self { client }
    }
}
