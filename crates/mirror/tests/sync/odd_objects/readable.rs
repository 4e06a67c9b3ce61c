//! What a full sync has brought can be read by every query.

use rstest::rstest;

use super::fixtures::content;
use super::fixtures::user_id;
use crate::raw_source::RawSource;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;

/// Case 8, and more of its kind: attributes with characters and numbers that PostgreSQL fails at.
#[rstest]
#[tokio::test]
async fn full_sync_stores_attributes_that_json_operators_read_in_every_row(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let attributes: [&[u8]; 7] = [
        br#"{"displayName":"Ann \ud83d","department":"HR"}"#,
        br#"{"a":"\u0000","department":"HR"}"#,
        br#"{"\u0000\udc00":1,"department":"HR"}"#,
        br#"{"n":1e999999,"m":[-1E-99999],"department":"HR"}"#,
        b"{\"n\":\"\xff\xfe\",\"department\":\"HR\"}",
        br#"{"department":"x","department":"HR"}"#,
        br#"{"department":"HR"}"#,
    ];
    let world = World::on(database).await;
    let mut source = content(attributes.len(), 1);
    for (place, json) in attributes.iter().enumerate() {
        let (_, _, user) = &mut source.users[place];
        *user = user.with("raw_attributes", json).with("custom_attributes", json);
    }
    source.groups[0].2 = source.groups[0].2.with("raw_attributes", attributes[1]);
    let source = RawSource::start(source).await;
    for _ in 0..2 {
        let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
        assert_eq!(summary.quarantined, 0);
        let hr = "SELECT COUNT(*) FROM users
                  WHERE raw_attributes ->> 'department' = 'HR' AND custom_attributes ->> 'department' = 'HR'
                    AND (raw_attributes -> 'department') IS NOT NULL";
        // SQLite takes the first of two keys, PostgreSQL the last.
        let expected = if database == Sqlite { 6 } else { 7 };
        assert_eq!(world.number(hr).await, expected);
        let whole = match database {
            Sqlite => "SELECT COUNT(json(raw_attributes)) + COUNT(json(custom_attributes)) FROM users",
            Postgres => "SELECT COUNT(raw_attributes::jsonb) + COUNT(custom_attributes::jsonb) FROM users",
        };
        assert_eq!(world.number(whole).await, 14);
        let groups = match database {
            Sqlite => "SELECT COUNT(json(raw_attributes)) FROM groups",
            Postgres => "SELECT COUNT(raw_attributes::jsonb) FROM groups",
        };
        assert_eq!(world.number(groups).await, 1);
    }
    // Rows say where something was replaced; the others are as they came.
    assert_eq!(
        world.text("users", "repaired", &user_id(0)).await.as_deref(),
        Some(r#"["custom_attributes","raw_attributes"]"#)
    );
    for place in [5, 6] {
        let stored = world.text("users", "raw_attributes", &user_id(place)).await.unwrap();
        assert_eq!(stored.as_bytes(), attributes[place]);
        assert_eq!(world.text("users", "repaired", &user_id(place)).await, None);
    }
}
