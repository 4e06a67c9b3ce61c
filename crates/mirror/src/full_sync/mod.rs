//! A full sync: everything is traversed, written page by page, and what no list gives is asked for by id.
//!
//! ```text
//! FullSync   the settings, and run() or plan()
//! engine     a run: takes the parts that nobody has, several at a time
//! part       one of them: the list of directories, or a directory
//! directory  one directory: groups, users, memberships
//! traversal  one list
//! environment whether the source is the one that the database is a mirror of
//! absences   what the lists did not give
//! page       its objects, read one by one
//! lookup     one object by its id
//! unreadable objects whose state cannot be read
//! planner    which way to find out memberships
//! progress   what is told meanwhile
//! ```

pub(crate) mod absences;
mod directory;
mod engine;
pub(crate) mod environment;
mod forecast;
pub(crate) mod lookup;
pub(crate) mod page;
mod part;
mod planner;
mod progress;
mod traversal;
mod unreadable;

use std::fmt;
use std::time::Duration;

use workos_directory_sync::Client;

pub use self::forecast::DirectoryForecast;
pub use self::forecast::Forecast;
pub use self::planner::MembershipPlan;
pub use self::progress::Progress;
use crate::Error;
use crate::Mirror;
use crate::RepeatedAbsence;
use crate::Summary;
use crate::absences::AbsenceSettings;
use crate::lock::Work;
use crate::presence::Presence;

/// How many objects a page has at most. The client asks for as many as the API gives, which is this many.
pub(crate) const PAGE: u32 = 100;

/// How many directories are traversed at a time, unless said otherwise. The API's limits per directory are lower than
/// those per caller, so that a few at a time go faster than one.
const DIRECTORIES_AT_A_TIME: usize = 4;

/// How old a run may be to be resumed, unless said otherwise. What its first pages brought is as old as that.
const RESUME_WITHIN: Duration = Duration::from_secs(60 * 60);

/// For how long a state may be unreadable before it counts as suspended, unless set.
const UNREADABLE_STATE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What to traverse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All directories that the key can see.
    #[default]
    All,
    /// Those of an organization.
    Organization(String),
    /// These.
    Directories(Vec<String>),
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all"),
            Self::Organization(id) => write!(formatter, "organization {id}"),
            Self::Directories(ids) => write!(formatter, "directories {}", ids.join(", ")),
        }
    }
}

/// A full sync, made by [`Mirror::full_sync`]. It does nothing until it is [`run`](Self::run).
///
/// Dropping the future of `run` at any time leaves the database consistent: what was written stays, nothing was marked as
/// deleted too early, and the next run goes on where this one was.
#[must_use = "a full sync does nothing until it is run"]
pub struct FullSync<'a> {
    mirror: &'a Mirror,
    client: &'a Client,
    scope: Scope,
    directories_at_a_time: usize,
    absences: AbsenceSettings,
    allow_other_environment: bool,
    resume_within: Duration,
    unreadable_state_after: Duration,
    on_progress: Box<dyn Fn(&Progress) + Send + Sync + 'a>,
}

impl<'a> FullSync<'a> {
    pub(crate) fn new(mirror: &'a Mirror, client: &'a Client) -> Self {
        Self {
            mirror,
            client,
            scope: Scope::All,
            directories_at_a_time: DIRECTORIES_AT_A_TIME,
            absences: AbsenceSettings::default(),
            allow_other_environment: false,
            resume_within: RESUME_WITHIN,
            unreadable_state_after: UNREADABLE_STATE_AFTER,
            on_progress: Box::new(|_| {}),
        }
    }

