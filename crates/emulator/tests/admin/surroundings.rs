//! Webhooks, faults, churn, state, clock and requests.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_emulator_client::types;
use workos_directory_sync::events::WebhookVerifier;
use workos_directory_sync::types::EventName;

use crate::A_MINUTE;
use crate::World;
use crate::refused;

/// What an endpoint has got: signature and body.
type Inbox = Arc<Mutex<Vec<(String, Bytes)>>>;

async fn inbox() -> (String, Inbox) {
    let inbox = Inbox::default();
    let take = |State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes| async move {
        let signature = headers["workos-signature"].to_str().unwrap().to_owned();
        inbox.lock().unwrap().push((signature, body));
    };
    let router = Router::new().route("/", post(take)).with_state(Arc::clone(&inbox));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, inbox)
}

#[tokio::test]
async fn an_event_is_delivered_logged_and_delivered_again() {
    let clock = workos_directory_emulator::SystemClock;
    let emulator = Emulator::builder().population(Population::empty()).clock(clock);
    let emulator = emulator.start().await.unwrap();
    let admin = workos_directory_emulator_client::EmulatorClient::new(emulator.base_url(), emulator.api_key()).unwrap();
    let (url, inbox) = inbox().await;
    let mut new = types::NewWebhookEndpoint::new(&*url);
    new.events = Some(vec![EventName::DsyncActivated]);
    let endpoint = admin
        .create_webhook_endpoint()
        .body(new)
        .send()
        .await
        .unwrap()
        .into_inner();
    let secret = endpoint.secret.clone().unwrap();
    let listed = admin.get_webhook_endpoints().send().await.unwrap().into_inner().data;
    assert_eq!(
        (listed.len(), &listed[0].id, &listed[0].secret),
        (1, &endpoint.id, &None)
    );
    assert_eq!(listed[0].url.as_deref(), Some(&*url));

    let directory = types::NewDirectory::new("okta scim v2.0", "Acme");
    let directory = admin
        .create_directory()
        .body(directory)
        .send()
        .await
        .unwrap()
        .into_inner();
    emulator.webhooks().settle().await;
    // No event that the endpoint does not want.
    let user = types::NewUser::default();
    admin
        .create_user()
        .directory(&*directory.id)
        .body(user)
        .send()
        .await
        .unwrap();
    emulator.webhooks().settle().await;
    let first = admin.list_deliveries().send().await.unwrap().into_inner().data;
    assert_eq!(first.len(), 1);
    assert_eq!(
        (&first[0].state, first[0].attempts[0].status),
        (&types::DeliveryState::Delivered, Some(200))
    );
    let again = admin
        .replay_delivery()
        .delivery(&*first[0].id)
        .send()
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (&again.kind, &again.event),
        (&types::DeliveryKind::Replay, &first[0].event)
    );
    emulator.webhooks().settle().await;

    let got = inbox.lock().unwrap().clone();
    let verifier = WebhookVerifier::new(secret.as_str()).unwrap();
    let events: Vec<_> = got
        .iter()
        .map(|(signature, body)| verifier.verify(signature.as_bytes(), body).unwrap().id)
        .collect();
    assert_eq!(events, [first[0].event.clone(), first[0].event.clone()]);
    let all: Vec<_> = admin.list_deliveries().limit(1).stream().try_collect().await.unwrap();
    assert_eq!(
        all.iter().map(|one| &one.id).collect::<Vec<_>>(),
        [&first[0].id, &again.id]
    );

    admin
        .delete_webhook_endpoint()
        .endpoint(&*endpoint.id)
        .send()
        .await
        .unwrap();
    let gone = admin.delete_webhook_endpoint().endpoint(&*endpoint.id).send().await;
    assert_eq!(refused(gone).0, 404);
    let lost = admin.replay_delivery().delivery(&*first[0].id).send().await;
    assert_eq!(refused(lost).0, 404);
}

