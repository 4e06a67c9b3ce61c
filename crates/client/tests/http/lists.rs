//! Lists over many pages.

use workos_directory_sync::Error;
use workos_directory_sync::types::EventName;
use workos_directory_sync::types::Order;

use crate::client;
use crate::server::Server;
use crate::server::answer;
use crate::server::page;

#[tokio::test]
async fn a_stream_yields_the_items_of_all_pages_a_hundred_at_a_time() {
    let script = vec![
        page(&["g1", "g2"], Some("g2")),
        page(&[], Some("g9")),
        page(&["g3"], None),
    ];
    let server = Server::start(script).await;
    let groups = client(&server)
        .list_directory_groups()
        .directory("directory_1")
        .stream()
        .try_collect()
        .await
        .unwrap();
    let ids: Vec<_> = groups.iter().map(|group| group.id.as_str()).collect();
    assert_eq!(ids, ["g1", "g2", "g3"]);
    assert_eq!(
        server.targets(),
        [
            "GET /directory_groups?limit=100&order=desc&directory=directory_1",
            "GET /directory_groups?after=g2&limit=100&order=desc&directory=directory_1",
            "GET /directory_groups?after=g9&limit=100&order=desc&directory=directory_1",
        ]
    );
}

#[tokio::test]
async fn a_limit_and_a_cursor_of_the_callers_own_are_kept() {
    let server = Server::start(vec![page(&["g5"], None)]).await;
    let mut stream = client(&server).list_directory_groups().limit(7).after("g4").stream();
    assert_eq!(
        stream.cursor().map(|cursor| cursor.as_str().to_owned()).as_deref(),
        Some("g4")
    );
    assert_eq!(stream.next().await.unwrap().unwrap().id, "g5");
    assert!(stream.next().await.is_none());
    assert_eq!(server.targets(), ["GET /directory_groups?after=g4&limit=7&order=desc"]);
}

#[tokio::test]
async fn a_list_is_walked_in_an_order_that_is_sent_since_what_the_api_does_without_one_has_changed() {
    let server = Server::start(vec![page(&["g1"], None), page(&[], None), page(&[], None)]).await;
    let client = client(&server);
    let mut groups = client.list_directory_groups().order(Order::Asc).stream();
    assert!(groups.next().await.unwrap().is_ok());
    let events = client.list_events().events(vec![EventName::DsyncDeleted]);
    assert!(events.stream().next().await.is_none());
    // Whoever asks for one page alone gets what the API gives.
    assert!(client.list_directory_groups().send().await.is_ok());
    assert_eq!(
        server.targets(),
        [
            "GET /directory_groups?limit=100&order=asc",
            "GET /events?limit=100&order=asc&events=dsync.deleted",
            "GET /directory_groups",
        ]
    );
}

#[tokio::test]
async fn the_cursor_is_that_of_the_page_in_hand_until_all_of_it_was_seen() {
    let server = Server::start(vec![page(&["g1", "g2"], Some("g2")), page(&["g3", "g4"], None)]).await;
    let mut stream = client(&server).list_directory_groups().stream();
    let mut cursors = Vec::new();
    while let Some(group) = stream.next().await {
        let cursor = stream.cursor().map(|cursor| cursor.as_str().to_owned());
        cursors.push((group.unwrap().id, cursor));
    }
    let expected = [("g1", None), ("g2", Some("g2")), ("g3", Some("g2")), ("g4", None)];
    let expected = expected.map(|(id, cursor)| (id.to_owned(), cursor.map(str::to_owned)));
    assert_eq!(cursors, expected);
}

#[tokio::test]
async fn going_back_from_a_cursor_is_one_page_and_no_stream() {
    let server = Server::start(vec![page(&["g1"], Some("g1"))]).await;
    let request = client(&server).list_directory_groups().before("g2");
    let mut pages = request.clone().pages();
    let error = pages.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("listDirectoryGroups: `before` asks for one page"),
        "{error}"
    );
    assert!(pages.next().await.is_none());
    assert!(request.clone().stream().try_collect().await.is_err());
    assert!(server.requests().is_empty());
    assert_eq!(request.send().await.unwrap().data.len(), 1);
    assert_eq!(server.targets(), ["GET /directory_groups?before=g2"]);
}

#[tokio::test]
async fn a_repeated_cursor_ends_the_stream_with_an_error() {
    let script = vec![
        page(&["g1"], Some("g1")),
        page(&["g2"], Some("g2")),
        page(&["g1"], Some("g1")),
    ];
    let server = Server::start(script).await;
    let mut pages = client(&server).list_directory_groups().pages();
    for _ in 0..3 {
        assert!(pages.next().await.unwrap().is_ok());
    }
    let error = pages.next().await.unwrap().unwrap_err();
    assert!(
        matches!(&error, Error::RepeatedCursor { cursor, .. } if cursor == "g1"),
        "{error}"
    );
    assert!(pages.next().await.is_none());
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn an_error_ends_the_stream_and_the_cursor_says_where_to_go_on() {
    let script = vec![page(&["g1"], Some("g1")), answer(403, "", ""), page(&["g2"], None)];
    let server = Server::start(script).await;
    let client = client(&server);
    let mut pages = client.list_directory_groups().pages();
    assert!(pages.next().await.unwrap().is_ok());
    assert!(matches!(pages.next().await.unwrap(), Err(Error::Forbidden(_))));
    assert!(pages.next().await.is_none());
    let cursor = pages.cursor().unwrap().clone();
    let rest = client
        .list_directory_groups()
        .after(cursor)
        .stream()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rest[0].id, "g2");
}

