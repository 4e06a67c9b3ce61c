//! The log of events: what has happened, in the order in which it happened.

use serde::Serialize;
use workos_directory_sync::Attributes;
use workos_directory_sync::types;
use workos_directory_sync::types::EventName;

use crate::javascript::stringify;
use crate::kind::Kind;
use crate::loader::ObjectError;
use crate::loader::encoded;
use crate::state::State;
use crate::ulid::Ulid;

/// An event.
#[derive(Debug)]
pub(crate) struct EventRow {
    pub(crate) name: EventName,
    pub(crate) organization: Option<String>,
    /// The JSON text of a [`types::Event`].
    pub(crate) text: Box<str>,
}

impl State {
    /// Adds an event behind the others.
    pub(crate) fn append_event(
        &mut self,
        now: jiff::Timestamp,
        name: EventName,
        organization: Option<String>,
        data: &impl Serialize,
    ) -> Result<(), ObjectError> {
        let encoding = |error: serde_json::Error| ObjectError::Encoding {
            reason: error.to_string(),
        };
        let ulid = next_ulid(self.log.last(), now);
        let data = Attributes::from_serialize(data).map_err(encoding)?;
        let mut event = types::Event::new(Kind::Event.id(ulid), name.clone(), data, now);
        event.object = Some("event".to_owned());
        event.context = Some(Attributes::default());
        let text = stringify(&encoded(&event)?).into_boxed_str();
        let row = EventRow {
            name,
            organization,
            text,
        };
        self.log.push(ulid, row).map(|_| ()).ok_or(ObjectError::TooMany)
    }
}

/// An id behind the last one, with the time of now unless the clock has gone back.
pub(crate) fn next_ulid(last: Option<Ulid>, now: jiff::Timestamp) -> Ulid {
    let new = Ulid::new(u64::try_from(now.as_millisecond()).unwrap_or_default(), 0);
    match last {
        Some(last) if last >= new => last.next(),
        _ => new,
    }
}
