//! A server between the client and the emulator, that a test can make misbehave.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use serde_json::Value;
use tokio::sync::oneshot;

/// What happens to a request.
pub(crate) enum Fate {
    /// It goes through.
    Pass,
    /// It is answered with this status, and the emulator does not see it.
    Refuse(u16),
    /// It goes through, and its answer is changed.
    Change(Box<dyn FnOnce(&mut Value) + Send>),
    /// It is never answered.
    Hang,
    /// It goes through when somebody says so.
    Hold(oneshot::Receiver<()>),
    /// It goes through. When its answer is there this is called, and the answer goes on when somebody says so.
    Late(Box<dyn FnOnce() -> oneshot::Receiver<()> + Send>),
}

/// A request, as the rule of a test sees it.
pub(crate) struct Call<'a> {
    /// From 1 on.
    pub(crate) number: usize,
    /// Path and query.
    pub(crate) target: &'a str,
}

/// The server. It ends with the test's runtime.
pub(crate) struct Interposer {
    pub(crate) base_url: String,
    calls: Arc<AtomicUsize>,
}

impl Interposer {
    pub(crate) async fn start(upstream: &str, rule: impl Fn(Call<'_>) -> Fate + Send + Sync + 'static) -> Interposer {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let upstream = upstream.to_owned();
        let rule = Arc::new(rule);
        let http = reqwest::Client::new();
        let app = Router::new().fallback(move |request: Request| {
            let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
            let (upstream, rule, http) = (upstream.clone(), Arc::clone(&rule), http.clone());
            async move {
                let target = request.uri().to_string();
                let call = Call {
                    number,
                    target: &target,
                };
                let mut late = None;
                let change = match rule(call) {
                    Fate::Pass => None,
                    Fate::Change(change) => Some(change),
                    Fate::Late(told) => {
                        late = Some(told);
                        None
                    }
                    Fate::Hang => std::future::pending().await,
                    Fate::Hold(until) => {
                        drop(until.await);
                        None
                    }
                    Fate::Refuse(status) => return answer(status, r#"{"message":"made to fail"}"#.to_owned()),
                };
                let mut forward = http.get(format!("{upstream}{target}"));
                if let Some(key) = request.headers().get(AUTHORIZATION) {
                    forward = forward.header(AUTHORIZATION, key);
                }
                let got = forward.send().await.unwrap();
                let status = got.status().as_u16();
                let mut text = got.text().await.unwrap();
                if let Some(change) = change {
                    let mut json = serde_json::from_str(&text).unwrap();
                    change(&mut json);
                    text = json.to_string();
                }
                if let Some(told) = late {
                    drop(told().await);
                }
                answer(status, text)
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Interposer { base_url, calls }
    }

    /// How many requests came so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// A counter that outlives a borrow of the interposer.
    pub(crate) fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.calls)
    }
}

fn answer(status: u16, text: String) -> Response {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(text))
        .unwrap()
}
