//! Compressed answers: asked for, read, and bounded by what they are after decompression.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::retry::RetryPolicy;

use crate::KEY;
use crate::client;
use crate::server::Server;

/// An answer whose body is compressed and then cut to a length.
fn compressed(status: u16, body: &[u8], length: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    let mut body = encoder.finish().unwrap();
    body.truncate(length);
    let mut answer = format!(
        "HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend(body);
    answer
}

const PAGE: &str =
    r#"{"data":[{"id":"g1","directory_id":"directory_1","name":"A"}],"list_metadata":{"before":null,"after":null}}"#;

#[tokio::test]
async fn list_is_asked_for_as_gzip_and_read() {
    let server = Server::start(vec![compressed(200, PAGE.as_bytes(), usize::MAX)]).await;
    let page = client(&server).list_directory_groups().send().await.unwrap();
    assert_eq!(page.data[0].name, "A");
    let asked = server.requests()[0].to_ascii_lowercase();
    assert!(asked.contains("accept-encoding: gzip\r\n"), "{asked}");
}

#[tokio::test]
async fn error_body_that_is_compressed_shows_its_sentence() {
    let server = Server::start(vec![compressed(404, br#"{"message":"gone"}"#, usize::MAX)]).await;
    let error = client(&server).list_directory_groups().send().await.unwrap_err();
    let api = error.api_error().unwrap();
    assert_eq!((api.message.as_str(), api.has_api_form()), ("gone", true));
}

#[tokio::test]
async fn gzip_bomb_ends_at_the_bound_of_the_decompressed_size() {
    const BOUND: usize = 100_000;
    let bomb = compressed(200, &vec![b' '; 64 << 20], usize::MAX);
    assert!(bomb.len() < BOUND, "{}", bomb.len());
    let server = Server::start(vec![bomb]).await;
    let builder = Client::builder().api_key(KEY).base_url(&server.url).max_body(BOUND);
    let client = builder.rate_limits(RateLimits::off()).build().unwrap();
    let error = client.list_directory_groups().send().await.unwrap_err();
    assert!(
        matches!(&error, Error::TooLarge(error) if error.max_body == BOUND),
        "{error}"
    );
    // What an error says is bounded more narrowly, and so is what a deletion drains.
    let server = Server::start(vec![compressed(500, &vec![b'x'; 64 << 20], usize::MAX)]).await;
    let client = crate::client(&server).with_retry(RetryPolicy::off());
    let error = client.list_directory_groups().send().await.unwrap_err();
    assert!(error.is_server() && error.to_string().len() < 400, "{error}");
}

#[tokio::test]
async fn gzip_that_is_cut_off_is_a_broken_connection_and_asked_for_again() {
    let cut = compressed(200, PAGE.as_bytes(), 40);
    let whole = compressed(200, PAGE.as_bytes(), usize::MAX);
    let server = Server::start(vec![cut.clone(), whole]).await;
    assert!(client(&server).list_directory_groups().send().await.is_ok());
    assert_eq!(server.requests().len(), 2);
    let server = Server::start(vec![cut]).await;
    let client = client(&server).with_retry(RetryPolicy::off());
    let error = client.list_directory_groups().send().await.unwrap_err();
    assert!(matches!(error, Error::Network(_)), "{error}");
    assert!(error.to_string().contains("decompressed"), "{error}");
}
