//! One history, from a seed: what happens at the source and to the mirror, step by step.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use workos_directory_emulator::Clock as _;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::ManualClock;
use workos_directory_emulator::Movement;
use workos_directory_emulator::Profile;
use workos_directory_mirror::Error;
use workos_directory_mirror::FullSync;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;
use workos_directory_sync::events::Event;

use super::movement::move_something;
use crate::application::Application;
use crate::cut::Progress;
use crate::cut::cut_beside;
use crate::events::all_events;
use crate::source::Source;
use crate::source::organization_id;
use crate::truth::Truth;
use crate::world::Database;
use crate::world::World;
use crate::world::client;

const STEPS: usize = 25;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What happened, to be printed when a history fails.
pub(super) type Log = Arc<Mutex<Vec<String>>>;

pub(super) struct History {
    random: Rng,
    clock: ManualClock,
    emulator: Emulator,
    client: Client,
    world: World,
    application: Application,
    /// Whether events are polled.
    is_polled: bool,
    /// Whether a full sync served that began later than that, and nothing can have spoilt since then what it and polls
    /// brought: then one more poll leads to the truth.
    is_followed: bool,
    /// How far the mirror's clock is ahead of the source's.
    ahead: SignedDuration,
    log: Log,
}

/// What the mirror is told to do.
#[derive(Clone)]
enum Task {
    Poll,
    Sync {
        scope: Scope,
        resumes: bool,
        at_a_time: usize,
    },
    /// A webhook for each, kept in the inbox.
    Keep(Vec<Event>),
    /// A webhook for each, applied at once.
    Apply(Vec<Event>),
    /// What waits in the inbox is applied.
    Work,
    Diff,
}

#[derive(Clone, Debug)]
enum Scope {
    All,
    Organization(u32),
    Directory(String),
}

impl fmt::Debug for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |events: &[Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
        match self {
            Self::Poll => write!(formatter, "poll"),
            Self::Sync {
                scope,
                resumes,
                at_a_time,
            } => {
                write!(
                    formatter,
                    "full sync of {scope:?}, resumes: {resumes}, {at_a_time} at a time"
                )
            }
            Self::Keep(events) => write!(formatter, "keep {:?}", ids(events)),
            Self::Apply(events) => write!(formatter, "apply {:?}", ids(events)),
            Self::Work => write!(formatter, "work"),
            Self::Diff => write!(formatter, "diff"),
        }
    }
}

impl History {
    pub(super) async fn new(seed: u64, database: Database, log: Log) -> Self {
        let mut random = Rng::with_seed(seed);
        let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
        // Now and then lists have several pages.
        let users = if random.u8(0..40) == 0 { 130 } else { random.u32(0..8) };
        let embeds = random.u8(0..4) == 0;
        let emulator = Emulator::builder()
            .profile(if embeds { Profile::Seed } else { Profile::Live })
            .honour_seed_parameters(embeds)
            .rate_limits(workos_directory_emulator::RateLimits::unlimited())
            .seed_file(Source::new(2, users, random.u32(0..4)).0)
            .fault_seed(seed)
            .clock(clock.clone())
            .start()
            .await
            .unwrap();
        let client = client(&emulator);
        let mut history = Self {
            ahead: SignedDuration::from_millis(random.i64(-60_000..60_000)),
            world: World::on(database).await,
            application: Application::default(),
            is_polled: false,
            is_followed: false,
            random,
            clock,
            emulator,
            client,
            log,
        };
        history.set_clock();
        history
    }

    pub(super) async fn run(mut self) {
        for _ in 0..STEPS {
            self.step().await;
        }
        self.end().await;
    }

    fn note(&self, text: impl fmt::Display) {
        let time = self.clock.now();
        self.log.lock().unwrap().push(format!("{time} {text}"));
    }

    fn set_clock(&mut self) {
        let (clock, ahead) = (self.clock.clone(), self.ahead);
        self.world.mirror = self.world.mirror.clone().with_clock(move || clock.now() + ahead);
    }

    /// As after a crash.
    async fn restart(&mut self) {
        self.note("restart");
        self.world.mirror = Mirror::connect(&self.world.address).await.unwrap();
        self.set_clock();
    }

    async fn step(&mut self) {
        match self.random.u8(0..32) {
            0..=10 => {
                let moved = move_something(&mut self.random, &self.emulator);
                self.note(moved);
            }
            11..=13 => self.wait(),
            14..=17 => self.perform(Task::Poll).await,
            18..=20 => {
                let sync = self.sync();
                self.perform(sync).await;
            }
            21 => self.be_disturbed().await,
            22..=26 => {
                let events = self.webhooks().await;
                let task = if self.random.bool() {
                    Task::Keep(events)
                } else {
                    Task::Apply(events)
                };
                self.perform(task).await;
            }
            27..=28 => self.perform(Task::Work).await,
            29 => self.read_changes().await,
            30 if self.random.u8(0..4) == 0 => self.perform(Task::Diff).await,
            31 if self.random.u8(0..4) == 0 => self.purge().await,
            _ => {}
        }
    }

