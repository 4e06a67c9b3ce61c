//! The page that both crates decode: 100 users as the live API writes them, with attributes of a given size.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use workos::models::DirectoryUserList as OfficialList;
use workos_directory_sync::types::DirectoryUserList;

pub(crate) const USERS: usize = 100;

/// The sizes of `raw_attributes` in bytes, with the share of the official crate's time that is aimed at.
pub(crate) const SIZES: [(usize, f64); 2] = [(1_024, 0.7), (20 * 1_024, 0.3)];

/// The page as bytes. Both decoders have read it, and saw the same users.
pub(crate) fn checked(attributes: usize) -> Vec<u8> {
    let data: Vec<Value> = (0..USERS).map(|number| user(number, attributes)).collect();
    let page = json!({"object": "list", "data": data, "list_metadata": {"before": null, "after": id(USERS - 1)}});
    let page = serde_json::to_vec(&page).unwrap();
    let ours = ours(&page);
    let official = official(&page);
    let seen: Vec<&str> = ours.data.iter().map(|user| user.id.as_str()).collect();
    let expected: Vec<&str> = official.data.iter().map(|user| user.id.as_str()).collect();
    assert_eq!(seen, expected);
    assert_eq!(seen.len(), USERS);
    #[allow(deprecated)]
    for (ours, official) in ours.data.iter().zip(&official.data) {
        let attributes = ours.raw_attributes.as_ref().unwrap().to_map().unwrap();
        assert_eq!(attributes.len(), official.raw_attributes.len());
        assert!(
            attributes
                .iter()
                .all(|(name, value)| official.raw_attributes.get(name) == Some(value))
        );
    }
    page
}

/// What this client's `send` does with the body of an answer.
pub(crate) fn ours(page: &[u8]) -> DirectoryUserList {
    serde_json::from_slice(page).unwrap()
}

/// What the official crate's `list_users` does with it.
pub(crate) fn official(page: &[u8]) -> OfficialList {
    serde_json::from_slice(page).unwrap()
}

fn id(number: usize) -> String {
    format!("directory_user_01ECAZ4NV9QMV47GW{number:09}")
}

fn user(number: usize, attributes: usize) -> Value {
    json!({
        "object": "directory_user",
        "id": id(number),
        "directory_id": "directory_01ECAZ4NV9QMV47GW873HDCX74",
        "organization_id": "org_01EZTR6WYX1A0DSE2CYMGXQ24Y",
        "idp_id": format!("2{number:07}"),
        "email": format!("user{number}@example.com"),
        "emails": [{"primary": true, "type": "work", "value": format!("user{number}@example.com")}],
        "first_name": "Lela",
        "last_name": format!("Block {number}"),
        "name": format!("Lela Block {number}"),
        "job_title": "Software Engineer",
        "username": format!("user{number}@example.com"),
        "state": "active",
        "raw_attributes": raw_attributes(number, attributes),
        "custom_attributes": {"department": "Engineering", "job_title": "Software Engineer"},
        "groups": [],
        "created_at": "2021-06-25T19:07:33.155Z",
        "updated_at": "2021-06-25T19:07:33.155Z",
    })
}

/// Attributes such as identity providers send: half plain texts, a quarter lists, a quarter objects.
fn raw_attributes(user: usize, bytes: usize) -> Value {
    let mut attributes = Map::new();
    let mut length = 2;
    for number in 0.. {
        let name = format!("attribute_{number:03}");
        let value = match number % 4 {
            0 => json!([format!("group-{number}"), "engineering", "all-staff"]),
            2 => json!({"value": format!("+1 555 01{number:04}"), "primary": number == 2, "weight": number}),
            _ => json!(format!("value {number} of user {user}")),
        };
        length += name.len() + 4 + value.to_string().len();
        if length > bytes {
            break;
        }
        attributes.insert(name, value);
    }
    Value::Object(attributes)
}
