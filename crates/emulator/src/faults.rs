//! The rules that are in force, and which of them a request is hit by.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;
use workos_directory_sync::operation::Operation;

use crate::fault::Fault;
use crate::fault::FaultRule;
use crate::fault::FaultRuleError;
use crate::fault::Movement;

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
#[derive(Debug)]
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

    /// What is to go wrong with a request.
    pub(crate) fn plan(&self, operation: &Operation, has_cursor: bool) -> Plan {
        let mut plan = Plan::default();
        for active in &mut self.lock().active {
            if active.injected.rule.fits(operation, has_cursor) && active.hits() {
                plan.add(&active.injected.rule.fault, &mut active.random);
            }
        }
        plan
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
            injected: InjectedFault { id, rule, applied: 0 },
            skipped: 0,
            random,
        });
        id
    }
}

impl Active {
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
        // 53 bits are what a float holds.
        let drawn = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let is_hit = drawn < self.injected.rule.probability;
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
    /// What happens to the list before.
    pub(crate) movements: Vec<Movement>,
    /// What is wrong with the fields.
    pub(crate) tampering: Vec<Fault>,
    /// [`Fault::TruncatedBody`] or [`Fault::SlowBody`].
    pub(crate) delivery: Option<Fault>,
}

impl Plan {
    fn add(&mut self, fault: &Fault, random: &mut ChaCha8Rng) {
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
            Fault::UnknownEnumValues | Fault::UnknownFields | Fault::MissingOptionalFields | Fault::RepeatedCursor => {
                self.tampering.push(fault.clone())
            }
            Fault::Movement { change } => self.movements.push(*change),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use workos_directory_sync::operations;

    use super::*;

    const USERS: &Operation = &operations::LIST_DIRECTORY_USERS;

    fn hits(faults: &Faults, operation: &Operation, requests: usize) -> Vec<bool> {
        (0..requests)
            .map(|_| faults.plan(operation, false).instead.is_some())
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
        assert!(faults.plan(USERS, false).tampering.is_empty());
        assert!(faults.plan(&operations::GET_DIRECTORY, true).tampering.is_empty());
        assert_eq!(faults.plan(USERS, true).tampering, [Fault::RepeatedCursor]);
        assert!(faults.plan(USERS, true).tampering.is_empty());
    }

    #[test]
    fn rules_that_have_done_their_work_make_room_and_others_do_not() {
        let faults = Faults::new(1);
        for _ in 0..MAX_RULES {
            faults.inject(FaultRule::new(Fault::status(500)).times(1)).unwrap();
        }
        let full = faults.inject(FaultRule::new(Fault::status(500))).unwrap_err();
        assert_eq!(full, FaultRuleError::TooMany { limit: MAX_RULES });
        faults.plan(USERS, false);
        faults.inject(FaultRule::new(Fault::status(500))).unwrap();
        assert_eq!(faults.list().len(), MAX_RULES);
        faults.clear();
        assert!(faults.list().is_empty());
    }
}
