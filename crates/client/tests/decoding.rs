//! Whatever a server sends, decoding gives a model or an error, and what it gives can be written back.
//!
//! A bounded stand-in for a fuzz target: valid answers are damaged in every way that JSON can be, and read again.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use workos_directory_sync::Timestamp;
use workos_directory_sync::types::DirectoryList;
use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryType;
use workos_directory_sync::types::DirectoryUserList;
use workos_directory_sync::types::DirectoryUserState;
use workos_directory_sync::types::EventList;
use workos_directory_sync::types::EventName;

/// A page of users with every field.
fn page() -> Value {
    json!({
        "object": "list",
        "data": [{
            "object": "directory_user",
            "id": "directory_user_1", "directory_id": "directory_1", "organization_id": null, "idp_id": "7",
            "email": "a@example.com", "emails": [{ "primary": true, "type": null, "value": "a@example.com" }],
            "first_name": "A", "last_name": null, "name": "A", "job_title": null, "username": "a", "state": "active",
            "raw_attributes": { "deep": [{ "er": [1.5, "x", null] }] }, "custom_attributes": {},
            "role": { "slug": "member" }, "roles": [{ "slug": "member" }],
            "groups": [{ "id": "directory_group_1", "name": "G" }],
            "created_at": "2024-01-15T10:00:00.000Z", "updated_at": "2024-01-15 10:00:00.000",
        }],
        "list_metadata": { "before": null, "after": "directory_user_1" },
    })
}

/// Any JSON of bounded depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{1,10}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The pointers of all values in a document.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn bytes_of_any_kind_do_not_panic(bytes in any::<Vec<u8>>()) {
        let _ = serde_json::from_slice::<DirectoryUserList>(&bytes);
        let _ = serde_json::from_slice::<EventList>(&bytes);
    }

    #[test]
    fn a_value_of_any_kind_in_any_place_gives_a_page_or_an_error(place in any::<prop::sample::Index>(), value in any_json()) {
        let mut document = page();
        let mut places = Vec::new();
        pointers(&document, "", &mut places);
        *document.pointer_mut(&places[place.index(places.len())]).unwrap() = value;
        if let Ok(page) = serde_json::from_str::<DirectoryUserList>(&document.to_string()) {
            let text = serde_json::to_string(&page).unwrap();
            let back: DirectoryUserList = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(serde_json::to_string(&back).unwrap(), text);
        }
    }

    #[test]
    fn fields_that_nobody_knows_change_nothing(name in "[a-z_]{1,12}", value in any_json()) {
        let mut document = page();
        prop_assume!(document["data"][0].get(&name).is_none());
        let plain: DirectoryUserList = serde_json::from_str(&document.to_string()).unwrap();
        document["data"][0][&name] = value.clone();
        document["list_metadata"]["x_new"] = value;
        let more: DirectoryUserList = serde_json::from_str(&document.to_string()).unwrap();
        prop_assert_eq!(plain, more);
    }

    #[test]
    fn text_of_any_kind_survives_in_every_open_enum(text in ".{0,40}") {
        let json = serde_json::to_string(&text).unwrap();
        macro_rules! survives {
            ($($name:ident),*) => {$(
                let value: $name = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(value.as_str(), &text);
                prop_assert_eq!(serde_json::to_string(&value).unwrap(), json.clone());
                prop_assert_eq!($name::from(text.clone()), value.clone());
                prop_assert_eq!(text.parse::<$name>().unwrap(), value);
            )*};
        }
        survives!(DirectoryState, DirectoryType, DirectoryUserState, EventName);
    }

    #[test]
    fn a_text_is_a_timestamp_that_is_written_as_it_was_read_or_none(text in "[0-9TZ:. +-]{0,32}") {
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            prop_assert_eq!(timestamp.to_string(), text);
        }
    }
}

#[test]
fn json_as_deep_as_it_likes_is_refused_or_kept_but_never_overflows() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = page()
        .to_string()
        .replace(r#"{"deep":[{"er":[1.5,"x",null]}]}"#, &format!(r#"{{"deep":{deep}}}"#));
    assert!(body.contains("[[["));
    if let Ok(page) = serde_json::from_str::<DirectoryUserList>(&body) {
        assert!(page.data[0].raw_attributes.as_ref().unwrap().to_map().is_err());
    }
    assert!(serde_json::from_str::<DirectoryList>(&deep).is_err());
}
