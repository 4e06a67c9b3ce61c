//! A page of GET /events, read event by event, so that one that cannot be read holds up no other.

use workos_directory_sync::Client;
use workos_directory_sync::Timestamp;
use workos_directory_sync::events::EventName;
use workos_directory_sync::pages::RawListRequest as _;
use workos_directory_sync::types::Order;

use crate::Error;
use crate::incoming::Incoming;

/// How many events a page has at most.
const LIMIT: u32 = 100;

/// Where a page begins.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// Behind this event.
    After(String),
    /// At this time.
    At(Timestamp),
}

/// A page of events, the oldest first.
#[derive(Debug)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<Incoming>,
    pub(crate) is_last: bool,
}

/// Asks for a page.
pub(crate) async fn fetch(client: &Client, start: &Start, now: &Timestamp) -> Result<EventPage, Error> {
    let request = client
        .list_events()
        .events(EventName::KNOWN.to_vec())
        // The API has always given the oldest first; this says so, should it begin to ask.
        .order(Order::Asc)
        .limit(LIMIT);
    let request = match start {
        Start::After(cursor) => request.after(cursor.as_str()),
        Start::At(time) => request.range_start(time.clone()),
    };
    let page = request.fetch_raw().await?;
    let next = page.next.map(String::from);
    let events = page.items.iter().map(|event| Incoming::parse(event.get(), now));
    let events = events.collect::<Result<Vec<_>, _>>()?;
    Ok(EventPage {
        is_last: events.is_empty() || next.is_none_or(|next| next.is_empty()),
        events,
    })
}
