//! What an answer looks like: statuses, bodies and the headers that are on every answer.

use axum::body::Body;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use serde::Serialize;
use workos_directory_sync::types;

use crate::page::Page;
use crate::rate_limits::Quota;
use crate::refusal::Refusal;
use crate::shelf::Shelf;

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    json: Option<Vec<u8>>,
}

impl Reply {
    /// An object.
    pub(crate) fn ok(json: Vec<u8>) -> Self {
        Self::json(StatusCode::OK, json)
    }

    pub(crate) fn json(status: StatusCode, json: Vec<u8>) -> Self {
        Self {
            status,
            json: Some(json),
        }
    }

    /// The body, to change.
    pub(crate) fn json_mut(&mut self) -> Option<&mut Vec<u8>> {
        self.json.as_mut()
    }

    /// No body at all.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, json: None }
    }
}

/// A page of a list. `write` appends one row's JSON.
pub(crate) fn list<T>(
    shelf: &Shelf<T>,
    page: &Page,
    write: impl Fn(&mut Vec<u8>, u32) -> Result<(), Refusal>,
) -> Result<Reply, Refusal> {
    let mut json = Vec::with_capacity(page.rows.len() * 1024 + 256);
    json.extend_from_slice(br#"{"object":"list","data":["#);
    for (place, &row) in page.rows.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        write(&mut json, row)?;
    }
    json.extend_from_slice(br#"],"list_metadata":"#);
    let cursor = |row: Option<&u32>, there: bool| row.filter(|_| there).and_then(|&row| shelf.id(row));
    let mut metadata = types::ListMetadata::default();
    metadata.before = cursor(page.rows.first(), page.earlier);
    metadata.after = cursor(page.rows.last(), page.later);
    if page.reverses {
        std::mem::swap(&mut metadata.before, &mut metadata.after);
    }
    encode(&mut json, &metadata)?;
    json.push(b'}');
    Ok(Reply::ok(json))
}

/// Appends the JSON of a value.
pub(crate) fn encode(json: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Refusal> {
    serde_json::to_writer(json, value).map_err(|_| Refusal::internal())
}

/// Adds one more field to the object that was appended last: an array whose items `items` appends with commas in between.
pub(crate) fn add_array(
    json: &mut Vec<u8>,
    field: &str,
    items: impl FnOnce(&mut Vec<u8>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    // An object with fields ends with a brace, and a comma may follow what is before that.
    json.pop_if(|last| *last == b'}');
    json.extend_from_slice(b",\"");
    json.extend_from_slice(field.as_bytes());
    json.extend_from_slice(b"\":[");
    items(json)?;
    json.extend_from_slice(b"]}");
    Ok(())
}

pub(crate) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
pub(crate) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The answer as it goes over the wire. The admin API has no `quota`, and the live API shows none.
pub(crate) fn response(result: Result<Reply, Refusal>, quota: Option<Quota>, request_id: &str) -> Response {
    let (status, json, quota, wait) = match result {
        Ok(Reply { status, json }) => (status, json, quota, None),
        Err(refusal) => {
            let quota = quota.map(|quota| refusal.exceeded.unwrap_or(quota));
            let wait = refusal.exceeded.map(|exceeded| exceeded.retry_after);
            let json = serde_json::to_vec(&refusal.body).unwrap_or_default();
            (refusal.status, Some(json), quota, wait)
        }
    };
    let typed = json.is_some();
    let mut response = Response::new(json.map_or_else(Body::empty, Body::from));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if typed {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, json);
    }
    if let Some(quota) = quota {
        headers.insert(LIMIT, quota.limit.into());
        headers.insert(REMAINING, quota.remaining.into());
        headers.insert(RESET, quota.reset.into());
    }
    if let Some(seconds) = wait {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}
