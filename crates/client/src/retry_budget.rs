//! How many retries an outage may cost: a token bucket that all clones of a client share.
//!
//! A retry takes tokens and a success gives one back. When most requests fail, the bucket runs dry and errors are given to
//! the caller at once, so that a client in trouble sends little more than a client without retries.

use std::sync::Mutex;
use std::sync::PoisonError;

/// Tokens of a full bucket.
const CAPACITY: u32 = 500;

/// What a retry costs: a hundred retries in a row are possible from a full bucket.
const COST: u32 = 5;

/// What a success gives back: one retry in every six requests can go on for ever.
const REFUND: u32 = 1;

#[derive(Debug)]
pub(crate) struct RetryBudget {
    tokens: Mutex<u32>,
}

impl RetryBudget {
    pub(crate) fn new() -> Self {
        Self {
            tokens: Mutex::new(CAPACITY),
        }
    }

    /// Takes the tokens of a retry; `false` when there are too few.
    pub(crate) fn take(&self) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match tokens.checked_sub(COST) {
            None => false,
            Some(left) => {
                *tokens = left;
                true
            }
        }
    }

    /// Notes that a request succeeded.
    pub(crate) fn succeeded(&self) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        *tokens = (*tokens + REFUND).min(CAPACITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_empties_the_bucket_and_successes_fill_it() {
        let budget = RetryBudget::new();
        assert_eq!((0..1_000).filter(|_| budget.take()).count(), 100);
        for _ in 0..4 {
            budget.succeeded();
        }
        assert!(!budget.take());
        budget.succeeded();
        assert!(budget.take());
        for _ in 0..10_000 {
            budget.succeeded();
        }
        assert_eq!((0..1_000).filter(|_| budget.take()).count(), 100);
    }
}
