//! The rules that are in force, and which of them a request is hit by.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;

use crate::fault::Fault;
use crate::fault::Movement;
use crate::kind::Kind;
use crate::lies::Described;
use crate::lies::Objects;
use crate::rule::FaultRule;
use crate::rule::FaultRuleError;
use crate::rule::WEBHOOK;

/// How many rules are kept at the same time.
const MAX_RULES: usize = 1_000;

/// The faults of a running emulator.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use workos_directory_emulator::Emulator;
/// use workos_directory_emulator::Fault;
/// use workos_directory_emulator::FaultRule;
/// use workos_directory_sync::operations;
///
/// let emulator = Emulator::start().await?;
/// emulator.faults().inject(FaultRule::new(Fault::rate_limited(1)).on(&operations::GET_DIRECTORY).times(2))?;
/// // … two requests for a directory are answered with 429 …
/// assert_eq!(emulator.faults().list()[0].applied, 0);
/// emulator.faults().clear();
/// # Ok(())
/// # }
/// ```
///
/// All rules that fit a request hit it together, in the order in which they were injected: waits add up, of errors and
/// resets the first counts, and of truncated and slow bodies the first.
#[derive(Debug, Default)]
pub struct Faults {
    seed: u64,
    rules: Mutex<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    last_id: u64,
    active: Vec<Active>,
}

/// A rule that was injected.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InjectedFault {
    /// Names the rule as long as the emulator runs.
    pub id: u64,
    /// The rule.
    pub rule: FaultRule,
    /// How many requests it has hit.
    pub applied: u64,
}

#[derive(Debug)]
struct Active {
    injected: InjectedFault,
    objects: Objects,
    skipped: u64,
    random: ChaCha8Rng,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            rules: Mutex::default(),
        }
    }

    /// Puts a rule in force. Returns the rule's id, which [`Faults::remove`] takes.
    ///
    /// # Errors
    ///
    /// When the rule makes no sense, or a thousand others are in force.
    pub fn inject(&self, rule: FaultRule) -> Result<u64, FaultRuleError> {
        rule.check()?;
        let mut rules = self.lock();
        if rules.active.len() >= MAX_RULES {
            // Those that have done their work are kept only to be looked at.
            let done = rules.active.iter().position(Active::is_done);
            let done = done.ok_or(FaultRuleError::TooMany { limit: MAX_RULES })?;
            rules.active.remove(done);
        }
        Ok(rules.add(rule, self.seed))
    }

    /// Puts these rules in force, and no others.
    pub(crate) fn replace(&self, new: Vec<FaultRule>) -> Result<(), FaultRuleError> {
        if new.len() > MAX_RULES {
            return Err(FaultRuleError::TooMany { limit: MAX_RULES });
        }
        for rule in &new {
            rule.check()?;
        }
        let mut rules = self.lock();
        rules.active.clear();
        for rule in new {
            rules.add(rule, self.seed);
        }
        Ok(())
    }

    /// The rules, the oldest first, those included that have done their work.
    pub fn list(&self) -> Vec<InjectedFault> {
        let rules = self.lock();
        rules.active.iter().map(|active| active.injected.clone()).collect()
    }

    /// Puts a rule out of force; `false` when there is none with this id.
    pub fn remove(&self, id: u64) -> bool {
        let mut rules = self.lock();
        let before = rules.active.len();
        rules.active.retain(|active| active.injected.id != id);
        rules.active.len() < before
    }

    /// Puts all rules out of force.
    pub fn clear(&self) {
        self.lock().active.clear();
    }

    /// Whether no rule is in force.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().active.is_empty()
    }

    /// What is to go wrong with a request.
    pub(crate) fn plan(&self, subject: &Subject<'_>) -> Plan {
        let mut plan = Plan {
            asked: Kind::by_path(subject.operation.path).map(|kind| (kind, subject.id.to_owned())),
            ..Plan::default()
        };
        for active in &mut self.lock().active {
            if active.fits(subject) && active.hits() {
                plan.add(active);
            }
        }
        plan
    }

    /// What is to go wrong with the body of a webhook about an event.
    pub(crate) fn plan_webhook(&self, event: &Described) -> Vec<Tampering> {
        let mut plan = Plan::default();
        for active in &mut self.lock().active {
            let is_meant = active.injected.rule.operation.as_deref() == Some(WEBHOOK);
            if is_meant && active.objects.include(event) && active.hits() {
                plan.add(active);
            }
        }
        plan.tampering
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    /// Adds a rule that was checked.
    fn add(&mut self, rule: FaultRule, seed: u64) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        // A stream of its own: which requests a rule hits does not depend on the other rules.
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(id);
        self.active.push(Active {
            objects: Objects::of(&rule, seed, id),
            injected: InjectedFault { id, rule, applied: 0 },
            skipped: 0,
            random,
        });
        id
    }
}

