//! Where webhooks go, and how.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use workos_directory_sync::SecretString;
use workos_directory_sync::events::WebhookError;
use workos_directory_sync::events::WebhookSigner;
use workos_directory_sync::types::EventName;

use crate::webhooks::Chaos;

/// How long an endpoint has to answer, unless it is given another time.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The most retries that an endpoint can ask for.
const MAX_RETRIES: usize = 20;

/// Where webhooks go, signed with which secret; see [`Webhooks::register`](crate::Webhooks::register).
#[derive(Clone)]
#[must_use = "nothing is delivered before the endpoint is registered"]
pub struct Endpoint {
    /// `None` when webhooks wait here until they are fetched.
    url: Option<String>,
    signer: Result<WebhookSigner, String>,
    pub(crate) events: Vec<EventName>,
    pub(crate) chaos: Chaos,
    pub(crate) retries: Retries,
    pub(crate) timeout: Duration,
    /// Whether a reset of the emulator removes it.
    pub(crate) is_passing: bool,
}

/// What is known of an endpoint; its secret is not shown.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EndpointInfo {
    /// The id that [`Webhooks::register`](crate::Webhooks::register) gave it.
    pub id: String,
    /// Where it posts to; `None` when its webhooks are fetched.
    pub url: Option<String>,
    /// The events that it wants; all of them when there are none here.
    pub events: Vec<EventName>,
    /// What goes wrong on the way.
    pub chaos: Chaos,
    /// How many deliveries wait for their time or their turn.
    pub waiting: usize,
}

/// When a delivery that failed is tried again: the times between one attempt and the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries(Vec<Duration>);

/// What is wrong with an endpoint or with what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The secret cannot sign.
    #[error("{reason}")]
    Secret {
        /// Why not.
        reason: String,
    },
    /// The address cannot be posted to.
    #[error("an endpoint needs an address such as `http://127.0.0.1:8080/webhooks`: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// The address is on another machine, which was not allowed.
    #[error(
        "`{host}` is another machine; allow that explicitly or use 127.0.0.1: the emulator does not post to strangers"
    )]
    Remote {
        /// The host in the address.
        host: String,
    },
    /// A setting is out of its range.
    #[error("{field} must be {range}, not {value}")]
    OutOfRange {
        /// The name of the setting.
        field: &'static str,
        /// What it can be.
        range: &'static str,
        /// What it is.
        value: String,
    },
    /// There are as many endpoints as there can be.
    #[error("there are {limit} endpoints already; remove one first")]
    TooManyEndpoints {
        /// How many there can be.
        limit: usize,
    },
    /// There is no such endpoint.
    #[error("there is no webhook endpoint `{id}`")]
    UnknownEndpoint {
        /// The id.
        id: String,
    },
    /// There is no such delivery, or it was so long ago that it is forgotten.
    #[error("there is no delivery `{id}`")]
    UnknownDelivery {
        /// The id.
        id: String,
    },
    /// There is no such event in the log.
    #[error("there is no event `{id}`")]
    UnknownEvent {
        /// The id.
        id: String,
    },
    /// More deliveries would wait than an endpoint's queue holds.
    #[error("{count} deliveries do not fit: an endpoint's queue has room for {room} now")]
    QueueFull {
        /// How many there are.
        count: usize,
        /// For how many there is room.
        room: usize,
    },
}

impl Endpoint {
    /// An endpoint that webhooks are posted to.
    pub fn new(url: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self::with(Some(url.into()), secret.into())
    }

    /// An endpoint whose webhooks wait until a test fetches them, with [`Webhooks::due`](crate::Webhooks::due) or
    /// [`Webhooks::drain`](crate::Webhooks::drain): everything but the network.
    pub fn pulled(secret: impl Into<SecretString>) -> Self {
        Self::with(None, secret.into())
    }

    fn with(url: Option<String>, secret: SecretString) -> Self {
        Self {
            url,
            signer: WebhookSigner::new(secret).map_err(|error: WebhookError| error.to_string()),
            events: Vec::new(),
            chaos: Chaos::default(),
            retries: Retries::default(),
            timeout: DEFAULT_TIMEOUT,
            is_passing: false,
        }
    }

    /// Delivers only events with these names, instead of all.
    pub fn events(mut self, names: impl IntoIterator<Item = impl Into<EventName>>) -> Self {
        self.events = names.into_iter().map(Into::into).collect();
        self
    }

    /// Goes when the emulator is reset.
    pub(crate) fn passing(mut self) -> Self {
        self.is_passing = true;
        self
    }

    /// Lets things go wrong on the way.
    pub fn chaos(mut self, chaos: Chaos) -> Self {
        self.chaos = chaos;
        self
    }

    /// Tries again at these times, instead of at those of [`Retries::live`].
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Gives the endpoint this long to answer, instead of 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn wants(&self, name: &EventName) -> bool {
        self.events.is_empty() || self.events.contains(name)
    }

