//! Webhooks: the signature that proves where they come from, and what they carry.
//!
//! The header `WorkOS-Signature` is `t=<milliseconds since 1970>, v1=<hex>`, where `v1` is the HMAC-SHA256 of
//! `<t>.<raw body>` under the endpoint's secret. Bodies are verified as the bytes that came, before anything reads them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use sha2::Sha256;

use crate::runtime;
use crate::types::Event;
use crate::webhook_event;

/// How far the time of a webhook may be from now, either way, as in the official SDKs.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(180);

/// The length of an HMAC-SHA256 in hex digits.
const SIGNATURE_DIGITS: usize = 64;

type Now = dyn Fn() -> SystemTime + Send + Sync;

/// Verifies webhooks and reads their events.
///
/// ```
/// use std::time::Duration;
/// use std::time::SystemTime;
///
/// use workos_directory_sync::events::WebhookSigner;
/// use workos_directory_sync::events::WebhookVerifier;
///
/// let body = br#"{"id":"event_1","event":"dsync.deleted","data":{},"created_at":"2024-01-15T10:00:00.000Z"}"#;
/// let header = WebhookSigner::new("secret")?.sign(SystemTime::now(), body);
///
/// // While a secret is being changed, both are good.
/// let verifier = WebhookVerifier::new("new secret")?.with_secret("secret")?.with_tolerance(Duration::from_secs(60));
/// let event = verifier.verify(header.as_bytes(), body)?;
/// assert_eq!(event.event.as_str(), "dsync.deleted");
/// assert!(verifier.verify(header.as_bytes(), b"{}").is_err());
/// # Ok::<(), workos_directory_sync::events::WebhookError>(())
/// ```
#[derive(Clone)]
pub struct WebhookVerifier {
    secrets: Vec<SecretString>,
    tolerance: Duration,
    now: Arc<Now>,
}

