//! Following the source: GET /events from a stored cursor, and a full sync by schedule.
//!
//! One list of all events is read, since a list for each organization would cost a request for each even when nothing
//! happened. It is in the order in which things happened, and a page is applied in that order, in one transaction with
//! the cursor: within an organization nothing overtakes anything, and a crash repeats a page or nothing.
//!
//! With PostgreSQL several followers share the work. One of them has the lease of the list of events and reads it, the
//! others stand by and take it when that one is gone. A page that was read under a lease that is lost is not applied. They do
//! full syncs together.
//!
//! Where to begin is noted before the first full sync begins, so that nothing falls between the two. When the API does not
//! know the cursor any more, that is told, the cursor is forgotten, and a full sync brings what the lost events did.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::pin::pin;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use workos_directory_sync::Client;
use workos_directory_sync::Error as ApiError;
use workos_directory_sync::Timestamp;

use crate::Error;
use crate::EventCounts;
use crate::FailureKind;
use crate::Mirror;
use crate::RepeatedAbsence;
use crate::Summary;
use crate::absences::AbsenceSettings;
use crate::event_page;
use crate::event_page::EventPage;
use crate::event_page::Start;
use crate::failure::retry_conflicts;
use crate::full_sync::absences::pass;
use crate::full_sync::environment;
use crate::incoming::Incoming;
use crate::ingest;
use crate::ingest::Which;
use crate::lock::Work;
use crate::presence::Presence;
use crate::store::CLOCKS_DIFFER;
use crate::store::Lease;
use crate::store::Place;

/// The cursor of the list of all events.
const SCOPE: &str = "all";

/// How long to wait after a poll that brought nothing more, unless said otherwise.
const INTERVAL: Duration = Duration::from_secs(10);

/// How often to compare everything, unless said otherwise; the API's makers advise every 1 to 6 hours.
const RECONCILE_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// How long to wait at most after failures, each of which doubles the wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// How far before now the events begin that are read beside a first full sync: the clocks here and there differ.
const OVERLAP: Duration = CLOCKS_DIFFER;

/// How far before the last poll events are looked for again as long as none has come: it can take a while until one is
/// listed.
const LOOK_BACK: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a single poll waits for another worker to end its own, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// How long to wait between two passes over what is absent while something is due.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// For how long the API is sure to keep events. A cursor that was not used for longer counts as lost.
pub(crate) const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What following tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FollowProgress {
    /// A page of events was applied.
    Applied(EventCounts),
    /// All events that there are have been read. It is told after each poll, also when that brought nothing.
    CaughtUp {
        /// When the last full sync began that came to its end, if there was one.
        full_sync_began_at: Option<String>,
    },
    /// Another worker reads the events; this one looks again after the interval whether that is still there.
    StandingBy {
        /// When the last full sync began that came to its end, if there was one.
        full_sync_began_at: Option<String>,
    },
    /// Events were lost: the API does not know the cursor any more, or it was not used for too long. A full sync follows.
    CursorLost,
    /// A full sync came to its end.
    Reconciled(Box<Summary>),
    /// Absent objects that were due were asked for, between two full syncs.
    AskedForAbsent,
    /// A request or a full sync failed and will be tried again.
    Failed {
        /// Why, on one line.
        error: String,
        /// Seconds until then.
        again_in_seconds: u64,
    },
}

/// Follows the source, made by [`Mirror::follow`]. It does nothing until it is [`run`](Self::run).
#[must_use = "nothing is followed until it is run"]
pub struct Follow<'a> {
    mirror: &'a Mirror,
    client: &'a Client,
    interval: Duration,
    reconcile_every: Duration,
    absences: AbsenceSettings,
    allow_other_environment: bool,
    /// Full syncs ask for what is absent themselves.
    asking: Mutex<()>,
    on_progress: Box<dyn Fn(&FollowProgress) + Send + Sync + 'a>,
}

impl<'a> Follow<'a> {
    pub(crate) fn new(mirror: &'a Mirror, client: &'a Client) -> Self {
        Self {
            mirror,
            client,
            interval: INTERVAL,
            reconcile_every: RECONCILE_EVERY,
            absences: AbsenceSettings::default(),
            allow_other_environment: false,
            asking: Mutex::new(()),
            on_progress: Box::new(|_| {}),
        }
    }

    /// How long to wait after a poll that brought nothing more; 10 seconds unless set. A poll is one request.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How often a full sync compares everything; 6 hours unless set.
    pub fn reconcile_every(mut self, every: Duration) -> Self {
        self.reconcile_every = every;
        self
    }

    /// How many absent objects a full sync asks for at most; 1,000 unless set. The others are asked for between two of them,
    /// which has no limit but half of the directory's rate.
    pub fn max_lookups(mut self, lookups: u64) -> Self {
        self.absences.max_lookups = lookups;
        self
    }

