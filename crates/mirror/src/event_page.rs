//! A page of GET /events, in which an event that cannot be read holds up no other.

use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;
use workos_directory_sync::Client;
use workos_directory_sync::Error as ApiError;
use workos_directory_sync::Timestamp;
use workos_directory_sync::builder_parts::Parameter;
use workos_directory_sync::events::EventName;
use workos_directory_sync::operations::LIST_EVENTS;
use workos_directory_sync::pages::ListRequest as _;
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

/// Asks for a page. When something in it is not as the API describes it, it is asked for once more and read event by event.
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
    let (events, next) = match request.fetch().await {
        Err(ApiError::Decode(_)) => {
            let list = fetch_texts(client, start).await?;
            let events = list.data.iter().map(|text| Incoming::parse(text.get(), now));
            (events.collect::<Result<Vec<_>, _>>()?, list.list_metadata.after)
        }
        page => {
            let page = page?;
            let events = page.items.iter().map(Incoming::read);
            (events.collect::<Result<Vec<_>, _>>()?, page.next.map(String::from))
        }
    };
    Ok(EventPage {
        is_last: events.is_empty() || next.is_none_or(|next| next.is_empty()),
        events,
    })
}

/// A page whose events were not read.
#[derive(Deserialize)]
struct Texts {
    data: Vec<Box<RawValue>>,
    #[serde(default)]
    list_metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    after: Option<String>,
}

/// The same page as text.
async fn fetch_texts(client: &Client, start: &Start) -> Result<Texts, ApiError> {
    let events: Vec<&str> = EventName::KNOWN.iter().map(EventName::as_str).collect();
    let (after, at) = match start {
        Start::After(cursor) => (Some(cursor.as_str()), None),
        Start::At(time) => (None, Some(time)),
    };
    let request = client.request(&LIST_EVENTS, &[])?;
    let request = parameter("events", Some(events)).query(&LIST_EVENTS, request)?;
    let request = parameter("order", Some(Order::Asc)).query(&LIST_EVENTS, request)?;
    let request = parameter("limit", Some(LIMIT)).query(&LIST_EVENTS, request)?;
    let request = parameter("after", after).query(&LIST_EVENTS, request)?;
    let request = parameter("range_start", at).query(&LIST_EVENTS, request)?;
    Ok(client.send_json::<Texts>(&LIST_EVENTS, request).await?.into_inner())
}

fn parameter<T: Serialize>(name: &'static str, value: Option<T>) -> Parameter<T> {
    let mut parameter = Parameter::optional(name);
    if let Some(value) = value {
        parameter.set(value);
    }
    parameter
}
