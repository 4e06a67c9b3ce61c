//! Webhooks that are not as the API describes them: which are taken, and in which order they count.

use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use rstest::rstest;
use serde_json::Value;
use serde_json::json;
use workos_directory_sync::events::WebhookSigner;

use crate::odd_events::peopled;
use crate::odd_events::user;
use crate::webhooks::SECRET;
use crate::webhooks::post;
use crate::webhooks::serve;
use crate::webhooks::verifier;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;

/// What is signed, and whether it is taken.
fn bodies() -> Vec<(Vec<u8>, bool)> {
    let text = |body: &str, is_taken| (body.as_bytes().to_vec(), is_taken);
    let user = user("user_1", "2026-10-01T10:00:00.000Z");
    vec![
        text(
            &json!({ "id": "wh_01", "event": "dsync.user.created", "data": user }).to_string(),
            true,
        ),
        text(
            &json!({ "id": "wh_02", "event": "dsync.user.created", "data": user, "created_at": null }).to_string(),
            true,
        ),
        text(
            r#"{"id":"wh_03","event":"dsync.user.deleted","data":{"id":"user_2"},"created_at":7}"#,
            true,
        ),
        text(
            r#"{"id":"wh_04","event":"dsync.user.updated","data":{"id":"user_1","first_name":"Ann \ud83d"}}"#,
            true,
        ),
        text(r#"{"id":"wh_05","event":"dsync.user.updated","data":null}"#, true),
        text(r#"{"id":"wh_06","event":7,"data":[]}"#, true),
        text(r#"{"id":"wh_07"}"#, true),
        text(
            r#"{"id":"wh_08","\ud83d":1,"event":"dsync.new \ud83d","context":7,"object":[],"data":"text"}"#,
            true,
        ),
        (
            b"{\"id\":\"wh_09\",\"event\":\"dsync.user.updated\",\"data\":{\"id\":\"user_1\",\"name\":\"\xff\"}}"
                .to_vec(),
            true,
        ),
        text(
            &format!(
                r#"{{"id":"wh_10","event":"dsync.new","data":{{"x":{}{}}}}}"#,
                "[".repeat(5_000),
                "]".repeat(5_000)
            ),
            true,
        ),
        text("", false),
        text("{}", false),
        text("null", false),
        text(r#"{"id":"wh_11","event":"dsync.deleted""#, false),
        text(r#"{"event":"dsync.user.created","data":{}}"#, false),
        text(r#"{"id":7,"event":"dsync.new","data":{}}"#, false),
        text(r#"{"id":"","event":"dsync.new","data":{}}"#, false),
        text(r#"{"id":"wh\u0000","event":"dsync.new","data":{}}"#, false),
        text(r#"{"id":"wh_\ud83d","event":"dsync.new","data":{}}"#, false),
        (
            b"{\"id\":\"wh_\xff\",\"event\":\"dsync.new\",\"data\":{}}".to_vec(),
            false,
        ),
        text(
            &format!(r#"{{"id":"{}","event":"dsync.new","data":{{}}}}"#, "x".repeat(300)),
            false,
        ),
        text(
            &format!(
                r#"{{"id":"wh_12","event":"dsync.new","data":{{"x":"{}"}}}}"#,
                "x".repeat(1024 * 1024)
            ),
            false,
        ),
    ]
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn verifier_with_ingest_and_the_router_take_and_refuse_the_same_webhooks(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (library, served) = (World::on(database).await, World::on(database).await);
    let url = serve(&served.mirror, verifier()).await;
    for (body, is_taken) in bodies() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
        let signature = WebhookSigner::new(SECRET).unwrap().sign(SystemTime::now(), &body);
        let ingested = match verifier().verify(signature.as_bytes(), &body) {
            Ok(event) => {
                library.mirror.ingest(&event).await.unwrap();
                true
            }
            Err(_) => false,
        };
        assert_eq!(ingested, is_taken, "the library: {shown}");
        let status = post(&url, Some(&signature), body).await;
        assert_eq!(status == 200, is_taken, "the router, {status}: {shown}");
    }
    let mut outcomes = Vec::new();
    for world in [&library, &served] {
        let counts = world.mirror.apply_ingested().await.unwrap();
        assert_eq!(
            (counts.applied, counts.stale, counts.kept, counts.dead),
            (5, 0, 2, 3),
            "{counts:?}"
        );
        let events = world
            .column("SELECT id || ' ' || name || ' ' || state FROM events ORDER BY id")
            .await;
        let users =
            "SELECT id || ' ' || COALESCE(first_name, '-') || ' ' || COALESCE(name, '-') FROM users ORDER BY id";
        outcomes.push((events, world.column(users).await, world.deleted().await));
    }
    assert_eq!(outcomes[0].1, ["user_1 Ann \u{FFFD} \u{FFFD}", "user_2 - -"]);
    assert_eq!(outcomes[0], outcomes[1]);
}

/// Takes in webhooks without an envelope's `created_at`, signed at these seconds, in this order.
async fn take_undated(world: &World, webhooks: &[(u64, Value)], order: &[usize]) {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(1_795_773_600 + seconds);
    for &place in order {
        let (signed_at, body) = &webhooks[place];
        let body = body.to_string();
        let signature = WebhookSigner::new(SECRET)
            .unwrap()
            .sign(at(*signed_at), body.as_bytes());
        let verifier = verifier().with_clock(move || at(100));
        let event = verifier.verify(signature.as_bytes(), body.as_bytes()).unwrap();
        world.mirror.ingest(&event).await.unwrap();
        world.mirror.apply_ingested().await.unwrap();
    }
}

fn undated(id: &str, name: &str, data: &Value) -> Value {
    json!({ "id": id, "event": name, "data": data })
}

#[rstest]
#[tokio::test]
async fn webhooks_without_created_at_follow_updated_at_and_a_deletion_wins_a_tie(
    #[values(Sqlite, Postgres)] database: Database,
    #[values([0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1])] order: [usize; 3],
) {
    let mut created = user("user_2", "2026-10-01T10:00:00.000Z");
    created["first_name"] = "First".into();
    let mut updated = user("user_2", "2026-10-01T10:00:01.000Z");
    updated["first_name"] = "Last".into();
    // The times of the signatures say the contrary.
    let webhooks = [
        (3, undated("wh_3", "dsync.user.created", &created)),
        (2, undated("wh_2", "dsync.user.updated", &updated)),
        (1, undated("wh_1", "dsync.user.deleted", &updated)),
    ];
    let world = World::on(database).await;
    let puts: Vec<_> = order.into_iter().filter(|place| *place < 2).collect();
    take_undated(&world, &webhooks, &puts).await;
    assert_eq!(world.column("SELECT first_name FROM users").await, ["Last"]);
    let world = World::on(database).await;
    take_undated(&world, &webhooks, &order).await;
    assert_eq!(world.deleted().await, ["user_2"]);
}

#[rstest]
#[tokio::test]
async fn membership_webhooks_without_created_at_follow_their_ids_else_their_signatures(
    #[values(Sqlite, Postgres)] database: Database,
    #[values([0, 1], [1, 0])] order: [usize; 2],
    #[values(true, false)] has_ulids: bool,
) {
    let world = peopled(database).await;
    let data = json!({ "user": { "id": "user_1" }, "group": { "id": "group_1" } });
    // 2026-11-27T10:00:00Z and a second later.
    let ids = if has_ulids {
        ["wh_01M8E75480AAAAAAAAAAAAAAAA", "wh_01M8E75578AAAAAAAAAAAAAAAA"]
    } else {
        ["wh_9", "wh_1"]
    };
    // With ULIDs the times of the signatures say the contrary.
    let signed_at = if has_ulids { [2, 1] } else { [1, 2] };
    let webhooks = [
        (signed_at[0], undated(ids[0], "dsync.group.user_added", &data)),
        (signed_at[1], undated(ids[1], "dsync.group.user_removed", &data)),
    ];
    take_undated(&world, &webhooks, &order).await;
    assert_eq!(world.deleted().await, ["user_1 group_1"]);
}