#[tokio::test]
async fn lies_are_added_by_the_admin_api_and_shown_as_they_were_given() {
    let world = World::empty().await;
    let admin = &world.admin;
    let directory = types::NewDirectory::new("okta scim v2.0", "Acme");
    admin.create_directory().body(directory).send().await.unwrap();
    let fault = |kind: types::FaultKind, change: &dyn Fn(&mut types::Fault)| {
        let mut fault = types::Fault::new(kind);
        change(&mut fault);
        types::FaultRule::new(fault)
    };
    let mut omitted = fault(types::FaultKind::OmittedObjects, &|_| {});
    omitted.operation = Some("listDirectoryUsers".to_owned());
    omitted.scope = Some("directory_group_1".to_owned());
    omitted.share = Some(0.5);
    let mut trimmed = fault(types::FaultKind::OmittedFields, &|fault| {
        fault.paths = Some(vec!["/data/role".to_owned()]);
    });
    trimmed.operation = Some("webhook".to_owned());
    trimmed.events = Some(vec!["dsync.user.updated".to_owned()]);
    let mut replaced = fault(types::FaultKind::ReplacedField, &|fault| {
        fault.path = Some("/name".to_owned());
        fault.json = Some("7".to_owned());
    });
    replaced.directory = Some("directory_1".to_owned());
    replaced.objects = Some(vec!["directory_2".to_owned()]);
    let rules = vec![
        omitted,
        trimmed,
        replaced,
        fault(types::FaultKind::EmptyList, &|_| {}),
        fault(types::FaultKind::EarlyEnd, &|fault| fault.empty = Some(true)),
        fault(types::FaultKind::RepeatedObject, &|_| {}),
        fault(types::FaultKind::ShiftedPage, &|_| {}),
        fault(types::FaultKind::WrongCounts, &|fault| fault.groups = Some(3)),
    ];
    let put = admin.put_faults().body(types::FaultRules::new(rules.clone()));
    let shown = put.send().await.unwrap().into_inner().data;
    for (given, shown) in rules.iter().zip(&shown) {
        let mut given = given.clone();
        // What was left out is what it is by default.
        given.skip = Some(0);
        given.probability = Some(1.0);
        assert_eq!(given, shown.rule);
    }
    let list = admin.client().list_directories().send().await.unwrap().into_inner();
    assert!(list.data.is_empty());
    let wrong = fault(types::FaultKind::ReplacedField, &|fault| {
        fault.path = Some("/name".to_owned())
    });
    let (status, message) = refused(admin.add_fault().body(wrong).send().await);
    assert_eq!(status, 422);
    assert!(message.contains("needs either `json` or `hex`"), "{message}");
}

#[tokio::test]
async fn faults_are_added_replaced_listed_and_removed() {
    let world = World::empty().await;
    let admin = &world.admin;
    let fault = |status| {
        let mut fault = types::Fault::new(types::FaultKind::Status);
        fault.status = Some(status);
        types::FaultRule::new(fault)
    };
    let mut first = fault(403);
    first.operation = Some("listDirectories".to_owned());
    first.times = Some(1);
    let added = admin.add_fault().body(first).send().await.unwrap().into_inner();
    assert_eq!((added.rule.times, added.applied), (Some(1), 0));
    let hit = admin.client().list_directories().send().await;
    assert_eq!(refused(hit).0, 403);
    admin.client().list_directories().send().await.unwrap();
    let listed = admin.get_faults().send().await.unwrap().into_inner().data;
    assert_eq!((listed.len(), listed[0].id, listed[0].applied), (1, added.id, 1));

    let mut late = types::Fault::new(types::FaultKind::Latency);
    late.milliseconds = Some(0);
    let rules = types::FaultRules::new(vec![types::FaultRule::new(late), fault(404)]);
    let replaced = admin.put_faults().body(rules).send().await.unwrap().into_inner().data;
    let kinds: Vec<_> = replaced
        .iter()
        .map(|injected| injected.rule.fault.kind.as_str())
        .collect();
    assert_eq!(kinds, ["latency", "status"]);
    assert_eq!(refused(admin.client().list_directories().send().await).0, 404);
    admin.delete_faults().send().await.unwrap();
    assert_eq!(admin.get_faults().send().await.unwrap().into_inner().data, []);
    admin.client().list_directories().send().await.unwrap();
}

#[tokio::test]
async fn churn_goes_on_until_it_is_stopped() {
    let world = World::of(Emulator::builder()).await;
    let churn = world.admin.put_churn().body(types::Churn::new(1000.0));
    assert_eq!(churn.send().await.unwrap().into_inner().seed, Some(1));
    assert_eq!(world.emulator.churn_rate(), Some(1000.0));
    while world.events().await.is_empty() {
        tokio::task::yield_now().await;
    }
    world.admin.delete_churn().send().await.unwrap();
    assert_eq!(world.emulator.churn_rate(), None);
}