    pub(crate) fn check(&self, allow_remote: bool) -> Result<(Option<Url>, WebhookSigner), EndpointError> {
        let signer = self.signer.clone().map_err(|reason| EndpointError::Secret { reason })?;
        self.chaos.check()?;
        if self.retries.0.len() > MAX_RETRIES {
            return Err(EndpointError::OutOfRange {
                field: "retries",
                range: "20 at most",
                value: self.retries.0.len().to_string(),
            });
        }
        if self.timeout.is_zero() {
            return Err(EndpointError::OutOfRange {
                field: "timeout",
                range: "longer than 0 s",
                value: "0 s".to_owned(),
            });
        }
        let url = match &self.url {
            Some(url) => Some(checked_url(url, allow_remote)?),
            None => None,
        };
        Ok((url, signer))
    }
}

fn checked_url(text: &str, allow_remote: bool) -> Result<Url, EndpointError> {
    let wrong = |reason: String| EndpointError::Url { reason };
    // Nothing of the text is repeated before it is known to have no password.
    let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it must not have a user name or a password".to_owned()));
    }
    if !["http", "https"].contains(&url.scheme()) {
        return Err(wrong(format!("`{}` is neither http nor https", url.scheme())));
    }
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    if !allow_remote && !is_loopback {
        return Err(EndpointError::Remote { host: host.to_owned() });
    }
    Ok(url)
}

/// A secret that nobody has used before, as an endpoint's page in the WorkOS Dashboard would show one.
///
/// # Errors
///
/// [`EndpointError::Secret`] when the system has no random numbers to give.
pub fn new_webhook_secret() -> Result<String, EndpointError> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| EndpointError::Secret {
        reason: format!("the system gives no random numbers for a secret: {error}"),
    })?;
    Ok(format!("whsec_{:032x}", u128::from_be_bytes(random)))
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the secret, and without an address that nobody has checked for a password yet.
        let mut shown = formatter.debug_struct("Endpoint");
        shown.field("events", &self.events).field("chaos", &self.chaos);
        shown.field("retries", &self.retries).field("timeout", &self.timeout);
        shown.finish_non_exhaustive()
    }
}

impl Retries {
    /// Six retries within three days, as the live API makes them; it does not document the times in between.
    pub fn live() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        Self::after([MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 18 * HOUR, 46 * HOUR].map(Duration::from_secs))
    }

    /// No retry.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// A retry after each of these times, at most 20.
    pub fn after(delays: impl IntoIterator<Item = Duration>) -> Self {
        Self(delays.into_iter().collect())
    }

    /// How long after attempt number `attempts` the next one is due, when there is one.
    pub(crate) fn delay(&self, attempts: usize) -> Option<Duration> {
        self.0.get(attempts.checked_sub(1)?).copied()
    }
}

impl Default for Retries {
    /// [`Retries::live`].
    fn default() -> Self {
        Self::live()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_emulator_posts_to_this_machine_only_unless_it_is_allowed() {
        for url in [
            "http://127.0.0.1:1/x",
            "http://localhost",
            "http://[::1]:8080/",
            "https://127.3.2.1",
        ] {
            assert!(Endpoint::new(url, "s").check(false).is_ok(), "{url}");
        }
        for url in [
            "http://example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://0.0.0.0",
            "http://[::ffff:8.8.8.8]",
        ] {
            let refused = Endpoint::new(url, "s").check(false);
            assert!(matches!(refused, Err(EndpointError::Remote { .. })), "{url}");
            assert!(Endpoint::new(url, "s").check(true).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_an_endpoint_is_refused_without_repeating_a_password() {
        for url in ["", "127.0.0.1:80", "ftp://127.0.0.1/", "http://jane:hunter2@127.0.0.1/"] {
            let fault = Endpoint::new(url, "s").check(true).unwrap_err();
            assert!(matches!(fault, EndpointError::Url { .. }), "{url}");
            assert!(!fault.to_string().contains("hunter2"));
        }
        let empty = Endpoint::pulled("").check(false).unwrap_err();
        assert!(matches!(empty, EndpointError::Secret { .. }));
        let many = Retries::after([Duration::ZERO; 21]);
        assert!(Endpoint::pulled("s").retries(many).check(false).is_err());
        assert!(Endpoint::pulled("s").timeout(Duration::ZERO).check(false).is_err());
    }

    #[test]
    fn nothing_shows_the_secret() {
        let endpoint = Endpoint::new("http://jane:hunter2@127.0.0.1/", "whsec_hidden");
        let shown = format!("{endpoint:?}");
        assert!(!shown.contains("whsec_hidden") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn the_live_retries_are_six_within_three_days() {
        let delays: Vec<_> = (1..).map_while(|attempts| Retries::live().delay(attempts)).collect();
        assert_eq!(delays.len(), 6);
        assert!(delays.is_sorted());
        assert!(delays.iter().sum::<Duration>() <= Duration::from_secs(3 * 24 * 60 * 60));
        assert_eq!(Retries::live().delay(0), None);
    }
}
