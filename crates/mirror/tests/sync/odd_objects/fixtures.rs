//! Well-formed objects, and values that no field expects.

use crate::raw_source::Content;
use crate::raw_source::RawObject;

pub(crate) const DIRECTORY: &str = "directory_1";

/// Values of every kind that a field can have, and whether each is a text.
pub(crate) fn values() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("number", b"7".to_vec()),
        ("string", b"\"odd\"".to_vec()),
        ("array", b"[1]".to_vec()),
        ("object", br#"{"x":1}"#.to_vec()),
        ("null", b"null".to_vec()),
        (
            "100 levels",
            format!("{}{}", "[".repeat(100), "]".repeat(100)).into_bytes(),
        ),
        ("2 MB", format!("\"{}\"", "x".repeat(2_000_000)).into_bytes()),
        ("half of a surrogate pair", br#""odd\ud83d""#.to_vec()),
        ("invalid UTF-8", b"\"odd\xff\"".to_vec()),
    ]
}

/// A text as JSON.
pub(crate) fn text(value: &str) -> String {
    serde_json::to_string(value).unwrap()
}

const TIME: &str = r#""2026-10-01T10:00:00.000Z""#;

pub(crate) fn directory(id: &str) -> RawObject {
    RawObject::new([
        ("id", text(id)),
        ("organization_id", text("org_1")),
        ("external_key", text("key")),
        ("type", text("okta scim v2.0")),
        ("state", text("linked")),
        ("name", text("Acme")),
        ("domain", text("acme.example")),
        ("created_at", TIME.to_owned()),
        ("updated_at", TIME.to_owned()),
    ])
}

pub(crate) fn user(id: &str) -> RawObject {
    RawObject::new([
        ("id", text(id)),
        ("directory_id", text(DIRECTORY)),
        ("organization_id", text("org_1")),
        ("idp_id", text("idp")),
        ("email", text("a@b.example")),
        (
            "emails",
            r#"[{"primary":true,"type":"work","value":"a@b.example"}]"#.to_owned(),
        ),
        ("first_name", text("Ann")),
        ("last_name", text("Lee")),
        ("name", text("Ann Lee")),
        ("job_title", text("Engineer")),
        ("username", text("ann")),
        ("state", text("active")),
        ("role", r#"{"slug":"admin"}"#.to_owned()),
        ("roles", r#"[{"slug":"admin"}]"#.to_owned()),
        ("created_at", TIME.to_owned()),
        ("updated_at", TIME.to_owned()),
        ("custom_attributes", r#"{"a":1}"#.to_owned()),
        ("raw_attributes", r#"{"b":2}"#.to_owned()),
    ])
}

pub(crate) fn group(id: &str) -> RawObject {
    RawObject::new([
        ("id", text(id)),
        ("directory_id", text(DIRECTORY)),
        ("organization_id", text("org_1")),
        ("idp_id", text("idp")),
        ("name", text("Staff")),
        ("created_at", TIME.to_owned()),
        ("updated_at", TIME.to_owned()),
        ("raw_attributes", r#"{"b":2}"#.to_owned()),
    ])
}

pub(crate) fn user_id(number: usize) -> String {
    format!("directory_user_{number:02}")
}

pub(crate) fn group_id(number: usize) -> String {
    format!("directory_group_{number:02}")
}

/// One directory with this many users and groups; user 0 is in every group.
pub(crate) fn content(users: usize, groups: usize) -> Content {
    let users = (0..users)
        .map(user_id)
        .map(|id| (DIRECTORY.to_owned(), id.clone(), user(&id)));
    let groups: Vec<_> = (0..groups)
        .map(group_id)
        .map(|id| (DIRECTORY.to_owned(), id.clone(), group(&id)))
        .collect();
    Content {
        directories: vec![(DIRECTORY.to_owned(), directory(DIRECTORY))],
        users: users.collect(),
        members: groups.iter().map(|(_, id, _)| (id.clone(), user_id(0))).collect(),
        groups,
        ..Content::default()
    }
}
