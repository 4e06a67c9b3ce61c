//! Webhooks as an endpoint sees them.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use workos_directory_emulator::Chaos;
use workos_directory_emulator::DeliveryKind;
use workos_directory_emulator::DeliveryState;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Endpoint;
use workos_directory_emulator::EndpointError;
use workos_directory_emulator::ManualClock;
use workos_directory_emulator::Outcome;
use workos_directory_emulator::Population;
use workos_directory_emulator::Retries;
use workos_directory_emulator::SignedWebhook;
use workos_directory_sync::events::WebhookVerifier;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::DirectoryUser;

use crate::asking::Asking;

const SECRET: &str = "whsec_test";

/// An endpoint that keeps what it gets, and answers with these statuses first, then with 200.
#[derive(Clone, Default)]
struct Inbox {
    got: Arc<Mutex<Vec<(String, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
}

impl Inbox {
    async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/webhooks", post(Self::take))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    async fn take(State(inbox): State<Self>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
        assert_eq!(headers["content-type"], "application/json");
        let signature = headers["workos-signature"].to_str().unwrap().to_owned();
        inbox.got.lock().unwrap().push((signature, body));
        let status = inbox.answers.lock().unwrap().pop_front().unwrap_or(StatusCode::OK);
        (status, [("location", "/webhooks")])
    }

    fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        let statuses = statuses.into_iter().map(|status| StatusCode::from_u16(status).unwrap());
        self.answers.lock().unwrap().extend(statuses);
    }

    fn count(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}

/// An emulator with one directory, and a clock that stands.
async fn emulator() -> (Emulator, ManualClock, String) {
    let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
    let builder = Emulator::builder().population(Population::empty()).clock(clock.clone());
    let emulator = builder.start().await.unwrap();
    let now = emulator.now();
    let directory = emulator.new_directory_id();
    let model = Directory::new(directory.as_str(), "okta scim v2.0", "linked", "Acme", now, now);
    emulator.put_directory(model).unwrap();
    (emulator, clock, directory)
}

fn hire(emulator: &Emulator, directory: &str) {
    let now = emulator.now();
    let user = DirectoryUser::new(emulator.new_user_id(), directory, "active", now, now);
    emulator.put_user(user).unwrap();
}

/// Hires somebody every second.
fn hire_many(emulator: &Emulator, clock: &ManualClock, directory: &str, count: usize) {
    for _ in 0..count {
        clock.advance(Duration::from_secs(1));
        hire(emulator, directory);
    }
}

fn verifier(clock: &ManualClock) -> WebhookVerifier {
    let clock = clock.clone();
    WebhookVerifier::new(SECRET).unwrap().with_clock(move || {
        let now = workos_directory_emulator::Clock::now(&clock);
        std::time::UNIX_EPOCH + Duration::from_millis(now.as_millisecond() as u64)
    })
}

#[tokio::test]
async fn every_event_is_posted_signed_and_as_the_log_shows_it() {
    let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
    let asking = Asking::of(Emulator::builder().clock(clock.clone())).await;
    let emulator = &asking.emulator;
    let inbox = Inbox::default();
    let url = inbox.listen().await;
    emulator.webhooks().register(Endpoint::new(url, SECRET)).unwrap();
    let directory = asking.all_ids("/directories").await.remove(0);
    hire(emulator, &directory);
    emulator.delete_directory(&directory).unwrap();
    emulator.webhooks().settle().await;

    let log = asking.all("/events?events=dsync.user.created,dsync.deleted").await;
    let got = inbox.got.lock().unwrap().clone();
    assert_eq!((log.len(), got.len()), (2, 2));
    for ((signature, body), event) in got.iter().zip(&log) {
        let verified = verifier(&clock).verify(signature.as_bytes(), body).unwrap();
        assert_eq!(verified.id, event["id"].as_str().unwrap());
        assert_eq!(serde_json::from_slice::<serde_json::Value>(body).unwrap(), *event);
    }
}

#[tokio::test]
async fn an_endpoint_gets_the_events_that_it_wants_from_its_registration_on() {
    let (emulator, _, directory) = emulator().await;
    let webhooks = emulator.webhooks();
    let all = webhooks.register(Endpoint::pulled(SECRET)).unwrap();
    let deleted = webhooks
        .register(Endpoint::pulled(SECRET).events(["dsync.deleted"]))
        .unwrap();
    hire(&emulator, &directory);
    emulator.delete_directory(&directory).unwrap();
    let late = webhooks.register(Endpoint::pulled(SECRET)).unwrap();
    let counts = [&all, &deleted, &late].map(|endpoint| webhooks.due(endpoint).unwrap().len());
    assert_eq!(counts, [2, 1, 0]);
    assert!(webhooks.drain(&all).unwrap().is_empty());
    webhooks.remove(&all).unwrap();
    assert!(matches!(webhooks.due(&all), Err(EndpointError::UnknownEndpoint { .. })));
    assert_eq!(webhooks.endpoints().len(), 2);
}

