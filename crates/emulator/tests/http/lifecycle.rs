//! Starting, stopping and what was received.

use std::net::SocketAddr;
use std::net::TcpListener;

use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_emulator::SeedFile;
use workos_directory_emulator::StartError;
use workos_directory_sync::Client;
use workos_directory_sync::operations;

use crate::asking::Asking;

#[tokio::test]
async fn the_defaults_are_enough() {
    let emulator = Emulator::start().await.unwrap();
    assert!(emulator.address().ip().is_loopback());
    assert_eq!(emulator.base_url(), format!("http://{}", emulator.address()));
    let asking = Asking::of(Emulator::builder()).await;
    assert_eq!(asking.all("/directories").await.len(), 2);
    assert_eq!(asking.all("/directory_users").await.len(), 1_000);
    assert_eq!(asking.all("/directory_groups").await.len(), 40);
}

#[tokio::test]
async fn shutdown_frees_the_port_while_clients_keep_their_connections() {
    let asking = Asking::new().await;
    assert_eq!(asking.get("/directories").await.status, 200);
    // A connection that never says anything.
    let silent = std::net::TcpStream::connect(asking.emulator.address()).unwrap();
    let address = asking.emulator.address();
    asking.emulator.shutdown().await;
    TcpListener::bind(address).unwrap();
    drop(silent);
}

#[tokio::test]
async fn dropping_the_emulator_frees_the_port() {
    let emulator = Emulator::start().await.unwrap();
    let address = emulator.address();
    drop(emulator);
    // The listener goes when the runtime next runs its task.
    tokio::task::yield_now().await;
    TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = Emulator::start().await.unwrap();
    let error = Emulator::builder().bind(taken.address()).start().await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on `{}`", taken.address()));
}

#[tokio::test]
async fn addresses_that_others_can_reach_have_to_be_allowed() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = Emulator::builder().bind(everywhere).start().await;
    assert!(matches!(refused, Err(StartError::Remote { address }) if address == everywhere));
    let allowed = Emulator::builder().bind(everywhere).allow_remote(true).start().await;
    assert!(allowed.is_ok());
}

#[tokio::test]
async fn live_keys_and_keys_that_fit_no_header_are_refused() {
    let start = async |key: &str| Emulator::builder().api_key(key).start().await;
    let error = start("sk_live_abc").await.unwrap_err();
    assert!(matches!(error, StartError::LiveKey));
    assert!(!error.to_string().contains("abc"));
    for key in ["", "two words", "umlaut_ä", "line\nfeed"] {
        assert!(matches!(start(key).await, Err(StartError::InvalidKey)), "{key}");
    }
}

#[tokio::test]
async fn an_impossible_population_is_refused() {
    let population = Population {
        groups: 0,
        ..Population::default()
    };
    let error = Emulator::builder().population(population).start().await.unwrap_err();
    assert!(matches!(error, StartError::Population(_)), "{error}");
}

#[tokio::test]
async fn the_api_key_is_never_shown() {
    let builder = Emulator::builder().api_key("sk_test_secret");
    assert!(!format!("{builder:?}").contains("secret"));
    let emulator = builder.start().await.unwrap();
    assert!(!format!("{emulator:?}").contains("secret"));
}

#[tokio::test]
async fn requests_are_counted_by_operation() {
    let asking = Asking::new().await;
    asking.get("/directories?limit=1").await;
    asking.get("/directories?limit=0").await;
    asking.get("/directory_users/x").await;
    asking.get("/nowhere").await;
    let emulator = &asking.emulator;
    assert_eq!(emulator.requests(&operations::LIST_DIRECTORIES), 2);
    assert_eq!(emulator.requests(&operations::GET_DIRECTORY), 0);
    assert_eq!(
        emulator.requests_by_operation(),
        [("listDirectories", 2), ("getDirectoryUser", 1)].into()
    );
    assert_eq!(emulator.total_requests(), 4);
    let received: Vec<_> = emulator
        .received()
        .into_iter()
        .map(|request| (request.operation, request.method, request.target, request.status))
        .collect();
    assert_eq!(
        received,
        [
            (
                Some("listDirectories"),
                "GET".into(),
                "/directories?limit=1".into(),
                200
            ),
            (
                Some("listDirectories"),
                "GET".into(),
                "/directories?limit=0".into(),
                422
            ),
            (Some("getDirectoryUser"), "GET".into(), "/directory_users/x".into(), 404),
            (None, "GET".into(), "/nowhere".into(), 404),
        ]
    );
}

#[tokio::test]
async fn our_own_client_reads_it() {
    let emulator = Emulator::start().await.unwrap();
    let client = Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url())
        .build()
        .unwrap();
    let directory = client.list_directories().limit(1).send().await.unwrap().data[0]
        .id
        .clone();
    let page = client
        .list_directory_users()
        .directory(&*directory)
        .limit(100)
        .send()
        .await
        .unwrap();
    assert_eq!(page.data.len(), 100);
    let user = client.get_directory_user().id(&page.data[0].id).send().await.unwrap();
    assert_eq!(user.into_inner(), page.data[0]);
    let groups = client
        .list_directory_groups()
        .user(&page.data[0].id)
        .send()
        .await
        .unwrap();
    assert_eq!(groups.data.len(), 3);
    let error = client.get_directory().id("directory_x").send().await.unwrap_err();
    assert_eq!(error.status(), Some(404));
}

#[tokio::test]
async fn the_seed_file_of_the_readme_can_be_used() {
    let readme = include_str!("../../README.md");
    let json = readme.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let file = SeedFile::parse(json).unwrap();
    let asking = Asking::of(
        Emulator::builder()
            .seed_file(file.clone())
            .behaviour(Behaviour::Reference),
    )
    .await;
    let user = asking
        .get(&format!("/directory_users/{}", file.users[0].id))
        .await
        .json();
    assert_eq!(user["organization_id"], "org_01EHZNVPK3SFK441A1RGBFSHRT");
    assert_eq!(user["groups"][0]["name"], "Engineering");
}

#[tokio::test]
async fn a_seed_file_with_a_dangling_reference_does_not_start() {
    let mut file = SeedFile::default();
    let group = workos_directory_sync::types::DirectoryGroup::new(
        "directory_group_01E64QTDNS0EGJ0FMCVY9BWGZT",
        "directory_01ECAZ4NV9QMV47GW873HDCX74",
        "Engineering",
    );
    file.groups.push(group);
    let error = Emulator::builder().seed_file(file).start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the seed file is wrong at `groups[0]`: there is no directory `directory_01ECAZ4NV9QMV47GW873HDCX74`"
    );
}

#[test]
fn a_seed_file_that_is_not_there_is_named() {
    let error = SeedFile::read("/nowhere/seed.json").unwrap_err();
    assert_eq!(error.to_string(), "cannot read the seed file `/nowhere/seed.json`");
}
