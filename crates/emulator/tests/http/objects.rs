//! Single objects, deletion and the differences between the behaviours.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::ManualClock;

use crate::asking::Asking;
use crate::asking::population;

async fn of(behaviour: Behaviour) -> Asking {
    Asking::of(Emulator::builder().population(population()).behaviour(behaviour)).await
}

#[tokio::test]
async fn every_object_of_a_list_can_be_had_by_its_id() {
    let asking = Asking::new().await;
    for list in ["/directories", "/directory_users", "/directory_groups"] {
        for item in asking.all(list).await {
            let answer = asking.get(&format!("{list}/{}", item["id"].as_str().unwrap())).await;
            assert_eq!((answer.status, answer.json()), (200, item));
        }
    }
}

#[tokio::test]
async fn a_directory_counts_its_users_and_groups() {
    let asking = Asking::new().await;
    for directory in asking.all("/directories").await {
        let id = directory["id"].as_str().unwrap();
        let users = asking.all(&format!("/directory_users?directory={id}")).await;
        let active = users.iter().filter(|user| user["state"] == "active").count();
        let groups = asking.all(&format!("/directory_groups?directory={id}")).await.len();
        let expected = json!({ "users": { "active": active, "inactive": users.len() - active }, "groups": groups });
        assert_eq!(directory["metadata"], expected);
    }
}

#[tokio::test]
async fn the_live_behaviour_embeds_no_memberships_whatever_is_asked_for() {
    let asking = of(Behaviour::Live).await;
    for user in asking.all("/directory_users?groups=true").await {
        assert_eq!(user["groups"], json!([]));
    }
    for group in asking.all("/directory_groups?members=true").await {
        assert_eq!(group.get("members"), None);
    }
}

#[tokio::test]
async fn the_reference_behaviour_embeds_the_memberships_that_the_filters_find() {
    let asking = of(Behaviour::Reference).await;
    for user in asking.all("/directory_users?groups=true").await {
        let id = user["id"].as_str().unwrap();
        let groups = asking.all(&format!("/directory_groups?user={id}")).await;
        assert_eq!(user["groups"], Value::Array(groups));
        assert_eq!(asking.get(&format!("/directory_users/{id}")).await.json(), user);
    }
    for group in asking.all("/directory_groups?members=true").await {
        let id = group["id"].as_str().unwrap();
        let users = asking.all(&format!("/directory_users?group={id}")).await;
        let members: Vec<Value> = users
            .iter()
            .map(|user| json!({ "id": user["id"], "first_name": user["first_name"], "last_name": user["last_name"] }))
            .collect();
        assert_eq!(group["members"], Value::Array(members));
        assert_eq!(asking.get(&format!("/directory_groups/{id}")).await.json(), group);
    }
}

#[tokio::test]
async fn the_reference_behaviour_leaves_memberships_out_unless_asked() {
    let asking = of(Behaviour::Reference).await;
    for (list, field) in [("/directory_users", "groups"), ("/directory_groups", "members")] {
        for query in ["", "groups=false&members=false"] {
            let page = asking.get(&format!("{list}?{query}")).await.json();
            // Official SDKs insist on the `groups` of users.
            let expected = (field == "groups").then(|| json!([]));
            assert_eq!(page["data"][0].get(field), expected.as_ref());
        }
    }
}

#[tokio::test]
async fn deleting_a_directory_takes_its_users_groups_and_memberships_along() {
    for (behaviour, status, body) in [(Behaviour::Live, 202, "{}"), (Behaviour::Reference, 204, "")] {
        let asking = of(behaviour).await;
        let directories = asking.all_ids("/directories").await;
        let path = format!("/directories/{}", directories[0]);
        let user = asking
            .all_ids(&format!("/directory_users?directory={}", directories[0]))
            .await[0]
            .clone();
        let group = asking
            .all_ids(&format!("/directory_groups?directory={}", directories[0]))
            .await[0]
            .clone();

        let answer = asking.send(asking.request("DELETE", &path)).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, body));

        for target in [
            path.clone(),
            format!("/directory_users/{user}"),
            format!("/directory_groups/{group}"),
            format!("/directory_users?directory={}", directories[0]),
            format!("/directory_users?group={group}"),
            format!("/directory_groups?user={user}"),
        ] {
            assert_eq!(asking.get(&target).await.status, 404, "{target}");
        }
        assert_eq!(asking.send(asking.request("DELETE", &path)).await.status, 404);
        assert_eq!(asking.all_ids("/directories").await, directories[1..]);
        assert_eq!(asking.all("/directory_users").await.len(), 60);
        assert_eq!(asking.all("/directory_groups").await.len(), 8);
    }
}

#[tokio::test]
async fn a_google_directory_takes_a_call_for_a_sync_once_in_five_minutes() {
    let clock = ManualClock::at("2026-11-24T12:00:00Z".parse().unwrap());
    let asking = Asking::of(Emulator::builder().population(population()).clock(clock.clone())).await;
    let directories = asking.all("/directories").await;
    let path = |directory: &Value| format!("/directories/{}/sync", directory["id"].as_str().unwrap());
    let (google, others): (Vec<_>, Vec<_>) = directories
        .iter()
        .partition(|directory| directory["type"] == "gsuite directory");
    let call = async |directory: &Value| asking.send(asking.request("POST", &path(directory))).await;

    let answer = call(google[0]).await;
    assert_eq!((answer.status, answer.text.as_str()), (202, r#"{"status":"queued"}"#));
    clock.advance(Duration::from_secs(9));
    let answer = call(google[0]).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (409, Some("sync_in_progress"))
    );
    clock.advance(Duration::from_secs(91));
    let answer = call(google[0]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "200"));
    assert_eq!(answer.json()["retry_after_seconds"], 200);
    clock.advance(Duration::from_secs(200));
    assert_eq!(call(google[0]).await.status, 202);
    assert_eq!(call(others[0]).await.status, 422);
}

#[tokio::test]
async fn an_id_in_the_path_is_decoded_once() {
    let asking = Asking::new().await;
    let id = asking.all_ids("/directories").await[0].clone();
    let encoded = id.replace('_', "%5F");
    assert_eq!(asking.get(&format!("/directories/{encoded}")).await.status, 200);
    let twice = id.replace('_', "%255F");
    assert_eq!(asking.get(&format!("/directories/{twice}")).await.status, 404);
}
