//! Where requests go: the base URL, and paths made from an operation's template.

use std::net::IpAddr;

use reqwest::Url;

use crate::Error;
use crate::api_error::excerpt;
use crate::error::ConfigError;
use crate::operation::Operation;

/// A base URL that requests may be sent to with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl(Url);

impl BaseUrl {
    /// Checks an address: https, or http to this machine, or http at all where `allow_http` says so.
    pub(crate) fn new(text: &str, allow_http: bool) -> Result<Self, ConfigError> {
        let mut shown = text.to_owned();
        let refuse = |url: String, reason: &str| {
            Err(ConfigError::BaseUrl {
                url,
                reason: reason.to_owned(),
            })
        };
        let mut url = match Url::parse(text) {
            Ok(url) => url,
            // What does not parse may have a password in any place.
            Err(_) if text.contains('@') => return refuse("…".to_owned(), "is no URL"),
            Err(error) => return refuse(shown, &format!("is no URL: {error}")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            return refuse(url.to_string(), "has a user or password: the API takes a key only");
        }
        if url.query().is_some() || url.fragment().is_some() {
            url.set_query(None);
            url.set_fragment(None);
            shown = url.to_string();
            return refuse(shown, "has a query or fragment");
        }
        match url.scheme() {
            "https" => {}
            "http" if allow_http || is_loopback(&url) => {}
            "http" => {
                return refuse(
                    shown,
                    "would send the key unencrypted: use https, or allow http on purpose",
                );
            }
            _ => return refuse(shown, "is neither https nor http"),
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address of an operation, each path parameter encoded as one segment.
    ///
    /// A slash or a dot segment in an id would make another request of it, so empty values, `.` and `..` are refused, in
    /// their encoded spellings too. So are control characters: [`Url`] drops tabs and line breaks without a word, which
    /// would make `..` of `..\n`.
    pub(crate) fn operation(
        &self,
        operation: &'static Operation,
        parameters: &[(&'static str, String)],
    ) -> Result<Url, Error> {
        let mut url = self.0.clone();
        for segment in operation.path.split('/').skip(1) {
            let name = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            let value = match name {
                None => segment,
                Some(name) => {
                    let value = parameters
                        .iter()
                        .find(|(known, _)| *known == name)
                        .map(|(_, value)| value.as_str());
                    let value = value.unwrap_or_default();
                    check_segment(value)
                        .map_err(|reason| Error::invalid_request(operation, format!("`{name}` {reason}")))?;
                    value
                }
            };
            // `new` lets only http and https pass, whose paths have segments.
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.pop_if_empty().push(value);
            }
        }
        Ok(url)
    }

    /// Whether requests stay on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

fn check_segment(value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err("is empty".to_owned());
    }
    if value.chars().any(char::is_control) {
        let value = excerpt(&value.escape_debug().to_string());
        return Err(format!("is `{value}`, which has control characters"));
    }
    if matches!(value.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..") {
        return Err(format!("is `{value}`, which is no id"));
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::operations::GET_DIRECTORY;
    use crate::operations::SYNC_DIRECTORY;

    fn url(id: &str) -> Result<String, String> {
        let base = BaseUrl::new("https://api.workos.com/", false).unwrap();
        let url = base.operation(&GET_DIRECTORY, &[("id", id.to_owned())]);
        url.map(String::from).map_err(|error| error.to_string())
    }

    #[test]
    fn an_id_stays_one_segment_of_the_path() {
        assert_eq!(
            url("directory_1").unwrap(),
            "https://api.workos.com/directories/directory_1"
        );
        assert_eq!(
            url("a/../b?c#d%2e").unwrap(),
            "https://api.workos.com/directories/a%2F..%2Fb%3Fc%23d%252e"
        );
        assert_eq!(url("a\\b").unwrap(), "https://api.workos.com/directories/a%5Cb");
    }

    #[test]
    fn dot_segments_and_empty_ids_are_refused() {
        for id in ["", ".", "..", "%2e", "%2E%2e", ".%2E"] {
            assert!(url(id).unwrap_err().starts_with("getDirectory: `id` is"), "{id}");
        }
    }

    #[test]
    fn control_characters_are_refused_since_dropping_them_would_make_another_id() {
        for id in [
            "\t", "\n", "\r\n", "..\n", ".\t.", "\t.", "%2e\t%2e", "a\tb", "\0", "\u{85}",
        ] {
            let error = url(id).unwrap_err();
            assert!(error.contains("which has control characters"), "{error}");
            assert!(!error.chars().any(char::is_control), "{error:?}");
        }
        assert!(url(&"\n".repeat(100_000)).unwrap_err().len() < 300);
    }

    /// What a server makes of a segment.
    fn decoded(segment: &str) -> Vec<u8> {
        let mut bytes = segment.bytes();
        let mut decoded = Vec::new();
        while let Some(byte) = bytes.next() {
            decoded.push(match byte {
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                byte => byte,
            });
        }
        decoded
    }

    proptest! {
        // Made of the pieces that paths are attacked with, among any other characters.
        #[test]
        fn an_id_reaches_the_server_as_it_is_or_is_refused(id in r"([./%\\?#;\t\n\r\x00 2eEfF5cC]|\PC|\p{any}){0,8}") {
            let base = BaseUrl::new("https://proxy.example/workos", false).unwrap();
            if let Ok(url) = base.operation(&SYNC_DIRECTORY, &[("id", id.clone())]) {
                let segments: Vec<_> = url.path_segments().unwrap().map(decoded).collect();
                prop_assert_eq!(
                    segments,
                    [&b"workos"[..], b"directories", id.as_bytes(), b"sync"].map(<[u8]>::to_vec)
                );
                prop_assert_eq!((url.query(), url.fragment()), (None, None));
            }
        }
    }

    #[test]
    fn a_path_of_the_base_url_stays_in_front() {
        let base = BaseUrl::new("https://proxy.example/workos/", false).unwrap();
        let url = base.operation(&SYNC_DIRECTORY, &[("id", "d".to_owned())]).unwrap();
        assert_eq!(url.as_str(), "https://proxy.example/workos/directories/d/sync");
        assert_eq!(base.as_str(), "https://proxy.example/workos");
    }

    #[test]
    fn http_is_for_this_machine_only_unless_allowed() {
        for good in [
            "http://localhost:1",
            "http://127.0.0.1",
            "http://127.9.9.9:80/x",
            "http://[::1]:8080",
        ] {
            assert!(BaseUrl::new(good, false).is_ok(), "{good}");
        }
        for bad in [
            "http://api.workos.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example",
            "http://10.0.0.1",
        ] {
            assert!(BaseUrl::new(bad, false).is_err(), "{bad}");
            assert!(BaseUrl::new(bad, true).is_ok(), "{bad}");
        }
    }

    #[test]
    fn addresses_that_are_none_are_refused_without_showing_a_password() {
        for bad in [
            "",
            "api.workos.com",
            "ftp://a",
            "https://u:secret@a",
            "https://a?k=secret",
            "https://a#secret",
            "https://u:secret@[",
            "data:x",
        ] {
            let error = BaseUrl::new(bad, true).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
