//! What the API says when it answers with an error status, whatever the body looks like.
//!
//! Bodies come as `{message}`, `{message, code, errors}`, `{error, error_description}`, a bare JSON string, HTML or text
//! from a proxy, or not at all. Status, request id and retry hints are kept in every case.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::operation::Operation;
use crate::retry_after;
use crate::runtime;
use crate::types::ErrorBody;
use crate::types::ErrorDetail;
use crate::types::FieldError;

/// How long a text of an answer may be in an error, in characters.
const EXCERPT: usize = 200;

/// How many single faults are written out.
const SHOWN_ERRORS: usize = 10;

/// An answer with an error status.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ApiError {
    /// The operation that was called.
    pub operation: &'static Operation,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, for people; taken from the body, else the status' own name.
    pub message: String,
    /// What went wrong, for programs.
    pub code: Option<String>,
    /// The single faults, with 422 mostly.
    pub errors: Vec<ErrorDetail>,
    /// The request's id, to name it to WorkOS support.
    pub request_id: Option<String>,
    /// How long the API asks to wait before the next try, uncapped.
    pub retry_after: Option<Duration>,
    /// How often the request was sent.
    pub attempts: u32,
}

impl std::error::Error for ApiError {}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            status,
            message,
            code,
            errors,
            request_id,
            ..
        } = self;
        write!(formatter, "{}: {status} {message}", operation.id)?;
        if let Some(code) = code {
            write!(formatter, " [{code}]")?;
        }
        for (index, error) in errors.iter().take(SHOWN_ERRORS).enumerate() {
            formatter.write_str(if index == 0 { ": " } else { ", " })?;
            match error {
                ErrorDetail::Text(text) => formatter.write_str(text)?,
                ErrorDetail::FieldError(error) => {
                    if let Some(field) = &error.field {
                        write!(formatter, "`{field}` ")?;
                    }
                    formatter.write_str(error.message.as_deref().unwrap_or(&error.code))?;
                }
            }
        }
        if let Some(more) = errors.len().checked_sub(SHOWN_ERRORS).filter(|more| *more > 0) {
            write!(formatter, " and {more} more")?;
        }
        if let Some(id) = request_id {
            write!(formatter, " (request {id})")?;
        }
        Ok(())
    }
}

impl ApiError {
    /// Reads an error answer.
    pub(crate) fn read(
        operation: &'static Operation,
        status: reqwest::StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        attempts: u32,
    ) -> Self {
        let body = error_body(body);
        let message = body
            .message
            .or(body.error_description)
            .or_else(|| body.error.clone())
            .filter(|message| !message.trim().is_empty())
            .unwrap_or_else(|| status.canonical_reason().unwrap_or("unknown status").to_owned());
        Self {
            operation,
            status: status.as_u16(),
            message: excerpt(&message),
            code: body.code.or(body.error).as_deref().map(excerpt),
            errors: body.errors.unwrap_or_default().into_iter().map(clean).collect(),
            request_id: request_id(headers),
            retry_after: body
                .retry_after_seconds
                .map(Duration::from_secs)
                .or_else(|| retry_after::wait(headers, runtime::system_time()))
                .filter(|_| status.as_u16() == 429 || status.is_server_error()),
            attempts,
        }
    }

    /// Why the status comes, as the document says.
    pub fn cause(&self) -> Option<&'static str> {
        self.operation.help(self.status).map(|help| help.cause)
    }

    /// What to do about it, as the document says.
    pub fn fix(&self) -> Option<&'static str> {
        self.operation.help(self.status).map(|help| help.fix)
    }
}

/// The request's id, in the header that WorkOS sets.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-request-id")?.to_str().ok().map(excerpt)
}

/// The body as the one error model, whatever its shape.
fn error_body(body: &[u8]) -> ErrorBody {
    if let Ok(body) = serde_json::from_slice::<ErrorBody>(body) {
        return body;
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => lenient(&value),
        Err(_) => ErrorBody {
            message: text_message(body),
            ..ErrorBody::default()
        },
    }
}

/// Reads JSON in which something is of another type than the model says.
fn lenient(value: &Value) -> ErrorBody {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let errors = value.get("errors").and_then(Value::as_array).map(|errors| {
        errors.iter().map(|error| {
            serde_json::from_value(error.clone()).unwrap_or_else(|_| {
                let text = |key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
                match (text("code"), text("message")) {
                    (None, None) => ErrorDetail::Text(excerpt(&error.to_string())),
                    (code, message) => {
                        let mut detail = FieldError::new(code.unwrap_or_else(|| "unknown".to_owned()));
                        detail.message = message;
                        detail.field = text("field");
                        ErrorDetail::FieldError(detail)
                    }
                }
            })
        })
    });
    ErrorBody {
        message: match value {
            Value::String(message) => Some(excerpt(message)),
            Value::Object(_) => text("message"),
            other => Some(excerpt(&other.to_string())),
        },
        code: text("code"),
        errors: errors.map(Iterator::collect),
        error: text("error"),
        error_description: text("error_description"),
        entity_id: text("entity_id"),
        retry_after_seconds: value
            .get("retry_after_seconds")
            .and_then(Value::as_f64)
            .and_then(whole_seconds),
    }
}

