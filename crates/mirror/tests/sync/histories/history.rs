//! One history, from a seed: what happens at the source and to the mirror, step by step.

mod end;
mod lies;
mod promises;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Clock as _;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::ManualClock;
use workos_directory_mirror::Error;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;
use workos_directory_sync::Timestamp;
use workos_directory_sync::events::Event;

use super::faults;
use super::gate::Gate;
use super::movement::move_something;
use super::task::Scope;
use super::task::Task;
use super::trust::Trust;
use crate::application::Application;
use crate::cut::Progress;
use crate::cut::cut_beside;
use crate::events::all_events;
use crate::source::Source;
use crate::source::directory_id;
use crate::world::Database;
use crate::world::World;
use crate::world::client;

const STEPS: usize = 16;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What happened, to be printed when a history fails.
pub(super) type Log = Arc<Mutex<Vec<String>>>;

pub(super) struct History {
    random: Rng,
    clock: ManualClock,
    emulator: Emulator,
    client: Client,
    /// Made when it is first needed.
    gate: Option<Gate>,
    world: World,
    application: Application,
    trust: Trust,
    /// Whether events are all that the mirror has until the end.
    only_hears: bool,
    /// The events that are in the inbox or were applied, for sure.
    kept: BTreeSet<String>,
    /// How far the mirror's clock is ahead of the source's.
    ahead: SignedDuration,
    log: Log,
}

