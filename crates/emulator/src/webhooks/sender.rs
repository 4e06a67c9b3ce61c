//! Posts webhooks when they are due, one at a time to each endpoint.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use reqwest::Client;
use reqwest::header;
use reqwest::redirect;
use tokio::task::JoinSet;

use crate::app::App;
use crate::webhooks::Attempt;
use crate::webhooks::Outcome;
use crate::webhooks::SIGNATURE_HEADER;
use crate::webhooks::dispatcher::Sending;

/// How often the clock is looked at while something waits: a clock that a test drives does not ring.
const GLANCE: Duration = Duration::from_secs(1);

/// While nothing waits, somebody rings before there is anything to do.
const REST: Duration = Duration::from_secs(60 * 60);

/// Posts what is due for as long as the emulator runs.
pub(crate) async fn send(app: Arc<App>) {
    let mut client = None;
    let mut posting = JoinSet::new();
    loop {
        let now = app.settings.clock.now();
        let (due, next) = app.webhooks.due(&app.state(), now);
        for sending in due {
            let client: Client = client.get_or_insert_with(client_for_this_machine).clone();
            posting.spawn(post(Arc::clone(&app), client, sending));
        }
        let wait = next.map_or(REST, |next| next.duration_since(now).unsigned_abs().min(GLANCE));
        tokio::select! {
            () = app.webhooks.wake.notified() => {}
            Some(_) = posting.join_next() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// A client that posts where it is told to and nowhere else: no redirect, no proxy, and `localhost` is this machine.
fn client_for_this_machine() -> Client {
    use std::net::Ipv4Addr;
    use std::net::Ipv6Addr;
    use std::net::SocketAddr;

    let here = [
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
    ];
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .resolve_to_addrs("localhost", &here)
        .user_agent(concat!("workos-directory-emulator/", env!("CARGO_PKG_VERSION")))
        .build()
        .unwrap_or_default()
}

async fn post(app: Arc<App>, client: Client, sending: Sending) {
    let at = app.settings.clock.now();
    let start = Instant::now();
    let request = client
        .post(sending.url.clone())
        .timeout(sending.timeout)
        .header(header::CONTENT_TYPE, "application/json")
        .header(SIGNATURE_HEADER, &sending.signature)
        .body(sending.body.to_string());
    let outcome = match request.send().await {
        Ok(response) => Outcome::Answered(response.status().as_u16()),
        Err(error) => Outcome::Unreachable(reason(&error, sending.timeout)),
    };
    let attempt = Attempt::new(at, outcome, start.elapsed());
    app.webhooks.ended(sending, attempt, app.settings.clock.now());
}

/// Why no answer came: the innermost cause, which says most.
fn reason(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {timeout:?}");
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
