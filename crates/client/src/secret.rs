//! The API key: checked once, shown never.

use bytes::Bytes;
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;

use crate::error::ConfigError;

/// What stands before the key.
const SCHEME: &str = "Bearer ";

/// An API key that can be sent, as the header's value: marked so that no log of the HTTP library shows it.
///
/// Requests share the one copy that there is, which is cleared from memory when the last of them and the client are gone.
#[derive(Clone, Debug)]
pub(crate) struct ApiKey(HeaderValue);

/// What the header's value is made of; clears it when dropped.
struct Authorization(SecretString);

impl AsRef<[u8]> for Authorization {
    fn as_ref(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl ApiKey {
    /// Takes a key that is neither empty nor has blanks, control characters or anything beyond ASCII.
    pub(crate) fn new(key: &SecretString) -> Result<Self, ConfigError> {
        let key = key.expose_secret();
        if key.is_empty() {
            return Err(ConfigError::ApiKey { reason: "is empty" });
        }
        if key.chars().any(char::is_whitespace) {
            return Err(ConfigError::ApiKey {
                reason: "has blanks or line breaks",
            });
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::ApiKey {
                reason: "has control characters or is not ASCII",
            });
        }
        // As long as it has to be from the start: a string that grows leaves what it was behind.
        let mut value = String::with_capacity(SCHEME.len() + key.len());
        value.push_str(SCHEME);
        value.push_str(key);
        let value = Bytes::from_owner(Authorization(SecretString::from(value)));
        let mut value = HeaderValue::from_maybe_shared(value).map_err(|_| ConfigError::ApiKey {
            reason: "cannot be sent in a header",
        })?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The header's value, no copy of it.
    pub(crate) fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn keys_that_cannot_be_sent_are_refused_without_being_shown() {
        for key in [
            "",
            " ",
            "sk_live_1 ",
            "sk_live\n1",
            "sk_live\u{7f}1",
            "sk_läve",
            "sk\u{a0}1",
        ] {
            let error = ApiKey::new(&SecretString::from(key)).unwrap_err().to_string();
            assert!(key.trim().is_empty() || !error.contains(key.trim()), "{error}");
        }
    }

    #[test]
    fn neither_the_key_nor_its_header_shows_in_debug_output() {
        let key = ApiKey::new(&SecretString::from("sk_live_hidden")).unwrap();
        assert!(!format!("{key:?} {:?}", key.authorization()).contains("hidden"));
    }

    #[test]
    fn requests_share_the_one_copy_of_the_key() {
        let key = ApiKey::new(&SecretString::from("sk_live_hidden")).unwrap();
        let (one, other) = (key.authorization(), key.clone().authorization());
        assert_eq!(one.as_bytes(), b"Bearer sk_live_hidden");
        assert_eq!(one.as_bytes().as_ptr(), other.as_bytes().as_ptr());
    }
}