    /// Only the directories of this organization, whether or not the server can filter by it. It replaces what
    /// [`directory`](Self::directory) said.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.scope = Scope::Organization(id.into());
        self
    }

    /// Only this directory; call it again for more. It replaces what [`organization`](Self::organization) said.
    pub fn directory(mut self, id: impl Into<String>) -> Self {
        let id = id.into();
        match &mut self.scope {
            Scope::Directories(ids) if ids.contains(&id) => {}
            Scope::Directories(ids) => ids.push(id),
            _ => self.scope = Scope::Directories(vec![id]),
        }
        self
    }

    /// How many directories are traversed at a time, 4 unless said otherwise. Memory grows with it: two or three pages for
    /// each.
    pub fn directories_at_a_time(mut self, directories: usize) -> Self {
        self.directories_at_a_time = directories;
        self
    }

    /// How many absent objects this run asks for at most, over all directories; 1,000 unless set. Those that remain are asked
    /// for by the next run, or by [`Follow`](crate::Follow) between two of them.
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
    /// by id. More than that waits for [`Mirror::approve_deletions`]. No limit unless set: events have none either.
    pub fn deleted_at_once_percent(mut self, percent: u8) -> Self {
        self.absences.deleted_at_once_percent = Some(percent);
        self
    }

    /// Goes on though none of the directories in the database is found at the source. Without it such a run ends with
    /// [`Error::OtherEnvironment`] before it writes: the API key is probably that of another environment.
    pub fn allow_other_environment(mut self, allow: bool) -> Self {
        self.allow_other_environment = allow;
        self
    }

    /// How old an interrupted run may be to be resumed, one hour unless said otherwise; zero always starts anew.
    pub fn resume_within(mut self, age: Duration) -> Self {
        self.resume_within = age;
        self
    }

    /// Sets for how long the state of an object may be unreadable, in lists and by id, before it counts as suspended: its
    /// state is `unreadable` then. 24 hours unless set.
    pub fn unreadable_state_after(mut self, time: Duration) -> Self {
        self.unreadable_state_after = time;
        self
    }

    /// Whom to tell how it goes.
    pub fn on_progress(mut self, tell: impl Fn(&Progress) + Send + Sync + 'a) -> Self {
        self.on_progress = Box::new(tell);
        self
    }

    /// Traverses the source and writes it into the database.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when another sync is writing to the same SQLite file, or with PostgreSQL one of another scope; those of
    /// the same scope share the work, and [`Error::Elsewhere`] is what another one could not do. What the API or the database
    /// refuses, with the directory in question; when several directories fail, the first one's error is returned and all are
    /// told to [`on_progress`](Self::on_progress). See [`Error::is_interruption`] for which errors the next run goes on after.
    pub async fn run(self) -> Result<Summary, Error> {
        self.check()?;
        let _locked = self.mirror.lock.take(Work::Sync)?;
        let presence = Presence::enter(self.mirror).await?;
        let client = presence.share(self.client, self.mirror);
        let ended = presence.during(engine::run(&self, &client, &presence, None)).await;
        presence.leave(self.mirror).await;
        ended
    }

    /// The same settings for what is absent as another run has.
    pub(crate) fn absences(mut self, settings: AbsenceSettings) -> Self {
        self.absences = settings;
        self
    }

    /// The same as a worker that is there already. A run of this scope that ended well after the one that is given will do.
    /// The client shares its limits already.
    pub(crate) async fn run_as(&self, presence: &Presence, unless_after: Option<i64>) -> Result<Summary, Error> {
        let _locked = self.mirror.lock.take(Work::Sync)?;
        engine::run(self, self.client, presence, unless_after).await
    }

    /// Lists the directories and says how many calls a run would take. Writes nothing.
    ///
    /// # Errors
    ///
    /// What the API or the database refuses.
    pub async fn forecast(self) -> Result<Forecast, Error> {
        self.check()?;
        forecast::forecast(&self).await
    }

    fn check(&self) -> Result<(), Error> {
        if self.directories_at_a_time == 0 {
            return Err(Error::Setting {
                name: "directories_at_a_time",
                value: "0".to_owned(),
                expected: "at least 1",
            });
        }
        self.absences.check()
    }

    /// How long to wait from one lookup to the next in a directory.
    fn lookup_interval(&self) -> Duration {
        absences::interval(self.client)
    }
}

impl fmt::Debug for FullSync<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FullSync")
            .field("scope", &self.scope)
            .field("directories_at_a_time", &self.directories_at_a_time)
            .field("absences", &self.absences)
            .field("resume_within", &self.resume_within)
            .finish_non_exhaustive()
    }
}
