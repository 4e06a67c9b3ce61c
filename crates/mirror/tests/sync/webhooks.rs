//! Webhooks from the emulator by HTTP, with everything going wrong that can on their way.

use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use rstest::rstest;
use tokio::net::TcpListener;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Chaos;
use workos_directory_emulator::Clock as _;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Endpoint;
use workos_directory_emulator::ManualClock;
use workos_directory_mirror::EventCounts;
use workos_directory_mirror::Mirror;
use workos_directory_mirror::webhooks;
use workos_directory_sync::events::WebhookSigner;
use workos_directory_sync::events::WebhookVerifier;

use crate::application::assert_replays;
use crate::events::change;
use crate::source::Source;
use crate::source::user_id;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;

pub(crate) const SECRET: &str = "whsec_test";

/// Serves the router, and says where webhooks go.
pub(crate) async fn serve(mirror: &Mirror, verifier: WebhookVerifier) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = webhooks::router(mirror.clone(), verifier);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

pub(crate) fn verifier() -> WebhookVerifier {
    WebhookVerifier::new(SECRET).unwrap()
}

/// Posts a body and says the status of the answer.
pub(crate) async fn post(url: &str, signature: Option<&str>, body: impl Into<reqwest::Body>) -> u16 {
    let mut request = reqwest::Client::new().post(format!("{url}/webhooks")).body(body);
    if let Some(signature) = signature {
        request = request.header("WorkOS-Signature", signature);
    }
    request.send().await.unwrap().status().as_u16()
}

async fn get(url: &str, path: &str) -> u16 {
    reqwest::get(format!("{url}{path}")).await.unwrap().status().as_u16()
}

fn signed(body: &str) -> String {
    WebhookSigner::new(SECRET)
        .unwrap()
        .sign(SystemTime::now(), body.as_bytes())
}

