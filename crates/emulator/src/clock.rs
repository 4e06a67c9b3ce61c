//! What time it is: the system's, or one that a test drives, from Rust or over HTTP.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> jiff::Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// A clock that stands still until it is told to go on. Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<jiff::Timestamp>>);

impl ManualClock {
    /// A clock that shows this time.
    pub fn at(now: jiff::Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves the clock forward; it stops at the end of time.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(by).unwrap_or(jiff::Timestamp::MAX);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> jiff::Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clock of a running emulator: the one that it was started with, until somebody takes it in hand.
pub(crate) struct Hands {
    clock: Arc<dyn Clock>,
    taken: Mutex<Taken>,
}

/// What was done to a clock.
#[derive(Clone, Copy, Debug)]
enum Taken {
    /// It goes on, ahead by this much.
    Ahead(Duration),
    /// It stands at this time.
    Stopped(jiff::Timestamp),
}

impl Hands {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            taken: Mutex::new(Taken::Ahead(Duration::ZERO)),
        }
    }

    /// The time in whole milliseconds, as ids and the API tell it.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        let now = self.time(*self.lock());
        jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Stops at a time; `false` for one that is past already.
    pub(crate) fn stop_at(&self, time: jiff::Timestamp) -> bool {
        let mut taken = self.lock();
        if time.as_millisecond() < self.time(*taken).as_millisecond() {
            return false;
        }
        *taken = Taken::Stopped(time);
        true
    }

    /// Moves forward, up to the end of time.
    pub(crate) fn advance(&self, by: Duration) {
        let mut taken = self.lock();
        *taken = match *taken {
            Taken::Ahead(ahead) => Taken::Ahead(ahead.saturating_add(by)),
            Taken::Stopped(at) => Taken::Stopped(later(at, by)),
        };
    }

    /// Tells the clock's own time again.
    pub(crate) fn let_go(&self) {
        *self.lock() = Taken::Ahead(Duration::ZERO);
    }

    fn time(&self, taken: Taken) -> jiff::Timestamp {
        match taken {
            Taken::Ahead(ahead) => later(self.clock.now(), ahead),
            Taken::Stopped(at) => at,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn later(time: jiff::Timestamp, by: Duration) -> jiff::Timestamp {
    time.saturating_add(by).unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_hand_stands_goes_on_and_never_goes_back() {
        let start = jiff::Timestamp::UNIX_EPOCH;
        let manual = ManualClock::at(start);
        let hands = Hands::new(Arc::new(manual.clone()));
        let at = |seconds| later(start, Duration::from_secs(seconds));
        hands.advance(Duration::from_secs(5));
        assert_eq!(hands.now(), at(5));
        manual.advance(Duration::from_secs(1));
        assert_eq!(hands.now(), at(6));
        assert!(!hands.stop_at(at(5)));
        assert!(hands.stop_at(at(10)));
        manual.advance(Duration::from_secs(100));
        assert_eq!(hands.now(), at(10));
        hands.advance(Duration::from_secs(1));
        assert_eq!(hands.now(), at(11));
        hands.advance(Duration::MAX);
        assert_eq!(hands.now().as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
    }

    #[test]
    fn the_time_is_told_in_whole_milliseconds() {
        let manual = ManualClock::at(later(jiff::Timestamp::UNIX_EPOCH, Duration::from_nanos(1_999_999)));
        let hands = Hands::new(Arc::new(manual));
        let told = hands.now();
        assert_eq!(told.as_nanosecond(), 1_000_000);
        // Who sets the time that was told does not turn it back.
        assert!(hands.stop_at(told));
    }
}
