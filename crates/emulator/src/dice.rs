//! Chance from a seed: the same throws on every machine, in every release.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::ulid::Ulid;

/// Seeded dice.
#[derive(Clone, Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `end`; 0 when `end` is 0. The bias of the multiplication is below one in a hundred thousand.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(end)) >> 32) as u32
    }

    /// Whether something happens that does so with this probability.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        f64::from(self.0.next_u32()) < probability * f64::from(u32::MAX)
    }

    /// One of several; there has to be one.
    pub(crate) fn pick<T>(&mut self, from: &'static [T]) -> &'static T {
        let place = self.below(from.len() as u32);
        &from[place as usize]
    }

    /// Some letters and digits, as identity providers make their ids.
    pub(crate) fn token(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
        (0..length).map(|_| char::from(*self.pick(LETTERS))).collect()
    }

    /// A ULID of this time.
    pub(crate) fn ulid(&mut self, milliseconds: u64) -> Ulid {
        let high = u128::from(self.0.next_u64());
        Ulid::new(milliseconds, (high << 16) | u128::from(self.0.next_u32()))
    }
}
