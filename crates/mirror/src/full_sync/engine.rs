//! A run: this worker takes the parts of it that nobody has, several at a time, until all are done.
//!
//! The first part is the list of directories; when it is known, each directory is one. With PostgreSQL other workers do the
//! same, and take over the parts of a worker that is gone. Whoever sees that all parts are done ends the run.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::Instant;
use workos_directory_sync::Client;
use workos_directory_sync::Timestamp;

use super::FullSync;
use super::Progress;
use super::part::Part;
use crate::Error;
use crate::Summary;
use crate::presence::Presence;
use crate::store::Joined;
use crate::store::Lease;
use crate::store::Outcome;
use crate::store::Run;
use crate::store::RunState;
use crate::store::Store;
use crate::store::Wanted;

/// How long those may take to end who are busy with a run that is not wanted. A sync that has just ended leaves it to the
/// server to notice that.
const PATIENCE: Duration = Duration::from_secs(2);

/// The shortest and the longest pause before looking again for what others left.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(500)];

/// A run that this worker takes part in.
struct Engine<'a> {
    sync: &'a FullSync<'a>,
    client: &'a Client,
    worker: i64,
    run: Run,
    /// Whether the list of directories was told.
    is_told: AtomicBool,
    /// There may be something to do without a pause.
    hurry: Notify,
}

/// What came of something that was under way.
enum Event {
    /// A part was found, or none.
    Looked(Result<Option<Lease>, Error>),
    /// A part came to its end, with failures.
    Ended(Result<Vec<Error>, Error>),
}

/// Takes part in a full sync until its summary is there. One that ended well after `unless_after` will do.
pub(super) async fn run(
    sync: &FullSync<'_>,
    client: &Client,
    presence: &Presence,
    unless_after: Option<i64>,
) -> Result<Summary, Error> {
    let worker = presence.worker();
    let run = match join(sync, worker, unless_after).await? {
        Ok(run) => run,
        Err(done) => return Ok(done),
    };
    let engine = Engine {
        sync,
        client,
        worker,
        run,
        is_told: AtomicBool::new(false),
        hurry: Notify::new(),
    };
    engine.tell(&Progress::Started {
        run: engine.run.id,
        resumed: engine.run.resumed,
    });
    let error = match engine.complete().await {
        Ok(ended) => return ended,
        Err(error) => error,
    };
    let outcome = if error.is_interruption() {
        Outcome::Interrupted
    } else {
        Outcome::Failed
    };
    let now = sync.mirror.now().canonical();
    // If even the note cannot be written, the error is still what matters: the run reads as killed.
    let _ = engine
        .store()
        .leave_run(worker, engine.run.id, outcome, &now, &error.chain())
        .await;
    Err(error)
}

/// Begins a run, or takes part in one, unless it is done already: then it is the summary.
async fn join(sync: &FullSync<'_>, worker: i64, unless_after: Option<i64>) -> Result<Result<Run, Summary>, Error> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let now = sync.mirror.now();
        let since = (!sync.resume_within.is_zero())
            .then(|| now.as_jiff().saturating_sub(sync.resume_within).ok())
            .flatten()
            .map(Timestamp::from);
        let can_wait = Instant::now() < patience;
        let wanted = Wanted {
            scope: &sync.scope.to_string(),
            now: &now,
            resume_since: since.as_ref(),
            unless_after,
            can_wait,
            lookup_interval: sync.lookup_interval(),
        };
        match sync.mirror.store.join_run(worker, wanted).await? {
            Joined::Run(run) => return Ok(Ok(run)),
            Joined::Done(summary) => return Ok(Err(*summary)),
            Joined::Occupied { run, scope } if !can_wait => {
                return Err(Error::Busy {
                    who: "sync",
                    database: format!("{} (run {run}, of {scope})", sync.mirror.lock.database()),
                });
            }
            Joined::Occupied { .. } => tokio::time::sleep(PAUSES[0]).await,
        }
    }
}

impl<'a> Engine<'a> {
    fn store(&self) -> &'a Store {
        &self.sync.mirror.store
    }

    fn tell(&self, progress: &Progress) {
        (self.sync.on_progress)(progress);
    }

    /// Does what nobody else does until the run has ended, and returns how. The outer error is why this worker cannot go
    /// on with it.
    ///
    /// Looking for the next part is under way beside the parts themselves: they may have the connection that it needs.
    async fn complete(&self) -> Result<Result<Summary, Error>, Error> {
        let mut failures = Vec::new();
        let mut under_way = FuturesUnordered::new();
        let (mut parts, mut is_looking, mut pause) = (0, false, Duration::ZERO);
        loop {
            if !is_looking && parts < self.sync.directories_at_a_time {
                under_way.push(self.look(pause).boxed());
                is_looking = true;
            }
            match under_way.next().await {
                Some(Event::Looked(lease)) => {
                    is_looking = false;
                    if let Some(lease) = lease? {
                        under_way.push(self.part(lease).boxed());
                        parts += 1;
                        pause = Duration::ZERO;
                    } else {
                        if parts == 0
                            && let Some(ended) = self.end(&mut failures).await?
                        {
                            return Ok(ended);
                        }
                        pause = (pause * 2).clamp(PAUSES[0], PAUSES[1]);
                    }
                }
                Some(Event::Ended(ended)) => {
                    parts -= 1;
                    pause = Duration::ZERO;
                    self.hurry.notify_one();
                    match ended {
                        Ok(failed) => failures.extend(failed),
                        // Another worker has it now.
                        Err(Error::TakenOver { .. }) => {}
                        // The cause will meet the other parts too. Their futures are dropped, and the run goes on later.
                        Err(error) => return Err(error),
                    }
                }
                // It looks or it is at work, always.
                None => {}
            }
        }
    }

    /// Looks for a part after a pause.
    async fn look(&self, pause: Duration) -> Event {
        if !pause.is_zero() {
            drop(tokio::time::timeout(pause, self.hurry.notified()).await);
        }
        Event::Looked(self.store().take_part(self.worker, self.run.id).await)
    }

    async fn part(&self, lease: Lease) -> Event {
        if lease.directory().is_some()
            && let Err(error) = self.tell_list().await
        {
            return Event::Ended(Err(error));
        }
        Event::Ended(Part::new(self.sync, self.client, lease).complete().await)
    }

    /// Ends the run if nothing is left to do. `None` while others are at work.
    async fn end(&self, failures: &mut Vec<Error>) -> Result<Option<Result<Summary, Error>>, Error> {
        let now = self.sync.mirror.now();
        match self.store().finish_run(&self.run, &now).await? {
            RunState::Open => Ok(None),
            RunState::Gone => Err(Error::TakenOver { run: self.run.id }),
            RunState::Finished(summary) => {
                self.tell_list().await?;
                Ok(Some(Ok(*summary)))
            }
            RunState::Ended { error, can_go_on } => {
                let elsewhere = Error::Elsewhere {
                    run: self.run.id,
                    error,
                    can_go_on,
                };
                Ok(Some(Err(failures.drain(..).next().unwrap_or(elsewhere))))
            }
        }
    }

    /// Tells once which directories there are.
    async fn tell_list(&self) -> Result<(), Error> {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            let directories = self.store().count_directories(self.run.id).await?;
            let announced = self.store().announced(self.run.id).await?;
            self.tell(&Progress::Listed {
                directories,
                users: announced.map(|(users, _)| users),
                groups: announced.map(|(_, groups)| groups),
            });
        }
        Ok(())
    }
}
