//! The event of a webhook's body, read field by field: what is missing or odd does not cost the event, as long as it has an id.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::de::Error as _;
use serde_json::value::RawValue;

use crate::Attributes;
use crate::Timestamp;
use crate::events::happened_at;
use crate::repair;
use crate::types::Event;
use crate::types::EventName;

/// In which data stands that is no object.
const ODD_DATA: &str = "$data";

/// The longest id that is taken, in bytes; those of the API have about 42.
const MAX_ID: usize = 255;

/// Reads an event. Bytes that are no UTF-8 are repaired, and half surrogate pairs where they keep it from being read.
pub(crate) fn read(body: &[u8], signed_at: &Timestamp) -> Result<Event, serde_json::Error> {
    let text = String::from_utf8_lossy(body);
    // The data stays as it came, unless what is around it cannot be read.
    let readable = match serde_json::from_str::<BTreeMap<String, &RawValue>>(&text) {
        Ok(_) => Cow::Borrowed(text.as_ref()),
        Err(_) => repair::json_text(&text),
    };
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(&readable)?;
    let id = field::<String>(&fields, "id").filter(|id| is_id(id));
    let id = id.ok_or_else(|| serde_json::Error::custom("it has no `id` that can be one"))?;
    let name = fields.get("event").map(|name| repair::json_text(name.get()));
    let name: String = name
        .and_then(|name| serde_json::from_str(&name).ok())
        .unwrap_or_default();
    let created_at = field(&fields, "created_at").unwrap_or_else(|| happened_at(&id, signed_at));
    let mut event = Event::new(id, EventName::from(name.as_str()), data(&fields)?, created_at);
    event.object = field(&fields, "object");
    event.context = field(&fields, "context");
    Ok(event)
}

/// Whether a text can be the id of an event, which becomes a key. One with a character that was replaced tells no two apart.
fn is_id(text: &str) -> bool {
    let is_odd = |character: char| character.is_control() || character == char::REPLACEMENT_CHARACTER;
    !text.is_empty() && text.len() <= MAX_ID && !text.contains(is_odd)
}

/// A field, if it is there and of the type that it should have.
fn field<T: DeserializeOwned>(fields: &BTreeMap<String, &RawValue>, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

fn data(fields: &BTreeMap<String, &RawValue>) -> Result<Attributes, serde_json::Error> {
    match fields.get("data") {
        None => Ok(Attributes::default()),
        Some(data) => match serde_json::from_str(data.get()) {
            Ok(data) => Ok(data),
            Err(_) => Attributes::from_serialize(&BTreeMap::from([(ODD_DATA, data)])),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn signed_at() -> Timestamp {
        "2026-11-27T10:00:00.000Z".parse().unwrap()
    }

    fn event(body: &str) -> Event {
        read(body.as_bytes(), &signed_at()).unwrap()
    }

    #[test]
    fn event_without_created_at_has_the_time_of_its_id_else_that_of_the_signature() {
        let with = |id: &str, more: &str| {
            let event = event(&format!(r#"{{"id":"{id}","event":"dsync.deleted","data":{{}}{more}}}"#));
            event.created_at.to_string()
        };
        assert_eq!(with("wh_1", ""), "2026-11-27T10:00:00.000Z");
        assert_eq!(with("wh_01GV8Q6R4WZ8P5YVBZT7K4K7QF", ""), "2023-03-11T16:14:04.956Z");
        assert_eq!(with("wh_1", r#","created_at":7"#), "2026-11-27T10:00:00.000Z");
        let own = r#","created_at":"2026-11-27 09:00:00.123456""#;
        assert_eq!(with("wh_1", own), "2026-11-27 09:00:00.123456");
    }

    #[test]
    fn odd_parts_of_an_event_cost_no_event() {
        let odd = event(r#"{"id":"event_1","event":7,"data":[1, 2],"context":"x","created_at":"yesterday"}"#);
        assert_eq!((odd.event.as_str(), odd.data.as_str()), ("", r#"{"$data":[1, 2]}"#));
        let bare = event(r#"{"id":"event_1"}"#);
        assert_eq!((bare.event.as_str(), bare.data.as_str()), ("", "{}"));
        let split = event(r#"{"id":"event_1","event":"e","data":{"first_name":"Ann \ud83d"}}"#);
        assert_eq!(split.data.as_str(), r#"{"first_name":"Ann \ud83d"}"#);
        let split = event(r#"{"id":"event_1","\ud83d":1,"data":{"first_name":"Ann \ud83d"}}"#);
        assert_eq!(split.data.as_str(), r#"{"first_name":"Ann \ufffd"}"#);
        assert!(read(b"{\"id\":\"event_1\",\"data\":{\"a\":\"\xff\"}}", &signed_at()).is_ok());
    }

    #[test]
    fn body_without_an_id_is_no_event() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"event":"dsync.deleted","data":{}}"#,
            r#"{"id":7}"#,
            r#"{"id":""}"#,
            r#"{"id":"event\u0000"}"#,
            r#"{"id":"event_\ud83d"}"#,
            "null",
        ] {
            assert!(read(body.as_bytes(), &signed_at()).is_err(), "{body}");
        }
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(MAX_ID + 1));
        assert!(read(long.as_bytes(), &signed_at()).is_err());
        assert!(read(b"{\"id\":\"event_\xff\"}", &signed_at()).is_err());
    }
}