/// What a request is about.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) operation: &'a Operation,
    /// Whether it is for a page after the first.
    pub(crate) has_cursor: bool,
    /// The id in the path; empty when there is none.
    pub(crate) id: &'a str,
    /// The ids that a list was asked for with.
    pub(crate) scopes: Vec<String>,
    /// The directory that it is about.
    pub(crate) directory: Option<String>,
}

/// A number from 0 to 1, without 1.
pub(crate) fn drawn(random: &mut ChaCha8Rng) -> f64 {
    // 53 bits are what a float holds.
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

impl Active {
    /// Whether the rule is about a request.
    fn fits(&self, subject: &Subject<'_>) -> bool {
        let (rule, objects) = (&self.injected.rule, &self.objects);
        let (operation, is_list) = (subject.operation, subject.operation.pagination.is_some());
        // Of a list, the objects are looked at one by one.
        let is_looked_at = is_list && rule.fault.is_of_objects();
        let is_home = match (&rule.directory, &subject.directory) {
            (None, _) => true,
            (Some(meant), Some(asked)) => meant == asked,
            (Some(_), None) => is_looked_at,
        };
        rule.operation.as_ref().is_none_or(|name| name == operation.id)
            && rule.fault.lacks(operation).is_none()
            && (subject.has_cursor || !rule.fault.needs_cursor())
            && rule.scope.as_ref().is_none_or(|scope| subject.scopes.contains(scope))
            && is_home
            && (is_looked_at || !objects.are_selected() || !is_list && objects.has_id(subject.id))
            && (rule.events.is_empty() || is_looked_at && operation.id == operations::LIST_EVENTS.id)
    }

    fn is_done(&self) -> bool {
        let injected = &self.injected;
        injected.rule.times.is_some_and(|times| injected.applied >= times)
    }

    /// Whether the next request that fits is hit, which it counts.
    fn hits(&mut self) -> bool {
        if self.is_done() {
            return false;
        }
        if self.skipped < self.injected.rule.skip {
            self.skipped += 1;
            return false;
        }
        let is_hit = drawn(&mut self.random) < self.injected.rule.probability;
        self.injected.applied += u64::from(is_hit);
        is_hit
    }
}

/// What goes wrong with one request.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// How long the answer waits.
    pub(crate) latency: Duration,
    /// [`Fault::Status`] or [`Fault::Reset`].
    pub(crate) instead: Option<Fault>,
    /// What is asked for by its id.
    pub(crate) asked: Option<(Kind, String)>,
    /// What happens to the list before.
    pub(crate) movements: Vec<Movement>,
    /// What happens to the page of a list.
    pub(crate) pages: Vec<Fault>,
    /// What a list leaves out.
    pub(crate) omissions: Vec<Objects>,
    /// What is wrong with the fields.
    pub(crate) tampering: Vec<Tampering>,
    /// [`Fault::TruncatedBody`] or [`Fault::SlowBody`].
    pub(crate) delivery: Option<Fault>,
}

/// What is wrong with the fields of some objects.
#[derive(Clone, Debug)]
pub(crate) struct Tampering {
    pub(crate) fault: Fault,
    pub(crate) objects: Objects,
}

