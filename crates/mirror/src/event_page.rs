//! A page of GET /events, read event by event, so that one that cannot be read holds up no other.

use workos_directory_sync::Client;
use workos_directory_sync::Timestamp;
use workos_directory_sync::events::EventName;
use workos_directory_sync::pages::RawListRequest as _;
use workos_directory_sync::types::Order;

use crate::Error;
use crate::incoming::Incoming;
use crate::record;
use crate::record::OddField;

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
#[derive(Debug, Default)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<Incoming>,
    /// Those that have no id by which they could be told apart.
    pub(crate) unreadable: Vec<OddField>,
    /// Behind which event the list goes on, if that is another place than where this page began.
    pub(crate) cursor: Option<String>,
    pub(crate) is_last: bool,
}

/// A stretch of a page, applied in one transaction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stretch<'a> {
    pub(crate) events: &'a [Incoming],
    /// Those that have no id by which they could be told apart.
    pub(crate) unreadable: &'a [OddField],
    /// Behind which event the list goes on, if that is another place than where this stretch began.
    pub(crate) cursor: Option<&'a str>,
}

impl EventPage {
    /// All of it.
    pub(crate) fn whole(&self) -> Stretch<'_> {
        Stretch {
            events: &self.events,
            unreadable: &self.unreadable,
            cursor: self.cursor.as_deref(),
        }
    }
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
    let next = page.next.map(String::from).filter(|next| !next.is_empty());
    let (mut events, mut unreadable) = (Vec::with_capacity(page.items.len()), Vec::new());
    let mut cursor = None;
    for item in &page.items {
        match Incoming::parse(item.get(), now) {
            Ok(event) => {
                cursor = Some(event.id.clone());
                events.push(event);
            }
            Err(mut fault) => {
                fault.payload = record::payload(item.get());
                // It is behind the last event whose id is known: only the API can say where the list goes on.
                cursor = next.clone().or(cursor);
                unreadable.push(fault);
            }
        }
    }
    let cursor = cursor.filter(|cursor| !matches!(start, Start::After(start) if start == cursor));
    Ok(EventPage {
        is_last: next.is_none() || cursor.is_none(),
        events,
        unreadable,
        cursor,
    })
}