    /// What becomes of an object that stays absent and that the API does not decide by id; [`RepeatedAbsence::End`] unless
    /// set.
    pub fn repeated_absence(mut self, then: RepeatedAbsence) -> Self {
        self.absences.repeated_absence = then;
        self
    }

    /// The largest share of a directory's users or groups that may end at once, in percent, though each of them is confirmed
    /// by id. More than that waits for [`Mirror::approve_deletions`]. No limit unless set.
    pub fn deleted_at_once_percent(mut self, percent: u8) -> Self {
        self.absences.deleted_at_once_percent = Some(percent);
        self
    }

    /// Goes on though the source knows none of the directories in the database, as
    /// [`FullSync::allow_other_environment`](crate::FullSync::allow_other_environment) does. Without it such a source's events
    /// are not read from their beginning.
    pub fn allow_other_environment(mut self, allow: bool) -> Self {
        self.allow_other_environment = allow;
        self
    }

    /// Calls this with what happens.
    pub fn on_progress(mut self, tell: impl Fn(&FollowProgress) + Send + Sync + 'a) -> Self {
        self.on_progress = Box::new(tell);
        self
    }

    /// Follows until `shutdown` ends. What is under way then is dropped, which leaves the database consistent; the next
    /// call goes on there. Events are read and full syncs run at the same time.
    ///
    /// # Errors
    ///
    /// When the API refuses the key, and when the database refuses the user before anything was done. Everything else is told
    /// to [`on_progress`](Self::on_progress) and tried again, also that the database cannot be reached:
    /// [`Error::failure`] says which is which.
    ///
    /// [`Error::Busy`] when another process follows into the same SQLite file. With PostgreSQL any number of processes do.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        self.absences.check()?;
        let _locked = self.mirror.lock.take(Work::Follow)?;
        let mut shutdown = pin!(shutdown);
        let mut wait = Wait::default();
        let mut has_worked = false;
        loop {
            let worked = Cell::new(false);
            let ended = self.follow_as_one_worker(shutdown.as_mut(), &worked).await;
            let Err(error) = ended else {
                return Ok(());
            };
            if worked.get() {
                has_worked = true;
                wait = Wait::default();
            }
            let kind = error.failure();
            if !kind.passes() || (kind == FailureKind::Setup && !has_worked) {
                return Err(error);
            }
            let pause = wait.next(LONGEST_WAIT);
            self.tell(&FollowProgress::Failed {
                error: error.chain(),
                again_in_seconds: pause.as_secs(),
            });
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Follows until the worker that does so is gone, as it is when its session with the database ends. Notes when it has
    /// read something from the database.
    async fn follow_as_one_worker(
        &self,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
        worked: &Cell<bool>,
    ) -> Result<(), Error> {
        let presence = tokio::select! {
            () = &mut shutdown => return Ok(()),
            entered = Presence::enter(self.mirror) => entered?,
        };
        let client = presence.share(self.client, self.mirror);
        let look_again = Notify::new();
        let work = async {
            self.mirror.store.place(SCOPE, &self.range_start()).await?;
            worked.set(true);
            tokio::select! {
                ended = self.poll_always(&client, &presence, &look_again) => ended,
                ended = self.reconcile_always(&client, &presence, &look_again) => ended,
                ended = self.settle_always(&client, &presence) => ended,
            }
        };
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            ended = presence.during(work) => ended,
        };
        presence.leave(self.mirror).await;
        ended
    }

    /// Reads and applies what is new, page by page, to the end of the list, and returns what became of it.
    ///
    /// # Errors
    ///
    /// What the API or the database refuses; [`Error::OtherEnvironment`] when the list is read from its beginning and
    /// neither tells of a directory in the database nor knows the API one; [`Error::CursorLost`] when events are lost, which only a full sync can mend;
    /// [`Error::Busy`] when another worker reads the events.
    pub async fn poll(&self) -> Result<EventCounts, Error> {
        let _locked = self.mirror.lock.take(Work::Follow)?;
        let presence = Presence::enter(self.mirror).await?;
        let client = presence.share(self.client, self.mirror);
        let ended = presence.during(self.poll_as(&client, &presence)).await;
        presence.leave(self.mirror).await;
        ended
    }

    async fn poll_as(&self, client: &Client, presence: &Presence) -> Result<EventCounts, Error> {
        let patience = Instant::now() + PATIENCE;
        let lease = loop {
            match self.mirror.store.take_events_lease(presence.worker()).await? {
                Some(lease) => break lease,
                None if Instant::now() < patience => tokio::time::sleep(PAUSE).await,
                None => {
                    return Err(Error::Busy {
                        who: "follower",
                        database: self.mirror.lock.database().to_string(),
                    });
                }
            }
        };
        let mut counts = EventCounts::default();
        loop {
            let (page, is_last) = self.poll_page(client, &lease).await?;
            counts += page;
            if is_last {
                return Ok(counts);
            }
        }
    }

