//! A server that answers what a test tells it, byte for byte, and remembers what it was asked.

use std::sync::Arc;
use std::sync::Mutex;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

/// A server with a script of answers; the last one is repeated.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers.clone(), Arc::clone(&log)));
            }
        });
        Self { url, requests }
    }

    /// The requests so far, each with its headers.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The first lines of the requests so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        let line = |request: &String| request.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        self.requests().iter().map(line).collect()
    }
}

/// One request per connection, so that a broken answer breaks one request only.
pub(crate) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: Vec<Vec<u8>>,
    log: Arc<Mutex<Vec<String>>>,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let answer = {
        let mut log = log.lock().unwrap();
        log.push(String::from_utf8_lossy(&request).into_owned());
        answers.get(log.len() - 1).or(answers.last()).cloned()
    };
    let _ = stream.write_all(&answer.unwrap_or_default()).await;
    let _ = stream.shutdown().await;
}

/// A whole answer.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

/// A page of groups with these ids.
pub(crate) fn page(ids: &[&str], after: Option<&str>) -> Vec<u8> {
    let groups: Vec<String> = ids
        .iter()
        .map(|id| format!(r#"{{"id":"{id}","directory_id":"directory_1","name":"Group {id}"}}"#))
        .collect();
    let after = after.map_or("null".to_owned(), |after| format!("\"{after}\""));
    let body = format!(
        r#"{{"data":[{}],"list_metadata":{{"before":null,"after":{after}}}}}"#,
        groups.join(",")
    );
    answer(200, "content-type: application/json\r\n", &body)
}
