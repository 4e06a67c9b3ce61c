//! Webhooks: what they bring is kept first and applied afterwards.
//!
//! Keeping is one small row, so that whoever posted the event has its answer within milliseconds and need not send it
//! again. The [`Worker`] applies what waits, in batches. When the database refuses a batch, its events are tried one by
//! one. One that is refused for what is in it is dead, with its error. One that is refused for another reason is tried again
//! later, and is dead after five tries over a quarter of an hour in which others were applied. Neither holds up the rest.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use workos_directory_sync::Timestamp;

use crate::Error;
use crate::EventCounts;
use crate::FailureKind;
use crate::FollowProgress;
use crate::Mirror;
use crate::event_page::EventPage;
use crate::event_page::Stretch;
use crate::failure::retry_conflicts;
use crate::follow::Wait;
use crate::incoming::Incoming;
use crate::store::Deferral;
use crate::store::Lease;
use crate::store::Waiting;

/// How many events are applied in one transaction.
const BATCH: i64 = 100;

/// How often an event is tried alone before it is dead.
const ATTEMPTS: i64 = 5;

/// Over how long it is tried until then.
const LONG_AGO: Duration = Duration::from_secs(15 * 60);

/// How long until it is tried for the second time; each time that doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(60);

/// How often to look for what another process kept.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait at most after failures, each of which doubles the wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Applies what webhooks brought, made by [`Mirror::worker`]. It does nothing until it is [`run`](Self::run).
#[must_use = "nothing is applied until it is run"]
pub struct Worker<'a> {
    mirror: &'a Mirror,
    on_progress: Box<dyn Fn(&FollowProgress) + Send + Sync + 'a>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(mirror: &'a Mirror) -> Self {
        Self {
            mirror,
            on_progress: Box::new(|_| {}),
        }
    }

    /// Calls this with what happens.
    pub fn on_progress(mut self, tell: impl Fn(&FollowProgress) + Send + Sync + 'a) -> Self {
        self.on_progress = Box::new(tell);
        self
    }

    /// Applies what comes until `shutdown` ends, and then what still waits, once. What the database fails at meanwhile is
    /// told to [`on_progress`](Self::on_progress) and tried again.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] when the last round fails. What waits is kept.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        tokio::select! {
            () = shutdown => {}
            () = self.apply_always() => {}
        }
        self.apply().await
    }

    async fn apply_always(&self) {
        let mut wait = Wait::default();
        loop {
            let next = match self.apply().await {
                Ok(()) => {
                    wait = Wait::default();
                    Instant::now() + INTERVAL
                }
                Err(error) => {
                    let pause = wait.next(LONGEST_WAIT);
                    (self.on_progress)(&FollowProgress::Failed {
                        error: error.chain(),
                        again_in_seconds: pause.as_secs(),
                    });
                    // What comes meanwhile does not make it sooner.
                    tokio::time::sleep(pause).await;
                    continue;
                }
            };
            tokio::select! {
                () = self.mirror.arrived.notified() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    async fn apply(&self) -> Result<(), Error> {
        let counts = self.mirror.apply_ingested().await?;
        if counts != EventCounts::default() {
            (self.on_progress)(&FollowProgress::Applied(counts));
        }
        Ok(())
    }
}

impl fmt::Debug for Worker<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Worker")
            .field("mirror", &self.mirror)
            .finish_non_exhaustive()
    }
}

/// Which of the events that wait are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All whose time has come.
    All,
    /// Those that were refused before.
    Deferred,
}

/// Applies everything that waits and whose time has come.
pub(crate) async fn apply_all(mirror: &Mirror, which: Which) -> Result<EventCounts, Error> {
    let mut counts = EventCounts::default();
    loop {
        let now = mirror.now();
        let time = now.canonical();
        let deferred = which == Which::Deferred;
        let waiting = mirror.store.waiting(&time, deferred, BATCH).await?;
        if waiting.is_empty() {
            return Ok(counts);
        }
        let incoming = waiting
            .iter()
            .map(|waiting| Incoming::parse_kept(&waiting.id, &waiting.payload, &now));
        let incoming: Vec<_> = incoming.collect();
        match retry_conflicts(|| mirror.store.take_waiting(&incoming, &time)).await {
            Ok(applied) => counts += applied,
            Err(error) if error.failure().is_of_one_event() => {
                for (waiting, event) in waiting.iter().zip(&incoming) {
                    counts += apply_one(mirror, waiting, event, &now).await?;
                }
            }
            Err(error) => return Err(error),
        }
    }
}

