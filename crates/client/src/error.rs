//! Why a call failed: one enum for all operations, each variant with what a person needs to go on.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::api_error;
pub use crate::api_error::ApiError;
use crate::api_error::excerpt;
use crate::operation::Operation;
use crate::rate_limit::GateError;
use crate::transport;

/// Why a call failed.
///
/// The text is one line: what was being done, what went wrong, the status and the request id where there is one.
/// [`Error::help`] says what to do about it. No variant shows the API key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 401: the API key is missing or not valid.
    #[error(transparent)]
    Unauthorized(Box<ApiError>),
    /// 403: the API key may not do this.
    #[error(transparent)]
    Forbidden(Box<ApiError>),
    /// 404: there is no such object.
    #[error(transparent)]
    NotFound(Box<ApiError>),
    /// 422: a parameter has a value that the API refuses; [`ApiError::errors`] names it.
    #[error(transparent)]
    Unprocessable(Box<ApiError>),
    /// 429: too many requests; [`ApiError::retry_after`] says when to come again.
    #[error(transparent)]
    RateLimited(Box<ApiError>),
    /// 5xx: the API or something in front of it failed.
    #[error(transparent)]
    Server(Box<ApiError>),
    /// Any other status that is no success, redirects to another origin among them.
    #[error(transparent)]
    Status(Box<ApiError>),
    /// No complete answer came in time.
    #[error(transparent)]
    Timeout(Box<TransportError>),
    /// The API cannot be reached, or the connection broke.
    #[error(transparent)]
    Network(Box<TransportError>),
    /// The answer is not what the document promises.
    #[error(transparent)]
    Decode(Box<DecodeError>),
    /// The answer is a success, but larger than the client reads.
    #[error(transparent)]
    TooLarge(Box<TooLargeError>),
    /// The request was not sent: the gate that shares the limits with other processes could not be asked.
    #[error("{}: the limits that are shared with other processes could not be asked for", operation.id)]
    Gate {
        /// The operation that was asked for.
        operation: &'static Operation,
        /// Why not.
        source: GateError,
    },
    /// The request was not sent: a parameter is missing or cannot be what it is.
    #[error("{}: {reason}", operation.id)]
    InvalidRequest {
        /// The operation that was asked for.
        operation: &'static Operation,
        /// What is wrong, naming the parameter.
        reason: String,
    },
    /// A list gave a cursor that it had given before, so that it would never end.
    #[error("{}: the list repeats the cursor `{}`: it was stopped instead of going round for ever", operation.id, excerpt(cursor))]
    RepeatedCursor {
        /// The list operation.
        operation: &'static Operation,
        /// The cursor that came twice.
        cursor: String,
    },
    /// The client cannot be built from its settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A request that got no complete answer.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what} after {attempts} attempt{}", operation.id, if *attempts == 1 { "" } else { "s" })]
#[non_exhaustive]
pub struct TransportError {
    /// The operation that was called.
    pub operation: &'static Operation,
    /// What happened, in a few words.
    pub what: String,
    /// How often the request was sent.
    pub attempts: u32,
    /// What the HTTP library says; it never has the address or the key.
    pub source: reqwest::Error,
}

/// An answer that is not what the document promises.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: the answer cannot be read at `{}`: {}{}; it has `{excerpt}`",
    operation.id,
    api_error::excerpt(path),
    api_error::excerpt(&source.to_string()),
    request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default()
)]
#[non_exhaustive]
pub struct DecodeError {
    /// The operation that was called.
    pub operation: &'static Operation,
    /// The status of the answer.
    pub status: StatusCode,
    /// The request's id, to name it to WorkOS support.
    pub request_id: Option<String>,
    /// Where in the answer, such as `data[3].created_at`.
    pub path: String,
    /// How often the request was sent.
    pub attempts: u32,
    /// The text around the fault, of bounded length.
    pub excerpt: String,
    /// What is wrong there.
    pub source: serde_json::Error,
}

/// A success whose body is larger than the client reads.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{}: the answer has more than {max_body} bytes{}",
    operation.id,
    request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default()
)]
#[non_exhaustive]
pub struct TooLargeError {
    /// The operation that was called.
    pub operation: &'static Operation,
    /// The status of the answer.
    pub status: StatusCode,
    /// The request's id, to name it to WorkOS support.
    pub request_id: Option<String>,
    /// How often the request was sent.
    pub attempts: u32,
    /// How many bytes the client reads at most.
    pub max_body: usize,
}