#[tokio::test]
async fn what_is_not_answered_with_2xx_is_tried_again_when_the_clock_says_so() {
    let (emulator, clock, directory) = emulator().await;
    let inbox = Inbox::default();
    // A redirect is no success and is not followed.
    inbox.answer([500, 302, 204]);
    let url = inbox.listen().await;
    emulator.webhooks().register(Endpoint::new(url, SECRET)).unwrap();
    hire(&emulator, &directory);
    emulator.webhooks().settle().await;
    assert_eq!(inbox.count(), 1);
    clock.advance(Duration::from_secs(59));
    emulator.webhooks().settle().await;
    assert_eq!(inbox.count(), 1);
    let row = emulator.webhooks().deliveries().remove(0);
    assert_eq!(row.state, DeliveryState::Waiting);
    assert_eq!(row.due, Some("2026-11-01T00:01:00Z".parse().unwrap()));
    clock.advance(Duration::from_secs(1));
    emulator.webhooks().settle().await;
    clock.advance(Duration::from_secs(600));
    emulator.webhooks().settle().await;

    let row = emulator.webhooks().deliveries().remove(0);
    let outcomes: Vec<_> = row.attempts.iter().map(|attempt| attempt.outcome.clone()).collect();
    assert_eq!(outcomes, [500, 302, 204].map(Outcome::Answered));
    assert_eq!((row.state, row.due), (DeliveryState::Delivered, None));
    // Each attempt is signed at its own time, over the same body.
    let got = inbox.got.lock().unwrap().clone();
    assert!(verifier(&clock).verify(got[2].0.as_bytes(), &got[2].1).is_ok());
    assert!(verifier(&clock).verify(got[0].0.as_bytes(), &got[0].1).is_err());
    assert!(got.iter().all(|(_, body)| *body == got[0].1));
}

#[tokio::test]
async fn a_delivery_fails_after_the_last_retry_and_holds_nobody_else_up() {
    let (emulator, clock, directory) = emulator().await;
    let inbox = Inbox::default();
    inbox.answer([503]);
    let (url, gone) = (inbox.listen().await, "http://127.0.0.1:1/");
    let retries = Retries::after([Duration::from_secs(1)]);
    emulator
        .webhooks()
        .register(Endpoint::new(gone, SECRET).retries(retries))
        .unwrap();
    let healthy = Endpoint::new(url, SECRET).retries(Retries::none());
    emulator.webhooks().register(healthy).unwrap();
    hire_many(&emulator, &clock, &directory, 3);
    emulator.webhooks().settle().await;
    clock.advance(Duration::from_secs(1));
    emulator.webhooks().settle().await;
    assert_eq!(inbox.count(), 3);
    let rows = emulator.webhooks().deliveries();
    let (failed, delivered): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.state == DeliveryState::Failed);
    assert_eq!((failed.len(), delivered.len()), (4, 2));
    let attempts: usize = failed.iter().map(|row| row.attempts.len()).sum();
    assert_eq!(attempts, 3 * 2 + 1);
    assert!(matches!(failed[0].attempts[0].outcome, Outcome::Unreachable(_)));
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_given_up_after_its_timeout() {
    let (emulator, _, directory) = emulator().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let endpoint = Endpoint::new(url, SECRET)
        .timeout(Duration::from_millis(20))
        .retries(Retries::none());
    emulator.webhooks().register(endpoint).unwrap();
    hire(&emulator, &directory);
    emulator.webhooks().settle().await;
    let row = emulator.webhooks().deliveries().remove(0);
    assert_eq!(row.state, DeliveryState::Failed);
    assert_eq!(
        row.attempts[0].outcome,
        Outcome::Unreachable("no answer within 20ms".to_owned())
    );
}

async fn wild(seed: u64) -> Vec<SignedWebhook> {
    let (emulator, clock, directory) = emulator().await;
    let endpoint = Endpoint::pulled(SECRET).chaos(Chaos::wild(seed));
    let endpoint = emulator.webhooks().register(endpoint).unwrap();
    hire_many(&emulator, &clock, &directory, 200);
    emulator.webhooks().drain(&endpoint).unwrap()
}

#[tokio::test]
async fn chaos_is_the_same_for_the_same_seed_and_shows_each_of_its_faults() {
    let (one, same, other) = (wild(1).await, wild(1).await, wild(2).await);
    assert_eq!(one, same);
    let order = |webhooks: &[SignedWebhook]| -> Vec<String> { webhooks.iter().map(|one| one.event.clone()).collect() };
    assert_ne!(order(&one), order(&other));

    let mut times = BTreeMap::<&str, usize>::new();
    one.iter()
        .for_each(|webhook| *times.entry(&webhook.event).or_default() += 1);
    assert!(times.len() < 200 && times.len() > 170, "{} of 200 came", times.len());
    assert!(times.values().any(|&times| times > 1));
    let originals: Vec<_> = one
        .iter()
        .filter(|webhook| webhook.kind == DeliveryKind::Original)
        .collect();
    assert!(!originals.is_sorted_by_key(|webhook| &webhook.event));
    let is_stale = |(place, webhook): (usize, &SignedWebhook)| {
        webhook.kind == DeliveryKind::Stale && one[..place].iter().any(|earlier| earlier.event > webhook.event)
    };
    assert!(one.iter().enumerate().any(is_stale));
}

