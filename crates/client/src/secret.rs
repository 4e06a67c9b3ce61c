//! The API key: checked once, shown never.

use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;

use crate::error::ConfigError;

/// An API key that can be sent. It is cleared from memory when dropped, and its `Debug` output does not have it.
#[derive(Clone, Debug)]
pub(crate) struct ApiKey(SecretString);

impl ApiKey {
    /// Takes a key that is neither empty nor has blanks, control characters or anything beyond ASCII.
    pub(crate) fn new(key: SecretString) -> Result<Self, ConfigError> {
        let text = key.expose_secret();
        if text.is_empty() {
            return Err(ConfigError::ApiKey { reason: "is empty" });
        }
        if text.chars().any(char::is_whitespace) {
            return Err(ConfigError::ApiKey {
                reason: "has blanks or line breaks",
            });
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::ApiKey {
                reason: "has control characters or is not ASCII",
            });
        }
        Ok(Self(key))
    }

    /// The header's value, marked so that no log of the HTTP library shows it.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, ConfigError> {
        let value = SecretString::from(format!("Bearer {}", self.0.expose_secret()));
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| ConfigError::ApiKey {
            reason: "cannot be sent in a header",
        })?;
        value.set_sensitive(true);
        Ok(value)
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
            let error = ApiKey::new(SecretString::from(key)).unwrap_err().to_string();
            assert!(key.trim().is_empty() || !error.contains(key.trim()), "{error}");
        }
    }

    #[test]
    fn neither_the_key_nor_its_header_shows_in_debug_output() {
        let key = ApiKey::new(SecretString::from("sk_live_hidden")).unwrap();
        assert!(!format!("{key:?} {:?}", key.authorization().unwrap()).contains("hidden"));
    }
}
