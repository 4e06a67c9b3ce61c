//! What the database has can be read, whatever the source sent: JSON, addresses in the views, what a change changed.

use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;

use super::*;
use crate::Change;
use crate::ChangeKind;
use crate::record::json;

/// A user of the API with some JSON as its attributes.
fn source(id: &str, raw_attributes: &str, rest: &str) -> (Record, EmbeddedGroups) {
    let json = format!(
        r#"{{"id":"{id}","directory_id":"{DIRECTORY}","state":"active","raw_attributes":{raw_attributes},{rest}
            "created_at":"2024-01-15T10:00:00.000Z","updated_at":"2024-01-15T10:00:00.000Z"}}"#
    );
    let read = crate::record::read_object(&USERS, &json, crate::record::Absent::Null).unwrap();
    (read.record, read.groups)
}

/// Attributes that PostgreSQL takes into a column of JSON and cannot read there, and what becomes of them.
fn nasty() -> Vec<(String, String)> {
    let digits = "9".repeat(140_000);
    let shallow = format!(r#"{{"department":"HR","x":{}1{}}}"#, "[".repeat(999), "]".repeat(999));
    let pairs = [
        (
            r#"{"department":"HR","\u0000":"\u0000"}"#,
            r#"{"department":"HR","\ufffd":"\ufffd"}"#,
        ),
        (
            r#"{"displayName":"Ann \ud83d","department":"HR"}"#,
            r#"{"displayName":"Ann \ufffd","department":"HR"}"#,
        ),
        (
            r#"{"\udead":1, "department":"HR"}"#,
            r#"{"\ufffd":1, "department":"HR"}"#,
        ),
        (
            r#"{"department":"HR","n":1e999999}"#,
            r#"{"department":"HR","n":"1e999999"}"#,
        ),
        (
            r#"{"department":"HR","a":{"b":-1E-99999}}"#,
            r#"{"department":"HR","a":{"b":"-1E-99999"}}"#,
        ),
        (
            r#"{"department":"HR","department":"HR"}"#,
            r#"{"department":"HR","department":"HR"}"#,
        ),
        (
            r#"{"department":"HR", "n":[1e400, -0.10, 12345678901234567890123]}"#,
            r#"{"department":"HR", "n":[1e400, -0.10, 12345678901234567890123]}"#,
        ),
        (
            r#"{"a":"\ud83d\ude00 \\u0000","department":"HR"}"#,
            r#"{"a":"\ud83d\ude00 \\u0000","department":"HR"}"#,
        ),
    ];
    let pairs = pairs.map(|(came, kept)| (came.to_owned(), kept.to_owned()));
    let mut pairs = pairs.to_vec();
    pairs.push((
        format!(r#"{{"department":"HR","n":{digits}}}"#),
        format!(r#"{{"department":"HR","n":"{digits}"}}"#),
    ));
    pairs.push((
        format!(r#"{{"department":"HR","n":1{}}}"#, "0".repeat(100_000)),
        format!(r#"{{"department":"HR","n":1{}}}"#, "0".repeat(100_000)),
    ));
    pairs.push((shallow.clone(), shallow));
    pairs
}

#[rstest]
#[tokio::test]
async fn json_of_every_row_is_readable_whatever_came_and_found_unchanged(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let rest = r#""first_name":"A\u0000B'\"\\","emails":[{"value":"\u0000","primary":true}],"custom_attributes":{"\u0000":"\ud800"},"#;
    let users = || {
        let nasty = nasty().into_iter().enumerate();
        let users = nasty.map(|(number, (came, _))| source(&format!("u{number:02}"), &came, rest));
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
        Batch::Users(users.chain([source("u99", &deep, rest)]).collect())
    };
    let count = u64::try_from(nasty().len()).unwrap() + 1;
    let run = new_run(&store, 1).await;
    assert_eq!(
        write(&store, &run, 1, Kind::Users, users()).await,
        counts(count, 0, 0, 0)
    );
    let run = new_run(&store, 2).await;
    assert_eq!(
        write(&store, &run, 2, Kind::Users, users()).await,
        counts(0, 0, 0, count)
    );

    let kept = column(
        &store,
        "SELECT CAST(raw_attributes AS TEXT) FROM users WHERE id < 'u99' ORDER BY id",
    )
    .await;
    for ((came, wanted), kept) in nasty().iter().zip(&kept) {
        assert_eq!(kept, wanted, "of {}", &came[..came.len().min(80)]);
    }
    let departments = "SELECT raw_attributes ->> 'department' FROM users WHERE id < 'u99'";
    assert_eq!(column(&store, departments).await, vec!["HR"; nasty().len()]);
    if database == Postgres {
        let sql = "SELECT concat(raw_attributes::jsonb, custom_attributes::jsonb, emails::jsonb, repaired::jsonb,
                                 raw_attributes -> 'n', raw_attributes ->> 'displayName') FROM users";
        assert_eq!(column(&store, sql).await.len(), nasty().len() + 1);
    }
    let repaired = column(&store, "SELECT CAST(repaired AS TEXT) FROM users ORDER BY id").await;
    for ((came, wanted), repaired) in nasty().iter().zip(repaired) {
        assert_eq!(repaired.contains(r#""raw_attributes""#), came != wanted, "{repaired}");
        assert!(
            repaired.starts_with(r#"["emails","first_name","custom_attributes""#),
            "{repaired}"
        );
    }
    assert_eq!(
        column(&store, "SELECT DISTINCT first_name FROM users").await,
        ["A\u{FFFD}B'\"\\"]
    );
}

/// Any JSON, with much of what PostgreSQL does not read.
pub(super) fn any_json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,11})?",
        Just("1e131071".to_owned()),
        Just("1e131072".to_owned()),
        Just("0.1e-16382".to_owned()),
        Just("0.1e-16383".to_owned()),
        Just("0e-16384".to_owned()),
        Just("0e1073741822".to_owned()),
        (131_060_usize..131_080).prop_map(|digits| "7".repeat(digits)),
        (16_370_usize..16_390).prop_map(|digits| format!("-0.{}", "0".repeat(digits))),
    ];
    let string = proptest::collection::vec(
        prop_oneof![
            Just("\\u0000".to_owned()),
            Just("\\\\".to_owned()),
            Just("\\\"".to_owned()),
            Just("u0000".to_owned()),
            Just("\\ud83d\\ude00".to_owned()),
            "\\\\u[dD][89a-fA-F][0-9a-f]{2}",
            "\\\\u[0-9a-fA-F]{4}",
            "[a-z é🦀]{1,3}",
        ],
        0..8,
    )
    .prop_map(|parts| format!("\"{}\"", parts.concat()));
    let leaf = prop_oneof![number, string.clone(), Just("null".to_owned()), Just("true".to_owned())];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(" ,"))),
            proptest::collection::vec((string.clone(), inner), 0..4).prop_map(|entries| {
                let entries: Vec<_> = entries
                    .into_iter()
                    .map(|(key, value)| format!("{key}: {value}"))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

#[tokio::test]
async fn any_json_is_castable_once_repaired_and_unchanged_when_it_was_castable() {
    let store = store_on(Postgres).await;
    sqlx::query(
        "CREATE FUNCTION castable(given TEXT) RETURNS TEXT LANGUAGE plpgsql AS $$
         BEGIN PERFORM given::json::jsonb; RETURN 'yes'; EXCEPTION WHEN OTHERS THEN RETURN 'no: ' || SQLERRM; END $$",
    )
    .execute(&store.pool)
    .await
    .unwrap();
    let mut texts = std::collections::BTreeSet::new();
    let collected = std::cell::RefCell::new(&mut texts);
    TestRunner::new(Config {
        cases: 1_000,
        ..Config::default()
    })
    .run(&any_json(), |text| {
        prop_assert!(
            serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok(),
            "{}",
            text
        );
        collected.borrow_mut().insert(text);
        Ok(())
    })
    .unwrap();
    let (mut repaired, mut unchanged) = (0, 0);
    for text in texts {
        let castable = async |text: &str| -> String {
            let query = sqlx::query_scalar("SELECT castable($1)").bind(text.to_owned());
            query.fetch_one(&store.pool).await.unwrap()
        };
        let kept = json::readable(&text);
        assert_eq!(castable(&kept).await, "yes", "{kept}");
        if castable(&text).await == "yes" {
            assert_eq!(kept, text);
            unchanged += 1;
        } else {
            repaired += 1;
        }
    }
    assert!(repaired > 50 && unchanged > 50, "{repaired} {unchanged}");
}

#[tokio::test]
async fn migration_repairs_what_an_older_version_wrote() {
    let address = cluster::database();
    let store = Store::open(&Address::parse(&address).unwrap()).await.unwrap();
    let run = new_run(&store, 1).await;
    let ids = ["u1", "u2", "u3", "u4", "u5"];
    let users = ids.iter().map(|id| (user(id, "n"), EmbeddedGroups::Untold));
    write(&store, &run, 1, Kind::Users, Batch::Users(users.collect())).await;
    for (id, json) in [
        ("u1", r#"{"a\u0000\u0000":"\\u0000 \\\u0000"}"#),
        ("u2", r#"{"a":"\ud83d\ud83d\ude00\ude00\ud83d","b":"\\ud83d\ude00"}"#),
        ("u3", r#"{"a":1e999999}"#),
        ("u4", r#"{"a":"\ud83d\ude00", "b":1e9999}"#),
        ("u5", r#"{"a": 1}"#),
    ] {
        sqlx::query("UPDATE users SET raw_attributes = $1::json, deleted_at = 'x' WHERE id = $2")
            .bind(json)
            .bind(id)
            .execute(&store.pool)
            .await
            .unwrap();
    }
    let migration = include_str!("../../../migrations/postgres/0014_readable.sql");
    let start = migration.find("DO $$").unwrap();
    let end = migration.find("END $$;").unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(migration[start..end + 7].to_owned()))
        .execute(&store.pool)
        .await
        .unwrap();
    let kept = "SELECT raw_attributes::text || COALESCE(repaired::text, '') FROM users ORDER BY id";
    assert_eq!(
        column(&store, kept).await,
        [
            r#"{"a\ufffd\ufffd":"\\u0000 \\\ufffd"}["raw_attributes"]"#,
            r#"{"a":"\ufffd\ud83d\ude00\ufffd\ufffd","b":"\\ud83d\ufffd"}["raw_attributes"]"#,
            r#"{"$mirror":"could not be read"}["raw_attributes"]"#,
            r#"{"a":"\ud83d\ude00", "b":1e9999}"#,
            r#"{"a": 1}"#,
        ]
    );
    assert_eq!(
        column(&store, "SELECT raw_attributes::jsonb::text FROM users")
            .await
            .len(),
        5
    );
}

#[rstest]
#[tokio::test]
async fn views_have_the_primary_address_where_email_is_null_and_the_state_of_the_directory(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let store = store_on(database).await;
    let run = new_run(&store, 1).await;
    write(&store, &run, 1, Kind::Groups, groups(&["g1"])).await;
    let mut home = directory(DIRECTORY);
    home.values[DIRECTORIES.place("state").unwrap()] = Some("unlinked".to_owned());
    write(
        &store,
        &run,
        1,
        Kind::Directories,
        Batch::Objects(&DIRECTORIES, vec![home]),
    )
    .await;
    let cases = [
        (
            r#""email":"e@b.example","emails":[{"primary":true,"value":"a@b.example"}],"#,
            "e@b.example",
        ),
        (
            r#""email":null,"emails":[{"value":"b@b.example"},{"primary":true,"value":"a@b.example"}],"#,
            "a@b.example",
        ),
        (
            r#""emails":[{"primary":true},{"primary":false,"value":"b@b.example"},{"value":"c@b.example"}],"#,
            "b@b.example",
        ),
        (r#""emails":[],"#, "-"),
        (r#""emails":null,"#, "-"),
    ];
    let users = cases.iter().enumerate().map(|(number, (fields, _))| {
        let (record, _) = source(&format!("u{number}"), "{}", fields);
        told(record, &["g1"])
    });
    write(&store, &run, 1, Kind::Users, Batch::Users(users.collect())).await;
    // As no page brings them, but a hand can.
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "INSERT INTO users (id, directory_id, state, emails, created_at, updated_at, generation, first_seen_at, changed_at)
         VALUES ('u9', '{DIRECTORY}', 'active', '[1,\"x\",null,{{\"value\":{{}}}},{{\"primary\":\"true\",\"value\":\"d@b.example\"}}]',
             '', '', 1, '', '')"
    )))
    .execute(&store.pool)
    .await
    .unwrap();
    let wanted: Vec<_> = cases.iter().map(|(_, email)| *email).chain(["d@b.example"]).collect();
    let emails = "SELECT COALESCE(email, '-') FROM active_users ORDER BY id";
    assert_eq!(column(&store, emails).await, wanted);
    let emails = "SELECT COALESCE(email, '-') FROM group_members ORDER BY user_id";
    assert_eq!(column(&store, emails).await, wanted[..cases.len()]);
    let states = "SELECT directory_state FROM active_users UNION SELECT directory_state FROM group_members";
    assert_eq!(column(&store, states).await, ["unlinked"]);
}

async fn changes(store: &Store) -> Vec<Change> {
    store.changes_after(0, 100).await.unwrap()
}

#[rstest]
#[tokio::test]
async fn change_names_the_columns_that_changed_and_what_they_had(#[values(Sqlite, Postgres)] database: Database) {
    let store = store_on(database).await;
    let attributes = [
        r#"{"secret":"s", "b":1}"#,
        r#"{"b":1,"secret":"s"}"#,
        r#"{"b":1,"secret":"t\u0000"}"#,
    ];
    for (day, (raw, fields)) in (1..).zip([
        (
            attributes[0],
            r#""email":"a@b.example","role":{"slug":"member"},"roles":[{"slug":"member"}],"#,
        ),
        (
            attributes[1],
            r#""email":"a@b.example","role":{"slug":"member"},"roles":[{"slug":"member"}],"#,
        ),
        (attributes[2], r#""role":{"slug":"admin"},"roles":[{"slug":"admin"}],"#),
    ]) {
        let run = new_run(&store, day).await;
        write(
            &store,
            &run,
            day,
            Kind::Users,
            Batch::Users(vec![source("u1", raw, fields)]),
        )
        .await;
    }
    let changes = changes(&store).await;
    assert_eq!(changes.len(), 2, "the order of attributes is no change: {changes:?}");
    assert_eq!(
        (changes[0].kind, &changes[0].changed_columns),
        (ChangeKind::UserCreated, &None)
    );
    assert_eq!(changes[0].previous, None);
    assert_eq!(changes[1].kind, ChangeKind::UserUpdated);
    let columns = changes[1].changed_columns.as_ref().unwrap();
    assert_eq!(columns, &["email", "role", "roles", "raw_attributes"]);
    assert_eq!(
        changes[1].previous.as_ref().unwrap().as_str(),
        r#"{"email":"a@b.example","role":"member","roles":["member"],"raw_attributes":["secret"]}"#
    );
    assert_eq!(changes[1].reason, None);
}
