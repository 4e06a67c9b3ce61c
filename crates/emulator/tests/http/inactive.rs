//! What becomes of users who turn inactive.

use serde_json::Value;
use serde_json::json;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::EmulatorBuilder;
use workos_directory_emulator::InactivePolicy;
use workos_directory_emulator::ObjectError;
use workos_directory_sync::types::DirectoryUser;

use crate::asking::Asking;
use crate::asking::population;

fn builder() -> EmulatorBuilder {
    Emulator::builder().population(population())
}

async fn events(asking: &Asking) -> Vec<Value> {
    let names = "dsync.user.created,dsync.user.updated,dsync.user.deleted";
    let events = asking.get(&format!("/events?events={names}")).await.json();
    events["data"].as_array().unwrap().clone()
}

async fn user(asking: &Asking) -> DirectoryUser {
    let list = asking.get("/directory_users?state=active&limit=1").await.json();
    serde_json::from_value(list["data"][0].clone()).unwrap()
}

#[tokio::test]
async fn an_inactive_user_is_deleted_and_comes_back_with_a_new_id() {
    let asking = Asking::of(builder()).await;
    let mut user = user(&asking).await;
    asking.emulator.set_user_state(&user.id, "inactive").unwrap();
    let answer = asking.get(&format!("/directory_users/{}", user.id)).await;
    assert_eq!(answer.status, 404);
    assert_eq!(asking.all("/directory_users").await.len(), 89);

    let old = user.clone();
    assert!(matches!(asking.emulator.put_user(old), Err(ObjectError::NotNew { .. })));
    user.id = asking.emulator.new_user_id();
    asking.emulator.put_user(user.clone()).unwrap();
    let told: Vec<_> = events(&asking)
        .await
        .iter()
        .map(|event| event["event"].clone())
        .collect();
    assert_eq!(told, [json!("dsync.user.deleted"), json!("dsync.user.created")]);
    assert_eq!(events(&asking).await[0]["data"]["state"], "inactive");
    assert_eq!(
        asking.get(&format!("/directory_users/{}", user.id)).await.json()["state"],
        "active"
    );
}

#[tokio::test]
async fn a_user_who_is_inactive_from_the_beginning_never_appears() {
    let asking = Asking::of(builder()).await;
    let mut user = user(&asking).await;
    user.id = asking.emulator.new_user_id();
    user.state = "inactive".into();
    asking.emulator.put_user(user).unwrap();
    assert_eq!(asking.all("/directory_users").await.len(), 90);
    assert!(events(&asking).await.is_empty());
}

#[tokio::test]
async fn older_environments_and_the_seed_keep_inactive_users() {
    for builder in [
        builder().inactive_policy(InactivePolicy::Keep),
        builder().behaviour(Behaviour::Reference),
    ] {
        let asking = Asking::of(builder).await;
        let user = user(&asking).await;
        asking.emulator.set_user_state(&user.id, "inactive").unwrap();
        asking.emulator.set_user_state(&user.id, "active").unwrap();
        let events = events(&asking).await;
        assert_eq!(events.len(), 2);
        assert_eq!(events[0]["event"], "dsync.user.updated");
        assert_eq!(events[0]["data"]["previous_attributes"], json!({ "state": "active" }));
        assert_eq!(events[1]["data"]["previous_attributes"], json!({ "state": "inactive" }));
        assert_eq!(
            asking.get(&format!("/directory_users/{}", user.id)).await.json()["state"],
            "active"
        );
    }
}
