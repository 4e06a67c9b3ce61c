//! The admin API under `/_emulator`: what the emulator's Rust methods do, for programs in any language.
//!
//! Methods, paths and bodies come from `spec/emulator.yaml` by way of the generated client. A call takes the key that the API
//! takes. It is not counted among the requests, has no rate limit, no fault hits it, and other machines are refused unless
//! they were allowed, and so are calls for another name than `localhost`. A call that is refused changes nothing; fields and
//! values that the document does not have are refused.

mod call;
mod churn;
mod clock;
mod directories;
mod endpoints;
mod faults;
mod groups;
mod list;
mod memberships;
mod organizations;
mod requests;
mod settings;
mod state;
mod users;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::ConnectInfo;
use axum::extract::RawPathParams;
use axum::extract::Request;
use axum::extract::State;
use axum::extract::rejection::RawPathParamsRejection;
use axum::response::Response;
use axum::routing::on;
use workos_directory_emulator_client::operations;
use workos_directory_sync::operation::Operation;

use crate::admin::call::Call;
use crate::answer;
use crate::answer::Reply;
use crate::app::App;
use crate::connection::Peer;
use crate::received::ReceivedRequest;
use crate::refusal::Refusal;
use crate::routes;

/// What all paths begin with.
const PREFIX: &str = "/_emulator";

/// How large a request's body may be, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// How large a whole state may be, in bytes.
const MAX_STATE: usize = 256 * 1024 * 1024;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an operation does. It may take its time: it does not run where requests come in.
type Handler = fn(&Arc<App>, &Call) -> Result<Reply, Refusal>;

/// What each operation does.
const HANDLERS: &[(&Operation, Handler)] = &[
    (&operations::PUT_ORGANIZATION, organizations::put),
    (&operations::DELETE_ORGANIZATION, organizations::delete),
    (&operations::CREATE_DIRECTORY, directories::create),
    (&operations::UPDATE_DIRECTORY, directories::update),
    (&operations::DELETE_DIRECTORY, directories::delete),
    (&operations::CREATE_USER, users::create),
    (&operations::UPDATE_USER, users::update),
    (&operations::DELETE_USER, users::delete),
    (&operations::CREATE_GROUP, groups::create),
    (&operations::UPDATE_GROUP, groups::update),
    (&operations::DELETE_GROUP, groups::delete),
    (&operations::ADD_MEMBER, memberships::add),
    (&operations::REMOVE_MEMBER, memberships::remove),
    (&operations::GET_WEBHOOK_ENDPOINTS, endpoints::list),
    (&operations::CREATE_WEBHOOK_ENDPOINT, endpoints::create),
    (&operations::DELETE_WEBHOOK_ENDPOINT, endpoints::delete),
    (&operations::LIST_DELIVERIES, endpoints::deliveries),
    (&operations::REPLAY_DELIVERY, endpoints::replay),
    (&operations::GET_FAULTS, faults::list),
    (&operations::ADD_FAULT, faults::add),
    (&operations::PUT_FAULTS, faults::replace),
    (&operations::DELETE_FAULTS, faults::clear),
    (&operations::PUT_CHURN, churn::start),
    (&operations::DELETE_CHURN, churn::stop),
    (&operations::GET_STATE, state::get),
    (&operations::PUT_STATE, state::put),
    (&operations::RESET_STATE, state::reset),
    (&operations::GET_SETTINGS, settings::get),
    (&operations::PUT_SETTINGS, settings::put),
    (&operations::GET_CLOCK, clock::get),
    (&operations::PUT_CLOCK, clock::put),
    (&operations::ADVANCE_CLOCK, clock::advance),
    (&operations::LIST_REQUESTS, requests::list),
];

/// Whether a path is one of this API, with or without an operation.
pub(crate) fn owns(path: &str) -> bool {
    path.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The answer to a request for no operation of this API.
pub(crate) fn refuse(app: &App, refusal: Refusal) -> Response {
    answer::response(Err(refusal), None, &app.request_id(app.settings.clock.now()))
}

/// Adds all routes.
pub(crate) fn add_routes(mut router: Router<Arc<App>>) -> Router<Arc<App>> {
    for &(operation, handler) in HANDLERS {
        let answer = move |State(app): State<Arc<App>>,
                           ConnectInfo(peer): ConnectInfo<Peer>,
                           path: Result<RawPathParams, RawPathParamsRejection>,
                           request: Request| async move {
            let request_id = app.request_id(app.settings.clock.now());
            let mut received = ReceivedRequest {
                received_at: app.settings.clock.now(),
                operation: Some(operation.id),
                method: request.method().to_string(),
                target: request.uri().to_string(),
                status: 0,
            };
            let tell = app.settings.on_request.clone();
            let result = respond(app, &peer, operation, handler, path.ok(), request).await;
            let response = answer::response(result, None, &request_id);
            received.status = response.status().as_u16();
            if let Some(tell) = tell {
                tell(&received);
            }
            response
        };
        router = router.route(operation.path, on(routes::filter(operation.method), answer));
    }
    router
}

async fn respond(
    app: Arc<App>,
    peer: &Peer,
    operation: &'static Operation,
    handler: Handler,
    path: Option<RawPathParams>,
    request: Request,
) -> Result<Reply, Refusal> {
    if !is_admitted(peer.address.ip(), app.settings.allow_remote_admin) {
        return Err(Refusal::not_from_there());
    }
    routes::check_host(&app, &request)?;
    routes::authorize(&app, request.headers())?;
    // An id that is not UTF-8 is the id of nothing.
    let path = path.ok_or_else(Refusal::no_route)?;
    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let path = path.collect();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let limit = if operation.id == operations::PUT_STATE.id {
        MAX_STATE
    } else {
        MAX_BODY
    };
    let body = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), limit));
    let body = body.await.map_err(|_| Refusal::body_too_slow())?;
    let body = body.map_err(|_| Refusal::body_too_large())?;
    let done = tokio::task::spawn_blocking(move || {
        let now = app.settings.clock.now();
        let call = Call {
            operation,
            path,
            query,
            body,
            now,
            is_lenient: app.settings.lenient,
        };
        handler(&app, &call)
    });
    done.await.map_err(|_| Refusal::internal())?
}

/// Whether a caller at this address may use the API.
fn is_admitted(address: IpAddr, allow_remote: bool) -> bool {
    allow_remote || address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_operation_has_a_handler() {
        let missing = operations::ALL
            .iter()
            .find(|operation| HANDLERS.iter().all(|(known, _)| known.id != operation.id));
        assert_eq!(missing, None);
        assert_eq!(HANDLERS.len(), operations::ALL.len());
    }

    #[test]
    fn every_path_is_one_that_the_api_owns() {
        assert!(operations::ALL.iter().all(|operation| owns(operation.path)));
        assert!(owns("/_emulator") && !owns("/_emulators") && !owns("/directories/_emulator"));
    }

    #[test]
    fn other_machines_are_refused_unless_they_are_allowed() {
        for here in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(is_admitted(here.parse().unwrap(), false), "{here}");
        }
        for there in ["10.0.0.1", "0.0.0.0", "::ffff:10.0.0.1", "fe80::1"] {
            assert!(!is_admitted(there.parse().unwrap(), false), "{there}");
            assert!(is_admitted(there.parse().unwrap(), true), "{there}");
        }
    }
}