#[tokio::test]
async fn what_is_held_back_comes_when_the_clock_has_gone_on() {
    let (emulator, clock, directory) = emulator().await;
    let webhooks = emulator.webhooks();
    let chaos = Chaos {
        delay: 1.0,
        ..Chaos::default()
    };
    let endpoint = webhooks.register(Endpoint::pulled(SECRET).chaos(chaos)).unwrap();
    hire(&emulator, &directory);
    assert!(webhooks.due(&endpoint).unwrap().is_empty());
    clock.advance(chaos.max_delay);
    assert_eq!(webhooks.due(&endpoint).unwrap().len(), 1);

    // New chaos is for new events; it gets at what happened before in no other way.
    hire(&emulator, &directory);
    webhooks
        .set_chaos(
            &endpoint,
            Chaos {
                drop: 1.0,
                ..Chaos::default()
            },
        )
        .unwrap();
    hire(&emulator, &directory);
    assert_eq!(webhooks.drain(&endpoint).unwrap().len(), 1);
    assert_eq!(webhooks.deliveries().last().unwrap().state, DeliveryState::Dropped);
    let wrong = Chaos {
        drop: 2.0,
        ..Chaos::default()
    };
    assert!(matches!(
        webhooks.set_chaos(&endpoint, wrong),
        Err(EndpointError::OutOfRange { .. })
    ));
}

#[tokio::test]
async fn deliveries_are_replayed_one_by_one_or_from_an_event_on() {
    let (emulator, clock, directory) = emulator().await;
    let webhooks = emulator.webhooks();
    let lossy = Endpoint::pulled(SECRET).chaos(Chaos {
        drop: 1.0,
        ..Chaos::default()
    });
    let endpoint = webhooks.register(lossy.events(["dsync.user.created"])).unwrap();
    hire_many(&emulator, &clock, &directory, 3);
    assert!(webhooks.drain(&endpoint).unwrap().is_empty());
    let lost = webhooks.deliveries();

    let id = webhooks.replay(&lost[1].id).unwrap();
    let again = webhooks.drain(&endpoint).unwrap();
    assert_eq!(
        (again.len(), &again[0].event, &again[0].delivery),
        (1, &lost[1].event, &id)
    );
    assert_eq!(again[0].kind, DeliveryKind::Replay);

    assert_eq!(webhooks.replay_since(&endpoint, &lost[1].event).unwrap().len(), 2);
    let events: Vec<_> = webhooks
        .drain(&endpoint)
        .unwrap()
        .into_iter()
        .map(|one| one.event)
        .collect();
    assert_eq!(events, [lost[1].event.clone(), lost[2].event.clone()]);
    assert!(matches!(
        webhooks.replay("delivery_x"),
        Err(EndpointError::UnknownDelivery { .. })
    ));
    let unknown = webhooks.replay_since(&endpoint, "event_x");
    assert!(matches!(unknown, Err(EndpointError::UnknownEvent { .. })));
}

#[tokio::test]
async fn a_full_queue_loses_nothing() {
    let (emulator, _, directory) = emulator().await;
    let webhooks = emulator.webhooks();
    let endpoint = webhooks.register(Endpoint::pulled(SECRET)).unwrap();
    let gone = Endpoint::new("http://127.0.0.1:1/", SECRET);
    let gone_id = webhooks.register(gone).unwrap();
    for _ in 0..10_500 {
        hire(&emulator, &directory);
    }
    webhooks.settle().await;
    let waiting = webhooks
        .endpoints()
        .iter()
        .find(|info| info.id == gone_id)
        .unwrap()
        .waiting;
    assert!((9_990..=10_000).contains(&waiting), "{waiting}");
    assert_eq!(webhooks.drain(&endpoint).unwrap().len(), 10_500);
}

#[tokio::test]
async fn other_machines_get_nothing_unless_it_was_allowed() {
    let (emulator, _, _) = emulator().await;
    let fault = emulator
        .webhooks()
        .register(Endpoint::new("http://example.com/hook", SECRET));
    assert_eq!(
        fault,
        Err(EndpointError::Remote {
            host: "example.com".to_owned()
        })
    );
    let open = Emulator::builder()
        .population(Population::empty())
        .allow_remote(true)
        .start()
        .await
        .unwrap();
    assert!(
        open.webhooks()
            .register(Endpoint::new("http://example.com/hook", SECRET))
            .is_ok()
    );
}
