//! Webhooks: what they bring is kept first and applied afterwards.
//!
//! Keeping is one small row, so that whoever posted the event has its answer within milliseconds and need not send it
//! again. The [`Worker`] applies what waits, in batches. When the database refuses a batch, its events are tried one by
//! one: one that is refused alone again and again is dead, with its error, and holds up no other.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::Error;
use crate::EventCounts;
use crate::FollowProgress;
use crate::Mirror;
use crate::follow::Wait;
use crate::incoming::Incoming;
use crate::store::Waiting;

/// How many events are applied in one transaction.
const BATCH: i64 = 100;

/// How often an event is tried alone before it is dead.
const ATTEMPTS: i64 = 5;

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

/// Applies everything that waits.
pub(crate) async fn apply_all(mirror: &Mirror) -> Result<EventCounts, Error> {
    let mut counts = EventCounts::default();
    loop {
        let waiting = mirror.store.waiting(BATCH).await?;
        if waiting.is_empty() {
            return Ok(counts);
        }
        let now = mirror.now();
        let incoming = waiting
            .iter()
            .map(|waiting| Incoming::parse_kept(&waiting.id, &waiting.payload, &now));
        let incoming: Vec<_> = incoming.collect();
        let now = now.canonical();
        match mirror.store.take_waiting(&incoming, &now).await {
            Ok(applied) => counts += applied,
            Err(error) if is_about_the_data(&error) => {
                for (waiting, event) in waiting.iter().zip(&incoming) {
                    counts += apply_one(mirror, waiting, event).await?;
                }
            }
            Err(error) => return Err(error),
        }
    }
}

async fn apply_one(mirror: &Mirror, waiting: &Waiting, event: &Incoming) -> Result<EventCounts, Error> {
    let now = mirror.now().canonical();
    match mirror.store.take_waiting(std::slice::from_ref(event), &now).await {
        Err(error) if is_about_the_data(&error) => {
            if waiting.attempts + 1 < ATTEMPTS {
                mirror.store.note_refused(&waiting.id).await?;
                return Ok(EventCounts::default());
            }
            mirror.store.bury(event, &now, &error.chain()).await?;
            Ok(EventCounts {
                dead: 1,
                ..EventCounts::default()
            })
        }
        ended => ended,
    }
}

/// Whether the database refused what was written, rather than that it cannot be reached, is full or is shutting down.
fn is_about_the_data(error: &Error) -> bool {
    let Error::Database(sqlx::Error::Database(error)) = error else {
        return false;
    };
    let code = error.code().unwrap_or_default();
    match code.len() {
        // PostgreSQL's classes: connection, state of the transaction, resources, operator, system.
        5 => !["08", "25", "53", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class)),
        // SQLite's constraints, and values that are too big or of the wrong type; the lowest byte is the kind.
        _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 18..=20)),
    }
}