#[tokio::test]
async fn the_next_page_is_asked_for_while_the_caller_works_on_this_one() {
    let script = vec![
        page(&["g1", "g2", "g3"], Some("g3")),
        page(&["g4"], Some("g4")),
        page(&["g5"], None),
    ];
    let server = Server::start(script).await;
    let mut stream = client(&server).list_directory_groups().stream();
    stream.next().await.unwrap().unwrap();
    // The stream is not polled here: the request goes out by itself.
    while server.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    // The page after the next waits until the caller gets there: two pages are the most that is held.
    for id in ["g2", "g3"] {
        assert_eq!(stream.next().await.unwrap().unwrap().id, id);
    }
    assert_eq!(server.requests().len(), 2);
    assert_eq!(stream.try_collect().await.unwrap().len(), 2);
}

/// Three groups on two pages, the second of which has a name that is a number and the third half of a surrogate pair.
fn odd_pages() -> Vec<Vec<u8>> {
    let page = |objects: &str, metadata: &str| {
        let body = format!(r#"{{"data":[{objects}],{metadata}}}"#);
        answer(200, "content-type: application/json\r\n", &body)
    };
    vec![
        page(
            r#"{"id":"g1","directory_id":"directory_1","name":"A"},{"id":"g2","directory_id":"directory_1","name":7}"#,
            r#""listMetadata":{"after":"g2"}"#,
        ),
        page(
            r#"{"id":"g3","directory_id":"directory_1","name":"C \ud83d"}"#,
            r#""list_metadata":{"after":null}"#,
        ),
    ]
}

#[tokio::test]
async fn raw_pages_give_objects_byte_for_byte_and_follow_the_cursor() {
    let server = Server::start(odd_pages()).await;
    let mut pages = client(&server).list_directory_groups().raw_pages();
    let first = pages.next().await.unwrap().unwrap();
    assert_eq!(
        first.items[1].get(),
        r#"{"id":"g2","directory_id":"directory_1","name":7}"#
    );
    let last = pages.next().await.unwrap().unwrap();
    assert_eq!(
        last.items[0].get(),
        r#"{"id":"g3","directory_id":"directory_1","name":"C \ud83d"}"#
    );
    assert!(pages.next().await.is_none());
    assert_eq!(
        server.targets(),
        [
            "GET /directory_groups?limit=100&order=desc",
            "GET /directory_groups?after=g2&limit=100&order=desc"
        ]
    );
}

#[tokio::test]
async fn raw_pages_end_with_an_error_when_a_cursor_repeats_or_the_body_is_no_list() {
    let server = Server::start(vec![page(&["g1"], Some("g1")), page(&["g1"], Some("g1"))]).await;
    let mut pages = client(&server).list_directory_groups().raw_pages();
    assert!(pages.next().await.unwrap().is_ok());
    assert!(pages.next().await.unwrap().is_ok());
    let error = pages.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::RepeatedCursor { .. }), "{error}");
    let server = Server::start(vec![answer(200, "", r#"{"data":{},"list_metadata":{}}"#)]).await;
    let mut pages = client(&server).list_directory_groups().raw_pages();
    let error = pages.next().await.unwrap().unwrap_err();
    assert!(
        matches!(&error, Error::Decode(error) if error.path == "data"),
        "{error}"
    );
    assert!(pages.next().await.is_none());
}

#[tokio::test]
async fn tolerant_stream_goes_on_behind_an_object_that_cannot_be_read() {
    let server = Server::start(odd_pages()).await;
    let strict = client(&server).list_directory_groups().stream().try_collect().await;
    assert!(
        matches!(&strict, Err(Error::Decode(error)) if error.path == "data[1].name"),
        "{strict:?}"
    );
    let server = Server::start(odd_pages()).await;
    let mut stream = client(&server).list_directory_groups().stream().tolerant();
    assert_eq!(stream.next().await.unwrap().unwrap().unwrap().name, "A");
    let odd = stream.next().await.unwrap().unwrap().unwrap_err();
    assert_eq!((odd.index, odd.path.as_str()), (1, "name"));
    assert_eq!(stream.next().await.unwrap().unwrap().unwrap().name, "C \u{fffd}");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn tolerant_keeps_what_a_started_stream_has_in_hand() {
    let server = Server::start(vec![page(&["g1", "g2"], Some("g2")), page(&["g3"], None)]).await;
    let mut stream = client(&server).list_directory_groups().stream();
    assert_eq!(stream.next().await.unwrap().unwrap().id, "g1");
    let rest = stream.tolerant().try_collect().await.unwrap();
    let ids: Vec<_> = rest.into_iter().map(|group| group.unwrap().id).collect();
    assert_eq!(ids, ["g2", "g3"]);
}

#[tokio::test]
async fn send_raw_gives_the_body_as_it_came() {
    let body = r#"{"id": "g1", "name": 7, "x": 1.0}"#;
    let server = Server::start(vec![answer(200, "x-request-id: req_1\r\n", body)]).await;
    let group = client(&server).get_directory_group().id("g1").send_raw().await.unwrap();
    assert_eq!(group.get(), body);
    assert_eq!(group.headers()["x-request-id"], "req_1");
}
