//! What is delivered where and when: one queue for each endpoint, filled from the log of events.
//!
//! Nothing here waits or posts. An endpoint keeps its place in the log and takes events from there as long as its queue has
//! room, so the queue is bounded and no event is lost. Whoever holds the state may lock this, never the other way round.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use reqwest::Url;
use tokio::sync::Notify;
use workos_directory_sync::events::WebhookSigner;

use crate::dice::Dice;
use crate::faults::Faults;
use crate::fields::Fields;
use crate::lies::Described;
use crate::log::EventRow;
use crate::log::next_ulid;
use crate::state::State;
use crate::tamper::tamper_event;
use crate::ulid::Ulid;
use crate::webhooks::Attempt;
use crate::webhooks::Chaos;
use crate::webhooks::Delivery;
use crate::webhooks::DeliveryKind;
use crate::webhooks::DeliveryState;
use crate::webhooks::Endpoint;
use crate::webhooks::EndpointError;
use crate::webhooks::EndpointInfo;
use crate::webhooks::Outcome;
use crate::webhooks::delivery::DeliveryLog;

/// How many endpoints there can be.
const MAX_ENDPOINTS: usize = 100;

/// How many deliveries can wait for one endpoint.
const MAX_WAITING: usize = 10_000;

/// All endpoints with what waits for them, and the log of deliveries.
#[derive(Debug, Default)]
pub(crate) struct Dispatcher {
    inner: Mutex<Inner>,
    allow_remote: bool,
    faults: Arc<Faults>,
    /// Rung when there may be something to send.
    pub(crate) wake: Notify,
    /// Rung when an attempt has ended.
    pub(crate) progress: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    endpoints: BTreeMap<String, Queue>,
    last_endpoint: Option<Ulid>,
    log: DeliveryLog,
}

/// What waits for an endpoint.
#[derive(Debug)]
struct Queue {
    endpoint: Endpoint,
    url: Option<Url>,
    signer: WebhookSigner,
    faults: Arc<Faults>,
    dice: Dice,
    /// The last event that was taken from the log.
    after: Option<Ulid>,
    waiting: BTreeMap<(Timestamp, u64), Job>,
    /// How many deliveries have been queued: a number for each, in their order.
    queued: u64,
    is_sending: bool,
}

/// A delivery that waits.
#[derive(Clone, Debug)]
struct Job {
    delivery: Ulid,
    event: String,
    kind: DeliveryKind,
    body: Arc<str>,
    attempts: usize,
}

/// A delivery to be posted now.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) endpoint: String,
    pub(crate) url: Url,
    pub(crate) signature: String,
    pub(crate) body: Arc<str>,
    pub(crate) timeout: Duration,
    job: Job,
}

/// A webhook that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedWebhook {
    /// The id of the delivery.
    pub delivery: String,
    /// The id of the event.
    pub event: String,
    /// Why it is delivered.
    pub kind: DeliveryKind,
    /// The value of the header `WorkOS-Signature`.
    pub signature: String,
    /// The body: the event as `GET /events` shows it.
    pub body: String,
}

