//! The patterns of the reference, against servers that honour, ignore or refuse a parameter.

use workos_directory_sync::Error;
use workos_directory_sync::patterns;

use crate::client;
use crate::server::Server;
use crate::server::answer;
use crate::server::page;

const TIMES: &str = r#""created_at":"2024-01-15T10:00:00.000Z","updated_at":"2024-01-15T10:00:00.000Z""#;

fn list(items: &[String], after: Option<&str>) -> Vec<u8> {
    let after = after.map_or("null".to_owned(), |after| format!("\"{after}\""));
    let body = format!(
        r#"{{"data":[{}],"list_metadata":{{"after":{after}}}}}"#,
        items.join(",")
    );
    answer(200, "", &body)
}

fn directory(id: &str, organization: &str, state: &str) -> String {
    format!(
        r#"{{"id":"{id}","organization_id":{organization},"type":"okta scim v2.0","state":"{state}","name":"N\n",{TIMES}}}"#
    )
}

fn user(id: &str, directory: &str, rest: &str) -> String {
    format!(r#"{{"id":"{id}","directory_id":"{directory}","state":"active",{TIMES}{rest}}}"#)
}

fn refusal(status: u16) -> Vec<u8> {
    answer(status, "", r#"{"message":"Unknown parameter."}"#)
}

#[tokio::test]
async fn an_organizations_users_are_those_of_its_directories_although_the_server_ignores_the_filter() {
    let (org, other) = (r#""org_1""#, r#""org_2""#);
    let script = vec![
        list(
            &[
                directory("d1", org, "linked"),
                directory("d2", other, "linked"),
                directory("d3", "null", "linked"),
            ],
            Some("d3"),
        ),
        list(&[directory("d4", org, "linked"), directory("d1", org, "linked")], None),
        list(&[user("u1", "d1", ""), user("u2", "d2", "")], Some("u2")),
        list(&[user("u3", "d1", "")], None),
        list(&[user("u4", "d4", "")], None),
    ];
    let server = Server::start(script).await;
    let users = patterns::users_of_organization(&client(&server), "org_1");
    let ids: Vec<_> = users
        .try_collect()
        .await
        .unwrap()
        .into_iter()
        .map(|user| user.id)
        .collect();
    assert_eq!(ids, ["u1", "u3", "u4"]);
    assert_eq!(
        server.targets(),
        [
            "GET /directories?limit=100&order=desc&organization_id=org_1&organization=org_1",
            "GET /directories?after=d3&limit=100&order=desc&organization_id=org_1&organization=org_1",
            "GET /directory_users?limit=100&order=desc&directory=d1",
            "GET /directory_users?after=u2&limit=100&order=desc&directory=d1",
            "GET /directory_users?limit=100&order=desc&directory=d4",
        ]
    );
}

#[tokio::test]
async fn a_server_that_honours_one_name_only_and_refuses_the_other_is_asked_again() {
    let script = vec![refusal(400), list(&[directory("d1", r#""org_1""#, "linked")], None)];
    let server = Server::start(script).await;
    let directories = patterns::directories_of_organization(&client(&server), "org_1");
    assert_eq!(directories.try_collect().await.unwrap().len(), 1);
    assert_eq!(
        server.targets()[1],
        "GET /directories?limit=100&order=desc&organization_id=org_1"
    );

    let server = Server::start(vec![refusal(422)]).await;
    let mut directories = patterns::directories_of_organization(&client(&server), "7");
    let error = directories.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unprocessable(_)), "{error}");
    assert!(directories.next().await.is_none());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn memberships_come_by_the_live_parameters() {
    let server = Server::start(vec![page(&["g1"], Some("g1")), page(&["g2"], None)]).await;
    let groups = patterns::groups_of_user(&client(&server), "u1");
    assert_eq!(groups.try_collect().await.unwrap().len(), 2);
    assert_eq!(
        server.targets()[1],
        "GET /directory_groups?after=g1&limit=100&order=desc&user=u1"
    );

    let server = Server::start(vec![list(&[user("u1", "d1", "")], None)]).await;
    let users = patterns::users_of_group(&client(&server), "g1");
    assert_eq!(users.try_collect().await.unwrap()[0].id, "u1");
    assert_eq!(server.targets(), ["GET /directory_users?limit=100&order=desc&group=g1"]);

    // No such user, no rights: nothing to fall back on.
    let server = Server::start(vec![answer(404, "", "")]).await;
    let groups = patterns::groups_of_user(&client(&server), "u9").try_collect().await;
    assert!(matches!(groups, Err(Error::NotFound(_))));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_parameter_makes_the_embedded_groups_of_a_user_count() {
    for status in [400, 422] {
        let groups = r#","groups":[{"id":"g1","name":"A"},{"id":"g2","name":"B","directory_id":"d1","idp_id":"i"}]"#;
        let server = Server::start(vec![refusal(status), answer(200, "", &user("u1", "d1", groups))]).await;
        let groups = patterns::groups_of_user(&client(&server), "u1")
            .try_collect()
            .await
            .unwrap();
        let facts = groups
            .iter()
            .map(|group| (&*group.id, &*group.directory_id, group.idp_id.as_deref()));
        assert_eq!(facts.collect::<Vec<_>>(), [("g1", "d1", None), ("g2", "d1", Some("i"))]);
        assert_eq!(server.targets()[1], "GET /directory_users/u1");
    }
    let server = Server::start(vec![refusal(422), answer(200, "", &user("u1", "d1", ""))]).await;
    let groups = patterns::groups_of_user(&client(&server), "u1").try_collect().await;
    assert!(matches!(groups, Err(Error::Unprocessable(_))));
}

#[tokio::test]
async fn a_refused_parameter_makes_the_embedded_members_of_a_group_count() {
    let group = |rest: &str| {
        answer(
            200,
            "",
            &format!(r#"{{"id":"g1","directory_id":"d1","name":"A"{rest}}}"#),
        )
    };
    let in_group = |id: &str| user(id, "d1", r#","groups":[{"id":"g1","name":"A"}]"#);
    let in_none = |id: &str| user(id, "d1", r#","groups":[]"#);
    let ids = |users: Vec<workos_directory_sync::types::DirectoryUser>| {
        users.into_iter().map(|user| user.id).collect::<Vec<_>>()
    };

    let users = vec![user("u1", "d1", ""), in_none("u2"), in_group("u3")];
    let script = vec![refusal(422), group(r#","members":[{"id":"u2"}]"#), list(&users, None)];
    let server = Server::start(script).await;
    let found = patterns::users_of_group(&client(&server), "g1")
        .try_collect()
        .await
        .unwrap();
    assert_eq!(ids(found), ["u2"]);
    assert_eq!(
        server.targets()[1..],
        [
            "GET /directory_groups/g1",
            "GET /directory_users?limit=100&order=desc&directory=d1&groups=true"
        ]
    );

    let script = vec![refusal(400), group(""), list(&[in_none("u2"), in_group("u3")], None)];
    let server = Server::start(script).await;
    let found = patterns::users_of_group(&client(&server), "g1")
        .try_collect()
        .await
        .unwrap();
    assert_eq!(ids(found), ["u3"]);

    // Neither is embedded: nobody knows, and an empty answer would be a lie.
    let script = vec![
        refusal(422),
        group(""),
        list(&[in_group("u3"), user("u1", "d1", ""), in_group("u4")], None),
    ];
    let server = Server::start(script).await;
    let mut found = patterns::users_of_group(&client(&server), "g1");
    assert_eq!(found.next().await.unwrap().unwrap().id, "u3");
    assert!(matches!(found.next().await.unwrap(), Err(Error::Unprocessable(_))));
    assert!(found.next().await.is_none());
}

#[tokio::test]
async fn directories_in_another_state_than_linked_come_with_the_reason() {
    let states = [
        "linked",
        "active",
        "unlinked",
        "inactive",
        "validating",
        "invalid_credentials",
        "deleting",
        "n\u{7f}w",
    ];
    let directories = states.map(|state| directory(&format!("directory_{state}"), "null", state));
    let server = Server::start(vec![list(&directories, None)]).await;
    let found = patterns::unhealthy_directories(&client(&server))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(found.len(), 6);
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts[3],
        "directory `N\\n` (directory_invalid_credentials) is invalid_credentials: the identity provider refuses the \
         credentials; have its administrator renew them"
    );
    assert!(
        texts[5].contains("is n\\u{7f}w: this version does not know the state"),
        "{}",
        texts[5]
    );
}
