//! A server that means harm: what it sends costs bounded time and memory, and ends in an error that says what it was.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::retry::RetryPolicy;

use crate::KEY;
use crate::client;
use crate::server::Server;
use crate::server::answer;
use crate::server::page;

/// A server whose answer begins with `head` and has the same chunk over and over, for as long as somebody reads.
async fn endless(head: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4_096]).await;
                let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
                let mut text = format!("{head}\r\ntransfer-encoding: chunked\r\n\r\n");
                while stream.write_all(text.as_bytes()).await.is_ok() {
                    text.clone_from(&chunk);
                }
            });
        }
    });
    url
}

fn client_of(url: &str) -> Client {
    let builder = Client::builder().api_key(KEY).base_url(url).retry(RetryPolicy::off());
    builder.max_body(2_000_000).build().unwrap()
}

#[tokio::test]
async fn a_body_without_an_end_is_read_up_to_the_bound() {
    let url = endless("HTTP/1.1 200 OK").await;
    let error = client_of(&url).list_directories().send().await.unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error}");
    for (head, status) in [("HTTP/1.1 403 Forbidden", 403), ("HTTP/1.1 502 Bad Gateway", 502)] {
        let url = endless(head).await;
        let error = client_of(&url).list_directories().send().await.unwrap_err();
        assert_eq!(error.status(), Some(status), "{error}");
        assert!(error.to_string().len() < 400, "{error}");
    }
    let url = endless("HTTP/1.1 202 Accepted").await;
    assert!(
        client_of(&url)
            .delete_directory()
            .id("directory_1")
            .send()
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_redirect_that_goes_round_is_followed_five_times_and_not_tried_again() {
    let server = Server::start(vec![answer(302, "location: /directories\r\n", "")]).await;
    let error = client(&server).list_directories().send().await.unwrap_err();
    assert!(matches!(error, Error::Status(_)), "{error}");
    assert_eq!((error.status(), error.attempts()), (Some(302), 1));
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn redirects_to_what_is_no_page_of_this_origin_are_the_answer() {
    let server = Server::start(vec![answer(302, "", "")]).await;
    let port = server.url.rsplit(':').next().unwrap();
    for location in [
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}@other.example/"),
        "//other.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://[".to_owned(),
        String::new(),
    ] {
        let moved = answer(302, &format!("location: {location}\r\n"), "");
        let server = Server::start(vec![moved]).await;
        let error = client(&server).list_directories().send().await.unwrap_err();
        assert_eq!(
            (error.status(), error.attempts()),
            (Some(302), 1),
            "{location}: {error}"
        );
        assert!(server.requests().len() <= 6, "{location}");
    }
}

#[tokio::test]
async fn cookies_are_not_kept() {
    let cookie = "set-cookie: session=stolen; Path=/\r\ncontent-type: application/json\r\n";
    let body = r#"{"data":[],"list_metadata":{}}"#;
    let server = Server::start(vec![answer(200, cookie, body)]).await;
    let client = client(&server);
    for _ in 0..2 {
        client.list_directories().send().await.unwrap();
    }
    let requests = server.requests();
    assert!(requests.len() == 2 && !requests[1].contains("stolen"), "{requests:?}");
}

#[tokio::test]
async fn headers_as_long_and_as_many_as_they_like_are_an_answer_or_a_network_error() {
    let long = format!(
        "x-request-id: {}\r\nx-long: {}\r\n",
        "r".repeat(50_000),
        "l".repeat(200_000)
    );
    let server = Server::start(vec![answer(403, &long, "")]).await;
    let error = client(&server).list_directories().send().await.unwrap_err();
    assert_eq!(error.status(), Some(403), "{error}");
    assert!(error.request_id().unwrap().chars().count() <= 200);
    assert!(error.to_string().len() < 400, "{error}");

    let endless = format!("x-long: {}\r\n", "l".repeat(5_000_000));
    let many = "x: y\r\n".repeat(10_000);
    for headers in [endless, many] {
        let server = Server::start(vec![answer(403, &headers, "")]).await;
        let client = client(&server).with_retry(RetryPolicy::off());
        let error = client.list_directories().send().await.unwrap_err();
        assert!(matches!(error, Error::Network(_)), "{error}");
        assert!(format!("{error} {error:?}").len() < 1_000, "{error:?}");
    }
}

#[tokio::test]
async fn informational_answers_are_passed_over_and_a_switch_of_protocols_is_an_error() {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"
        .repeat(3)
        .into_bytes();
    let server = Server::start(vec![[hints, page(&["g1"], None)].concat()]).await;
    let groups = client(&server).list_directory_groups().send().await.unwrap();
    assert_eq!(groups.data[0].id, "g1");

    let switch = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n".to_vec();
    let server = Server::start(vec![switch]).await;
    let error = client(&server).list_directory_groups().send().await.unwrap_err();
    assert!(matches!(error, Error::Status(_) | Error::Network(_)), "{error}");
}

/// An answer whose body is packed as a header says; `cut` bytes are missing at its end, though its length is right.
fn packed(status: u16, encoding: &str, body: &[u8], cut: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    let mut bytes = encoder.finish().unwrap();
    bytes.truncate(bytes.len() - cut);
    let length = bytes.len();
    let head = format!(
        "HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {length}\r\ncontent-encoding: {encoding}\r\n\r\n"
    );
    [head.into_bytes(), bytes].concat()
}

const DIRECTORIES: &str = r#"{"data":[],"list_metadata":{"after":"directory_1"}}"#;

#[tokio::test]
async fn packed_body_is_asked_for_and_read_and_its_headers_are_those_of_what_was_read() {
    for encoding in ["gzip", "GZIP", "x-gzip"] {
        let server = Server::start(vec![packed(200, encoding, DIRECTORIES.as_bytes(), 0)]).await;
        let answer = client(&server).list_directories().send().await.unwrap();
        assert!(answer.headers().get("content-encoding").is_none() && answer.headers().get("content-length").is_none());
        assert_eq!(answer.list_metadata.after.as_deref(), Some("directory_1"), "{encoding}");
        let request = server.requests()[0].to_ascii_lowercase();
        assert!(request.contains("\r\naccept-encoding: gzip\r\n"), "{request}");
    }
}

#[tokio::test]
async fn packed_body_of_an_error_gives_its_message() {
    let server = Server::start(vec![packed(422, "gzip", br#"{"message":"No scope."}"#, 0)]).await;
    let error = client(&server).list_directory_users().send().await.unwrap_err();
    assert!(error.to_string().contains("422 No scope."), "{error}");
}

#[tokio::test]
async fn packed_body_is_bounded_by_what_it_unpacks_to() {
    let server = Server::start(vec![packed(200, "gzip", &vec![b' '; 100_000_000], 0)]).await;
    let error = client_of(&server.url).list_directories().send().await.unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error}");
}

#[tokio::test]
async fn packed_body_that_cannot_be_unpacked_is_an_error_that_says_so() {
    for answer in [
        packed(200, "gzip", DIRECTORIES.as_bytes(), 9),
        answer(200, "content-encoding: gzip\r\n", "\u{1f}\u{8b}bomb"),
        answer(200, "content-encoding: gzip\r\n", DIRECTORIES),
    ] {
        let server = Server::start(vec![answer]).await;
        let error = client_of(&server.url).list_directories().send().await.unwrap_err();
        let Error::Decode(error) = error else { panic!("{error}") };
        assert_eq!(error.path, "the gzip stream", "{error}");
    }
}

#[tokio::test]
async fn packed_body_in_another_way_than_was_asked_for_is_not_unpacked() {
    for encoding in ["br", "gzip, gzip", "identity"] {
        let server = Server::start(vec![packed(200, encoding, DIRECTORIES.as_bytes(), 0)]).await;
        let error = client_of(&server.url).list_directories().send().await.unwrap_err();
        let Error::Decode(error) = error else { panic!("{error}") };
        assert_ne!(error.path, "the gzip stream", "{encoding}");
    }
}

#[tokio::test]
async fn keys_that_come_twice_and_numbers_out_of_range_are_errors_that_name_the_place() {
    let times = r#""created_at":"2024-01-15T10:00:00.000Z","updated_at":"2024-01-15T10:00:00.000Z""#;
    let directory = |more: &str| {
        format!(
            r#"{{"data":[{{"id":"d1","type":"s3","state":"linked","name":"A",{times}{more}}}],"list_metadata":{{}}}}"#
        )
    };
    for (more, path, fault) in [
        (r#","id":"d2""#, "data[0]", "duplicate field `id`"),
        (
            r#","metadata":{"groups":-1}"#,
            "data[0].metadata.groups",
            "invalid value",
        ),
        (
            r#","metadata":{"groups":1e999}"#,
            "data[0].metadata.groups",
            "number out of range",
        ),
        (
            r#","metadata":{"groups":99999999999999999999}"#,
            "data[0].metadata.groups",
            "invalid type",
        ),
        (
            r#","created_at":"2024-01-15T10:00:00.000Z""#,
            "data[0]",
            "duplicate field `created_at`",
        ),
    ] {
        let server = Server::start(vec![answer(200, "", &directory(more))]).await;
        let error = client(&server).list_directories().send().await.unwrap_err();
        let Error::Decode(decode) = &error else {
            panic!("{more}: {error}")
        };
        assert_eq!(decode.path, path, "{error}");
        assert!(error.to_string().contains(fault), "{error}");
    }
    // Of what nobody knows, nothing is looked at.
    let server = Server::start(vec![answer(200, "", &directory(r#","new":1e999,"new":-1"#))]).await;
    assert!(client(&server).list_directories().send().await.is_ok());
}

#[tokio::test]
async fn a_cursor_of_any_text_is_one_value_of_the_query() {
    let cursor = "a&limit=1#top?x=%2e\\n\u{e9} +\\u0000/..";
    let server = Server::start(vec![page(&["g1"], Some(cursor)), page(&["g2"], None)]).await;
    let groups = client(&server).list_directory_groups().stream().try_collect().await;
    assert_eq!(groups.unwrap().len(), 2);
    assert_eq!(
        server.targets()[1],
        "GET /directory_groups?after=a%26limit%3D1%23top%3Fx%3D%252e%0A%C3%A9+%2B%00%2F..&limit=100&order=desc"
    );
}

#[tokio::test]
async fn a_cursor_or_an_id_too_long_for_an_address_is_refused_in_few_words() {
    let long = "c".repeat(100_000);
    let server = Server::start(vec![page(&["g1"], Some(&long))]).await;
    let client = client(&server);
    let mut pages = client.list_directory_groups().pages();
    assert!(pages.next().await.unwrap().is_ok());
    let cursor = pages.next().await.unwrap().unwrap_err();
    let id = client.get_directory().id(long).send().await.unwrap_err();
    for error in [cursor, id] {
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
        assert!(format!("{error} {error:?}").len() < 1_000, "{error:?}");
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_deadline_ends_a_try_that_would_take_longer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let policy = RetryPolicy::default().with_deadline(Duration::from_millis(100));
    let builder = Client::builder().api_key(KEY).base_url(url).retry(policy);
    let error = builder.build().unwrap().list_directories().send().await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert_eq!(error.attempts(), 1);
}