impl Plan {
    fn add(&mut self, active: &mut Active) {
        let (fault, random) = (&active.injected.rule.fault, &mut active.random);
        match fault {
            Fault::Latency {
                milliseconds,
                jitter_milliseconds,
            } => {
                let jitter = match jitter_milliseconds {
                    0 => 0,
                    jitter => random.next_u64() % (jitter + 1),
                };
                self.latency += Duration::from_millis(milliseconds + jitter);
            }
            Fault::Status { .. } | Fault::Reset { .. } => {
                self.instead.get_or_insert_with(|| fault.clone());
            }
            Fault::TruncatedBody { .. } | Fault::SlowBody { .. } => {
                self.delivery.get_or_insert_with(|| fault.clone());
            }
            Fault::OmittedObjects => self.omissions.push(active.objects.clone()),
            Fault::EmptyList | Fault::EarlyEnd { .. } | Fault::RepeatedObject | Fault::ShiftedPage => {
                self.pages.push(fault.clone());
            }
            Fault::RepeatedCursor
            | Fault::UnknownEnumValues
            | Fault::UnknownFields
            | Fault::MissingOptionalFields
            | Fault::WrongCounts { .. }
            | Fault::ReplacedField { .. }
            | Fault::OmittedFields { .. } => self.tampering.push(Tampering {
                fault: fault.clone(),
                objects: active.objects.clone(),
            }),
            Fault::Movement { change } => self.movements.push(*change),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const USERS: &Operation = &operations::LIST_DIRECTORY_USERS;

    fn plan(faults: &Faults, operation: &Operation, has_cursor: bool) -> Plan {
        faults.plan(&Subject {
            operation,
            has_cursor,
            id: "",
            scopes: Vec::new(),
            directory: None,
        })
    }

    fn hits(faults: &Faults, operation: &Operation, requests: usize) -> Vec<bool> {
        (0..requests)
            .map(|_| plan(faults, operation, false).instead.is_some())
            .collect()
    }

    #[test]
    fn a_rule_hits_so_many_requests_after_so_many_others() {
        let faults = Faults::new(1);
        let id = faults
            .inject(FaultRule::new(Fault::status(500)).on(USERS).skip(1).times(2))
            .unwrap();
        assert_eq!(hits(&faults, &operations::LIST_DIRECTORIES, 3), [false; 3]);
        assert_eq!(hits(&faults, USERS, 5), [false, true, true, false, false]);
        assert_eq!(faults.list()[0].applied, 2);
        assert!(faults.remove(id));
        assert!(!faults.remove(id));
        assert!(faults.list().is_empty());
    }

    #[test]
    fn the_same_seed_hits_the_same_requests_whatever_else_is_in_force() {
        let run = |seed: u64, more: bool| {
            let faults = Faults::new(seed);
            faults
                .inject(FaultRule::new(Fault::status(500)).probability(0.3))
                .unwrap();
            if more {
                let late = FaultRule::new(Fault::latency(Duration::from_millis(5))).probability(0.5);
                faults.inject(late).unwrap();
            }
            hits(&faults, USERS, 1_000)
        };
        let (first, again, other) = (run(7, false), run(7, true), run(8, false));
        assert_eq!(first, again);
        assert_ne!(first, other);
        let count = first.iter().filter(|hit| **hit).count();
        assert!((250..350).contains(&count), "{count}");
    }

    #[test]
    fn a_fault_of_later_pages_waits_for_one() {
        let faults = Faults::new(1);
        faults.inject(FaultRule::new(Fault::RepeatedCursor).times(1)).unwrap();
        assert!(plan(&faults, USERS, false).tampering.is_empty());
        assert!(plan(&faults, &operations::GET_DIRECTORY, true).tampering.is_empty());
        assert_eq!(plan(&faults, USERS, true).tampering[0].fault, Fault::RepeatedCursor);
        assert!(plan(&faults, USERS, true).tampering.is_empty());
    }

    #[test]
    fn rules_that_have_done_their_work_make_room_and_others_do_not() {
        let faults = Faults::new(1);
        for _ in 0..MAX_RULES {
            faults.inject(FaultRule::new(Fault::status(500)).times(1)).unwrap();
        }
        let full = faults.inject(FaultRule::new(Fault::status(500))).unwrap_err();
        assert_eq!(full, FaultRuleError::TooMany { limit: MAX_RULES });
        plan(&faults, USERS, false);
        faults.inject(FaultRule::new(Fault::status(500))).unwrap();
        assert_eq!(faults.list().len(), MAX_RULES);
        faults.clear();
        assert!(faults.list().is_empty());
    }
}