/// Why a webhook was refused. Answer with 400; nothing of it is to be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The secret is empty.
    #[error("the webhook secret is empty: copy it from the endpoint's page in the WorkOS Dashboard")]
    EmptySecret,
    /// A part of the header is missing.
    #[error("the signature header has no `{0}`")]
    MissingPart(&'static str),
    /// A part of the header stands in it twice.
    #[error("the signature header has `{0}` twice")]
    RepeatedPart(&'static str),
    /// The header has something that no signature has.
    #[error("the signature header has a part that is neither `t` nor `v1`")]
    UnknownPart,
    /// `t` is not a number of milliseconds.
    #[error("`t` of the signature header is no number of milliseconds")]
    BadTimestamp,
    /// `v1` is not 64 hex digits.
    #[error("`v1` of the signature header is not {SIGNATURE_DIGITS} hex digits")]
    BadSignature,
    /// The signature is of another body, time or secret.
    #[error("the signature does not match: the body was changed on its way, or the secret is that of another endpoint")]
    Mismatch,
    /// The webhook is too old: somebody may be sending it again.
    #[error("the webhook was signed {} s ago, more than the {} s allowed", age.as_secs(), tolerance.as_secs())]
    TooOld {
        /// How long ago it was signed.
        age: Duration,
        /// How long is allowed.
        tolerance: Duration,
    },
    /// The webhook comes from the future: one of the clocks is wrong.
    #[error("the webhook was signed {} s in the future, more than the {} s allowed", ahead.as_secs(), tolerance.as_secs())]
    TooNew {
        /// How far ahead of this machine's clock.
        ahead: Duration,
        /// How far is allowed.
        tolerance: Duration,
    },
    /// The body is longer than any webhook's.
    #[error("the webhook's body has {bytes} bytes, more than {}", WebhookVerifier::MAX_BODY)]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The signature is good but the body is no event.
    #[error("the webhook's body is no event: {0}")]
    Body(#[from] serde_json::Error),
}

impl WebhookVerifier {
    /// How long a body can be, in bytes: 1 MiB. The largest events have some ten KB.
    pub const MAX_BODY: usize = 1024 * 1024;

    /// A verifier for an endpoint's secret.
    ///
    /// # Errors
    ///
    /// [`WebhookError::EmptySecret`].
    pub fn new(secret: impl Into<SecretString>) -> Result<Self, WebhookError> {
        let verifier = Self {
            secrets: Vec::new(),
            tolerance: DEFAULT_TOLERANCE,
            now: Arc::new(runtime::system_time),
        };
        verifier.with_secret(secret)
    }

    /// One more secret that is good, while an endpoint's secret is being changed.
    ///
    /// # Errors
    ///
    /// [`WebhookError::EmptySecret`].
    pub fn with_secret(mut self, secret: impl Into<SecretString>) -> Result<Self, WebhookError> {
        self.secrets.push(checked(secret.into())?);
        Ok(self)
    }

    /// How far the time of a webhook may be from now, either way; 180 s unless set.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The clock; the system's unless set.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.now = Arc::new(now);
        self
    }

    /// Verifies the value of the header `WorkOS-Signature` over the raw body, and reads the event.
    ///
    /// An event needs an `id`; everything else of it is read as far as it can be. Without a readable `created_at` it has the time
    /// in its id, else that of the signature ([`happened_at`]). Data that is no object stands in one, under `$data`; bytes that
    /// are no UTF-8 become U+FFFD.
    ///
    /// [`happened_at`]: crate::events::happened_at
    ///
    /// # Errors
    ///
    /// See [`WebhookError`]: the length of the body first, then the header's form, the signature, its time, and what the body has.
    pub fn verify(&self, header: &[u8], body: &[u8]) -> Result<Event, WebhookError> {
        let signed_at = self.verified(header, body)?;
        let signed_at = jiff::Timestamp::try_from(signed_at).map_err(|_| WebhookError::BadTimestamp)?;
        Ok(webhook_event::read(body, &signed_at.into())?)
    }

    /// Verifies without reading the body, for those who keep it first and read it later.
    ///
    /// # Errors
    ///
    /// As [`WebhookVerifier::verify`], [`WebhookError::Body`] excepted.
    pub fn verify_signature(&self, header: &[u8], body: &[u8]) -> Result<(), WebhookError> {
        self.verified(header, body).map(drop)
    }

    /// When a body was signed whose signature is good.
    fn verified(&self, header: &[u8], body: &[u8]) -> Result<SystemTime, WebhookError> {
        if body.len() > Self::MAX_BODY {
            return Err(WebhookError::TooLong { bytes: body.len() });
        }
        let signature = Signature::parse(header)?;
        // Every secret is tried, so that the time taken does not tell which one was good.
        let is_good = self.secrets.iter().fold(false, |is_good, secret| {
            mac(secret, signature.timestamp, body).is_some_and(|mac| mac.verify_slice(&signature.digest).is_ok())
                | is_good
        });
        if !is_good {
            return Err(WebhookError::Mismatch);
        }
        let signed_at = signature.signed_at()?;
        self.check_time(signed_at)?;
        Ok(signed_at)
    }

    fn check_time(&self, signed_at: SystemTime) -> Result<(), WebhookError> {
        let tolerance = self.tolerance;
        match (self.now)().duration_since(signed_at) {
            Ok(age) if age > tolerance => Err(WebhookError::TooOld { age, tolerance }),
            Err(ahead) if ahead.duration() > tolerance => Err(WebhookError::TooNew {
                ahead: ahead.duration(),
                tolerance,
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for WebhookVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WebhookVerifier")
            .field("secrets", &self.secrets.len())
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}

/// Signs webhooks as WorkOS does, for tests and stand-ins.
#[derive(Clone, Debug)]
pub struct WebhookSigner(SecretString);

impl WebhookSigner {
    /// A signer with an endpoint's secret.
    ///
    /// # Errors
    ///
    /// [`WebhookError::EmptySecret`].
    pub fn new(secret: impl Into<SecretString>) -> Result<Self, WebhookError> {
        checked(secret.into()).map(Self)
    }

    /// The value of the header `WorkOS-Signature` for a body. A time before 1970 counts as 1970.
    pub fn sign(&self, at: SystemTime, body: &[u8]) -> String {
        let timestamp = at
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis()
            .to_string();
        let digest = mac(&self.0, &timestamp, body)
            .map(|mac| mac.finalize().into_bytes())
            .unwrap_or_default();
        format!("t={timestamp}, v1={}", hex::encode(digest))
    }
}

fn checked(secret: SecretString) -> Result<SecretString, WebhookError> {
    if secret.expose_secret().is_empty() {
        Err(WebhookError::EmptySecret)
    } else {
        Ok(secret)
    }
}

/// HMAC takes keys of any length, so there always is one.
fn mac(secret: &SecretString, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

/// The parts of the header.
struct Signature<'a> {
    timestamp: &'a str,
    digest: [u8; SIGNATURE_DIGITS / 2],
}

impl<'a> Signature<'a> {
    fn parse(header: &'a [u8]) -> Result<Self, WebhookError> {
        let header = str::from_utf8(header).map_err(|_| WebhookError::UnknownPart)?;
        let mut timestamp = None;
        let mut digest = None;
        for part in header.split(',') {
            let (slot, name, value) = match part.trim_matches([' ', '\t']).split_once('=') {
                Some(("t", value)) => (&mut timestamp, "t", value),
                Some(("v1", value)) => (&mut digest, "v1", value),
                _ => return Err(WebhookError::UnknownPart),
            };
            if slot.replace(value).is_some() {
                return Err(WebhookError::RepeatedPart(name));
            }
        }
        let timestamp = timestamp.ok_or(WebhookError::MissingPart("t"))?;
        let value = digest.ok_or(WebhookError::MissingPart("v1"))?;
        if timestamp.is_empty() || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WebhookError::BadTimestamp);
        }
        let mut digest = [0; SIGNATURE_DIGITS / 2];
        hex::decode_to_slice(value, &mut digest).map_err(|_| WebhookError::BadSignature)?;
        Ok(Self { timestamp, digest })
    }

    fn signed_at(&self) -> Result<SystemTime, WebhookError> {
        let milliseconds = self.timestamp.parse().map_err(|_| WebhookError::BadTimestamp)?;
        UNIX_EPOCH
            .checked_add(Duration::from_millis(milliseconds))
            .ok_or(WebhookError::BadTimestamp)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const BODY: &[u8] =
        br#"{"id":"event_1","event":"dsync.new","data":{"a":1},"created_at":"2024-01-15T10:00:00.000Z"}"#;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn verifier() -> WebhookVerifier {
        WebhookVerifier::new("secret").unwrap().with_clock(|| at(1_000_000))
    }

    fn header() -> String {
        WebhookSigner::new("secret").unwrap().sign(at(1_000_000), BODY)
    }

    #[test]
    fn the_signature_is_the_hmac_of_time_and_body() {
        // `printf '1000000000.{}' | openssl dgst -sha256 -hmac secret`
        let header = WebhookSigner::new("secret").unwrap().sign(at(1_000_000), b"{}");
        assert_eq!(
            header,
            "t=1000000000, v1=10447a13c77e61914632c736653543f75b152b77a1573fc15a41baad63fc66a3"
        );
    }

    #[test]
    fn a_good_webhook_gives_its_event() {
        assert_eq!(verifier().verify(header().as_bytes(), BODY).unwrap().id, "event_1");
        let compact = header().replace(", ", ",");
        assert!(verifier().verify(compact.as_bytes(), BODY).is_ok());
    }

    #[test]
    fn a_changed_body_time_or_secret_is_a_mismatch() {
        let is_mismatch = |result| matches!(result, Err(WebhookError::Mismatch));
        assert!(is_mismatch(verifier().verify(header().as_bytes(), &BODY[1..])));
        let later = header().replace("t=1000000000", "t=1000000001");
        assert!(is_mismatch(verifier().verify(later.as_bytes(), BODY)));
        let other = WebhookSigner::new("another").unwrap().sign(at(1_000_000), BODY);
        assert!(is_mismatch(verifier().verify(other.as_bytes(), BODY)));
        let both = verifier().with_secret("another").unwrap();
        assert!(both.verify(other.as_bytes(), BODY).is_ok());
        assert!(both.verify(header().as_bytes(), BODY).is_ok());
    }

    #[test]
    fn the_time_may_be_off_by_the_tolerance_either_way() {
        let now = |seconds| {
            verifier()
                .with_clock(move || at(seconds))
                .verify(header().as_bytes(), BODY)
        };
        assert!(now(1_000_180).is_ok() && now(999_820).is_ok());
        assert!(matches!(now(1_000_181), Err(WebhookError::TooOld { .. })));
        assert!(matches!(now(999_819), Err(WebhookError::TooNew { .. })));
    }

    #[test]
    fn every_malformed_header_has_its_own_error() {
        let digest = "0".repeat(SIGNATURE_DIGITS);
        let error = |header: String| verifier().verify(header.as_bytes(), BODY).unwrap_err().to_string();
        for (header, expected) in [
            (String::new(), "neither `t` nor `v1`"),
            (format!("v1={digest}"), "has no `t`"),
            ("t=1".to_owned(), "has no `v1`"),
            (format!("t=1, t=1, v1={digest}"), "has `t` twice"),
            (format!("t=1, v1={digest}, v1={digest}"), "has `v1` twice"),
            (format!("t=1, v1={digest}, v0=1"), "neither `t` nor `v1`"),
            (format!("t=1, v1={digest},"), "neither `t` nor `v1`"),
            (format!("T=1, v1={digest}"), "neither `t` nor `v1`"),
            (format!("t=, v1={digest}"), "no number of milliseconds"),
            (format!("t=-1, v1={digest}"), "no number of milliseconds"),
            (format!("t=1, v1={}", &digest[1..]), "not 64 hex digits"),
            (format!("t=1, v1={}", digest.replace('0', "g")), "not 64 hex digits"),
        ] {
            let error = error(header.clone());
            assert!(error.contains(expected), "{header}: {error}");
        }
    }

    #[test]
    fn a_time_beyond_all_time_is_refused_even_when_signed() {
        let timestamp = "9".repeat(40);
        let digest = mac(&SecretString::from("secret"), &timestamp, BODY)
            .unwrap()
            .finalize()
            .into_bytes();
        let header = format!("t={timestamp}, v1={}", hex::encode(digest));
        assert!(matches!(
            verifier().verify(header.as_bytes(), BODY),
            Err(WebhookError::BadTimestamp)
        ));
    }

    #[test]
    fn a_signed_body_that_is_no_event_is_an_error_of_the_body() {
        let header = WebhookSigner::new("secret").unwrap().sign(at(1_000_000), b"[]");
        assert!(matches!(
            verifier().verify(header.as_bytes(), b"[]"),
            Err(WebhookError::Body(_))
        ));
    }

    #[test]
    fn body_that_is_too_long_is_refused_though_it_is_signed() {
        let body = vec![b' '; WebhookVerifier::MAX_BODY + 1];
        let header = WebhookSigner::new("secret").unwrap().sign(at(1_000_000), &body);
        assert!(
            verifier()
                .verify_signature(header.as_bytes(), &body[1..])
                .is_err_and(|error| matches!(error, WebhookError::Mismatch))
        );
        let error = verifier().verify(header.as_bytes(), &body).unwrap_err();
        assert!(matches!(error, WebhookError::TooLong { .. }), "{error}");
    }

    #[test]
    fn secrets_do_not_show_and_cannot_be_empty() {
        assert!(matches!(WebhookVerifier::new(""), Err(WebhookError::EmptySecret)));
        let debug = format!("{:?} {:?}", verifier(), WebhookSigner::new("hidden").unwrap());
        assert!(!debug.contains("hidden") && !debug.contains("\"secret\""), "{debug}");
    }

    proptest! {
        #[test]
        fn no_header_and_no_body_makes_it_panic_or_pass(header in any::<Vec<u8>>(), body in any::<Vec<u8>>()) {
            prop_assert!(verifier().verify(&header, &body).is_err());
        }

        #[test]
        fn headers_that_look_right_do_not_pass(
            header in "(t|v1|v0| )?=?[0-9a-f]{0,70}(, ?(t|v1)=[0-9a-f]{0,70}){0,3}",
        ) {
            prop_assert!(verifier().verify(header.as_bytes(), BODY).is_err());
        }

        #[test]
        fn whatever_is_signed_verifies(body in any::<Vec<u8>>(), secret in ".{1,40}", seconds in 0_u64..4_000_000_000) {
            let header = WebhookSigner::new(secret.clone()).unwrap().sign(at(seconds), &body);
            let verifier = WebhookVerifier::new(secret).unwrap().with_clock(move || at(seconds));
            prop_assert!(verifier.verify_signature(header.as_bytes(), &body).is_ok());
        }
    }
}
