//! Webhooks out: every event of the log goes to every endpoint that wants it, signed as WorkOS signs.

mod chaos;
mod delivery;
mod dispatcher;
mod endpoint;
mod sender;

use jiff::Timestamp;

pub use crate::webhooks::chaos::Chaos;
pub use crate::webhooks::delivery::Attempt;
pub use crate::webhooks::delivery::Delivery;
pub use crate::webhooks::delivery::DeliveryKind;
pub use crate::webhooks::delivery::DeliveryState;
pub use crate::webhooks::delivery::Outcome;
pub(crate) use crate::webhooks::dispatcher::Dispatcher;
pub use crate::webhooks::dispatcher::SignedWebhook;
pub use crate::webhooks::endpoint::Endpoint;
pub use crate::webhooks::endpoint::EndpointError;
pub use crate::webhooks::endpoint::EndpointInfo;
pub use crate::webhooks::endpoint::Retries;
pub use crate::webhooks::endpoint::new_webhook_secret;
pub(crate) use crate::webhooks::sender::send;

use crate::app::App;
use crate::server::Emulator;

/// The header that proves where a webhook comes from.
pub(crate) const SIGNATURE_HEADER: &str = "WorkOS-Signature";

/// An emulator's webhooks; see [`Emulator::webhooks`].
///
/// Each event that happens after an endpoint was registered is posted to it: the body is the event as `GET /events` shows
/// it, the header `WorkOS-Signature` is made with the endpoint's secret. An answer other than 2xx, or none, is followed by
/// [`Retries`], and [`Chaos`] can be let loose. To one endpoint goes one webhook at a time, so the order in which they
/// arrive is the same in each run.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use workos_directory_emulator::Chaos;
/// use workos_directory_emulator::Emulator;
/// use workos_directory_emulator::Endpoint;
/// use workos_directory_sync::events::WebhookVerifier;
/// use workos_directory_sync::types::Directory;
///
/// let emulator = Emulator::start().await?;
/// let mailbox = emulator.webhooks().register(Endpoint::pulled("secret").chaos(Chaos::mild(7)))?;
///
/// let now = emulator.now();
/// let directory = Directory::new(emulator.new_directory_id(), "okta scim v2.0", "linked", "Acme", now, now);
/// emulator.put_directory(directory)?;
/// let verifier = WebhookVerifier::new("secret")?;
/// for webhook in emulator.webhooks().drain(&mailbox)? {
///     let event = verifier.verify(webhook.signature.as_bytes(), webhook.body.as_bytes())?;
///     assert_eq!(event.id, webhook.event);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Webhooks<'a> {
    app: &'a App,
}

impl Emulator {
    /// The webhooks that it sends.
    pub fn webhooks(&self) -> Webhooks<'_> {
        Webhooks { app: self.app() }
    }
}

impl Webhooks<'_> {
    /// Delivers events to an endpoint from now on; the id that it is known by comes back.
    ///
    /// # Errors
    ///
    /// A [`EndpointError`] when the endpoint's address, secret or settings cannot be used: among them an address on another
    /// machine, unless the emulator was started with [`allow_remote`](crate::EmulatorBuilder::allow_remote).
    pub fn register(&self, endpoint: Endpoint) -> Result<String, EndpointError> {
        let now = self.now();
        self.app.webhooks.register(&self.app.state(), now, endpoint)
    }

    /// Delivers nothing to an endpoint any more. What waited for it counts as failed.
    ///
    /// # Errors
    ///
    /// [`EndpointError::UnknownEndpoint`].
    pub fn remove(&self, endpoint: &str) -> Result<(), EndpointError> {
        self.app.webhooks.remove(endpoint)
    }

    /// Lets other things go wrong with the events from now on.
    ///
    /// # Errors
    ///
    /// [`EndpointError::UnknownEndpoint`], or [`EndpointError::OutOfRange`] for what is no probability.
    pub fn set_chaos(&self, endpoint: &str, chaos: Chaos) -> Result<(), EndpointError> {
        // What happened until now has its fate already.
        self.app.webhooks.set_chaos(&self.app.state(), endpoint, chaos)
    }

    /// All endpoints, in the order in which they were registered.
    pub fn endpoints(&self) -> Vec<EndpointInfo> {
        self.app.webhooks.endpoints()
    }

    /// The last 10,000 deliveries to all endpoints, the oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.app.webhooks.deliveries()
    }

    /// Delivers the event of a delivery once more, without chaos; the id of the new delivery comes back.
    ///
    /// # Errors
    ///
    /// [`EndpointError::UnknownDelivery`], or [`EndpointError::UnknownEndpoint`] when the endpoint was removed.
    pub fn replay(&self, delivery: &str) -> Result<String, EndpointError> {
        let now = self.now();
        self.app.webhooks.replay(&self.app.state(), now, delivery)
    }

    /// Delivers the events that an endpoint wants once more, without chaos, from this one on; the ids of the new deliveries
    /// come back.
    ///
    /// # Errors
    ///
    /// [`EndpointError::UnknownEndpoint`], [`EndpointError::UnknownEvent`], or [`EndpointError::QueueFull`] when there are too
    /// many.
    pub fn replay_since(&self, endpoint: &str, event: &str) -> Result<Vec<String>, EndpointError> {
        let now = self.now();
        self.app.webhooks.replay_since(&self.app.state(), now, endpoint, event)
    }

    /// Waits until nothing is being posted and nothing is due: after a change or after a step of a
    /// [`ManualClock`](crate::ManualClock), everything has been tried once that should have been by then.
    pub async fn settle(&self) {
        let webhooks = &self.app.webhooks;
        loop {
            let progress = webhooks.progress.notified();
            tokio::pin!(progress);
            // From here on, what ends is heard of.
            progress.as_mut().enable();
            if webhooks.is_settled(&self.app.state(), self.now()) {
                return;
            }
            webhooks.wake.notify_one();
            progress.await;
        }
    }

    /// Fetches what is due for an endpoint by the emulator's clock, in the order of delivery, signed at this moment.
    ///
    /// # Errors
    ///
    /// [`EndpointError::UnknownEndpoint`].
    pub fn due(&self, endpoint: &str) -> Result<Vec<SignedWebhook>, EndpointError> {
        let now = self.now();
        self.app.webhooks.fetch(&self.app.state(), endpoint, now, now)
    }

    /// Fetches everything that is left for an endpoint, as [`Webhooks::due`] would at the end of time.
    ///
    /// # Errors
    ///
    /// [`EndpointError::UnknownEndpoint`].
    pub fn drain(&self, endpoint: &str) -> Result<Vec<SignedWebhook>, EndpointError> {
        let now = self.now();
        let state = self.app.state();
        self.app.webhooks.fetch(&state, endpoint, now, Timestamp::MAX)
    }

    fn now(&self) -> Timestamp {
        self.app.settings.clock.now()
    }
}

impl std::fmt::Debug for Webhooks<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Webhooks").finish_non_exhaustive()
    }
}