/// Seconds rounded up; nothing for what is no time at all.
fn whole_seconds(seconds: f64) -> Option<u64> {
    Duration::try_from_secs_f64(seconds.ceil())
        .ok()
        .map(|duration| duration.as_secs())
}

/// What a body that is no JSON says: its title when it is HTML, its beginning else.
fn text_message(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body.get(..body.len().min(16 * EXCERPT)).unwrap_or_default());
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").map(|start| start + "<title>".len());
    let title = title.and_then(|start| Some(start..start + lower.get(start..)?.find("</title>")?));
    let text = match title.and_then(|title| text.get(title)) {
        Some(title) => title,
        None if lower.trim_start().starts_with('<') => return None,
        None => &text,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| excerpt(text))
}

/// A single fault with texts that can be printed.
fn clean(error: ErrorDetail) -> ErrorDetail {
    match error {
        ErrorDetail::Text(text) => ErrorDetail::Text(excerpt(&text)),
        ErrorDetail::FieldError(mut error) => {
            error.code = excerpt(&error.code);
            error.field = error.field.as_deref().map(excerpt);
            error.message = error.message.as_deref().map(excerpt);
            ErrorDetail::FieldError(error)
        }
    }
}

/// The beginning of a text as one line without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut characters = text
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character });
    let mut excerpt: String = characters.clone().take(EXCERPT).collect();
    if characters.nth(EXCERPT).is_some() {
        excerpt.pop();
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;
    use crate::operations::LIST_DIRECTORY_USERS;

    fn read(status: u16, body: &str) -> ApiError {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", reqwest::header::HeaderValue::from_static("req_1"));
        let status = StatusCode::from_u16(status).unwrap_or_default();
        ApiError::read(&LIST_DIRECTORY_USERS, status, &headers, body.as_bytes(), 1)
    }

    #[test]
    fn every_shape_of_body_gives_a_message_and_keeps_status_and_request_id() {
        for (body, message, code) in [
            (r#"{"message":"Unauthorized"}"#, "Unauthorized", None),
            (
                r#"{"message":"No.","code":"access_denied"}"#,
                "No.",
                Some("access_denied"),
            ),
            (
                r#"{"error":"invalid_request","error_description":"Why not."}"#,
                "Why not.",
                Some("invalid_request"),
            ),
            (
                r#"{"error":"invalid_request"}"#,
                "invalid_request",
                Some("invalid_request"),
            ),
            (r#""Ratelimited""#, "Ratelimited", None),
            ("upstream connect error", "upstream connect error", None),
            (
                "<html><head><TITLE>502 Bad Gateway</TITLE></head></html>",
                "502 Bad Gateway",
                None,
            ),
            ("<html></html>", "Forbidden", None),
            ("", "Forbidden", None),
            ("{}", "Forbidden", None),
            ("[1]", "[1]", None),
            (r#"{"message":7,"code":"x"}"#, "Forbidden", Some("x")),
            (r#"{"message":"a\u0000b"}"#, "a b", None),
            ("\u{1b}[31mred", " [31mred", None),
        ] {
            let error = read(403, body);
            assert_eq!(
                (error.message.as_str(), error.code.as_deref()),
                (message, code),
                "{body}"
            );
            assert_eq!(
                (error.status, error.request_id.as_deref()),
                (403, Some("req_1")),
                "{body}"
            );
        }
    }

    #[test]
    fn field_errors_come_as_objects_texts_or_worse() {
        let error = read(
            422,
            r#"{"message":"Validation failed.","code":"invalid","errors":[
                {"code":"invalid","field":"directory","message":"must start with directory_"},
                "limit is too large", {"message":"no code"}, 7]}"#,
        );
        assert_eq!(error.errors.len(), 4);
        assert_eq!(
            error.to_string(),
            "listDirectoryUsers: 422 Validation failed. [invalid]: `directory` must start with directory_, limit is \
             too large, no code, 7 (request req_1)"
        );
    }

    #[test]
    fn a_huge_body_gives_a_short_message() {
        let error = read(500, &"x".repeat(1_000_000));
        assert!(error.to_string().len() < 300);
    }

    #[test]
    fn the_wait_comes_from_the_body_before_the_header() {
        let error = read(429, r#"{"message":"Cooldown","retry_after_seconds":300}"#);
        assert_eq!(error.retry_after, Some(Duration::from_secs(300)));
        let error = read(429, r#"{"message":"Cooldown","retry_after_seconds":0.2,"code":7}"#);
        assert_eq!(error.retry_after, Some(Duration::from_secs(1)));
        assert_eq!(error.fix(), Some("Implement exponential backoff starting at 1 second"));
    }
}