#[tokio::test]
async fn a_state_that_was_saved_is_there_again_when_it_is_loaded() {
    let world = World::of(Emulator::builder()).await;
    let saved = world.admin.get_state().send().await.unwrap().into_inner();
    assert!(!saved.users.is_empty() && !saved.memberships.is_empty());
    let expected = world.emulator.seed_file().unwrap();
    let organization = expected.directories[0].organization_id.clone().unwrap();
    world
        .admin
        .delete_organization()
        .organization(&*organization)
        .send()
        .await
        .unwrap();
    let events = world.event_names().await;
    assert!(!events.is_empty());
    assert_ne!(world.emulator.seed_file().unwrap(), expected);
    world.admin.put_state().body(saved).send().await.unwrap();
    assert_eq!(world.emulator.seed_file().unwrap(), expected);
    // No event tells of it, and the log is what it was.
    assert_eq!(world.event_names().await, events);
    let directory = &expected.directories[0].id;
    let user = world.user(directory).await;
    assert!(expected.users.iter().all(|other| other.id < user.id));
}

#[tokio::test]
async fn the_clock_is_moved_and_what_is_due_by_then_happens() {
    let world = World::empty().await;
    let admin = &world.admin;
    let now = |clock: types::Clock| clock.now.canonical();
    assert_eq!(
        now(admin.get_clock().send().await.unwrap().into_inner()),
        "2026-11-24T12:00:00.000Z"
    );
    let advanced = admin.advance_clock().body(types::ClockAdvance::new(60_000)).send();
    assert_eq!(now(advanced.await.unwrap().into_inner()), "2026-11-24T12:01:00.000Z");
    world.clock.advance(A_MINUTE);
    assert_eq!(
        now(admin.get_clock().send().await.unwrap().into_inner()),
        "2026-11-24T12:02:00.000Z"
    );
    let time: jiff::Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
    let stopped = admin.put_clock().body(types::Clock::new(time)).send();
    assert_eq!(now(stopped.await.unwrap().into_inner()), "2026-11-25T00:00:00.000Z");
    world.clock.advance(A_MINUTE);
    assert_eq!(world.emulator.now(), time);

    // A delivery that failed is tried again when its time has come.
    let endpoint = types::NewWebhookEndpoint::new("http://127.0.0.1:9/");
    admin.create_webhook_endpoint().body(endpoint).send().await.unwrap();
    world.directory().await;
    world.emulator.webhooks().settle().await;
    let attempts = async || {
        admin.list_deliveries().send().await.unwrap().into_inner().data[0]
            .attempts
            .len()
    };
    assert_eq!(attempts().await, 1);
    let advance = types::ClockAdvance::new(u64::try_from(Duration::from_secs(3_600).as_millis()).unwrap());
    admin.advance_clock().body(advance).send().await.unwrap();
    world.emulator.webhooks().settle().await;
    assert_eq!(attempts().await, 2);
}

#[tokio::test]
async fn requests_are_listed_page_by_page() {
    let world = World::empty().await;
    let admin = &world.admin;
    assert_eq!(admin.list_requests().send().await.unwrap().into_inner().data, []);
    for _ in 0..3 {
        world.clock.advance(A_MINUTE);
        admin.client().list_directories().limit(7).send().await.unwrap();
    }
    let missing = admin
        .client()
        .get_directory()
        .id("directory_01ECAZ4NV9QMV47GW873HDCX74");
    assert_eq!(refused(missing.send().await).0, 404);
    let page = admin.list_requests().limit(3).send().await.unwrap().into_inner();
    assert_eq!(page.data.len(), 3);
    assert_eq!(page.data[0].operation.as_deref(), Some("listDirectories"));
    let came: Vec<_> = page
        .data
        .iter()
        .map(|request| request.received_at.canonical())
        .collect();
    assert_eq!(
        came,
        [
            "2026-11-24T12:01:00.000Z",
            "2026-11-24T12:02:00.000Z",
            "2026-11-24T12:03:00.000Z"
        ]
    );
    assert_eq!(
        (page.list_metadata.before, page.list_metadata.after.as_deref()),
        (None, Some("3"))
    );
    let next = admin.list_requests().after("3").send().await.unwrap().into_inner();
    assert_eq!((next.data.len(), next.data[0].status), (1, 404));
    assert_eq!(
        (next.list_metadata.before.as_deref(), next.list_metadata.after),
        (Some("4"), None)
    );
    let all: Vec<_> = admin.list_requests().limit(1).stream().try_collect().await.unwrap();
    assert_eq!(all.len(), 4);
    // A thousand are kept, and the numbers go on.
    for _ in 0..1_000 {
        admin.client().list_directories().send().await.unwrap();
    }
    let page = admin
        .list_requests()
        .after("2")
        .limit(1)
        .send()
        .await
        .unwrap()
        .into_inner();
    assert_eq!(page.data[0].id, "5");
}
