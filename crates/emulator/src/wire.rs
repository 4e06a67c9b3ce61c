//! What an HTTP server does with an answer that is ready: `ETag`, 304 for who has it already, gzip for who asks for it.

use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;
use std::io::Write as _;

use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::answer::REQUEST_ID;
use crate::app::App;

/// From which size on a body is compressed, in bytes.
const WORTH_COMPRESSING: usize = 1_024;

/// Finishes an answer of the API. `asked` are the headers of the request.
pub(crate) async fn finish(app: &App, method: &Method, asked: &HeaderMap, response: Response) -> Response {
    // What a proxy would say knows nothing of this.
    if !response.headers().contains_key(REQUEST_ID) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // All bodies are in memory already.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    if bytes.is_empty() {
        return Response::from_parts(parts, Body::from(bytes));
    }
    let vary = HeaderValue::from_static("Accept-Encoding");
    parts.headers.insert(header::VARY, vary);
    let tag = entity_tag(&bytes);
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if method == Method::GET && parts.status.is_success() && is_known(asked, &tag) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    if app.settings.gzip && bytes.len() >= WORTH_COMPRESSING && takes_gzip(asked) {
        let gzip = HeaderValue::from_static("gzip");
        parts.headers.insert(header::CONTENT_ENCODING, gzip);
        return Response::from_parts(parts, Body::from(compressed(&bytes)));
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// A weak tag: the length and a digest of the body.
fn entity_tag(body: &Bytes) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("W/\"{:x}-{:016x}\"", body.len(), hasher.finish())
}

/// Whether the request says that the answer with this tag is there already. Tags are compared without regard to weakness.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    values(asked, &header::IF_NONE_MATCH).any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}

/// Whether the request takes gzip: by its name or by `*`, unless its weight is 0.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let weight = |name: &str| {
        values(asked, &header::ACCEPT_ENCODING).find_map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(name) {
                return None;
            }
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            Some(weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or_default()))
        })
    };
    weight("gzip")
        .or_else(|| weight("*"))
        .is_some_and(|weight| weight > 0.0)
}

/// The values of a header that may hold several, separated by commas, in several lines.
fn values<'a>(headers: &'a HeaderMap, name: &'a header::HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(','))
}

fn compressed(bytes: &Bytes) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing into memory does not fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn gzip_is_sent_to_who_names_it_or_takes_everything() {
        let takes = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
            takes_gzip(&headers)
        };
        for value in [
            "gzip",
            "deflate, GZIP;q=0.5",
            "*",
            "br;q=1.0, *;q=0.1",
            "gzip;q=1.0,deflate;q=0.6",
        ] {
            assert!(takes(value), "{value}");
        }
        for value in ["", "br", "identity", "gzip;q=0", "*, gzip;q=0.0", "gzipped"] {
            assert!(!takes(value), "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_tag_is_known_in_any_list_weak_or_strong() {
        let tag = entity_tag(&Bytes::from_static(b"body"));
        assert!(tag.starts_with("W/\"4-"), "{tag}");
        let asks = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            is_known(&headers, &tag)
        };
        assert!(asks(&tag) && asks("*") && asks(&format!("\"other\", {}", &tag[2..])));
        assert!(!asks("\"other\"") && !asks(""));
    }
}
