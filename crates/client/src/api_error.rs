//! What the API says when it answers with an error status, whatever the body looks like.
//!
//! Status, request id and retry hints are kept in every case.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::error_body::ErrorBody;
use crate::operation::Operation;
use crate::retry_after;
use crate::runtime;
use crate::types::ErrorDetail;

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
    entity_id: Option<String>,
    has_api_form: bool,
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
                ErrorDetail::SchemaError(error) => {
                    write!(formatter, "`{}` {}", error.instance_path, error.message)?;
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
        let body = ErrorBody::read(body);
        let name = status.canonical_reason().unwrap_or("unknown status");
        // The framework behind the API has the status' name in `error`, which is no code.
        let is_name = body
            .error
            .as_ref()
            .is_some_and(|error| error.eq_ignore_ascii_case(name));
        let message = body
            .message
            .or_else(|| body.error.clone())
            .filter(|message| !message.trim().is_empty())
            .unwrap_or_else(|| name.to_owned());
        Self {
            operation,
            status: status.as_u16(),
            message: excerpt(&message),
            code: body.code.or(body.error.filter(|_| !is_name)).as_deref().map(excerpt),
            errors: body.errors.into_iter().map(clean).collect(),
            request_id: request_id(headers),
            retry_after: body
                .retry_after_seconds
                .and_then(|seconds| Duration::try_from_secs_f64(seconds.ceil()).ok())
                .or_else(|| retry_after::wait(headers, runtime::system_time()))
                .filter(|_| status.as_u16() == 429 || status.is_server_error()),
            attempts,
            entity_id: body.entity_id.as_deref().map(excerpt),
            has_api_form: body.has_api_form,
        }
    }

    /// The id of the object that is not there, where the API names it.
    pub fn entity_id(&self) -> Option<&str> {
        self.entity_id.as_deref()
    }

    /// Whether the body is a JSON object of the API's own form: with `message` as a text or a list of texts, or with `error`
    /// or `error_description` as texts. A page, a text or nothing from a proxy in between is not.
    ///
    /// A 404 without it is no evidence that an object is gone.
    pub fn has_api_form(&self) -> bool {
        self.has_api_form
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

/// The request's id, in the header that WorkOS sets; early answers have it in another one.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-request-id").or_else(|| headers.get("request-id"))?;
    id.to_str().ok().map(excerpt)
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
        ErrorDetail::SchemaError(mut error) => {
            error.instance_path = excerpt(&error.instance_path);
            error.keyword = error.keyword.as_deref().map(excerpt);
            error.message = excerpt(&error.message);
            ErrorDetail::SchemaError(error)
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
            ("7", "7", None),
            (
                r#"{"statusCode":403,"message":["a","b"],"error":"Forbidden"}"#,
                "a; b",
                None,
            ),
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
    fn display_shows_the_sentence_where_it_is_the_code_of_a_field() {
        let error = read(
            422,
            r#"{"message":"Validation failed","errors":[{"field":"directory","code":"No scope."}]}"#,
        );
        let text = "listDirectoryUsers: 422 Validation failed: `directory` No scope. (request req_1)";
        assert_eq!(error.to_string(), text);
        let error = read(400, r#"{"errors":{"limit":["too large"]}}"#);
        let text = "listDirectoryUsers: 400 Bad Request: `limit` too large (request req_1)";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn entity_id_and_api_form_are_kept() {
        let error = read(
            404,
            r#"{"message":"m","code":"entity_not_found","entity_id":"directory_1"}"#,
        );
        assert_eq!((error.entity_id(), error.has_api_form()), (Some("directory_1"), true));
        assert!(!read(404, "<html><title>404</title></html>").has_api_form());
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
