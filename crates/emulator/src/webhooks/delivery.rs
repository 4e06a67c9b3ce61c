//! The log of deliveries: what was sent where, when, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use workos_directory_sync::types::EventName;

use crate::log::next_ulid;
use crate::ulid::Ulid;

/// How many deliveries are remembered.
const REMEMBERED: usize = 10_000;

/// What ids of deliveries begin with.
const PREFIX: &str = "delivery_";

/// One event on its way to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Its id, such as `delivery_01ECAZ4NV9QMV47GW873HDCX74`; in the order of creation.
    pub id: String,
    /// The id of the endpoint.
    pub endpoint: String,
    /// The id of the event, which all deliveries of the event share.
    pub event: String,
    /// The name of the event.
    pub name: EventName,
    /// Why it is sent.
    pub kind: DeliveryKind,
    /// What has come of it.
    pub state: DeliveryState,
    /// When the next attempt is due; `None` when there is none to come.
    pub due: Option<Timestamp>,
    /// What was tried so far.
    pub attempts: Vec<Attempt>,
}

/// Why something is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryKind {
    /// The event happened.
    Original,
    /// Chaos sends it twice.
    Duplicate,
    /// Chaos sends it again after newer ones.
    Stale,
    /// Somebody asked for it again.
    Replay,
}

/// What has come of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryState {
    /// It waits for its time or its turn.
    Waiting,
    /// The endpoint has it: it answered with a 2xx status, or the webhook was fetched.
    Delivered,
    /// All attempts failed.
    Failed,
    /// Chaos let it disappear.
    Dropped,
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// When it began, by the emulator's clock.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, by the system's clock.
    pub took: Duration,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The endpoint answered with this status.
    Answered(u16),
    /// No answer came.
    Unreachable(String),
    /// It was fetched from an endpoint that is not posted to.
    Fetched,
}

impl Outcome {
    /// Whether the endpoint has it.
    pub(crate) fn is_good(&self) -> bool {
        match self {
            Self::Answered(status) => (200..300).contains(status),
            Self::Unreachable(_) => false,
            Self::Fetched => true,
        }
    }
}

impl Attempt {
    pub(crate) fn new(at: Timestamp, outcome: Outcome, took: Duration) -> Self {
        Self { at, outcome, took }
    }
}

/// The last deliveries, by id.
#[derive(Debug, Default)]
pub(crate) struct DeliveryLog {
    rows: BTreeMap<Ulid, Delivery>,
    last: Option<Ulid>,
}

impl DeliveryLog {
    /// Adds a delivery; one that is never due is dropped. The oldest one is forgotten when there are too many.
    pub(crate) fn add(
        &mut self,
        now: Timestamp,
        endpoint: &str,
        event: &str,
        name: EventName,
        kind: DeliveryKind,
        due: Option<Timestamp>,
    ) -> Ulid {
        let ulid = next_ulid(self.last, now);
        self.last = Some(ulid);
        let delivery = Delivery {
            id: Self::id(ulid),
            endpoint: endpoint.to_owned(),
            event: event.to_owned(),
            name,
            kind,
            state: due.map_or(DeliveryState::Dropped, |_| DeliveryState::Waiting),
            due,
            attempts: Vec::new(),
        };
        self.rows.insert(ulid, delivery);
        if self.rows.len() > REMEMBERED {
            self.rows.pop_first();
        }
        ulid
    }

    /// The id of a delivery.
    pub(crate) fn id(ulid: Ulid) -> String {
        format!("{PREFIX}{ulid}")
    }

    pub(crate) fn add_attempt(&mut self, ulid: Ulid, attempt: Attempt) {
        if let Some(row) = self.rows.get_mut(&ulid) {
            row.attempts.push(attempt);
        }
    }

    /// The next attempt is due at a time.
    pub(crate) fn wait(&mut self, ulid: Ulid, due: Timestamp) {
        if let Some(row) = self.rows.get_mut(&ulid) {
            row.due = Some(due);
        }
    }

    /// No attempt is to come.
    pub(crate) fn end(&mut self, ulid: Ulid, state: DeliveryState) {
        if let Some(row) = self.rows.get_mut(&ulid) {
            row.state = state;
            row.due = None;
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Delivery> {
        self.rows.get(&Ulid::parse(id.strip_prefix(PREFIX)?)?)
    }

    /// All of them, the oldest first.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = &Delivery> {
        self.rows.values()
    }
}
