//! What the official SDKs insist on: their decoders fail when one of these fields is missing.
//!
//! The lists are those of the Rust crate `workos` 3.5.0, which is the strictest, and of PyPI `workos` 10.6.0.

use serde_json::Value;

use crate::asking::Asking;

fn assert_strings(item: &Value, fields: &[&str]) {
    for field in fields {
        assert!(item[*field].is_string(), "`{field}` of {item}");
    }
}

fn assert_keys(item: &Value, fields: &[&str]) {
    for field in fields {
        assert!(item.get(*field).is_some(), "`{field}` of {item}");
    }
}

#[tokio::test]
async fn directories_have_what_official_sdks_insist_on() {
    for item in Asking::new().await.all("/directories").await {
        assert_eq!(item["object"], "directory");
        assert_strings(
            &item,
            &[
                "id",
                "organization_id",
                "external_key",
                "type",
                "state",
                "name",
                "created_at",
                "updated_at",
            ],
        );
        assert_keys(&item, &["domain"]);
        assert!(item["metadata"]["users"]["active"].is_u64());
        assert!(item["metadata"]["users"]["inactive"].is_u64());
        assert!(item["metadata"]["groups"].is_u64());
    }
}

#[tokio::test]
async fn users_have_what_official_sdks_insist_on() {
    for item in Asking::new().await.all("/directory_users").await {
        assert_eq!(item["object"], "directory_user");
        assert_strings(
            &item,
            &[
                "id",
                "directory_id",
                "organization_id",
                "idp_id",
                "state",
                "created_at",
                "updated_at",
            ],
        );
        assert!(item["raw_attributes"].is_object());
        assert!(item["custom_attributes"].is_object());
        assert!(item["groups"].is_array());
        // What may be null is null and not missing.
        assert_keys(
            &item,
            &["email", "first_name", "last_name", "name", "job_title", "username"],
        );
    }
}

#[tokio::test]
async fn groups_have_what_official_sdks_insist_on() {
    for item in Asking::new().await.all("/directory_groups").await {
        assert_eq!(item["object"], "directory_group");
        assert_strings(
            &item,
            &[
                "id",
                "idp_id",
                "directory_id",
                "organization_id",
                "name",
                "created_at",
                "updated_at",
            ],
        );
        assert!(item["raw_attributes"].is_object());
    }
}