    /// One request, and one transaction for what it brought. Says whether it was the last page.
    async fn poll_page(&self, client: &Client, lease: &Lease) -> Result<(EventCounts, bool), Error> {
        let place = self.mirror.store.place(SCOPE, &self.range_start()).await?;
        if self.is_too_old(&place) {
            return Err(self.lose(lease).await?);
        }
        let start = match &place.cursor {
            Some(cursor) => Start::After(cursor.clone()),
            None => Start::At(self.start_of(&place)),
        };
        let now = self.mirror.now();
        let page = match event_page::fetch(client, &start, &now).await {
            Err(error)
                if place.cursor.is_some()
                    && matches!(error.api().and_then(ApiError::status), Some(400 | 404 | 422)) =>
            {
                return Err(self.lose(lease).await?);
            }
            answer => answer?,
        };
        // A place in the list is known to one environment alone; without one any other's events would be applied.
        if place.cursor.is_none() && !self.allow_other_environment {
            self.require_environment(client, &page).await?;
        }
        let now = self.mirror.now().canonical();
        let list = (SCOPE, lease);
        let taken = retry_conflicts(|| self.mirror.store.take_event_page(page.whole(), &now, list)).await;
        let counts = match taken {
            Err(error) if error.failure().is_of_one_event() => ingest::apply_listed(self.mirror, &page, list).await?,
            taken => taken?,
        };
        Ok((counts, page.is_last))
    }

    /// Refuses a page that tells of none of the directories in the database, unless the source knows one of them.
    async fn require_environment(&self, client: &Client, page: &EventPage) -> Result<(), Error> {
        let told: Vec<String> = page
            .events
            .iter()
            .filter_map(Incoming::directory)
            .map(str::to_owned)
            .collect();
        if page.events.is_empty() || self.mirror.store.knows_directory(&told).await? {
            return Ok(());
        }
        environment::require_known_directory(&self.mirror.store, client).await
    }

    async fn poll_always(&self, client: &Client, presence: &Presence, look_again: &Notify) -> Result<(), Error> {
        let mut wait = Wait::default();
        let mut lease = None;
        loop {
            let Some(held) = &lease else {
                lease = self.mirror.store.take_events_lease(presence.worker()).await?;
                if lease.is_none() {
                    self.tell(&FollowProgress::StandingBy {
                        full_sync_began_at: self.last_full_sync().await?,
                    });
                    // The one who reads may have found that events were lost.
                    look_again.notify_one();
                    tokio::time::sleep(self.interval).await;
                }
                continue;
            };
            match self.poll_page(client, held).await {
                Ok((counts, is_last)) => {
                    wait = Wait::default();
                    if counts != EventCounts::default() {
                        self.tell(&FollowProgress::Applied(counts));
                    }
                    if is_last {
                        let deferred = ingest::apply_all(self.mirror, Which::Deferred).await?;
                        if deferred != EventCounts::default() {
                            self.tell(&FollowProgress::Applied(deferred));
                        }
                        self.tell(&FollowProgress::CaughtUp {
                            full_sync_began_at: self.last_full_sync().await?,
                        });
                        tokio::time::sleep(self.interval).await;
                    }
                }
                Err(Error::CursorLost) => {
                    self.tell(&FollowProgress::CursorLost);
                    look_again.notify_one();
                }
                Err(Error::TakenOver { .. }) => lease = None,
                Err(error) => self.failed(error, wait.next(LONGEST_WAIT)).await?,
            }
        }
    }

    async fn last_full_sync(&self) -> Result<Option<String>, Error> {
        Ok(self.mirror.store.last_full_sync().await?.map(|(_, began_at)| began_at))
    }

