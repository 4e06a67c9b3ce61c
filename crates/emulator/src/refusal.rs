//! What the API answers when it does not do what it was asked for.

use axum::http::StatusCode;
use workos_directory_sync::types;

use crate::behaviour::Behaviour;
use crate::kind::Kind;
use crate::rate_limits::Quota;

/// How much of an id that was not found is repeated in the message, in characters.
const SHOWN: usize = 100;

/// An error answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) body: Box<types::ErrorBody>,
    /// The limit that was exceeded.
    pub(crate) exceeded: Option<Quota>,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let mut body = Box::<types::ErrorBody>::default();
        body.message = Some(types::ErrorMessage::Text(message.into()));
        Self {
            status,
            body,
            exceeded: None,
        }
    }

    fn with_code(mut self, code: &str) -> Self {
        self.body.code = Some(code.to_owned());
        self
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized")
    }

    /// The key is known but may not do this.
    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Access denied.").with_code("access_denied")
    }

    /// A sync of the directory is running.
    pub(crate) fn sync_in_progress() -> Self {
        let message = "A sync is already in progress for this directory.";
        Self::new(StatusCode::CONFLICT, message).with_code("sync_in_progress")
    }

    /// There is no object of this kind with this id.
    pub(crate) fn not_found(kind: Kind, id: &str) -> Self {
        let shown: String = id.chars().take(SHOWN).collect();
        let message = format!("{} not found: '{shown}'.", kind.noun());
        let mut refusal = Self::new(StatusCode::NOT_FOUND, message).with_code("entity_not_found");
        refusal.body.entity_id = Some(shown);
        refusal
    }

    /// What is asked for by its id does not exist.
    pub(crate) fn missing(kind: Kind, id: &str, behaviour: Behaviour) -> Self {
        match (behaviour, kind) {
            (Behaviour::Live, Kind::User | Kind::Group) => Self::no_route(),
            _ => Self::not_found(kind, id),
        }
    }

    /// There is no such path.
    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    /// The path does not take this method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
    }

    pub(crate) fn body_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large.")
    }

    pub(crate) fn body_too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "The body did not come in time.")
    }

    /// The emulator failed.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error.")
    }

    /// The directory's provider or state does not support what was asked for.
    pub(crate) fn sync_unsupported(what: &str) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("Directories {what} cannot be synced on request."),
        )
        .with_code("directory_sync_not_supported")
    }

    /// Parameters have values that the API refuses.
    pub(crate) fn invalid(faults: Vec<types::FieldError>) -> Self {
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation failed");
        refusal.body.errors = Some(faults.into_iter().map(types::ErrorDetail::from).collect());
        refusal
    }

    /// A request for events names none.
    pub(crate) fn without_events() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Please provide at least one event in \"events\".",
        )
        .with_code("invalid_events_request")
    }

    /// Parameters exclude each other.
    pub(crate) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message).with_code("invalid_request_parameters")
    }

    /// What was asked for does not go with what is there.
    pub(crate) fn unprocessable(error: &impl ToString) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).with_code("unprocessable")
    }

    /// One field is wrong, or its place in the body; without a place, the body as a whole.
    pub(crate) fn invalid_field(field: &str, message: String) -> Self {
        let mut fault = types::FieldError::new("invalid");
        fault.field = Some(field.to_owned()).filter(|field| !field.is_empty());
        fault.message = Some(message);
        Self::invalid(vec![fault]).with_code("invalid_request_parameters")
    }

    /// There is nothing of this name.
    pub(crate) fn unknown(error: &impl ToString) -> Self {
        Self::new(StatusCode::NOT_FOUND, error.to_string()).with_code("entity_not_found")
    }

    /// It cannot be done now.
    pub(crate) fn conflict(error: &impl ToString) -> Self {
        Self::new(StatusCode::CONFLICT, error.to_string()).with_code("conflict")
    }

    /// The admin API is not for other machines.
    pub(crate) fn not_from_there() -> Self {
        let message = "The admin API answers this machine only; start the emulator with `--allow-remote-admin` \
                       (`EmulatorBuilder::allow_remote_admin`) to let others use it.";
        Self::new(StatusCode::FORBIDDEN, message).with_code("access_denied")
    }

    /// The emulator was called by a name that a web page may have given this machine.
    pub(crate) fn not_by_that_name() -> Self {
        let message = "The emulator answers requests for an address or `localhost`; start it with `--allow-host NAME` \
                       (`EmulatorBuilder::allow_host`) to call it by another name.";
        Self::new(StatusCode::FORBIDDEN, message).with_code("access_denied")
    }

    /// What an injected fault says.
    pub(crate) fn injected(status: StatusCode) -> Self {
        Self::new(status, status.canonical_reason().unwrap_or("Error")).with_code("injected_fault")
    }

    /// There were too many requests.
    pub(crate) fn rate_limited(quota: Quota) -> Self {
        let mut refusal =
            Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests.").with_code("rate_limit_exceeded");
        refusal.body.retry_after_seconds = Some(quota.retry_after);
        refusal.exceeded = Some(quota);
        refusal
    }
}
