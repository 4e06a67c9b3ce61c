//! `--webhook`.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use workos_directory_sync::Client;
use workos_directory_sync::events::WebhookVerifier;

use crate::running::Running;

/// How long a delivery on the same machine may take before the test says that it is lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for one request: the signature and the body.
fn delivery(listener: TcpListener) -> (String, Vec<u8>) {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(take(&listener)));
    receiver.recv_timeout(PATIENCE).expect("a delivery")
}

/// Takes one request: the signature and the body.
fn take(listener: &TcpListener) -> (String, Vec<u8>) {
    let (connection, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(connection);
    let (mut signature, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("workos-signature") => signature = value.to_owned(),
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader
        .get_mut()
        .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        .unwrap();
    (signature, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_posted_with_the_secret_that_was_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let emulator = Running::start(&["--webhook", &url]);
    let client = Client::builder()
        .api_key(emulator.told("api_key"))
        .base_url(emulator.told("base_url"));
    let client = client.build().unwrap();
    let directory = client.list_directories().send().await.unwrap().data.remove(0);
    client
        .delete_directory()
        .id(directory.id.as_str())
        .send()
        .await
        .unwrap();

    let (signature, body) = delivery(listener);
    let verifier = WebhookVerifier::new(emulator.told("webhook_secret")).unwrap();
    let event = verifier.verify(signature.as_bytes(), &body).unwrap();
    assert_eq!(event.event.as_str(), "dsync.deleted");
    assert!(event.data.as_str().contains(&directory.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn churn_is_posted_as_it_happens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let emulator = Running::start(&["--churn", "100/s", "--webhook", &url]);
    let verifier = WebhookVerifier::new(emulator.told("webhook_secret")).unwrap();
    for _ in 0..5 {
        let (signature, body) = take(&listener);
        assert!(verifier.verify(signature.as_bytes(), &body).unwrap().event.is_known());
    }
}
