//! Events: the ordered log of changes, and the same changes as webhooks.
//!
//! `GET /events` ([`Client::list_events`](crate::Client::list_events)) and webhooks carry the same [`Event`], with the same
//! id. [`Event::payload`] reads its data by its name; events that this version does not know are kept as
//! [`EventPayload::Other`].
//!
//! ```no_run
//! use workos_directory_sync::Client;
//! use workos_directory_sync::events::EventName;
//! use workos_directory_sync::events::EventPayload;
//!
//! # async fn example(client: Client, last_event: String) -> Result<(), Box<dyn std::error::Error>> {
//! let mut events = client.list_events().events(EventName::KNOWN.to_vec()).after(last_event).stream();
//! while let Some(event) = events.next().await {
//!     match event?.payload()? {
//!         EventPayload::DsyncUserCreated(user) => println!("welcome {:?}", user.first_name),
//!         EventPayload::DsyncUserDeleted(user) => println!("end the sessions of {}", user.id),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

pub use crate::types::Event;
pub use crate::types::EventName;
pub use crate::types::EventPayload;
#[cfg(feature = "webhooks")]
pub use crate::webhook::WebhookError;
#[cfg(feature = "webhooks")]
pub use crate::webhook::WebhookSigner;
#[cfg(feature = "webhooks")]
pub use crate::webhook::WebhookVerifier;

/// The digits of a ULID: Crockford's base 32.
const ULID_DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How many digits a ULID has, and how many of them are its time.
const ULID_LENGTH: usize = 26;
const ULID_TIME: usize = 10;

/// The times that an id can have, in milliseconds since 1970: from 2015, before which there was no such id, to 2100.
const ID_TIMES: std::ops::Range<i64> = 1_420_070_400_000..4_102_444_800_000;

/// Returns when an id was made, such as `event_01GV8Q6R4WZ8P5YVBZT7K4K7QF`: what follows the last `_` is a ULID, which begins
/// with its time. `None` when it is none.
///
/// ```
/// use workos_directory_sync::events::id_time;
///
/// let time = id_time("event_01GV8Q6R4WZ8P5YVBZT7K4K7QF").map(|time| time.to_string());
/// assert_eq!(time.as_deref(), Some("2023-03-11T16:14:04.956Z"));
/// assert_eq!(id_time("event_1"), None);
/// ```
#[must_use]
pub fn id_time(id: &str) -> Option<crate::Timestamp> {
    let ulid = id.rsplit('_').next().filter(|ulid| ulid.len() == ULID_LENGTH)?;
    let digit = |byte: u8| ULID_DIGITS.iter().position(|digit| *digit == byte.to_ascii_uppercase());
    let digits: Vec<usize> = ulid.bytes().map(digit).collect::<Option<_>>()?;
    let digits = digits.into_iter().take(ULID_TIME);
    let milliseconds = digits.fold(0_i64, |time, digit| time << 5 | i64::try_from(digit).unwrap_or(0));
    let time = Some(milliseconds).filter(|time| ID_TIMES.contains(time))?;
    jiff::Timestamp::from_millisecond(time).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn event(name: &str, data: &str) -> Event {
        let json =
            format!(r#"{{"id":"event_1","event":"{name}","data":{data},"created_at":"2023-04-28 20:05:31.093"}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn data_is_read_by_the_name_of_the_event() {
        let group = r#"{"id":"directory_group_1","directory_id":"directory_1","name":"A"}"#;
        let EventPayload::DsyncGroupCreated(group) = event("dsync.group.created", group).payload().unwrap() else {
            panic!("another payload");
        };
        assert_eq!(group.name, "A");
    }

    #[test]
    fn an_event_that_nobody_knows_is_kept_with_name_and_data() {
        let data = r#"{"id":"directory_1","health":1.50}"#;
        let EventPayload::Other { name, data: kept } = event("dsync.health", data).payload().unwrap() else {
            panic!("another payload");
        };
        assert_eq!((name.as_str(), kept.as_str()), ("dsync.health", data));
    }

    #[test]
    fn data_that_is_not_what_the_name_promises_is_an_error() {
        assert!(event("dsync.user.created", "{}").payload().is_err());
    }
}