    async fn reconcile_always(&self, client: &Client, presence: &Presence, look_again: &Notify) -> Result<(), Error> {
        let mut wait = Wait::default();
        loop {
            let last = self.mirror.store.last_full_sync().await?;
            let rest = self
                .until_full_sync(last.as_ref().map(|(_, began_at)| began_at.as_str()))
                .await?;
            if !rest.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(rest) => {}
                    () = look_again.notified() => continue,
                }
            }
            let sync = self
                .mirror
                .full_sync(client)
                .allow_other_environment(self.allow_other_environment)
                .absences(self.absences);
            let newest = last.map_or(0, |(run, _)| run);
            let ended = {
                let _alone = self.asking.lock().await;
                sync.run_as(presence, Some(newest)).await
            };
            match ended {
                Ok(summary) => {
                    wait = Wait::default();
                    self.tell(&FollowProgress::Reconciled(Box::new(summary)));
                }
                Err(error) => self.failed(error, wait.next(LONGEST_WAIT)).await?,
            }
        }
    }

    /// Asks for what is absent, between full syncs: one worker does, as slowly as a full sync would.
    async fn settle_always(&self, client: &Client, presence: &Presence) -> Result<(), Error> {
        let mut wait = Wait::default();
        let mut lease = None;
        loop {
            if !pass::is_due(self.mirror).await? {
                tokio::time::sleep(self.interval).await;
                continue;
            }
            let Some(held) = &lease else {
                lease = self.mirror.store.take_absences_lease(presence.worker()).await?;
                if lease.is_none() {
                    tokio::time::sleep(self.interval).await;
                }
                continue;
            };
            let ended = {
                let _alone = self.asking.lock().await;
                pass::pass(self.mirror, client, held, self.absences).await
            };
            match ended {
                Ok(()) => {
                    wait = Wait::default();
                    self.tell(&FollowProgress::AskedForAbsent);
                    // An approval that is too small stays, and so does what is due of others.
                    tokio::time::sleep(self.interval.min(SHORT_PAUSE)).await;
                }
                Err(Error::TakenOver { .. }) => lease = None,
                Err(error) => self.failed(error, wait.next(LONGEST_WAIT)).await?,
            }
        }
    }

    /// How long until the next full sync. None has served that began before the events that are read.
    async fn until_full_sync(&self, last: Option<&str>) -> Result<Duration, Error> {
        let place = self.mirror.store.place(SCOPE, &self.range_start()).await?;
        let Some(last) = last else {
            return Ok(Duration::ZERO);
        };
        let Ok(began) = last.parse::<Timestamp>() else {
            return Ok(Duration::ZERO);
        };
        if *last < *place.range_start {
            return Ok(Duration::ZERO);
        }
        let age = self
            .mirror
            .now()
            .as_jiff()
            .duration_since(began.as_jiff())
            .unsigned_abs();
        Ok(self.reconcile_every.saturating_sub(age))
    }

    /// From when on events are read as long as none has come. A source in which nothing happens for long is asked for the
    /// time since it was asked last, and somewhat more: the API refuses to look back further than it keeps events.
    fn start_of(&self, place: &Place) -> Timestamp {
        let start = place.range_start.parse().ok();
        let asked = place
            .polled_at
            .as_deref()
            .and_then(|text| text.parse::<Timestamp>().ok());
        let asked = asked.and_then(|asked| asked.as_jiff().saturating_sub(LOOK_BACK).ok());
        start
            .max(asked.map(Timestamp::from))
            .unwrap_or_else(|| self.mirror.now())
    }

    fn is_too_old(&self, place: &Place) -> bool {
        let used = place.polled_at.as_deref().unwrap_or(&place.range_start);
        used.parse::<Timestamp>().is_ok_and(|used| {
            self.mirror.now().as_jiff().duration_since(used.as_jiff())
                > jiff::SignedDuration::try_from(KEPT).unwrap_or_default()
        })
    }

    /// Forgets the cursor, and begins anew from now on.
    async fn lose(&self, lease: &Lease) -> Result<Error, Error> {
        let start = self.range_start();
        self.mirror.store.lose_cursor(SCOPE, lease, &start).await?;
        Ok(Error::CursorLost)
    }

    fn range_start(&self) -> String {
        let now = self.mirror.now();
        let start = now.as_jiff().saturating_sub(OVERLAP).map(Timestamp::from);
        start.unwrap_or(now).canonical()
    }

    /// Tells what failed and waits, unless trying again is no use, or the database is out of reach: then a new worker begins.
    async fn failed(&self, error: Error, wait: Duration) -> Result<(), Error> {
        if !error.failure().passes() || error.is_of_the_database() {
            return Err(error);
        }
        self.tell(&FollowProgress::Failed {
            error: error.chain(),
            again_in_seconds: wait.as_secs(),
        });
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn tell(&self, progress: &FollowProgress) {
        (self.on_progress)(progress);
    }
}

impl fmt::Debug for Follow<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Follow")
            .field("interval", &self.interval)
            .field("reconcile_every", &self.reconcile_every)
            .finish_non_exhaustive()
    }
}

/// How long to wait after a failure: a second, then twice as long each time.
#[derive(Debug, Default)]
pub(crate) struct Wait(Option<Duration>);

impl Wait {
    pub(crate) fn next(&mut self, longest: Duration) -> Duration {
        let wait = self.0.map_or(Duration::from_secs(1), |last| (last * 2).min(longest));
        self.0 = Some(wait);
        wait
    }
}
