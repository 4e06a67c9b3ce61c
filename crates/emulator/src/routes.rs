//! Which operation answers a request, and what is checked before it does.
//!
//! Methods, paths and parameters come from the document by way of the client's [`operations`]. Every request is counted,
//! then hit by the faults that were injected for it, measured against the rate limit, the API key is checked, then the
//! operation runs. It reads memory only, so it runs where the request came in.

use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::RawPathParams;
use axum::extract::Request;
use axum::extract::State;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::HeaderMap;
use axum::http::header;
use axum::response::Response;
use axum::routing::MethodFilter;
use axum::routing::get;
use axum::routing::on;
use workos_directory_sync::operation::Method;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;

use crate::admin;
use crate::answer;
use crate::answer::Reply;
use crate::app::App;
use crate::connection::Peer;
use crate::directories;
use crate::events;
use crate::fault::Movement;
use crate::faults::Plan;
use crate::faults::Subject;
use crate::groups;
use crate::host;
use crate::movement;
use crate::movement::Moving;
use crate::query::Query;
use crate::received::ReceivedRequest;
use crate::refusal::Refusal;
use crate::tamper;
use crate::users;
use crate::wire;

/// How large a request's body may be, in bytes. No operation reads one.
const MAX_BODY: u64 = 64 * 1024;

/// What an operation does.
type Handler = fn(&App, &Call<'_>) -> Result<Reply, Refusal>;

/// What each operation does.
const HANDLERS: &[(&Operation, Handler)] = &[
    (&operations::LIST_DIRECTORIES, directories::list),
    (&operations::GET_DIRECTORY, directories::get),
    (&operations::DELETE_DIRECTORY, directories::delete),
    (&operations::SYNC_DIRECTORY, directories::sync),
    (&operations::LIST_DIRECTORY_GROUPS, groups::list),
    (&operations::GET_DIRECTORY_GROUP, groups::get),
    (&operations::LIST_DIRECTORY_USERS, users::list),
    (&operations::GET_DIRECTORY_USER, users::get),
    (&operations::LIST_EVENTS, events::list),
];

/// A request for an operation.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    operation: &'static Operation,
    /// The id in the path, decoded; empty when the path has none.
    pub(crate) id: &'a str,
    query: &'a str,
    pub(crate) now: jiff::Timestamp,
    /// What goes wrong with the answer.
    pub(crate) plan: &'a Plan,
}

impl Call<'_> {
    /// The parameters in the query.
    pub(crate) fn query(&self, app: &App) -> Query {
        Query::parse(self.operation, self.query, app.settings.reference_parameters)
    }

    /// What the operation says, with what the faults make of it.
    fn answer(&self, app: &App, handler: Handler, cursor: Option<&str>) -> Result<Reply, Refusal> {
        let plan = self.plan;
        let group = parameter(self.query, "group");
        let moving = movement::listed(self.operation)
            .zip(cursor)
            .map(|(kind, cursor)| Moving {
                kind,
                cursor,
                group: group.as_deref(),
                now: self.now,
            });
        for (moving, &change) in moving
            .iter()
            .flat_map(|moving| plan.movements.iter().map(move |change| (moving, change)))
        {
            moving.happen(app, change);
        }
        let mut reply = handler(app, self)?;
        let Some(json) = reply.json_mut() else { return Ok(reply) };
        if plan.movements.contains(&Movement::Repeated)
            && let Some(moving) = moving
            && let Some(object) = self.listed_object(app, moving.cursor)
        {
            tamper::repeat(json, &object);
        }
        if !plan.tampering.is_empty() {
            tamper::tamper(json, self.operation, cursor, &plan.tampering);
        }
        Ok(reply)
    }

    /// An object of the list, as the operation says it that gets one.
    fn listed_object(&self, app: &App, id: &str) -> Option<Vec<u8>> {
        let (operation, handler) = HANDLERS.iter().find(|(operation, _)| {
            let one = operation.path.strip_prefix(self.operation.path);
            operation.method == Method::Get && one == Some("/{id}")
        })?;
        let call = Call {
            operation,
            id,
            query: "",
            now: self.now,
            plan: &Plan::default(),
        };
        let mut reply = handler(app, &call).ok()?;
        reply.json_mut().map(std::mem::take)
    }
}

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for &(operation, handler) in HANDLERS {
        let answer = move |State(app): State<Arc<App>>,
                           ConnectInfo(peer): ConnectInfo<Peer>,
                           path: Result<RawPathParams, RawPathParamsRejection>,
                           request: Request| async move {
            // An id that is not UTF-8 is the id of nothing.
            let path = path.ok();
            let id = path.iter().flatten().map(|(_, value)| value).next().unwrap_or_default();
            let query = request.uri().query().unwrap_or_default();
            let cursor = parameter(query, "after");
            let plan = plan(&app, operation, id, query, cursor.is_some());
            if !plan.latency.is_zero() {
                tokio::time::sleep(plan.latency).await;
            }
            let response = respond(&app, &request, Some(operation), &plan, |now| {
                check_host(&app, &request)?;
                authorize(&app, request.headers())?;
                let call = Call {
                    operation,
                    id,
                    query,
                    now,
                    plan: &plan,
                };
                call.answer(&app, handler, cursor.as_deref())
            });
            let response = if plan.delivery.is_none() {
                wire::finish(&app, request.method(), request.headers(), response).await
            } else {
                response
            };
            plan.deliver(response, &peer.reset).await
        };
        router = router.route(operation.path, on(filter(operation.method), answer));
    }
    let router = router.route("/health", get(health));
    admin::add_routes(router)
        .method_not_allowed_fallback(|State(app): State<Arc<App>>, request: Request| async move {
            fallback(&app, request, Refusal::method_not_allowed()).await
        })
        .fallback(|State(app): State<Arc<App>>, request: Request| async move {
            fallback(&app, request, Refusal::no_route()).await
        })
        .with_state(app)
}

