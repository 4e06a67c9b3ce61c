//! How long to wait between two tries when the API does not say: exponential with full jitter.

use std::time::Duration;

/// Exponential backoff: each wait is drawn between zero and a bound that doubles.
///
/// Full jitter keeps clients that failed together from coming back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    initial: Duration,
    maximum: Duration,
}

impl Backoff {
    /// A backoff whose first wait is at most `initial` and whose later ones are at most `maximum`.
    pub const fn new(initial: Duration, maximum: Duration) -> Self {
        Self { initial, maximum }
    }

    /// The longest wait before a retry, counted from 0.
    pub fn bound(&self, retry: u32) -> Duration {
        let factor = 1_u32.checked_shl(retry).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.maximum)
    }

    /// The wait before a retry, counted from 0, for a random number from 0 to 1.
    pub(crate) fn delay(&self, retry: u32, random: f64) -> Duration {
        self.bound(retry).mul_f64(random.clamp(0.0, 1.0))
    }
}

impl Default for Backoff {
    /// From 1 s, as the seed asks for, doubling to 30 s, as the official SDKs do.
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_from_one_second_to_thirty() {
        let bounds: Vec<u64> = (0..7).map(|retry| Backoff::default().bound(retry).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(Backoff::default().bound(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn the_wait_is_anywhere_up_to_the_bound() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(2, 0.0), Duration::ZERO);
        assert_eq!(backoff.delay(2, 0.5), Duration::from_secs(2));
        assert_eq!(backoff.delay(2, 1.0), Duration::from_secs(4));
    }
}