impl History {
    pub(super) async fn new(seed: u64, database: Database, log: Log) -> Self {
        let mut random = Rng::with_seed(seed);
        let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
        let only_hears = random.u8(0..5) == 0;
        // Now and then lists have several pages. Of those who are there already no webhook tells.
        let users = match random.u8(0..40) {
            _ if only_hears => 0,
            0 => 130,
            _ => random.u32(0..8),
        };
        let groups = if only_hears { 0 } else { random.u32(0..4) };
        let embeds = random.u8(0..4) == 0;
        let emulator = Emulator::builder()
            .behaviour(if embeds { Behaviour::Reference } else { Behaviour::Live })
            .rate_limits(workos_directory_emulator::RateLimits::unlimited())
            .seed_file(Source::new(2, users, groups).0)
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
            trust: Trust::default(),
            only_hears,
            kept: BTreeSet::new(),
            random,
            clock,
            emulator,
            client,
            gate: None,
            log,
        };
        history.set_clock();
        history
    }

    pub(super) async fn run(mut self) {
        for _ in 0..STEPS {
            if self.only_hears {
                self.hear_step().await;
            } else {
                self.step().await;
            }
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
        match self.random.u8(0..34) {
            0..=10 => self.move_something(),
            11..=13 => self.wait(),
            14..=16 => self.perform(Task::Poll).await,
            17..=18 => {
                let sync = self.sync();
                self.perform(sync).await;
            }
            19..=21 => self.be_disturbed().await,
            22..=26 => self.hear().await,
            27..=28 => self.perform(Task::Work).await,
            29 => self.acknowledge().await,
            30 if self.random.u8(0..4) == 0 => self.perform(Task::Diff).await,
            31 if self.random.u8(0..4) == 0 => self.purge().await,
            32..=33 => self.be_lied_to().await,
            _ => {}
        }
    }

    /// A step without a full sync.
    async fn hear_step(&mut self) {
        match self.random.u8(0..8) {
            0..=2 => {
                for _ in 0..self.random.u8(2..8) {
                    self.move_something();
                }
            }
            3 => self.wait(),
            4..=5 => self.hear().await,
            6 => self.perform(Task::Work).await,
            _ => self.perform(Task::Poll).await,
        }
    }

    fn move_something(&mut self) {
        let moved = move_something(&mut self.random, &self.emulator);
        self.note(moved);
    }

    fn wait(&mut self) {
        let waits = [1, 1, 1_000, 600_000, 7_200_000];
        self.clock
            .advance(Duration::from_millis(*self.random.choice(&waits).unwrap()));
    }

    fn sync(&mut self) -> Task {
        let scope = match self.random.u8(0..8) {
            0 => Scope::Organization(self.random.u32(1..4)),
            1 => Scope::Directory(directory_id(self.random.u32(1..3))),
            _ => Scope::All,
        };
        Task::Sync {
            scope,
            resumes: self.random.bool(),
            at_a_time: self.random.usize(1..4),
        }
    }

    async fn hear(&mut self) {
        let events = self.webhooks().await;
        let task = if self.random.bool() {
            Task::Keep(events)
        } else {
            Task::Apply(events)
        };
        self.perform(task).await;
    }

    /// The events that can still come, the oldest first: longer than that nobody sends them again.
    async fn sent_again(&self) -> Vec<Event> {
        let oldest = self.clock.now() - SignedDuration::from_hours(29 * 24);
        let mut events = all_events(&self.client).await;
        events.retain(|event| event.created_at.as_jiff() >= oldest);
        events
    }

    /// Some of the events that can still come: any of them or the newest, in any order, some twice.
    async fn webhooks(&mut self) -> Vec<Event> {
        let events = self.sent_again().await;
        let newest = &events[events.len().saturating_sub(5)..];
        let from = if self.random.bool() { newest } else { &events };
        let count = self.random.usize(1..6);
        (0..count).filter_map(|_| self.random.choice(from).cloned()).collect()
    }

    /// Does something, which may be given up in the middle, or meet faults of the API.
    async fn perform(&mut self, task: Task) {
        let is_cut = self.random.bool();
        let polls = if is_cut { self.random.usize(0..120) } else { usize::MAX };
        let asks = matches!(task, Task::Poll | Task::Sync { .. } | Task::Diff);
        let faults = if asks && !self.only_hears && self.random.u8(0..3) == 0 {
            faults::some(&mut self.random)
        } else {
            Vec::new()
        };
        let wrong: Vec<_> = faults.iter().map(|rule| (&rule.fault, rule.skip, rule.times)).collect();
        self.note(format_args!("{task:?}, at most {polls} polls, {wrong:?}"));
        for fault in &faults {
            self.emulator.faults().inject(fault.clone()).unwrap();
        }
        let resumed = OnceLock::new();
        let done = task.done(&self.world.mirror, &self.client, &resumed);
        let ended = cut_beside(done, polls, &Progress::default(), async {}).await;
        self.emulator.faults().clear();
        let is_well = self.judge(&task, ended, &resumed, &faults);
        if is_cut && self.random.bool() {
            self.restart().await;
        }
        self.check(&task, is_well, faults.is_empty() && resumed.get() == Some(&false))
            .await;
    }

    async fn perform_wholly(&mut self, task: Task) {
        self.note(format_args!("{task:?}"));
        let resumed = OnceLock::new();
        let ended = task.done(&self.world.mirror, &self.client, &resumed).await;
        let is_well = self.judge(&task, Some(ended), &resumed, &[]);
        self.check(&task, is_well, resumed.get() == Some(&false)).await;
    }

    /// A full sync beside which the source changes, and events come and are polled: while its answers are held, or at any
    /// of its awaits.
    async fn be_disturbed(&mut self) {
        let task = self.sync();
        let polls = if self.random.u8(0..3) == 0 {
            self.random.usize(0..400)
        } else {
            usize::MAX
        };
        let mut gate = match self.random.u8(0..4) {
            0 => None,
            _ => Some(match self.gate.take() {
                Some(gate) => gate,
                None => Gate::before(&self.emulator).await,
            }),
        };
        let client = gate.as_ref().map_or(&self.client, |gate| &gate.client).clone();
        let way = if gate.is_some() { "by answers" } else { "at awaits" };
        self.note(format_args!("{task:?}, at most {polls} polls, disturbed {way}"));
        let mut random = self.random.fork();
        let (progress, resumed, is_lost) = (Progress::default(), OnceLock::new(), Cell::new(false));
        let disturbance = async {
            let mut at = 0;
            let rounds = if gate.is_some() { u8::MAX } else { random.u8(1..6) };
            for _ in 0..rounds {
                let held = match &mut gate {
                    Some(gate) => tokio::select! {
                        biased;
                        () = progress.reach(usize::MAX) => break,
                        held = gate.next() => held,
                    },
                    None => {
                        at += random.usize(0..40);
                        progress.reach(at).await;
                        None
                    }
                };
                if random.bool() {
                    is_lost.set(is_lost.get() | self.disturb(&mut random).await);
                }
                drop(held);
            }
        };
        let done = task.done(&self.world.mirror, &client, &resumed);
        let ended = cut_beside(done, polls, &progress, disturbance).await;
        let is_well = self.judge(&task, ended, &resumed, &[]);
        if is_lost.get() {
            self.trust.cursor_lost();
        }
        if let Some(mut gate) = gate {
            gate.forget();
            self.gate = Some(gate);
        }
        self.check(&task, is_well, false).await;
        if is_well && self.random.bool() {
            self.perform_wholly(Task::Poll).await;
        }
    }

    /// The source moves on, and mostly the mirror hears of it. Returns whether events were lost.
    async fn disturb(&self, random: &mut Rng) -> bool {
        for _ in 0..random.u8(1..4) {
            let moved = move_something(random, &self.emulator);
            self.note(format_args!("meanwhile {moved}"));
        }
        let (mirror, client, resumed) = (&self.world.mirror, &self.client, OnceLock::new());
        match random.u8(0..4) {
            0..=1 => {
                self.note("meanwhile a poll");
                match Task::Poll.done(mirror, client, &resumed).await {
                    Ok(()) if self.trust.is_followed() => self.assert_members().await,
                    Ok(()) => {}
                    Err(Error::CursorLost) => return true,
                    Err(error) => panic!("{error}"),
                }
            }
            2 => {
                let newest = all_events(client).await.into_iter().rev();
                let task = Task::Apply(newest.take(random.usize(1..4)).collect());
                self.note(format_args!("meanwhile {task:?}"));
                task.done(mirror, client, &resumed).await.unwrap();
            }
            _ => {}
        }
        false
    }

    /// Checks how something ended, without faults well, and says whether it did.
    fn judge(
        &mut self,
        task: &Task,
        ended: Option<Result<(), Error>>,
        resumed: &OnceLock<bool>,
        faults: &[FaultRule],
    ) -> bool {
        if resumed.get() == Some(&false) {
            self.trust.began(task.is_sync_of_all());
        }
        if faults::are_lies(faults) {
            self.trust.spoil();
        }
        if faults::deny(faults) {
            self.trust.misled();
        }
        match (task, ended) {
            (_, None) => self.note("given up"),
            (Task::Poll, Some(Err(Error::CursorLost))) => {
                self.note("the cursor is lost");
                self.trust.cursor_lost();
            }
            (_, Some(Ok(()))) => {
                match task {
                    Task::Poll => self.trust.polled(),
                    Task::Keep(events) => self.kept.extend(events.iter().map(|event| event.id.clone())),
                    task if task.is_sync_of_all() => self.trust.synced(),
                    _ => {}
                }
                return true;
            }
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
        false
    }

    /// The application says that it is done with what it took.
    async fn acknowledge(&mut self) {
        if let Some(last) = self.application.last() {
            self.world
                .mirror
                .changes("application")
                .acknowledge(last)
                .await
                .unwrap();
        }
    }

    /// A long time later, what was over by then is deleted for good, and nothing else.
    async fn purge(&mut self) {
        self.note("a purge after a long time");
        // So that the changes are kept until they were read.
        self.world.mirror.changes("application").page(1).await.unwrap();
        self.world.mirror.worker().run(std::future::ready(())).await.unwrap();
        if self.random.bool() {
            self.clock.advance(40 * DAY);
            self.trust.slept();
        }
        let before = self.clock.now() + self.ahead - 31 * DAY;
        let kept = self.kept_since(&Timestamp::from(before).canonical()).await;
        let purged = self.world.mirror.purge_after(31 * DAY).await.unwrap();
        self.note(format_args!("{purged:?}"));
        assert_eq!(self.kept_since(&Timestamp::from(before).canonical()).await, kept);
        self.kept.clear();
        self.check_always().await;
    }
}
