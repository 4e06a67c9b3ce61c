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

/// Before this there was no such id, in milliseconds since 1970: the beginning of 2015.
const EARLIEST: i64 = 1_420_070_400_000;

/// How far ahead of the receiver's clock the one may be that made an id.
const AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Returns when an event happened that has no `created_at`: the time in its id, else when it was received.
///
/// Ids end in a ULID, which begins with its time in milliseconds. A time before 2015 or more than a day after the receipt is
/// none.
///
/// ```
/// use workos_directory_sync::Timestamp;
/// use workos_directory_sync::events::happened_at;
///
/// let received_at: Timestamp = "2026-11-27T10:00:00.000Z".parse()?;
/// let time = happened_at("event_01GV8Q6R4WZ8P5YVBZT7K4K7QF", &received_at);
/// assert_eq!(time.to_string(), "2023-03-11T16:14:04.956Z");
/// assert_eq!(happened_at("wh_1", &received_at), received_at);
/// # Ok::<(), workos_directory_sync::TimestampError>(())
/// ```
#[must_use]
pub fn happened_at(id: &str, received_at: &crate::Timestamp) -> crate::Timestamp {
    let latest = received_at
        .as_jiff()
        .saturating_add(AHEAD)
        .unwrap_or(jiff::Timestamp::MAX);
    let plausible = |time: &i64| (EARLIEST..=latest.as_millisecond()).contains(time);
    let time = ulid_time(id).filter(plausible);
    time.and_then(|time| jiff::Timestamp::from_millisecond(time).ok())
        .map_or_else(|| received_at.clone(), Into::into)
}

/// The time of an id that ends in a ULID, in milliseconds since 1970.
fn ulid_time(id: &str) -> Option<i64> {
    let ulid = id.rsplit('_').next().filter(|ulid| ulid.len() == ULID_LENGTH)?;
    let digit = |byte: u8| {
        let place = ULID_DIGITS.iter().position(|digit| *digit == byte.to_ascii_uppercase());
        place.and_then(|place| i64::try_from(place).ok())
    };
    let digits: Vec<i64> = ulid.bytes().map(digit).collect::<Option<_>>()?;
    Some(
        digits
            .into_iter()
            .take(ULID_TIME)
            .fold(0, |time, digit| time << 5 | digit),
    )
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
    fn event_time_is_that_of_a_plausible_ulid_else_the_receipt() {
        let received_at = "2026-11-27T10:00:00.000Z".parse().unwrap();
        for (id, time) in [
            ("wh_01gv8q6r4wz8p5yvbzt7k4k7qf", "2023-03-11T16:14:04.956Z"),
            // Later than tomorrow, before 2015, too short, and none of its digits.
            ("wh_03GV8Q6R4WZ8P5YVBZT7K4K7QF", "2026-11-27T10:00:00.000Z"),
            ("wh_00000000000000000000000001", "2026-11-27T10:00:00.000Z"),
            ("wh_01GV8Q6R4WZ8P5YVBZT7K4K7Q", "2026-11-27T10:00:00.000Z"),
            ("wh_01GV8Q6R4WZ8P5YVBZT7K4K7QU", "2026-11-27T10:00:00.000Z"),
            ("", "2026-11-27T10:00:00.000Z"),
        ] {
            assert_eq!(happened_at(id, &received_at).to_string(), time, "{id}");
        }
    }

    #[test]
    fn data_that_is_not_what_the_name_promises_is_an_error() {
        assert!(event("dsync.user.created", "{}").payload().is_err());
    }
}
