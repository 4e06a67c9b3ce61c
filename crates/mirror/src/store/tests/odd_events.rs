//! Events of which a field is anything at all: no other column changes, and none is a dead letter.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use serde_json::json;

use super::readable::any_json;
use super::*;
use crate::incoming::Incoming;
use crate::incoming::Meaning;
use crate::record::Table;

/// The time of what is there before, and of an event by its number.
fn at(number: usize) -> String {
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let at = start + jiff::SignedDuration::from_secs(i64::try_from(number).unwrap());
    Timestamp::from(at).canonical()
}

/// An object of a table with a value in every column that tells in which event it was.
fn object(table: &Table, number: usize) -> Value {
    let text = format!("n{number}");
    match table.kind {
        Kind::Directories => json!({
            "object": "directory", "id": "x", "organization_id": text, "external_key": text, "type": text, "state": text,
            "name": text, "domains": [{ "domain": text }], "metadata": { "users": { "active": number, "inactive": 0 } },
            "created_at": at(number), "updated_at": at(number),
        }),
        Kind::Users => json!({
            "object": "directory_user", "id": "x", "directory_id": text, "organization_id": text, "idp_id": text, "email": text,
            "emails": [{ "value": text }], "first_name": text, "last_name": text, "name": text, "job_title": text,
            "username": text, "state": text, "role": { "slug": text }, "roles": [{ "slug": text }], "groups": [],
            "created_at": at(number), "updated_at": at(number), "custom_attributes": { "a": text },
            "raw_attributes": { "a": text }, "previous_attributes": { "email": "before", "custom_attributes": { "a": 1 } },
        }),
        Kind::Groups | Kind::Memberships => json!({
            "object": "directory_group", "id": "x", "directory_id": text, "organization_id": text, "idp_id": text,
            "name": text, "created_at": at(number), "updated_at": at(number), "raw_attributes": { "a": text },
            "previous_attributes": { "name": "before" },
        }),
    }
}

/// The fields of an event, but for those without which nobody knows what it is about.
fn fields(event: &Value) -> Vec<String> {
    let names = |object: &Value, prefix: &str, needed: &[&str]| -> Vec<String> {
        let names = object.as_object().unwrap().keys();
        let names = names.filter(|name| !needed.contains(&name.as_str()));
        names.map(|name| format!("{prefix}/{name}")).collect()
    };
    let mut fields = names(event, "", &["id", "event", "data"]);
    fields.extend(names(&event["data"], "/data", &["id", "user", "group"]));
    for end in ["user", "group"] {
        if let Some(object) = event["data"].get(end) {
            fields.extend(names(object, &format!("/data/{end}"), &["id"]));
        }
    }
    fields
}

/// An event in which a field has other JSON, which need not be readable.
fn replaced(mut event: Value, field: &str, by: &str) -> String {
    const PLACE: &str = "the place of the other";
    *event.pointer_mut(field).unwrap() = PLACE.into();
    event.to_string().replace(&format!("\"{PLACE}\""), by)
}

fn any_odd_json() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any_json(),
        1 => Just("null".to_owned()),
        1 => Just("{}".to_owned()),
        1 => Just("\"\"".to_owned()),
        1 => (900_usize..6_000).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        1 => (900_usize..6_000).prop_map(|depth| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))),
        1 => Just(format!("\"{}\"", "x".repeat(70_000))),
    ]
}

