//! Says that a request is tried again, so that nobody waits in silence for a server that is not there.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tracing::Event;
use tracing::Level;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;

use crate::connection;
use crate::notice;

/// What the client says of a request that it sends again.
const MESSAGE: &str = "will try again";

/// Listens to the client, and to nothing that every call says.
pub(crate) fn layer() -> Box<dyn Layer<Registry> + Send + Sync> {
    let is_wanted = |metadata: &Metadata<'_>| {
        metadata.is_event() && metadata.target() == "workos_directory_sync" && *metadata.level() == Level::INFO
    };
    Retries::default().with_filter(filter_fn(is_wanted)).boxed()
}

/// One line in a process is enough: what follows is either success or the error.
#[derive(Default)]
struct Retries {
    was_said: AtomicBool,
}

impl<S: Subscriber> Layer<S> for Retries {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut retry = Retry::default();
        event.record(&mut retry);
        if !retry.is_one || !matches!(retry.kind.as_str(), "network" | "timeout") {
            return;
        }
        let Some((url, _)) = connection::server_tried() else {
            return;
        };
        if !self.was_said.swap(true, Ordering::Relaxed) {
            let what = match retry.kind.as_str() {
                "timeout" => "does not answer",
                _ => "cannot be reached",
            };
            notice::say(&format!("`{url}` {what}; trying again"));
        }
    }
}

/// What is known of a try.
#[derive(Default)]
struct Retry {
    is_one: bool,
    kind: String,
}

impl Visit for Retry {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.is_one = format!("{value:?}") == MESSAGE;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "error.type" {
            value.clone_into(&mut self.kind);
        }
    }
}
