//! What goes wrong between the API and an endpoint: webhooks come twice, late, in another order, or not at all.

use std::time::Duration;

use crate::dice::Dice;
use crate::webhooks::DeliveryKind;
use crate::webhooks::EndpointError;

/// The longest that a duplicate comes after its original, and that a reordered webhook is held back.
const A_MOMENT: Duration = Duration::from_secs(2);

/// What goes wrong on the way, as probabilities from 0 to 1 for each event; nothing by default.
///
/// The same seed makes the same things go wrong, event by event. Everything is a matter of the emulator's clock: what is
/// held back is overtaken by what happens in the meantime, so a test lets its clock go on between changes.
///
/// ```
/// use workos_directory_emulator::Chaos;
///
/// let chaos = Chaos { drop: 0.0, ..Chaos::wild(7) };
/// assert!(chaos.duplicate > Chaos::mild(7).duplicate);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chaos {
    /// Where the random numbers begin.
    pub seed: u64,
    /// It comes twice, at most 2 s apart.
    pub duplicate: f64,
    /// It is held back for up to 2 s, so that its neighbours overtake it.
    pub reorder: f64,
    /// It is held back for up to [`Chaos::max_delay`].
    pub delay: f64,
    /// It comes again up to [`Chaos::max_delay`] later, after newer ones: a retry of one that had been received.
    pub stale: f64,
    /// It never comes.
    pub drop: f64,
    /// The longest that something is held back.
    pub max_delay: Duration,
}

/// What becomes of one event: each delivery's kind, and how long it is held back. The one that is dropped has no time.
pub(crate) type Plan = Vec<(DeliveryKind, Option<Duration>)>;

impl Default for Chaos {
    fn default() -> Self {
        Self {
            seed: 0,
            duplicate: 0.0,
            reorder: 0.0,
            delay: 0.0,
            stale: 0.0,
            drop: 0.0,
            max_delay: Duration::from_secs(60),
        }
    }
}

impl Chaos {
    /// An ordinary bad day: some duplicates, some disorder, hardly anything lost.
    pub fn mild(seed: u64) -> Self {
        Self {
            seed,
            duplicate: 0.05,
            reorder: 0.1,
            delay: 0.02,
            stale: 0.01,
            drop: 0.001,
            ..Self::default()
        }
    }

    /// Hardly anything comes as it should.
    pub fn wild(seed: u64) -> Self {
        Self {
            seed,
            duplicate: 0.3,
            reorder: 0.4,
            delay: 0.2,
            stale: 0.2,
            drop: 0.05,
            ..Self::default()
        }
    }

    pub(crate) fn check(&self) -> Result<(), EndpointError> {
        let probabilities = [
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("delay", self.delay),
            ("stale", self.stale),
            ("drop", self.drop),
        ];
        let wrong = probabilities
            .into_iter()
            .find(|(_, value)| !(0.0..=1.0).contains(value));
        wrong.map_or(Ok(()), |(field, value)| {
            Err(EndpointError::OutOfRange {
                field,
                range: "from 0 to 1",
                value: value.to_string(),
            })
        })
    }

    /// What becomes of the next event. Each event takes the same number of throws, so that one probability does not change
    /// what the others do.
    pub(crate) fn plan(&self, dice: &mut Dice) -> Plan {
        let [is_dropped, is_reordered, is_delayed, is_twice, is_stale] =
            [self.drop, self.reorder, self.delay, self.duplicate, self.stale]
                .map(|probability| dice.happens(probability));
        let [moment, delay, again, late] =
            [A_MOMENT, self.max_delay, A_MOMENT, self.max_delay].map(|longest| up_to(longest, dice));
        if is_dropped {
            return vec![(DeliveryKind::Original, None)];
        }
        let moment = if is_reordered { moment } else { Duration::ZERO };
        let first = if is_delayed { moment + delay } else { moment };
        let mut plan = vec![(DeliveryKind::Original, Some(first))];
        if is_twice {
            plan.push((DeliveryKind::Duplicate, Some(first + again)));
        }
        if is_stale {
            plan.push((DeliveryKind::Stale, Some(first + A_MOMENT + late)));
        }
        plan
    }
}

fn up_to(longest: Duration, dice: &mut Dice) -> Duration {
    let milliseconds = u32::try_from(longest.as_millis()).unwrap_or(u32::MAX);
    Duration::from_millis(dice.below(milliseconds).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn plans(chaos: Chaos) -> Vec<Plan> {
        let mut dice = Dice::new(chaos.seed);
        (0..1_000).map(|_| chaos.plan(&mut dice)).collect()
    }

    #[test]
    fn the_same_seed_plans_the_same_and_another_seed_something_else() {
        assert_eq!(plans(Chaos::wild(3)), plans(Chaos::wild(3)));
        assert_ne!(plans(Chaos::wild(3)), plans(Chaos::wild(4)));
    }

    #[test]
    fn without_chaos_everything_comes_once_and_at_once() {
        assert!(
            plans(Chaos::default())
                .iter()
                .all(|plan| *plan == [(DeliveryKind::Original, Some(Duration::ZERO))])
        );
    }

    #[test]
    fn each_thing_goes_wrong_about_as_often_as_asked_for() {
        let plans = plans(Chaos::wild(5));
        let count = |is: &dyn Fn(&Plan) -> bool| plans.iter().filter(|plan| is(plan)).count();
        let has = |kind: DeliveryKind| count(&|plan| plan.iter().any(|(other, _)| *other == kind));
        let dropped = count(&|plan| plan[0].1.is_none());
        assert!((30..=70).contains(&dropped), "{dropped}");
        assert!((240..=330).contains(&has(DeliveryKind::Duplicate)));
        assert!((150..=230).contains(&has(DeliveryKind::Stale)));
        let late = count(&|plan| plan[0].1.is_some_and(|delay| delay > A_MOMENT));
        assert!((140..=230).contains(&late), "{late}");
    }

    #[test]
    fn one_probability_does_not_change_what_the_others_do() {
        let with = plans(Chaos::wild(6));
        let without = plans(Chaos {
            drop: 0.0,
            ..Chaos::wild(6)
        });
        assert!(
            with.iter()
                .zip(&without)
                .all(|(with, without)| with[0].1.is_none() || with == without)
        );
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        for value in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let chaos = Chaos {
                stale: value,
                ..Chaos::default()
            };
            assert!(
                chaos
                    .check()
                    .unwrap_err()
                    .to_string()
                    .starts_with("stale must be from 0 to 1, not")
            );
        }
    }
}
