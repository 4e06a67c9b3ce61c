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
//! twentieth of the span, or longer where the database is slow; then it lapses. A draw that lapses on its way is made again
//! after a pause, and may take longer then.
//!
//! Who waits for a turn waits as long as that takes: others have it, and it is shared. Who waits for the database does not:
//! a draw that has no answer within [`PATIENCE`] is an error, which a sync ends with and a follower tells and tries again.
//!
//! Giving each of N workers an Nth of the limit would need no draws, but the ones that stand by would hold on to their parts,
//! and nobody could prove what happens while N changes.

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

use self::ledger::LONGEST_USE;
use self::ledger::Limit;
use crate::Error;
use crate::store::Draw;
use crate::store::Drawn;
use crate::store::Store;
use crate::store::connect::no_answer;

/// The share of the span for which a draw may be used at least, and the share of the limit that is drawn ahead at most.
const SHARE: u32 = 20;

/// How much longer a draw may be used than the last one took to be made, as long as that is no longer than the span.
const ROOM: u32 = 4;

/// The same for a database that is slower than that. As each draw that lapses took more than twice as long as the one before,
/// it is soon made in time or takes longer than [`PATIENCE`].
const LEAST_ROOM: u32 = 2;

/// How long the database may take to make a draw. A connection is waited for as long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The shortest and the longest pause after a draw that lapsed on its way: otherwise as long as that took, so that a database
/// that is busy is asked half of the time at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(1)];

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
        budgets: store.clone(),
        worker,
        general,
        per_directory,
        waiting: AtomicU32::new(0),
        drawn: Mutex::default(),
    }))
}

/// Where the budgets are kept.
trait Budgets: Send + Sync {
    /// Draws from the budget of all requests, from that of a directory, or from both.
    fn draw(
        &self,
        worker: i64,
        general: Option<Draw>,
        of_directory: Option<(&str, Draw)>,
    ) -> impl Future<Output = Result<Drawn, Error>> + Send;
}

impl Budgets for Store {
    async fn draw(
        &self,
        worker: i64,
        general: Option<Draw>,
        of_directory: Option<(&str, Draw)>,
    ) -> Result<Drawn, Error> {
        Store::draw(self, worker, general, of_directory).await
    }
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
        (self.span / SHARE)
            .max(took.saturating_mul(ROOM).min(self.span))
            .max(took.saturating_mul(LEAST_ROOM))
            .min(self.span.max(LONGEST_USE))
    }
}

/// Lets requests through that were drawn from the budgets in the database.
struct SharedGate<B> {
    budgets: B,
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

impl<B: Budgets> SharedGate<B> {
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
        let drawing = self.budgets.draw(self.worker, general, of_directory);
        let drawn = tokio::time::timeout(PATIENCE, drawing)
            .await
            .map_err(|_| no_answer(PATIENCE))??;
        let now = Instant::now();
        ahead.took = now.duration_since(asked);
        let requests = match drawn {
            Drawn::Requests(requests) => requests,
            Drawn::Nothing { again_in } => return Ok(Some(again_in.max(PAUSES[0]))),
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
        Ok(Some(ahead.took.clamp(PAUSES[0], PAUSES[1])))
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

impl<B: Budgets> Gate for SharedGate<B> {
    fn pass<'a>(&'a self, directory: Option<&'a str>) -> Passing<'a> {
        Box::pin(async move {
            let _waiting = Waiting::new(&self.waiting);
            Ok(self.wait(directory).await?)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use workos_directory_sync::rate_limit::GateError;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Budgets with as much as anybody wants, in a database that takes its time.
    struct Slow {
        /// How long the first draw takes.
        first: Duration,
        /// How many times as long each one takes as the one before.
        growth: u32,
        draws: AtomicU32,
    }

    impl Budgets for Slow {
        async fn draw(&self, _: i64, general: Option<Draw>, _: Option<(&str, Draw)>) -> Result<Drawn, Error> {
            let before = self.draws.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.first.saturating_mul(self.growth.saturating_pow(before))).await;
            Ok(Drawn::Requests(general.map_or(0, |draw| draw.wanted)))
        }
    }

    fn gate(first: Duration, growth: u32) -> SharedGate<Slow> {
        SharedGate {
            budgets: Slow {
                first,
                growth,
                draws: AtomicU32::new(0),
            },
            worker: 1,
            general: Some(Bound::new((10, SECOND))),
            per_directory: Some(Bound::new((4, SECOND))),
            waiting: AtomicU32::new(0),
            drawn: Mutex::default(),
        }
    }

    /// How one request passes, after how long, and how many draws that took.
    async fn pass(gate: &SharedGate<Slow>, directory: Option<&str>) -> (Result<(), GateError>, Duration, u32) {
        let start = Instant::now();
        let passed = gate.pass(directory).await;
        (passed, start.elapsed(), gate.budgets.draws.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_draw_that_lapses_on_its_way_is_made_again_after_a_pause_and_may_take_longer_then() {
        let took = Duration::from_millis(120);
        for directory in [None, Some("directory_1")] {
            let (passed, after, draws) = pass(&gate(took, 1), directory).await;
            passed.unwrap();
            assert_eq!((after.as_millis(), draws), (3 * took.as_millis(), 2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_slower_than_the_span_lets_requests_through_slowly() {
        let (passed, after, draws) = pass(&gate(20 * SECOND, 1), Some("directory_1")).await;
        passed.unwrap();
        assert_eq!((after.as_secs(), draws), (41, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_gets_slower_with_each_draw_is_asked_a_few_times_and_given_up() {
        let (passed, after, draws) = pass(&gate(Duration::from_millis(60), 5), Some("directory_1")).await;
        let error = passed.unwrap_err();
        assert_eq!(error.to_string(), "the database failed");
        // 60 and 300 ms, 1.5 and 7.5 s, and the one that was given up.
        assert_eq!(draws, 5);
        assert!(after < Duration::from_secs(60), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_does_not_answer_is_given_up() {
        let (passed, after, draws) = pass(&gate(Duration::MAX, 1), None).await;
        assert!(passed.is_err());
        assert_eq!((after, draws), (PATIENCE, 1));
    }
}
