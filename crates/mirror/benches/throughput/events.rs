//! How fast events are applied: people who come, join three groups and are changed, as a first provisioning tells it.

use std::time::Instant;

use serde_json::json;
use workos_directory_mirror::Mirror;
use workos_directory_sync::events::Event;

use crate::one_by_one::Habit;
use crate::ratio::Database;

/// How many events a page of the API has, and a batch of the worker.
const AT_A_TIME: usize = 100;

/// How many events are measured one at a time at most.
const ALONE: usize = 2_000;

const GROUPS: usize = 100;
const JOINED: usize = 3;

/// Prints the table: a hundred events at a time, as a page or a batch of webhooks brings them, against one at a time.
pub(crate) async fn measure(users: usize) {
    println!("| Database | Events | One at a time, events/s | A hundred at a time, events/s | Ratio |");
    println!("|---|---|---|---|---|");
    let events = events(users);
    for database in Database::ALL {
        // One at a time takes long.
        let alone = per_second(database, &events[..events.len().min(ALONE)], 1).await;
        let together = per_second(database, &events, AT_A_TIME).await;
        let (name, count, ratio) = (database.name(), events.len(), together / alone);
        println!("| {name} | {count} | {alone:.0} | {together:.0} | {ratio:.1} |");
    }
    println!();
}

async fn per_second(database: Database, events: &[Event], at_a_time: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let mirror = Mirror::connect(&database.made(&folder, Habit::Tuned)).await;
    let mirror = mirror.expect("a database");
    let start = Instant::now();
    let mut applied = 0;
    for page in events.chunks(at_a_time) {
        applied += mirror.apply_events(page).await.expect("a page").applied;
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(applied, events.len() as u64);
    mirror.close().await;
    events.len() as f64 / seconds
}

fn events(users: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let mut tell = |name: &str, data: serde_json::Value| {
        let number = events.len();
        let at = jiff::Timestamp::from_millisecond(1_767_225_600_000 + number as i64).expect("a time");
        let event = json!({ "object": "event", "id": format!("event_01K{number:023}"), "event": name, "data": data, "created_at": format!("{at:.3}") });
        events.push(serde_json::from_value(event).expect("an event"));
    };
    let time = "2026-01-01T00:00:00.000Z";
    let directory = "directory_01JD0000000000000000000001";
    let group = |number: usize| {
        json!({ "object": "directory_group", "id": format!("directory_group_01JB{number:022}"), "idp_id": number.to_string(),
            "directory_id": directory, "organization_id": "org_01JE0000000000000000000001", "name": format!("Group {number}"),
            "raw_attributes": {}, "created_at": time, "updated_at": time })
    };
    let user = |number: usize, title: &str| {
        json!({ "object": "directory_user", "id": format!("directory_user_01JA{number:022}"), "idp_id": number.to_string(),
            "directory_id": directory, "organization_id": "org_01JE0000000000000000000001", "first_name": "Ada",
            "last_name": number.to_string(), "email": format!("{number}@example.com"), "job_title": title,
            "state": "active", "custom_attributes": { "department": "Engineering" }, "raw_attributes": { "n": number, "manager": "somebody" },
            "created_at": time, "updated_at": time })
    };
    for number in 0..GROUPS {
        tell("dsync.group.created", group(number));
    }
    for number in 0..users {
        tell("dsync.user.created", user(number, "Engineer"));
        for joined in 0..JOINED {
            let group = group((number + joined * 7) % GROUPS);
            tell(
                "dsync.group.user_added",
                json!({ "directory_id": directory, "user": user(number, "Engineer"), "group": group }),
            );
        }
        tell("dsync.user.updated", user(number, "Manager"));
    }
    events
}
