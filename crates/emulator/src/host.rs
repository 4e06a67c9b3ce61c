//! By which name a call asks for this machine.
//!
//! A web page can let its own name point to 127.0.0.1 (DNS rebinding): its calls are then of its own origin for the browser, and
//! the key of an emulator that was given none is known to everybody. But such calls carry the page's name.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::Uri;
use axum::http::header;
use axum::http::uri::Authority;

/// Whether a call asks for an address, for `localhost`, for one of `others`, or for no host at all, which no browser does.
pub(crate) fn is_own(uri: &Uri, headers: &HeaderMap, others: &[String]) -> bool {
    let mut named = headers.get_all(header::HOST).iter();
    let named = match (uri.authority(), named.next(), named.next()) {
        (Some(authority), _, None) => Some(authority.clone()),
        (None, Some(name), None) => match name.to_str().map(str::parse) {
            Ok(Ok(authority)) => Some(authority),
            _ => return false,
        },
        (_, None, None) => None,
        _ => return false,
    };
    named.is_none_or(|authority: Authority| is_known(authority.host(), others))
}

fn is_known(host: &str, others: &[String]) -> bool {
    let host = host.to_ascii_lowercase();
    if others.contains(&host) {
        return true;
    }
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    is_address || host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::http::HeaderValue;

    use super::*;

    fn asks(uri: &str, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        is_own(&uri.parse().unwrap(), &headers, &["emulator".to_owned()])
    }

    #[test]
    fn addresses_and_localhost_are_names_of_this_machine_and_others_are_not() {
        for host in [
            "127.0.0.1:4010",
            "[::1]:4010",
            "10.0.0.7",
            "localhost",
            "LocalHost:1",
            "workos.localhost:80",
            "Emulator:4010",
        ] {
            assert!(asks("/_emulator/state", &[host]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:4010",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "a b",
            "emulator.evil.example",
        ] {
            assert!(!asks("/_emulator/state", &[host]), "{host}");
        }
        assert!(asks("/_emulator/state", &[]));
        assert!(!asks("/_emulator/state", &["localhost", "evil.example"]));
        assert!(!asks("http://evil.example/_emulator/state", &["localhost"]));
        assert!(asks("http://127.0.0.1:4010/_emulator/state", &["localhost"]));
    }
}
