//! The endpoints that events are delivered to, and what became of deliveries.

use std::sync::Arc;
use std::time::Duration;

use workos_directory_emulator_client::types;
use workos_directory_sync::types::EventName;

use crate::admin::call::Call;
use crate::admin::list::Window;
use crate::admin::list::metadata;
use crate::answer::Reply;
use crate::app::App;
use crate::refusal::Refusal;
use crate::webhooks::Attempt;
use crate::webhooks::Chaos;
use crate::webhooks::Delivery;
use crate::webhooks::DeliveryKind;
use crate::webhooks::DeliveryState;
use crate::webhooks::Endpoint;
use crate::webhooks::EndpointError;
use crate::webhooks::EndpointInfo;
use crate::webhooks::Outcome;
use crate::webhooks::new_webhook_secret;

/// `GET /_emulator/webhooks`
pub(crate) fn list(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let data = app.webhooks.endpoints().into_iter().map(shown).collect();
    call.reply(&types::WebhookEndpoints::new(data))
}

/// `POST /_emulator/webhooks`
pub(crate) fn create(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let new: types::NewWebhookEndpoint = call.body()?;
    for (place, name) in new.events.iter().flatten().enumerate() {
        call.known(format_args!("events[{place}]"), Some(name), EventName::KNOWN)?;
    }
    let secret = match new.secret {
        Some(secret) => secret,
        None => new_webhook_secret().map_err(refused)?,
    };
    let endpoint = Endpoint::new(new.url, secret.as_str())
        .events(new.events.unwrap_or_default())
        .chaos(new.chaos.map(chaos).unwrap_or_default())
        .passing();
    let registered = app.webhooks.register(&app.state(), call.now, endpoint);
    let id = registered.map_err(refused)?;
    let info = app.webhooks.endpoints().into_iter().find(|info| info.id == id);
    let mut shown = shown(info.ok_or_else(Refusal::internal)?);
    shown.secret = Some(secret);
    call.reply(&shown)
}

/// `DELETE /_emulator/webhooks/{endpoint}`
pub(crate) fn delete(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    app.webhooks.remove(call.id("endpoint")).map_err(refused)?;
    call.done()
}

/// `GET /_emulator/deliveries`
pub(crate) fn deliveries(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let window = Window::of(call)?;
    let all = app.webhooks.deliveries();
    // Ids are in the order of creation, and one that is forgotten still tells its place.
    let start = window
        .after
        .map_or(0, |after| all.partition_point(|delivery| delivery.id <= after));
    let end = all.len().min(start + window.limit);
    let page = &all[start..end];
    let id = |delivery: Option<&Delivery>| delivery.map(|delivery| delivery.id.clone());
    let metadata = metadata(id(page.first()), id(page.last()), start > 0, end < all.len());
    let data = page.iter().cloned().map(delivery).collect();
    call.reply(&types::DeliveryList::new(data, metadata))
}

/// `POST /_emulator/deliveries/{delivery}/replay`
pub(crate) fn replay(app: &Arc<App>, call: &Call) -> Result<Reply, Refusal> {
    let replayed = app.webhooks.replay(&app.state(), call.now, call.id("delivery"));
    let id = replayed.map_err(refused)?;
    let all = app.webhooks.deliveries();
    let found = all.into_iter().find(|delivery| delivery.id == id);
    call.reply(&delivery(found.ok_or_else(Refusal::internal)?))
}

fn refused(error: EndpointError) -> Refusal {
    match error {
        EndpointError::UnknownEndpoint { .. }
        | EndpointError::UnknownDelivery { .. }
        | EndpointError::UnknownEvent { .. } => Refusal::unknown(&error),
        EndpointError::QueueFull { .. } | EndpointError::TooManyEndpoints { .. } => Refusal::conflict(&error),
        EndpointError::Url { .. } | EndpointError::Remote { .. } => Refusal::invalid_field("url", error.to_string()),
        EndpointError::Secret { .. } => Refusal::invalid_field("secret", error.to_string()),
        EndpointError::OutOfRange { field, .. } => Refusal::invalid_field(&format!("chaos.{field}"), error.to_string()),
    }
}

fn chaos(asked_for: types::Chaos) -> Chaos {
    let usual = Chaos::default();
    Chaos {
        seed: asked_for.seed.unwrap_or(usual.seed),
        duplicate: asked_for.duplicate.unwrap_or(usual.duplicate),
        reorder: asked_for.reorder.unwrap_or(usual.reorder),
        delay: asked_for.delay.unwrap_or(usual.delay),
        stale: asked_for.stale.unwrap_or(usual.stale),
        drop: asked_for.drop.unwrap_or(usual.drop),
        max_delay: asked_for
            .max_delay_milliseconds
            .map_or(usual.max_delay, Duration::from_millis),
    }
}

fn shown(info: EndpointInfo) -> types::WebhookEndpoint {
    let mut chaos = types::Chaos::default();
    chaos.seed = Some(info.chaos.seed);
    chaos.duplicate = Some(info.chaos.duplicate);
    chaos.reorder = Some(info.chaos.reorder);
    chaos.delay = Some(info.chaos.delay);
    chaos.stale = Some(info.chaos.stale);
    chaos.drop = Some(info.chaos.drop);
    chaos.max_delay_milliseconds = Some(milliseconds(info.chaos.max_delay));
    let mut shown = types::WebhookEndpoint::new(info.id, info.events, info.waiting as u64);
    shown.url = info.url;
    shown.chaos = Some(chaos);
    shown
}

fn delivery(delivery: Delivery) -> types::Delivery {
    let kind = match delivery.kind {
        DeliveryKind::Original => types::DeliveryKind::Original,
        DeliveryKind::Duplicate => types::DeliveryKind::Duplicate,
        DeliveryKind::Stale => types::DeliveryKind::Stale,
        DeliveryKind::Replay => types::DeliveryKind::Replay,
    };
    let state = match delivery.state {
        DeliveryState::Waiting => types::DeliveryState::Waiting,
        DeliveryState::Delivered => types::DeliveryState::Delivered,
        DeliveryState::Failed => types::DeliveryState::Failed,
        DeliveryState::Dropped => types::DeliveryState::Dropped,
    };
    let attempts = delivery.attempts.into_iter().map(attempt).collect();
    let (id, endpoint, event) = (delivery.id, delivery.endpoint, delivery.event);
    let mut shown = types::Delivery::new(id, endpoint, event, delivery.name, kind, state, attempts);
    shown.due = delivery.due.map(Into::into);
    shown
}

fn attempt(attempt: Attempt) -> types::DeliveryAttempt {
    let mut shown = types::DeliveryAttempt::new(attempt.at, milliseconds(attempt.took));
    match attempt.outcome {
        Outcome::Answered(status) => shown.status = Some(status.into()),
        Outcome::Unreachable(reason) => shown.error = Some(reason),
        Outcome::Fetched => {}
    }
    shown
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