/// Collects cases without shrinking them: what they are tried on is asynchronous.
fn cases<T: std::fmt::Debug>(count: u32, strategy: &impl Strategy<Value = T>) -> Vec<T> {
    let collected = RefCell::new(Vec::new());
    let config = Config {
        cases: count,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(strategy, |case| {
            collected.borrow_mut().push(case);
            Ok(())
        })
        .unwrap();
    collected.into_inner()
}

/// Which columns are of a field of an event.
fn columns_of(field: &str) -> Vec<String> {
    let name = field.rsplit('/').next().unwrap_or_default();
    let name = if name == "domains" { "domain" } else { name };
    vec![name.to_owned(), format!("{name}_source"), "repaired".to_owned()]
}

#[rstest]
#[tokio::test]
async fn any_json_in_any_field_of_an_event_changes_no_other_column_and_makes_no_dead_letter(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(
        (&DIRECTORIES, "dsync.activated"),
        (&USERS, "dsync.user.updated"),
        (&GROUPS, "dsync.group.updated")
    )]
    what: (&'static Table, &str),
) {
    let (table, name) = what;
    let store = store_on(database).await;
    let now = at(0).parse().unwrap();
    let event = |number: usize| {
        json!({ "object": "event", "id": format!("event_{number:06}"), "event": name, "data": object(table, number),
            "created_at": at(number), "context": {} })
    };
    let columns = table
        .columns
        .iter()
        .map(|column| format!("COALESCE(CAST({column} AS TEXT), '-')"));
    let columns: Vec<_> = columns.collect();
    let sql = format!("SELECT {} FROM {}", columns.join(" || '\u{1f}' || "), table.name());
    let row = async || -> Vec<String> {
        let row: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.clone()))
            .fetch_one(&store.pool)
            .await
            .unwrap();
        row.split('\u{1f}').map(str::to_owned).collect()
    };
    let wanted = |number: usize| {
        let object = object(table, number).to_string();
        let read = crate::record::read_object(table, &object, crate::record::Absent::Unchanged).unwrap();
        let values = read.record.values.into_iter();
        values
            .map(|value| value.unwrap_or_else(|| "-".to_owned()))
            .collect::<Vec<_>>()
    };
    let first = Incoming::parse(&event(1).to_string(), &now).unwrap();
    assert_eq!(take(&store, &[first]).await.applied, 1);
    let cases = cases(150, &(select(fields(&event(1))), any_odd_json()));
    let mut odd = 0;
    for (number, (field, json)) in (2..).zip(cases) {
        let text = replaced(event(number), &field, &json);
        let shown = format!("{field}: {}", json.chars().take(80).collect::<String>());
        let incoming = Incoming::parse(&text, &now).unwrap();
        odd += incoming.odd.len();
        let counts = take(&store, &[incoming]).await;
        assert_eq!((counts.applied, counts.dead), (1, 0), "{shown}");
        let own = columns_of(&field);
        for ((column, found), wanted) in table.columns.iter().zip(row().await).zip(wanted(number)) {
            if !own.iter().any(|own| own == column) {
                assert_eq!(found, wanted, "{column} by {shown}");
            }
        }
    }
    assert!(odd > 20, "{odd}");
}

#[rstest]
#[tokio::test]
async fn event_of_an_odd_directory_does_not_keep_a_list_from_ending_who_has_left(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let run = new_run(&store, 1).await;
    let users = Batch::Users(vec![told(user("x", "n"), &[]), told(user("y", "n"), &[])]);
    write(&store, &run, 1, Kind::Users, users).await;
    let run = new_run(&store, 2).await;
    let mut data = object(&USERS, 1);
    data["directory_id"] = 7.into();
    data["updated_at"] = time(2).into();
    let event = json!({ "id": "event_1", "event": "dsync.user.updated", "data": data, "created_at": time(2) });
    let event = Incoming::parse(&event.to_string(), &time(2).parse().unwrap()).unwrap();
    assert_eq!(take(&store, &[event]).await.applied, 1);
    assert_eq!(
        column(&store, "SELECT source || ' ' || path FROM quarantine").await,
        ["event directory_id"]
    );
    write(
        &store,
        &run,
        2,
        Kind::Users,
        Batch::Users(vec![told(user("x", "n"), &[])]),
    )
    .await;
    let mut connection = store.pool.acquire().await.unwrap();
    let hides = quarantine::hides_absences(&mut connection, key(&run, Kind::Users)).await;
    assert!(!hides.unwrap());
}

async fn take(store: &Store, events: &[Incoming]) -> EventCounts {
    store.take_events(events, &time(3)).await.unwrap()
}

#[test]
fn any_json_in_any_field_but_the_ids_leaves_a_deletion_a_deletion_and_a_membership_a_membership() {
    let now = at(0).parse().unwrap();
    let pair = json!({ "directory_id": "d", "object": "x", "user": object(&USERS, 1), "group": object(&GROUPS, 1) });
    let events = [
        ("dsync.deleted", object(&DIRECTORIES, 1)),
        ("dsync.user.deleted", object(&USERS, 1)),
        ("dsync.group.deleted", object(&GROUPS, 1)),
        ("dsync.group.user_added", pair.clone()),
        ("dsync.group.user_removed", pair),
    ];
    let events = events.map(|(name, data)| {
        json!({ "object": "event", "id": "event_1", "event": name, "data": data, "created_at": at(1), "context": {} })
    });
    let strategy = select(events.to_vec()).prop_flat_map(|event| {
        let fields = fields(&event);
        (Just(event), select(fields), any_odd_json())
    });
    TestRunner::new(Config::with_cases(500))
        .run(&strategy, |(event, field, json)| {
            let name = event["event"].as_str().unwrap_or_default().to_owned();
            let read = Incoming::parse(&replaced(event, &field, &json), &now).unwrap();
            let is_right = match read.meaning {
                Meaning::Gone(_, record) => record.id == "x" && name.ends_with("deleted"),
                Meaning::Membership { user, group, joined } => {
                    user == "x" && group == "x" && joined == name.ends_with("added")
                }
                _ => false,
            };
            prop_assert!(is_right, "{name} {field} {json}");
            Ok(())
        })
        .unwrap();
}
