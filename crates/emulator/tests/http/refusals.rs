//! What is refused, with which status and which body.

use serde_json::json;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::DEFAULT_FORBIDDEN_API_KEY;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::StartError;
use workos_directory_sync::operations;

use crate::asking::Asking;
use crate::asking::population;

#[tokio::test]
async fn a_missing_or_wrong_key_is_unauthorized() {
    let asking = Asking::new().await;
    let url = format!("{}/directories", asking.emulator.base_url());
    let http = reqwest::Client::new();
    let unauthorized = json!({ "message": "Unauthorized" });

    let answer = asking.send(http.get(&url)).await;
    assert_eq!((answer.status, answer.json()), (401, unauthorized.clone()));
    for header in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer sk_test_other",
        "Bearer sk_test_emulator2",
        "Bearer sk_test_emulator sk_test_emulator",
        "Basic sk_test_emulator",
        "sk_test_emulator",
    ] {
        let answer = asking.send(http.get(&url).header("authorization", header)).await;
        assert_eq!((answer.status, answer.json()), (401, unauthorized.clone()), "{header}");
    }
    let twice = http
        .get(&url)
        .header("authorization", "Bearer sk_test_emulator")
        .header("authorization", "Bearer sk_test_emulator");
    assert_eq!(asking.send(twice).await.status, 401);
    let lower = http.get(&url).header("authorization", "bearer sk_test_emulator");
    assert_eq!(asking.send(lower).await.status, 200);
}

#[tokio::test]
async fn a_key_without_access_is_forbidden() {
    let asking = Asking::new().await;
    let http = reqwest::Client::new();
    let url = format!("{}/directories", asking.emulator.base_url());
    let answer = asking.send(http.get(&url).bearer_auth(DEFAULT_FORBIDDEN_API_KEY)).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.json(),
        json!({ "message": "Access denied.", "code": "access_denied" })
    );
    let error = Emulator::builder()
        .forbidden_api_key("sk_live_1")
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::LiveKey));
}

#[tokio::test]
async fn a_success_that_the_document_does_not_know_is_refused() {
    let builder = Emulator::builder().success_status(&operations::DELETE_DIRECTORY, 201);
    let error = builder.start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the document does not say that `deleteDirectory` answers `201` when all is well"
    );
}

#[tokio::test]
async fn an_id_that_nothing_has_is_not_found() {
    let asking = Asking::new().await;
    let reference = Asking::of(
        Emulator::builder()
            .population(population())
            .behaviour(Behaviour::Reference),
    )
    .await;
    for (path, message) in [
        (
            "/directories/directory_01ECAZ4NV9QMV47GW873HDCX74",
            "Directory not found: 'directory_01ECAZ4NV9QMV47GW873HDCX74'.",
        ),
        ("/directories/x", "Directory not found: 'x'."),
        ("/directory_users/x%2Fy", "Directory user not found: 'x/y'."),
        ("/directory_groups/%22%0A%C3%A9", "Directory group not found: '\"\né'."),
    ] {
        let answer = reference.get(path).await;
        assert_eq!(answer.status, 404);
        let (_, id) = message.trim_end_matches("'.").split_once('\'').unwrap();
        let expected = json!({ "message": message, "code": "entity_not_found", "entity_id": id });
        assert_eq!(answer.json(), expected);
        // The live API says less of users and groups.
        let is_directory = path.starts_with("/directories/");
        let live = if is_directory {
            expected
        } else {
            json!({ "message": "Not Found" })
        };
        assert_eq!(asking.get(path).await.json(), live);
    }
    let not_utf8 = asking.get("/directories/%FF").await;
    assert_eq!(not_utf8.status, 404);
    let long = asking.get(&format!("/directories/{}", "x".repeat(5_000))).await;
    assert_eq!((long.status, long.text.len() < 300), (404, true));
}

