//! An axum router that takes webhooks: verified, kept, answered.
//!
//! | answer | when |
//! | --- | --- |
//! | 200 | the event is kept, or was before; it will be applied |
//! | 400 | the signature is missing or has no such form, or the body is no JSON with an `id` |
//! | 401 | the signature does not match, or is too old or too new |
//! | 408, 413 | the body comes too slowly, or has more than 1 MiB |
//! | 503 | the database cannot keep it now, or too many wait for it: send it again later |

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::FromRequest as _;
use axum::extract::Request;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use workos_directory_sync::events::WebhookError;
use workos_directory_sync::events::WebhookVerifier;

use crate::Error;
use crate::Mirror;

/// The header with the signature.
const SIGNATURE: &str = "workos-signature";

/// How long a webhook may wait for the others, its body take to come, and the database to keep it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the database may take to say that it is there.
const READY_PATIENCE: Duration = Duration::from_secs(2);

/// How many webhooks are taken at the same time, others wait; with the longest bodies they need 64 MB.
const AT_A_TIME: usize = 64;

#[derive(Clone)]
struct Receiver {
    mirror: Mirror,
    verifier: Arc<WebhookVerifier>,
    free: Arc<Semaphore>,
}

/// A router with `POST /webhooks` for WorkOS, `GET /healthz` (the process is there) and `GET /readyz` (so is its
/// database). A [`Worker`](crate::Worker) has to apply what it keeps. It speaks plain HTTP: put TLS before it.
pub fn router(mirror: Mirror, verifier: WebhookVerifier) -> Router {
    Router::new()
        .route("/webhooks", post(take))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .layer(DefaultBodyLimit::max(WebhookVerifier::MAX_BODY))
        .with_state(Receiver {
            mirror,
            verifier: Arc::new(verifier),
            free: Arc::new(Semaphore::new(AT_A_TIME)),
        })
}

async fn take(State(receiver): State<Receiver>, request: Request) -> Response {
    // A burst waits: it is a matter of milliseconds, and whoever is refused comes again in minutes.
    let Ok(Ok(_place)) = timeout(PATIENCE, receiver.free.acquire()).await else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many webhooks at once");
    };
    let Some(signature) = request.headers().get(SIGNATURE).cloned() else {
        return refuse(StatusCode::BAD_REQUEST, "the header WorkOS-Signature is missing");
    };
    let body = match timeout(PATIENCE, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) => return rejection.into_response(),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the body comes too slowly"),
    };
    // What is signed and has an id is kept, even if nothing else of it can be read.
    let event = match receiver.verifier.verify(signature.as_bytes(), &body) {
        Ok(event) => event,
        Err(error) => return refuse(status(&error), &error.to_string()),
    };
    match timeout(PATIENCE, receiver.mirror.ingest(&event)).await {
        Ok(Ok(())) => StatusCode::OK.into_response(),
        Ok(Err(Error::Id { .. } | Error::Event(_))) => {
            refuse(StatusCode::BAD_REQUEST, "the body is no event, or its id cannot be one")
        }
        // What the database says is nothing for strangers.
        Ok(Err(_)) | Err(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, "the event cannot be kept now"),
    }
}

async fn ready(State(receiver): State<Receiver>) -> Response {
    match timeout(READY_PATIENCE, receiver.mirror.waiting_events()).await {
        Ok(Ok(waiting)) => format!("ok, {waiting} events wait\n").into_response(),
        Ok(Err(_)) | Err(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be used"),
    }
}

fn status(error: &WebhookError) -> StatusCode {
    match error {
        WebhookError::Mismatch | WebhookError::TooOld { .. } | WebhookError::TooNew { .. } => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn refuse(status: StatusCode, reason: &str) -> Response {
    (status, format!("{reason}\n")).into_response()
}