impl Dispatcher {
    pub(crate) fn new(allow_remote: bool, faults: Arc<Faults>) -> Self {
        Self {
            allow_remote,
            faults,
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn register(&self, state: &State, now: Timestamp, endpoint: Endpoint) -> Result<String, EndpointError> {
        let (url, signer) = endpoint.check(self.allow_remote)?;
        let mut inner = self.lock();
        if inner.endpoints.len() >= MAX_ENDPOINTS {
            return Err(EndpointError::TooManyEndpoints { limit: MAX_ENDPOINTS });
        }
        let ulid = next_ulid(inner.last_endpoint, now);
        inner.last_endpoint = Some(ulid);
        let id = format!("webhook_endpoint_{ulid}");
        let queue = Queue {
            dice: Dice::new(endpoint.chaos.seed),
            faults: Arc::clone(&self.faults),
            endpoint,
            url,
            signer,
            after: state.log.last(),
            waiting: BTreeMap::new(),
            queued: 0,
            is_sending: false,
        };
        inner.endpoints.insert(id.clone(), queue);
        Ok(id)
    }

    pub(crate) fn remove(&self, id: &str) -> Result<(), EndpointError> {
        let mut inner = self.lock();
        let Some(queue) = inner.endpoints.remove(id) else {
            return Err(unknown(id));
        };
        for job in queue.waiting.into_values() {
            inner.log.end(job.delivery, DeliveryState::Failed);
        }
        Ok(())
    }

    /// Forgets deliveries and the endpoints that came by the admin API; the others go on behind the log as it is now.
    pub(crate) fn reset(&self, state: &State) {
        let mut inner = self.lock();
        inner.log = DeliveryLog::default();
        inner.endpoints.retain(|_, queue| !queue.endpoint.is_passing);
        for queue in inner.endpoints.values_mut() {
            queue.waiting.clear();
            queue.after = state.log.last();
            queue.dice = Dice::new(queue.endpoint.chaos.seed);
        }
        drop(inner);
        self.progress.notify_waiters();
    }

    /// Replaces what goes wrong with events from now on.
    pub(crate) fn set_chaos(&self, state: &State, id: &str, chaos: Chaos) -> Result<(), EndpointError> {
        chaos.check()?;
        let mut inner = self.lock();
        let Inner { endpoints, log, .. } = &mut *inner;
        let queue = endpoints.get_mut(id).ok_or_else(|| unknown(id))?;
        queue.catch_up(id, state, log);
        queue.dice = Dice::new(chaos.seed);
        queue.endpoint.chaos = chaos;
        Ok(())
    }

    pub(crate) fn endpoints(&self) -> Vec<EndpointInfo> {
        let inner = self.lock();
        let info = |(id, queue): (&String, &Queue)| EndpointInfo {
            id: id.clone(),
            url: queue.url.as_ref().map(Url::to_string),
            events: queue.endpoint.events.clone(),
            chaos: queue.endpoint.chaos,
            waiting: queue.waiting.len(),
        };
        inner.endpoints.iter().map(info).collect()
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.lock().log.rows().cloned().collect()
    }

    /// What is to be posted now, one delivery for each endpoint that is not busy, and when the next one is due.
    pub(crate) fn due(&self, state: &State, now: Timestamp) -> (Vec<Sending>, Option<Timestamp>) {
        let mut inner = self.lock();
        let Inner { endpoints, log, .. } = &mut *inner;
        let mut sending = Vec::new();
        let mut next: Option<Timestamp> = None;
        for (id, queue) in endpoints {
            let Some(url) = queue.url.clone() else { continue };
            queue.catch_up(id, state, log);
            let due = queue.waiting.first_key_value().map(|(&(due, _), _)| due);
            match due {
                // Its next turn comes when the attempt has ended, which wakes the sender.
                _ if queue.is_sending => {}
                Some(due) if due > now => next = Some(next.map_or(due, |next| next.min(due))),
                Some(_) => {
                    let Some((_, job)) = queue.waiting.pop_first() else {
                        continue;
                    };
                    queue.is_sending = true;
                    sending.push(Sending {
                        endpoint: id.clone(),
                        url,
                        signature: queue.sign(now, &job),
                        body: Arc::clone(&job.body),
                        timeout: queue.endpoint.timeout,
                        job,
                    });
                }
                None => {}
            }
        }
        (sending, next)
    }

    /// Writes down what came of a delivery, and when it is tried again.
    pub(crate) fn ended(&self, sending: Sending, attempt: Attempt, now: Timestamp) {
        let mut inner = self.lock();
        let Inner { endpoints, log, .. } = &mut *inner;
        let mut job = sending.job;
        job.attempts += 1;
        let delivery = job.delivery;
        let is_good = attempt.outcome.is_good();
        log.add_attempt(delivery, attempt);
        let queue = endpoints.get_mut(&sending.endpoint);
        let retry = match queue {
            Some(queue) => {
                queue.is_sending = false;
                let delay = queue.endpoint.retries.delay(job.attempts).filter(|_| !is_good);
                let due = delay.map(|delay| now.saturating_add(delay).unwrap_or(Timestamp::MAX));
                if let Some(due) = due {
                    queue.push(due, job);
                }
                due
            }
            None => None,
        };
        match retry {
            Some(due) => log.wait(delivery, due),
            None if is_good => log.end(delivery, DeliveryState::Delivered),
            None => log.end(delivery, DeliveryState::Failed),
        }
        drop(inner);
        self.wake.notify_one();
        self.progress.notify_waiters();
    }

    /// Whether nothing is being posted and nothing is due.
    pub(crate) fn is_settled(&self, state: &State, now: Timestamp) -> bool {
        let mut inner = self.lock();
        let Inner { endpoints, log, .. } = &mut *inner;
        endpoints
            .iter_mut()
            .filter(|(_, queue)| queue.url.is_some())
            .all(|(id, queue)| {
                queue.catch_up(id, state, log);
                let is_due = queue.waiting.first_key_value().is_some_and(|(&(due, _), _)| due <= now);
                !queue.is_sending && !is_due
            })
    }

    /// Fetches what is due by `until`, in its order.
    pub(crate) fn fetch(
        &self,
        state: &State,
        id: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<SignedWebhook>, EndpointError> {
        let mut inner = self.lock();
        let Inner { endpoints, log, .. } = &mut *inner;
        let queue = endpoints.get_mut(id).ok_or_else(|| unknown(id))?;
        let mut fetched = Vec::new();
        loop {
            queue.catch_up(id, state, log);
            let is_due = queue
                .waiting
                .first_key_value()
                .is_some_and(|(&(due, _), _)| due <= until);
            let Some((_, job)) = is_due.then(|| queue.waiting.pop_first()).flatten() else {
                return Ok(fetched);
            };
            let attempt = Attempt::new(now, Outcome::Fetched, Duration::ZERO);
            log.add_attempt(job.delivery, attempt);
            log.end(job.delivery, DeliveryState::Delivered);
            fetched.push(SignedWebhook {
                delivery: DeliveryLog::id(job.delivery),
                event: job.event.clone(),
                kind: job.kind,
                signature: queue.sign(now, &job),
                body: job.body.to_string(),
            });
        }
    }

    /// Sends an event again that was delivered, or failed, or got lost before.
    pub(crate) fn replay(&self, state: &State, now: Timestamp, delivery: &str) -> Result<String, EndpointError> {
        let (endpoint, event) = {
            let inner = self.lock();
            let found = inner
                .log
                .find(delivery)
                .map(|row| (row.endpoint.clone(), row.event.clone()));
            found.ok_or_else(|| EndpointError::UnknownDelivery {
                id: delivery.to_owned(),
            })?
        };
        let row = state
            .log
            .find(&event)
            .ok_or(EndpointError::UnknownEvent { id: event })?;
        let mut replayed = self.replay_rows(state, now, &endpoint, row..row + 1, true)?;
        Ok(replayed.pop().unwrap_or_default())
    }

    /// Sends all events to an endpoint again that it wants, from this one on.
    pub(crate) fn replay_since(
        &self,
        state: &State,
        now: Timestamp,
        endpoint: &str,
        event: &str,
    ) -> Result<Vec<String>, EndpointError> {
        let row = state.log.find(event);
        let row = row.ok_or_else(|| EndpointError::UnknownEvent { id: event.to_owned() })?;
        self.replay_rows(state, now, endpoint, row..state.log.end(), false)
    }

    fn replay_rows(
        &self,
        state: &State,
        now: Timestamp,
        endpoint: &str,
        rows: Range<u32>,
        wants_all: bool,
    ) -> Result<Vec<String>, EndpointError> {
        let mut inner = self.lock();
        let Inner { endpoints, log, .. } = &mut *inner;
        let queue = endpoints.get_mut(endpoint).ok_or_else(|| unknown(endpoint))?;
        // What has not been taken from the log yet comes by itself.
        let end = queue.place(state).min(rows.end);
        let rows = (rows.start..end).filter_map(|row| state.log.get(row).map(|event| (row, event)));
        let rows: Vec<_> = rows
            .filter(|(_, event)| wants_all || queue.endpoint.wants(&event.name))
            .collect();
        let room = MAX_WAITING.saturating_sub(queue.waiting.len());
        if rows.len() > room {
            return Err(EndpointError::QueueFull {
                count: rows.len(),
                room,
            });
        }
        let mut replayed = Vec::new();
        for (row, event) in rows {
            let ulid = queue.add(endpoint, log, state, row, event, now, (DeliveryKind::Replay, Some(now)));
            replayed.push(DeliveryLog::id(ulid));
        }
        drop(inner);
        self.wake.notify_one();
        Ok(replayed)
    }
}

impl Queue {
    /// Where the first event stands that was not taken from the log yet.
    fn place(&self, state: &State) -> u32 {
        match self.after.map(|after| state.log.place(after)) {
            Some(Ok(row)) => row + 1,
            Some(Err(row)) => row,
            None => 0,
        }
    }

    /// Takes events from the log as long as there is room.
    fn catch_up(&mut self, id: &str, state: &State, log: &mut DeliveryLog) {
        let mut row = self.place(state);
        // One event can become three deliveries.
        while self.waiting.len() + 3 <= MAX_WAITING
            && let Some(event) = state.log.get(row)
        {
            let happened = state.log.ulid(row);
            let at = happened.map(|ulid| i64::try_from(ulid.milliseconds()).unwrap_or(i64::MAX));
            let at = at
                .and_then(|at| Timestamp::from_millisecond(at).ok())
                .unwrap_or_default();
            if self.endpoint.wants(&event.name) {
                for (kind, delay) in self.endpoint.chaos.plan(&mut self.dice) {
                    let due = delay.map(|delay| at.saturating_add(delay).unwrap_or(Timestamp::MAX));
                    self.add(id, log, state, row, event, at, (kind, due));
                }
            }
            self.after = happened;
            row += 1;
        }
    }

    /// Adds a delivery of an event; one without a time is dropped.
    #[expect(
        clippy::too_many_arguments,
        reason = "an event, where it stands, and what becomes of it"
    )]
    fn add(
        &mut self,
        endpoint: &str,
        log: &mut DeliveryLog,
        state: &State,
        row: u32,
        event: &EventRow,
        now: Timestamp,
        (kind, due): (DeliveryKind, Option<Timestamp>),
    ) -> Ulid {
        let id = state.log.id(row).unwrap_or_default();
        let delivery = log.add(now, endpoint, &id, event.name.clone(), kind, due);
        if let Some(due) = due {
            let job = Job {
                delivery,
                event: id,
                kind,
                body: self.body(&event.text),
                attempts: 0,
            };
            self.push(due, job);
        }
        delivery
    }

    /// The body of a webhook about an event, with what is to be wrong with it.
    fn body(&self, event: &str) -> Arc<str> {
        if self.faults.is_empty() {
            return Arc::from(event);
        }
        let described = Fields::parse(event).map_or_else(Described::default, |event| Described::json(&event));
        let tampering = self.faults.plan_webhook(&described);
        Arc::from(tamper_event(event, &tampering))
    }

    fn sign(&self, now: Timestamp, job: &Job) -> String {
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let now = UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
        self.signer.sign(now.unwrap_or(UNIX_EPOCH), job.body.as_bytes())
    }

    fn push(&mut self, due: Timestamp, job: Job) {
        self.queued += 1;
        self.waiting.insert((due, self.queued), job);
    }
}

fn unknown(id: &str) -> EndpointError {
    EndpointError::UnknownEndpoint { id: id.to_owned() }
}
