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
