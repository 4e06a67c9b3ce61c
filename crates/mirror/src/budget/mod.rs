//! One rate budget for all workers of a database.
//!
//! ```text
//! client ── its own limits let a request through ──▶ SharedGate: what this worker drew ahead
//!                                                      │ none is left
//!                                                    store::budgets: one read and one write for all that wait
//!                                                      │
//!                                                    ledger: never more than the limit in any span
//! ```
//!
//! A worker draws as many requests as wait, and twice as many as the last time while it uses them all, up to a twentieth of
//! the limit: so that a small limit costs a write for each request and a large one much less. Each draw may be used for a
//! twentieth of the span, or longer where the database is slow; then it lapses. Giving each of N workers an Nth of the limit
//! would need no draws, but the ones that stand by would hold on to their parts, and nobody could prove what happens
//! while N changes.

pub(crate) mod ledger;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::Gate;
use workos_directory_sync::rate_limit::Passing;

use self::ledger::Limit;
use crate::Error;
use crate::store::Draw;
use crate::store::Drawn;
use crate::store::Store;

/// The share of the span for which a draw may be used at least, and the share of the limit that is drawn ahead at most.
const SHARE: u32 = 20;

/// How much longer a draw may be used than the last one took to be made.
const PATIENCE: u32 = 4;

/// How much longer than documented a span is taken to be, since requests do not travel equally fast.
const SLACK: Duration = Duration::from_millis(30);

/// The same client, sharing its limits with the other workers.
pub(crate) fn share(client: &Client, store: &Store, worker: i64) -> Client {
    let limits = client.rate_limits();
    let (general, per_directory) = (limits.general().map(Bound::new), limits.per_directory().map(Bound::new));
    if general.is_none() && per_directory.is_none() {
        return client.clone();
    }
    client.with_gate(Arc::new(SharedGate {
        store: store.clone(),
        worker,
        general,
        per_directory,
        waiting: AtomicU32::new(0),
        drawn: Mutex::default(),
    }))
}

/// A limit as a worker keeps it.
#[derive(Clone, Copy, Debug)]
struct Bound {
    limit: Limit,
    span: Duration,
}

impl Bound {
    fn new((requests, span): (u32, Duration)) -> Self {
        let span = span.saturating_add(SLACK.min(span / SHARE));
        Self {
            limit: Limit {
                requests: requests.max(1),
                span_ms: i64::try_from(span.as_millis()).unwrap_or(i64::MAX).max(1),
            },
            span,
        }
    }

    /// For how long a draw may be used, if the last one took so long to be made.
    fn valid(&self, took: Duration) -> Duration {
        (self.span / SHARE).max(took.saturating_mul(PATIENCE)).min(self.span)
    }
}

/// Lets requests through that were drawn from the budgets in the database.
struct SharedGate {
    store: Store,
    worker: i64,
    general: Option<Bound>,
    per_directory: Option<Bound>,
    /// How many requests wait.
    waiting: AtomicU32,
    drawn: Mutex<Ahead>,
}

/// What was drawn and not used yet.
#[derive(Debug, Default)]
struct Ahead {
    left: u32,
    until: Option<Instant>,
    /// How many are drawn at a time when nobody waits.
    block: u32,
    /// How long the last draw took.
    took: Duration,
}

impl Ahead {
    fn is_there(&self) -> bool {
        self.left > 0 && self.until.is_some_and(|until| Instant::now() < until)
    }

    /// How many to draw next: more while all are used, fewer when some lapse.
    fn next_block(&mut self, most: u32) -> u32 {
        self.block = if self.left == 0 {
            self.block.saturating_mul(2).clamp(1, most.max(1))
        } else {
            (self.block / 2).max(1)
        };
        self.block
    }
}

impl SharedGate {
    async fn wait(&self, directory: Option<&str>) -> Result<(), Error> {
        let per_directory = directory.zip(self.per_directory);
        loop {
            let pause = {
                let mut ahead = self.drawn.lock().await;
                match self.try_pass(&mut ahead, per_directory).await? {
                    None => return Ok(()),
                    Some(pause) => pause,
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Takes what was drawn, or draws. Otherwise says when to come again.
    async fn try_pass(
        &self,
        ahead: &mut Ahead,
        per_directory: Option<(&str, Bound)>,
    ) -> Result<Option<Duration>, Error> {
        let is_there = self.general.is_none() || ahead.is_there();
        if is_there && per_directory.is_none() {
            ahead.left = ahead.left.saturating_sub(1);
            return Ok(None);
        }
        let general = self.general.filter(|_| !is_there).map(|bound| Draw {
            limit: bound.limit,
            wanted: ahead
                .next_block(bound.limit.requests / SHARE)
                .max(self.waiting.load(Ordering::Relaxed)),
            valid: bound.valid(ahead.took),
        });
        let of_directory = per_directory.map(|(directory, bound)| {
            let draw = Draw {
                limit: bound.limit,
                wanted: 1,
                valid: bound.valid(ahead.took),
            };
            (directory, draw)
        });
        let asked = Instant::now();
        let drawn = self.store.draw(self.worker, general, of_directory).await?;
        let now = Instant::now();
        ahead.took = now.duration_since(asked);
        let requests = match drawn {
            Drawn::Requests(requests) => requests,
            Drawn::Nothing { again_in } => return Ok(Some(again_in.max(Duration::from_millis(1)))),
        };
        if let Some(draw) = general {
            ahead.left = requests;
            ahead.until = Some(asked + draw.valid);
        }
        let is_in_time = of_directory.is_none_or(|(_, draw)| now < asked + draw.valid)
            && (self.general.is_none() || ahead.is_there());
        if is_in_time {
            ahead.left = ahead.left.saturating_sub(1);
            return Ok(None);
        }
        // It took too long and has lapsed. The next draw may take longer.
        Ok(Some(Duration::ZERO))
    }
}

/// A request that waits.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate for SharedGate {
    fn pass<'a>(&'a self, directory: Option<&'a str>) -> Passing<'a> {
        Box::pin(async move {
            let _waiting = Waiting::new(&self.waiting);
            Ok(self.wait(directory).await?)
        })
    }
}