fn event(id: &str, data: &str) -> String {
    format!(r#"{{"id":"{id}","event":"dsync.user.created","data":{data},"created_at":"2024-01-15T10:00:00.000Z"}}"#)
}

fn user(id: &str) -> String {
    format!(
        r#"{{"object":"directory_user","id":"{id}","directory_id":"directory_1","idp_id":"1","emails":[],"state":"active","raw_attributes":{{}},"custom_attributes":{{}},"created_at":"2024-01-15T10:00:00.000Z","updated_at":"2024-01-15T10:00:00.000Z"}}"#
    )
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn webhooks_twice_late_and_in_any_order_end_where_the_source_is(#[values(Sqlite, Postgres)] database: Database) {
    for seed in 0..6 {
        let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
        let emulator = Emulator::builder()
            .behaviour(Behaviour::Live)
            .seed_file(Source::new(1, 12, 4).0)
            .clock(clock.clone())
            .start()
            .await
            .unwrap();
        let (world, client) = (World::on(database).await, client(&emulator));
        world.mirror.full_sync(&client).run().await.unwrap();
        let time = clock.clone();
        let verifier =
            verifier().with_clock(move || UNIX_EPOCH + Duration::from_millis(time.now().as_millisecond() as u64));
        let url = serve(&world.mirror, verifier).await;
        let chaos = Chaos {
            drop: 0.0,
            ..Chaos::wild(seed)
        };
        let endpoint = Endpoint::new(format!("{url}/webhooks"), SECRET).chaos(chaos);
        emulator.webhooks().register(endpoint).unwrap();
        change(&emulator, &client).await;
        let worker = world.mirror.worker().run(async {
            for _ in 0..65 {
                clock.advance(Duration::from_secs(1));
                emulator.webhooks().settle().await;
            }
        });
        worker.await.unwrap();
        assert_eq!(world.mirror.waiting_events().await.unwrap(), 0);
        world.assert_equals_but_metadata(&client).await;
        assert_replays(&world).await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_signed_is_kept(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let url = serve(&world.mirror, verifier()).await;
    let body = event("event_1", &user("directory_user_1"));
    let old = WebhookSigner::new(SECRET).unwrap().sign(UNIX_EPOCH, body.as_bytes());
    assert_eq!(post(&url, None, body.clone()).await, 400);
    assert_eq!(post(&url, Some("nonsense"), body.clone()).await, 400);
    assert_eq!(post(&url, Some(&signed("{}")), body.clone()).await, 401);
    assert_eq!(post(&url, Some(&old), body.clone()).await, 401);
    assert_eq!(post(&url, Some(&signed("{}")), "{}").await, 400);
    let long = "x".repeat(2 * 1024 * 1024);
    assert_eq!(post(&url, Some(&signed(&long)), long).await, 413);
    assert_eq!(get(&url, "/webhooks").await, 405);
    assert_eq!(world.mirror.waiting_events().await.unwrap(), 0);

    for _ in 0..2 {
        assert_eq!(post(&url, Some(&signed(&body)), body.clone()).await, 200);
    }
    assert_eq!(world.mirror.waiting_events().await.unwrap(), 1);
    assert_eq!(world.number("SELECT COUNT(*) FROM users").await, 0);
    assert_eq!(world.mirror.apply_ingested().await.unwrap().applied, 1);
    assert_eq!(world.number("SELECT COUNT(*) FROM users").await, 1);
    assert_eq!(world.mirror.apply_ingested().await.unwrap(), EventCounts::default());
    assert_eq!((get(&url, "/healthz").await, get(&url, "/readyz").await), (200, 200));
    world.mirror.clone().close().await;
    assert_eq!((get(&url, "/healthz").await, get(&url, "/readyz").await), (200, 503));
    assert_eq!(post(&url, Some(&signed(&body)), body).await, 503);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_but_cannot_be_read_is_kept_as_dead_and_stops_no_other(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let url = serve(&world.mirror, verifier()).await;
    for body in [
        event("event_1", "null"),
        r#"{"id":"event_2","event":7,"data":[],"created_at":"yesterday"}"#.to_owned(),
        event("event_3", &user("directory_user_1")),
    ] {
        assert_eq!(post(&url, Some(&signed(&body)), body.clone()).await, 200, "{body}");
    }
    let nameless = r#"{"event":"dsync.user.created","data":{}}"#;
    assert_eq!(post(&url, Some(&signed(nameless)), nameless).await, 400);
    let counts = world.mirror.apply_ingested().await.unwrap();
    assert_eq!((counts.dead, counts.applied), (2, 1));
    assert_eq!(world.column("SELECT id FROM users").await, ["directory_user_1"]);
    let dead = world.column("SELECT id FROM events WHERE state = 'dead' AND payload IS NOT NULL ORDER BY id");
    assert_eq!(dead.await, ["event_1", "event_2"]);
    assert_eq!(world.mirror.retry_event("event_2").await.unwrap().unwrap().dead, 1);
}

#[rstest]
#[tokio::test]
async fn an_event_whose_name_no_database_takes_is_kept_and_counted_all_the_same(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let url = serve(&world.mirror, verifier()).await;
    for (id, created_at) in [("event_1", "2024-01-15T10:00:00.000Z"), ("event_2", "\\u0000")] {
        let body = format!(r#"{{"id":"{id}","event":"dsync.\u0000","data":{{}},"created_at":"{created_at}"}}"#);
        assert_eq!(post(&url, Some(&signed(&body)), body.clone()).await, 200, "{body}");
    }
    let counts = world.mirror.apply_ingested().await.unwrap();
    assert_eq!((counts.kept, counts.dead), (2, 0));
    assert_eq!(
        world.column("SELECT DISTINCT name FROM events").await,
        ["dsync.\u{FFFD}"]
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_webhooks_is_taken_without_refusing_any(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let url = serve(&world.mirror, verifier()).await;
    let posts = (0..200).map(|number| {
        let (url, body) = (url.clone(), event(&format!("event_{}", number % 150), "{}"));
        tokio::spawn(async move { post(&url, Some(&signed(&body)), body).await })
    });
    for answer in posts.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), 200);
    }
    assert_eq!(world.mirror.waiting_events().await.unwrap(), 150);
}

#[rstest]
#[case(
    Sqlite,
    "CREATE TRIGGER refuse BEFORE INSERT ON users WHEN new.id = 'poison' BEGIN SELECT RAISE(ABORT, 'no'); END",
    "DROP TRIGGER refuse"
)]
#[case(
    Postgres,
    "ALTER TABLE users ADD CONSTRAINT refuse CHECK (id <> 'poison')",
    "ALTER TABLE users DROP CONSTRAINT refuse"
)]
#[tokio::test]
async fn an_event_that_the_database_refuses_is_dead_and_stops_no_other(
    #[case] database: Database,
    #[case] refuse: &'static str,
    #[case] allow: &'static str,
) {
    let world = World::on(database).await;
    world.execute(refuse).await;
    for (number, id) in ["one", "poison", "three"].into_iter().enumerate() {
        let event = serde_json::from_str(&event(&format!("event_{number}"), &user(id))).unwrap();
        world.mirror.ingest(&event).await.unwrap();
    }
    let unreadable = serde_json::from_str(&event("event_3", "{}")).unwrap();
    world.mirror.ingest(&unreadable).await.unwrap();
    let counts = world.mirror.apply_ingested().await.unwrap();
    assert_eq!((counts.applied, counts.dead), (2, 2));
    assert_eq!(world.column("SELECT id FROM users ORDER BY id").await, ["one", "three"]);
    let dead = world.mirror.dead_events(10).await.unwrap();
    assert_eq!(
        dead.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(),
        ["event_1", "event_3"]
    );
    world.execute(allow).await;
    assert_eq!(world.mirror.retry_event("event_1").await.unwrap().unwrap().applied, 1);
    assert_eq!(world.number("SELECT COUNT(*) FROM users WHERE id = 'poison'").await, 1);
}

#[rstest]
#[tokio::test]
async fn what_was_kept_before_a_restart_is_applied_after_it(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let event = serde_json::from_str(&event("event_1", &user(&user_id(1, 0)))).unwrap();
    world.mirror.ingest(&event).await.unwrap();
    world.mirror.clone().close().await;
    let mirror = Mirror::connect(&world.address).await.unwrap();
    mirror.worker().run(std::future::ready(())).await.unwrap();
    assert_eq!(world.column("SELECT id FROM users").await, [user_id(1, 0)]);
}