#[tokio::test]
async fn a_filter_by_an_object_that_is_not_there_is_not_found() {
    let asking = Asking::new().await;
    let ulid = "01ECAZ4NV9QMV47GW873HDCX74";
    for (target, noun) in [
        (format!("/directory_users?directory=directory_{ulid}"), "Directory"),
        (format!("/directory_groups?directory=directory_{ulid}"), "Directory"),
        (
            format!("/directory_users?group=directory_group_{ulid}"),
            "Directory group",
        ),
        (
            format!("/directory_groups?user=directory_user_{ulid}"),
            "Directory user",
        ),
        ("/directory_users?directory=directory_nobody".to_owned(), "Directory"),
    ] {
        let answer = asking.get(&target).await;
        assert_eq!(answer.status, 404, "{target}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{noun} not found: '")), "{message}");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_unprocessable_and_named() {
    let asking = Asking::new().await;
    let ulid = "01ECAZ4NV9QMV47GW873HDCX74";
    for (query, fields) in [
        ("limit=0".to_owned(), vec!["limit"]),
        ("limit=101".to_owned(), vec!["limit"]),
        ("limit=".to_owned(), vec!["limit"]),
        ("limit=1&limit=1".to_owned(), vec!["limit"]),
        ("order=ascending".to_owned(), vec!["order"]),
        ("order=ASC".to_owned(), vec!["order"]),
        ("after=".to_owned(), vec!["after"]),
        (format!("after=directory_group_{ulid}"), vec!["after"]),
        ("before=directory_user_1".to_owned(), vec!["before"]),
        (
            format!("before=directory_user_{ulid}&after=directory_user_{ulid}"),
            vec!["before"],
        ),
        (format!("directory=directory_user_{ulid}"), vec!["directory"]),
        (format!("directory={ulid}"), vec!["directory"]),
        ("directory=directory_".to_owned(), vec!["directory"]),
        ("organization=acme".to_owned(), vec!["organization"]),
        (format!("group=directory_{ulid}"), vec!["group"]),
        ("groups=1".to_owned(), vec!["groups"]),
        ("groups=TRUE".to_owned(), vec!["groups"]),
        ("groups=".to_owned(), vec!["groups"]),
        ("state=gone".to_owned(), vec!["state"]),
        ("idp_id=1".to_owned(), vec!["idp_id"]),
        ("email=jane@acme.example".to_owned(), vec!["email"]),
        ("limit=0&order=up&state=x".to_owned(), vec!["order", "limit", "state"]),
    ] {
        assert_eq!(
            asking.get(&format!("/directory_users?{query}")).await.fields(),
            fields,
            "{query}"
        );
    }
    let answer = asking.get("/directory_users?directory=org_1").await;
    assert_eq!(
        answer.json(),
        json!({
            "message": "Validation failed",
            "errors": [{ "code": "directory must be directory_*", "field": "directory" }],
        })
    );
    let answer = asking.get("/directories?organization_id=acme&organization=acme").await;
    assert_eq!(answer.json()["errors"][0]["code"], "organization must be org_*");
    assert_eq!(answer.fields(), ["organization", "organization_id"]);
    assert_eq!(
        asking.get("/directory_groups?members=yes&user=x").await.fields(),
        ["user", "members"]
    );
}

#[tokio::test]
async fn parameters_that_the_operation_does_not_have_are_ignored() {
    let asking = Asking::new().await;
    assert_eq!(
        asking
            .get("/directories?colour=red&colour=blue&groups=perhaps&=&&%FF=%FF")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_path_that_does_not_exist_is_not_found_and_a_wrong_method_not_allowed() {
    let asking = Asking::new().await;
    for path in ["/", "/directory", "/directories/", "/directories/x/y", "/_emulator"] {
        let answer = asking.get(path).await;
        assert_eq!(
            (answer.status, answer.json()),
            (404, json!({ "message": "Not Found" })),
            "{path}"
        );
    }
    for (method, path, allowed) in [
        ("POST", "/directories", "GET,HEAD"),
        ("PUT", "/directories/x", "GET,HEAD,DELETE"),
        ("DELETE", "/directory_users/x", "GET,HEAD"),
        ("GET", "/directories/x/sync", "POST"),
    ] {
        let answer = asking.send(asking.request(method, path)).await;
        assert_eq!(
            (answer.status, answer.json()),
            (405, json!({ "message": "Method Not Allowed" }))
        );
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let asking = Asking::new().await;
    let id = asking.all_ids("/directories").await[0].clone();
    let request = asking
        .request("DELETE", &format!("/directories/{id}"))
        .body(vec![b' '; 70_000]);
    assert_eq!(asking.send(request).await.status, 413);
    let request = asking.request("DELETE", &format!("/directories/{id}")).body("{}");
    assert_eq!(asking.send(request).await.status, 202);
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own_and_says_what_is_left() {
    let asking = Asking::of(Emulator::builder().rate_limit_headers(true)).await;
    let mut ids = std::collections::BTreeSet::new();
    for target in [
        "/directories",
        "/directories?limit=0",
        "/directories/x",
        "/nowhere",
        "/directory_users",
    ] {
        let answer = asking.get(target).await;
        assert!(ids.insert(answer.header("x-request-id").to_owned()));
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
            answer.header(name).parse::<u64>().unwrap();
        }
    }
}