async fn apply_one(
    mirror: &Mirror,
    waiting: &Waiting,
    event: &Incoming,
    now: &Timestamp,
) -> Result<EventCounts, Error> {
    let time = now.canonical();
    let taken = retry_conflicts(|| mirror.store.take_waiting(std::slice::from_ref(event), &time)).await;
    let error = match taken {
        Err(error) if error.failure().is_of_one_event() => error,
        ended => return ended,
    };
    let attempts = waiting.attempts + 1;
    let since = waiting.refused_since.as_deref().unwrap_or(&time);
    let is_dead = is_dead_by_itself(&error)
        || (attempts >= ATTEMPTS && is_long_ago(since, now) && mirror.store.were_applied_since(since).await?);
    if is_dead {
        mirror.store.bury(event, &time, &error.chain()).await?;
        return Ok(EventCounts {
            dead: 1,
            ..EventCounts::default()
        });
    }
    let deferral = Deferral {
        next_try_at: &next_try(attempts, now),
        refused_since: since,
        error: &error.chain(),
    };
    mirror.store.put_off(&waiting.id, deferral).await?;
    Ok(EventCounts::default())
}

/// Applies the events of a page one by one, since the database refused them together. What it refuses alone is dead, or is
/// tried again later: the list goes on behind it.
pub(crate) async fn apply_listed(
    mirror: &Mirror,
    page: &EventPage,
    list: (&str, &Lease),
) -> Result<EventCounts, Error> {
    let mut counts = EventCounts::default();
    let take = async |stretch: Stretch<'_>, now: &str| {
        retry_conflicts(|| mirror.store.take_event_page(stretch, now, list)).await
    };
    // What cannot be read first, while the cursor is before all of it.
    let unreadable = Stretch {
        unreadable: &page.unreadable,
        ..Stretch::default()
    };
    take(unreadable, &mirror.now().canonical()).await?;
    for event in &page.events {
        let now = mirror.now();
        let time = now.canonical();
        let stretch = Stretch {
            events: std::slice::from_ref(event),
            cursor: Some(&event.id),
            ..Stretch::default()
        };
        match take(stretch, &time).await {
            Ok(taken) => counts += taken,
            Err(error) if is_dead_by_itself(&error) => {
                mirror.store.bury_listed(event, &time, &error.chain(), list).await?;
                counts.dead += 1;
            }
            Err(error) if error.failure().is_of_one_event() => {
                let deferral = Deferral {
                    next_try_at: &next_try(1, &now),
                    refused_since: &time,
                    error: &error.chain(),
                };
                mirror.store.defer_listed(event, deferral, list).await?;
            }
            Err(error) => return Err(error),
        }
    }
    let end = Stretch {
        cursor: page.cursor.as_deref(),
        ..Stretch::default()
    };
    take(end, &mirror.now().canonical()).await?;
    Ok(counts)
}

/// Whether the database refuses what is in it, so that trying again is no use.
fn is_dead_by_itself(error: &Error) -> bool {
    matches!(error.failure(), FailureKind::Data | FailureKind::Duplicate)
}

/// When an event is tried again that was refused so many times: after 1, 2, 4, 8 minutes, then every quarter of an hour.
fn next_try(attempts: i64, now: &Timestamp) -> String {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(4);
    let pause = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONG_AGO);
    let next = now.as_jiff().saturating_add(pause).map(Timestamp::from);
    next.unwrap_or_else(|_| now.clone()).canonical()
}

fn is_long_ago(since: &str, now: &Timestamp) -> bool {
    since.parse::<Timestamp>().is_ok_and(|since| {
        let passed = now.as_jiff().duration_since(since.as_jiff());
        Duration::try_from(passed).is_ok_and(|passed| passed >= LONG_AGO)
    })
}