    fn wait(&mut self) {
        let waits = [1, 1, 1_000, 600_000, 7_200_000];
        self.clock
            .advance(Duration::from_millis(*self.random.choice(&waits).unwrap()));
    }

    fn sync(&mut self) -> Task {
        let scope = match self.random.u8(0..8) {
            0 => Scope::Organization(self.random.u32(1..4)),
            1 => Scope::Directory(crate::source::directory_id(self.random.u32(1..3))),
            _ => Scope::All,
        };
        Task::Sync {
            scope,
            resumes: self.random.bool(),
            at_a_time: self.random.usize(1..4),
        }
    }

    /// Some of the events that can still come: any of them, in any order, some twice.
    async fn webhooks(&mut self) -> Vec<Event> {
        let events = all_events(&self.client).await;
        // Longer than that nobody sends them again.
        let oldest = self.clock.now() - SignedDuration::from_hours(29 * 24);
        let events: Vec<_> = events
            .into_iter()
            .filter(|event| event.created_at.as_jiff() >= oldest)
            .collect();
        let count = self.random.usize(0..6);
        (0..count)
            .filter_map(|_| self.random.choice(&events).cloned())
            .collect()
    }

    /// Does something, which may be given up in the middle, or meet faults of the API.
    async fn perform(&mut self, task: Task) {
        let is_cut = self.random.bool();
        let polls = if is_cut { self.random.usize(0..120) } else { usize::MAX };
        let faults = if self.random.u8(0..3) == 0 {
            self.faults()
        } else {
            Vec::new()
        };
        self.note(format_args!("{task:?}, at most {polls} polls, {faults:?}"));
        for fault in &faults {
            self.emulator.faults().inject(fault.clone()).unwrap();
        }
        let ended = cut_beside(self.done(&task), polls, &Progress::default(), async {}).await;
        self.emulator.faults().clear();
        self.judge(&task, ended, &faults);
        if is_cut && self.random.bool() {
            self.restart().await;
        }
    }

    /// A full sync beside which the source changes, and events come and are polled.
    async fn be_disturbed(&mut self) {
        let task = self.sync();
        let polls = if self.random.u8(0..3) == 0 {
            self.random.usize(0..200)
        } else {
            usize::MAX
        };
        self.note(format_args!("{task:?}, at most {polls} polls, disturbed"));
        let mut random = self.random.fork();
        let (progress, is_lost) = (Progress::default(), Cell::new(false));
        let disturbance = async {
            let mut at = 0;
            for _ in 0..random.u8(1..6) {
                at += random.usize(0..40);
                progress.reach(at).await;
                self.note(format_args!(
                    "meanwhile {}",
                    move_something(&mut random, &self.emulator)
                ));
                match random.u8(0..4) {
                    0..=1 => match self.done(&Task::Poll).await {
                        Ok(()) => self.note("meanwhile a poll"),
                        Err(Error::CursorLost) => is_lost.set(true),
                        Err(error) => panic!("{error}"),
                    },
                    2 => {
                        let events = all_events(&self.client).await;
                        let event = events.into_iter().next_back();
                        self.note(format_args!("meanwhile {:?}", event.as_ref().map(|event| &event.id)));
                        self.done(&Task::Apply(event.into_iter().collect())).await.unwrap();
                    }
                    _ => {}
                }
            }
        };
        let ended = cut_beside(self.done(&task), polls, &progress, disturbance).await;
        self.judge(&task, ended, &[]);
        self.is_followed &= !is_lost.get();
    }

    fn done<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<(), Error>> {
        let (mirror, client) = (&self.world.mirror, &self.client);
        async move {
            match task {
                Task::Poll => mirror.follow(client).poll().await.map(drop),
                Task::Sync {
                    scope,
                    resumes,
                    at_a_time,
                } => {
                    let mut sync = mirror
                        .full_sync(client)
                        .allow_mass_delete(true)
                        .directories_at_a_time(*at_a_time);
                    sync = match scope {
                        Scope::All => sync,
                        Scope::Organization(number) => sync.organization(organization_id(*number)),
                        Scope::Directory(id) => sync.directory(id.as_str()),
                    };
                    if !resumes {
                        sync = sync.resume_within(Duration::ZERO);
                    }
                    FullSync::run(sync).await.map(drop)
                }
                Task::Keep(events) => {
                    for event in events {
                        mirror.ingest(event).await?;
                    }
                    Ok(())
                }
                Task::Apply(events) => mirror.apply_events(events).await.map(drop),
                Task::Work => mirror.worker().run(std::future::ready(())).await,
                Task::Diff => mirror.diff(client).await.map(drop),
            }
        }
        .boxed()
    }

