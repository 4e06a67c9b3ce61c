//! Webhook receipt with axum: verify, answer at once, then upsert the user as the API knows it now.
//!
//! ```sh
//! export WORKOS_API_KEY=sk_test_emulator WORKOS_WEBHOOK_SECRET=…
//! cargo run -p workos-directory-sync --example webhook_receipt -- --base-url http://127.0.0.1:4010
//! ```
//!
//! Webhooks come in any order, twice, or days late, so that only the newest state of a user is kept, and what is read
//! from the API counts, not what the webhook carried. A real service keeps the queue and the map in its database.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::routing::post;
use clap::Parser;
use tokio::sync::mpsc;
use workos_directory_sync::Client;
use workos_directory_sync::events::Event;
use workos_directory_sync::events::EventPayload;
use workos_directory_sync::events::WebhookVerifier;
use workos_directory_sync::types::DirectoryUser;

/// How many events wait at most; beyond, WorkOS is told to come again.
const QUEUE: usize = 1_000;

/// Receive webhooks and keep users up to date
#[derive(Parser)]
struct Arguments {
    /// The address of the API, instead of WORKOS_BASE_URL or the live one
    #[arg(long)]
    base_url: Option<String>,

    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// The secret of the webhook endpoint
    #[arg(long, env = "WORKOS_WEBHOOK_SECRET", hide_env_values = true)]
    secret: String,
}

#[derive(Clone)]
struct Receiver {
    verifier: WebhookVerifier,
    queue: mpsc::Sender<Event>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut builder = Client::builder().from_env()?;
    if let Some(url) = arguments.base_url {
        builder = builder.base_url(url);
    }
    let (queue, events) = mpsc::channel(QUEUE);
    let receiver = Receiver {
        verifier: WebhookVerifier::new(arguments.secret)?,
        queue,
    };
    tokio::spawn(process(builder.build()?, events));

    let app = Router::new().route("/webhooks", post(receive)).with_state(receiver);
    let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
    println!("listening on http://{}/webhooks", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

/// Verifies the bytes as they came and answers before anything is done with them.
async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers
        .get("workos-signature")
        .map_or(&b""[..], |value| value.as_bytes());
    match receiver.verifier.verify(signature, &body) {
        Ok(event) => match receiver.queue.try_send(event) {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        },
        Err(error) => {
            eprintln!("refused: {error}");
            StatusCode::BAD_REQUEST
        }
    }
}

/// Works through the events one by one.
async fn process(client: Client, mut events: mpsc::Receiver<Event>) {
    let mut users: HashMap<String, DirectoryUser> = HashMap::new();
    while let Some(event) = events.recv().await {
        let id = match event.payload() {
            Ok(EventPayload::DsyncUserCreated(user) | EventPayload::DsyncUserDeleted(user)) => user.id,
            Ok(EventPayload::DsyncUserUpdated(user)) => user.id,
            Ok(_) => continue,
            Err(error) => {
                eprintln!("{} ({}) cannot be read: {error}", event.id, event.event);
                continue;
            }
        };
        match client.get_directory_user().id(id.as_str()).send().await {
            Ok(user) => upsert(&mut users, user.into_inner()),
            // Deleted, by this event or by one that came first.
            Err(workos_directory_sync::Error::NotFound(_)) => {
                users.remove(&id);
            }
            Err(error) => eprintln!("{id} stays as it was: {error}; {}", error.help()),
        }
        println!("{} users known after {}", users.len(), event.event);
    }
}

/// Keeps the newer of two states of a user.
fn upsert(users: &mut HashMap<String, DirectoryUser>, user: DirectoryUser) {
    let is_newer = users
        .get(&user.id)
        .is_none_or(|known| known.updated_at <= user.updated_at);
    if is_newer {
        users.insert(user.id.clone(), user);
    }
}