/// `GET /health`: whether it runs, without a key, for who waits for it.
async fn health(State(app): State<Arc<App>>, request: Request) -> Response {
    let result = check_host(&app, &request).map(|()| Reply::ok(br#"{"status":"ok"}"#.to_vec()));
    answer::response(result, None, &app.request_id(app.settings.clock.now()))
}

/// What a request is told that is for no operation.
async fn fallback(app: &App, request: Request, refusal: Refusal) -> Response {
    let refusal = check_host(app, &request).err().unwrap_or(refusal);
    if admin::owns(request.uri().path()) {
        return admin::refuse(app, refusal);
    }
    let response = respond(app, &request, None, &Plan::default(), |_| Err(refusal));
    wire::finish(app, request.method(), request.headers(), response).await
}

/// Whether a request asks for this machine by a name that nobody else can have given it.
pub(crate) fn check_host(app: &App, request: &Request) -> Result<(), Refusal> {
    if host::is_own(request.uri(), request.headers(), &app.settings.hosts) {
        Ok(())
    } else {
        Err(Refusal::not_by_that_name())
    }
}

pub(crate) fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    }
}

/// What is to go wrong with a request.
fn plan(app: &App, operation: &Operation, id: &str, query: &str, has_cursor: bool) -> Plan {
    if app.faults.is_empty() {
        return Plan::default();
    }
    let scopes: Vec<String> = ["directory", "group", "user"]
        .into_iter()
        .filter_map(|name| parameter(query, name))
        .collect();
    let state = app.state();
    let named = scopes.iter().map(String::as_str).chain([id]);
    let directory = named.filter_map(|id| state.directory_of(id)).next();
    drop(state);
    app.faults.plan(&Subject {
        operation,
        has_cursor,
        id,
        scopes,
        directory,
    })
}

/// What every request goes through.
fn respond(
    app: &App,
    request: &Request,
    operation: Option<&'static Operation>,
    plan: &Plan,
    answer: impl FnOnce(jiff::Timestamp) -> Result<Reply, Refusal>,
) -> Response {
    let now = app.settings.clock.now();
    let request_id = app.request_id(now);
    let admitted = app.limiter.admit(now);
    let (Ok(quota) | Err(quota)) = admitted;
    let behaviour = app.settings.behaviour;
    let response = plan.replacement(behaviour, quota, now, &request_id);
    let response = response.unwrap_or_else(|| {
        let result = match admitted {
            Err(quota) => Err(Refusal::rate_limited(quota)),
            Ok(_) if body_length(request.headers()) > MAX_BODY => Err(Refusal::body_too_large()),
            Ok(_) => answer(now),
        };
        let shown = app.settings.shows_rate_limits.then_some(quota);
        answer::response(result, shown, &request_id)
    });
    let received = ReceivedRequest {
        received_at: now,
        operation: operation.map(|operation| operation.id),
        method: request.method().to_string(),
        target: request.uri().to_string(),
        status: response.status().as_u16(),
    };
    if let Some(tell) = &app.settings.on_request {
        tell(&received);
    }
    app.received.add(received);
    response
}

/// The first value of a parameter in a query, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(known, value)| (known == name).then(|| value.into_owned()))
}

/// How long the body says that it is. One of unknown length is never read, and the connection is closed.
fn body_length(headers: &HeaderMap) -> u64 {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Whether a request has the right key.
pub(crate) fn authorize(app: &App, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::unauthorized());
    };
    let sent = value.to_str().ok().and_then(|text| text.split_once(' '));
    let Some((_, key)) = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Err(Refusal::unauthorized());
    };
    match key.trim() {
        key if key == app.settings.api_key => Ok(()),
        key if key == app.settings.forbidden_api_key => Err(Refusal::forbidden()),
        _ => Err(Refusal::unauthorized()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_handler() {
        for operation in operations::ALL {
            assert!(
                HANDLERS.iter().any(|(known, _)| known.id == operation.id),
                "{} has no handler: write what the emulator answers to {} {}, and name it in `HANDLERS`",
                operation.id,
                operation.method.as_str(),
                operation.path
            );
        }
    }
}