    /// Checks how something ended: without faults, well.
    fn judge(&mut self, task: &Task, ended: Option<Result<(), Error>>, faults: &[FaultRule]) {
        // What they say is believed, until the next full sync.
        let is_tampered = faults.iter().any(|rule| {
            matches!(
                rule.fault,
                Fault::UnknownEnumValues | Fault::MissingOptionalFields | Fault::Status { status: 404, .. }
            )
        });
        self.is_followed &= !is_tampered;
        match (task, ended) {
            (_, None) => self.note("given up"),
            (Task::Poll, Some(Ok(()))) => self.is_polled = true,
            (Task::Poll, Some(Err(Error::CursorLost))) => {
                self.note("the cursor is lost");
                self.is_followed = false;
            }
            (
                Task::Sync {
                    scope: Scope::All,
                    resumes: false,
                    ..
                },
                Some(Ok(())),
            ) => {
                self.is_followed = self.is_polled && !is_tampered;
            }
            (_, Some(Ok(()))) => {}
            // There is no such directory any more, and never was one here.
            (
                Task::Sync {
                    scope: Scope::Directory(_),
                    ..
                },
                Some(Err(Error::Api(error))),
            ) if error.status() == Some(404) => {}
            (_, Some(Err(error))) if !faults.is_empty() && !matches!(error, Error::Database(_)) => self.note(error),
            (task, Some(Err(error))) => panic!("{task:?}: {error:?}"),
        }
    }

    fn faults(&mut self) -> Vec<FaultRule> {
        let count = self.random.u8(1..3);
        (0..count)
            .map(|_| {
                let fault = match self.random.u8(0..9) {
                    0 => Fault::status(500),
                    1 => Fault::status(404),
                    2 => Fault::rate_limited(1),
                    3 => Fault::Reset { processed: false },
                    4 => Fault::TruncatedBody {
                        claims_to_be_whole: self.random.bool(),
                    },
                    5 => Fault::UnknownEnumValues,
                    6 => Fault::MissingOptionalFields,
                    7 => Fault::RepeatedCursor,
                    _ => {
                        let all = [
                            Movement::Deleted,
                            Movement::Added,
                            Movement::Changed,
                            Movement::Repeated,
                        ];
                        Fault::Movement {
                            change: *self.random.choice(&all).unwrap(),
                        }
                    }
                };
                FaultRule::new(fault)
                    .skip(self.random.u64(0..10))
                    .times(self.random.u64(1..3))
            })
            .collect()
    }

    /// The application takes what changed, and mostly says that it is done with it.
    async fn read_changes(&mut self) {
        let last = self.application.catch_up(&self.world.mirror).await;
        self.application.assert_is(&self.world).await;
        if let Some(last) = last
            && self.random.bool()
        {
            self.world
                .mirror
                .changes("application")
                .acknowledge(&last)
                .await
                .unwrap();
        }
    }

    /// A long time later, what was over by then is deleted for good.
    async fn purge(&mut self) {
        self.note("a purge after a long time");
        // So that the changes are kept until they were read.
        self.world.mirror.changes("application").page(1).await.unwrap();
        self.world.mirror.worker().run(std::future::ready(())).await.unwrap();
        let wait = 40 * DAY;
        if self.random.bool() {
            self.clock.advance(wait);
        }
        let purged = self.world.mirror.purge_after(31 * DAY).await.unwrap();
        self.note(format_args!("{purged:?}"));
    }

    /// One undisturbed full sync, and then everything that can still come.
    async fn end(mut self) {
        self.note("the end");
        if self.is_followed {
            self.receive_the_rest().await;
        }
        if self.is_followed {
            self.note("polls alone lead to the truth");
            self.world
                .assert_members(&Truth::of(&self.emulator, &self.client).await)
                .await;
        }
        let last = Task::Sync {
            scope: Scope::All,
            resumes: false,
            at_a_time: 4,
        };
        self.perform_wholly(last.clone()).await;
        self.world
            .assert_is(&Truth::of(&self.emulator, &self.client).await)
            .await;
        self.read_changes().await;
        self.receive_the_rest().await;
        // Who does not poll cannot know what undid what a late webhook tells, until the next full sync.
        if !self.is_followed {
            self.perform_wholly(last).await;
        }
        self.assert_truth().await;
        if self.random.u8(0..8) == 0 {
            let diff = self.world.mirror.diff(&self.client).await.unwrap();
            assert!(diff.is_empty(), "{diff:?}");
        }
    }

    /// What is still on its way.
    async fn receive_the_rest(&mut self) {
        self.perform_wholly(Task::Work).await;
        let events = self.webhooks().await;
        self.perform_wholly(Task::Apply(events)).await;
        self.perform_wholly(Task::Poll).await;
    }

    /// Asserts that the database is what the source has, and that the application knows it.
    async fn assert_truth(&mut self) {
        let truth = Truth::of(&self.emulator, &self.client).await;
        self.world.assert_is_but_metadata(&truth).await;
        self.read_changes().await;
    }

    async fn perform_wholly(&mut self, task: Task) {
        self.note(format_args!("{task:?}"));
        let ended = self.done(&task).await;
        self.judge(&task, Some(ended), &[]);
    }
}
