//! What goes over the wire: the bodies, paths and errors of requests that the document describes.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::response::Response;
use workos_directory_emulator_client::EmulatorClient;
use workos_directory_emulator_client::Error;
use workos_directory_emulator_client::operations;
use workos_directory_emulator_client::types;

const DIRECTORY: &str = "directory_01ECAZ4NV9QMV47GW873HDCX74";
const USER: &str = "directory_user_01E1JG7J09H96KYP8HM9B0G5SJ";
const GROUP: &str = "directory_group_01E1JJS84MFPPQ3G655FHTKX6Z";

/// What the server was asked: method and target, content type, body.
type Seen = Arc<Mutex<Vec<(String, Option<String>, String)>>>;

/// A server that gives every request the same answer.
async fn server(status: StatusCode, answer: &'static str) -> (EmulatorClient, Seen) {
    let seen = Seen::default();
    let respond = move |State(seen): State<Seen>, request: Request| async move {
        let (head, body) = request.into_parts();
        let sent: Bytes = axum::body::to_bytes(body, 1024).await.unwrap();
        let kind = head
            .headers
            .get("content-type")
            .map(|kind| kind.to_str().unwrap().to_owned());
        let line = format!("{} {}", head.method, head.uri);
        seen.lock()
            .unwrap()
            .push((line, kind, String::from_utf8(sent.to_vec()).unwrap()));
        let response: Response = (status, [("content-type", "application/json")], answer).into_response();
        response
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = EmulatorClient::new(format!("http://{}", listener.local_addr().unwrap()), "sk_test_emulator").unwrap();
    let router = Router::new().fallback(respond).with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (client, seen)
}

#[tokio::test]
async fn a_body_is_sent_as_json_without_what_was_not_given() {
    let answer = r#"{"id":"directory_user_1","directory_id":"directory_1","state":"active",
        "created_at":"2024-01-15T10:00:00.000Z","updated_at":"2024-01-15T10:00:00.000Z"}"#;
    let (client, seen) = server(StatusCode::CREATED, answer).await;
    let mut user = types::NewUser::default();
    user.email = Some("jane@acme.example".to_owned());
    user.state = Some("active".into());
    let user = client
        .create_user()
        .directory(DIRECTORY)
        .body(user)
        .send()
        .await
        .unwrap();
    assert_eq!(user.status(), 201);
    assert_eq!(user.state, types::DirectoryUserState::Active);
    let expected = (
        format!("POST /_emulator/directories/{DIRECTORY}/users"),
        Some("application/json".to_owned()),
        r#"{"email":"jane@acme.example","state":"active"}"#.to_owned(),
    );
    assert_eq!(*seen.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_body_that_may_be_left_out_is_left_out() {
    let (client, seen) = server(StatusCode::OK, "{}").await;
    client.put_organization().organization("org_1").send().await.unwrap();
    let expected = ("PUT /_emulator/organizations/org_1".to_owned(), None, String::new());
    assert_eq!(*seen.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_body_that_is_required_is_asked_for_before_anything_is_sent() {
    let (client, seen) = server(StatusCode::CREATED, "{}").await;
    let error = client.create_directory().send().await.unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
    assert!(error.to_string().contains("`body` is required"), "{error}");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_parameter_of_a_path_has_its_place() {
    let (client, seen) = server(StatusCode::NO_CONTENT, "").await;
    client
        .add_member()
        .user(USER)
        .group(GROUP)
        .directory(DIRECTORY)
        .send()
        .await
        .unwrap();
    let expected = format!("PUT /_emulator/directories/{DIRECTORY}/groups/{GROUP}/members/{USER}");
    assert_eq!(seen.lock().unwrap()[0].0, expected);
}

#[tokio::test]
async fn a_list_is_streamed_with_the_parameters_of_its_own_document() {
    let (client, seen) = server(StatusCode::OK, r#"{"data":[],"list_metadata":{}}"#).await;
    let mut deliveries = client.list_deliveries().stream();
    assert!(deliveries.next().await.is_none());
    assert_eq!(seen.lock().unwrap()[0].0, "GET /_emulator/deliveries?limit=100");
}

#[tokio::test]
async fn an_error_says_what_this_document_advises() {
    let (client, _) = server(StatusCode::UNAUTHORIZED, r#"{"message":"Unauthorized"}"#).await;
    let error = client.get_state().send().await.unwrap_err();
    assert!(error.help().contains("sk_test_emulator"), "{}", error.help());
}

#[test]
fn the_constants_name_the_body_that_an_operation_takes() {
    let body = operations::UPDATE_USER.body.unwrap();
    assert_eq!((body.model, body.required), ("UserChange", true));
    assert!(operations::GET_STATE.body.is_none());
}