/// Settings that no client can be built from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No API key was given.
    #[error("no API key: set WORKOS_API_KEY to the secret key of your environment in the WorkOS Dashboard")]
    NoApiKey,
    /// The API key cannot be one. The key itself is not shown.
    #[error("the API key {reason}: copy it again from the WorkOS Dashboard")]
    ApiKey {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The base URL cannot be used.
    #[error("the base URL `{url}` {reason}")]
    BaseUrl {
        /// The address, without user and password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An environment variable has a value that cannot be used.
    #[error("{name} is `{value}`, which is not {expected}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value; never that of the key.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The user agent has characters that no header can carry.
    #[error("the user agent cannot be sent in a header")]
    UserAgent,
    /// A certificate to trust cannot be read.
    #[error("a root certificate cannot be read as PEM: {0}")]
    RootCertificate(String),
    /// TLS cannot be set up, for example since the operating system has no certificates to trust.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The HTTP library cannot be set up, for example since no TLS back end is compiled in.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}

impl Error {
    pub(crate) fn invalid_request(operation: &'static Operation, reason: String) -> Self {
        Self::InvalidRequest { operation, reason }
    }

    pub(crate) fn transport(operation: &'static Operation, attempts: u32, source: reqwest::Error) -> Self {
        let source = source.without_url();
        let (what, is_timeout) = if source.is_timeout() {
            ("no complete answer in time", true)
        } else if transport::is_untrusted(&source) {
            ("the certificate of the API is not trusted", false)
        } else if transport::is_connect(&source) {
            ("cannot connect to the API", false)
        } else if source.is_builder() {
            return Self::invalid_request(operation, format!("the request cannot be built: {source}"));
        } else if source.is_decode() {
            ("the answer could not be decompressed", false)
        } else {
            ("the connection to the API broke", false)
        };
        let error = Box::new(TransportError {
            operation,
            what: what.to_owned(),
            attempts,
            source,
        });
        if is_timeout {
            Self::Timeout(error)
        } else {
            Self::Network(error)
        }
    }

    /// The error of a success whose body is larger than the client reads.
    pub(crate) fn too_large(
        operation: &'static Operation,
        status: StatusCode,
        headers: &HeaderMap,
        max_body: usize,
        attempts: u32,
    ) -> Self {
        Self::TooLarge(Box::new(TooLargeError {
            operation,
            status,
            request_id: api_error::request_id(headers),
            attempts,
            max_body,
        }))
    }

    /// The error of an answer whose status is no success.
    pub(crate) fn status_error(error: ApiError) -> Self {
        let error = Box::new(error);
        match error.status.as_u16() {
            401 => Self::Unauthorized(error),
            403 => Self::Forbidden(error),
            404 => Self::NotFound(error),
            422 => Self::Unprocessable(error),
            429 => Self::RateLimited(error),
            500..=599 => Self::Server(error),
            _ => Self::Status(error),
        }
    }

    /// What the API answered, when it answered with an error status.
    pub fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Unauthorized(error)
            | Self::Forbidden(error)
            | Self::NotFound(error)
            | Self::Unprocessable(error)
            | Self::RateLimited(error)
            | Self::Server(error)
            | Self::Status(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the API key is missing or not valid (401).
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Unauthorized(_))
    }

    /// Whether the API key may not do this (403).
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden(_))
    }

    /// Whether there is no such object (404). [`ApiError::has_api_form`] tells the API's own word from that of a proxy.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }

    /// Whether something else is going on that excludes this (409), such as a sync of the same directory.
    pub fn is_conflict(&self) -> bool {
        self.api_error().is_some_and(|error| error.status == 409)
    }

    /// Whether the API refuses the parameters (400 or 422).
    pub fn is_invalid(&self) -> bool {
        self.api_error()
            .is_some_and(|error| matches!(error.status.as_u16(), 400 | 422))
    }

    /// Whether there were too many requests (429).
    pub fn is_rate_limited(&self) -> bool {
        matches!(self, Self::RateLimited(_))
    }

    /// Whether the API or something in front of it failed (5xx).
    pub fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// Whether no complete answer came in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Whether the API could not be reached, or the connection broke.
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Network(_))
    }

    /// Whether an answer came that is not what the document promises.
    pub fn is_decode(&self) -> bool {
        matches!(self, Self::Decode(_))
    }

    /// The variant in snake case, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Unprocessable(_) => "unprocessable",
            Self::RateLimited(_) => "rate_limited",
            Self::Server(_) => "server",
            Self::Status(_) => "status",
            Self::Timeout(_) => "timeout",
            Self::Network(_) => "network",
            Self::Decode(_) => "decode",
            Self::TooLarge(_) => "too_large",
            Self::Gate { .. } => "gate",
            Self::InvalidRequest { .. } => "invalid_request",
            Self::RepeatedCursor { .. } => "repeated_cursor",
            Self::Config(_) => "config",
        }
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Decode(error) => Some(error.status),
            Self::TooLarge(error) => Some(error.status),
            _ => self.api_error().map(|error| error.status),
        }
    }

    /// The id to name to WorkOS support, if there was an answer and it had one.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Decode(error) => error.request_id.as_deref(),
            Self::TooLarge(error) => error.request_id.as_deref(),
            _ => self.api_error()?.request_id.as_deref(),
        }
    }

    /// The operation that was called; `None` for errors of the settings.
    pub fn operation(&self) -> Option<&'static Operation> {
        match self {
            Self::Timeout(error) | Self::Network(error) => Some(error.operation),
            Self::Decode(error) => Some(error.operation),
            Self::TooLarge(error) => Some(error.operation),
            Self::InvalidRequest { operation, .. }
            | Self::Gate { operation, .. }
            | Self::RepeatedCursor { operation, .. } => Some(operation),
            Self::Config(_) => None,
            _ => self.api_error().map(|error| error.operation),
        }
    }

    /// How often the request was sent; 0 when it was not sent at all.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Timeout(error) | Self::Network(error) => error.attempts,
            Self::Decode(error) => error.attempts,
            Self::TooLarge(error) => error.attempts,
            Self::RepeatedCursor { .. } => 1,
            Self::InvalidRequest { .. } | Self::Gate { .. } | Self::Config(_) => 0,
            _ => self.api_error().map_or(0, |error| error.attempts),
        }
    }

    /// How long the API asks to wait before the next try, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.api_error()?.retry_after
    }

    /// Why it happened, where the API's document says, what to do about it, and what helps with that.
    pub fn help(&self) -> String {
        let mut help = match self.api_error().and_then(ApiError::cause) {
            Some(cause) => format!("{cause}. {}", self.fix()),
            None => self.fix().to_owned(),
        };
        let method = self.method().map(|method| format!("`{method}` in Rust"));
        let command = self.command().map(|command| format!("`{command}`"));
        let see: Vec<_> = command.into_iter().chain(method).collect();
        if !see.is_empty() {
            help.push_str(&format!(" (see {})", see.join(", ")));
        }
        help
    }

    /// The command of `dsync` that helps, such as `dsync directories list` for the id of a directory.
    pub fn command(&self) -> Option<&'static str> {
        self.remedy().command
    }

    /// The method of this crate that helps, such as `Client::list_directories` for the id of a directory.
    pub fn method(&self) -> Option<&'static str> {
        self.remedy().method
    }

    /// What to do about it, in one sentence.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "try again later, or allow more time: WORKOS_REQUEST_TIMEOUT, in seconds",
            Self::Network(error) if transport::is_untrusted(&error.source) => {
                "check the base URL; trust the certificate of a proxy in between"
            }
            Self::Network(_) => "check the base URL, the network and the proxy between here and the API",
            Self::Decode(_) => "report it with the request id: the API answers what its document does not say",
            Self::TooLarge(_) => "ask for smaller pages with `limit`, or raise the client's bound",
            Self::Gate { .. } => "mend what the cause names; the request can be sent again",
            Self::InvalidRequest { .. } => "correct the parameter that the message names",
            Self::RepeatedCursor { .. } => "start the list again; report it if it comes back",
            Self::Config(_) => "correct the setting that the message names",
            _ => self
                .api_error()
                .and_then(|error| error.operation.help(error.status.as_u16()))
                .map_or("look the status up in the API reference", |help| help.fix),
        }
    }
}
