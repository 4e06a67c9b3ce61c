//! What was asked of the emulator, for tests to look at.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;

use workos_directory_sync::operation::Operation;

/// How many requests are remembered one by one.
const REMEMBERED: usize = 1_000;

/// A request that the emulator has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedRequest {
    /// When it came, by the emulator's clock. Requests that came at once may be listed in another order.
    pub received_at: jiff::Timestamp,
    /// The `operationId`; `None` when the path or method belongs to no operation.
    pub operation: Option<&'static str>,
    /// The HTTP method.
    pub method: String,
    /// The path with the query.
    pub target: String,
    /// The status of the answer.
    pub status: u16,
}

/// All requests, counted, and the last ones.
#[derive(Debug, Default)]
pub(crate) struct Received(Mutex<Record>);

#[derive(Debug, Default)]
struct Record {
    counts: BTreeMap<&'static str, u64>,
    total: u64,
    last: VecDeque<ReceivedRequest>,
}

impl Received {
    pub(crate) fn add(&self, request: ReceivedRequest) {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.total += 1;
        if let Some(operation) = request.operation {
            *record.counts.entry(operation).or_default() += 1;
        }
        if record.last.len() == REMEMBERED {
            record.last.pop_front();
        }
        record.last.push_back(request);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Record::default();
    }

    pub(crate) fn count(&self, operation: &Operation) -> u64 {
        let record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.counts.get(operation.id).copied().unwrap_or_default()
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// At most `limit` of the last requests, the oldest first, from the one behind number `after` on, each with its number;
    /// and whether there are others before and after them.
    pub(crate) fn page(&self, after: u64, limit: usize) -> (Vec<(u64, ReceivedRequest)>, bool, bool) {
        let record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = record.total - record.last.len() as u64;
        let skipped = usize::try_from(after.saturating_sub(forgotten)).unwrap_or(usize::MAX);
        let numbered = (forgotten + 1..).zip(record.last.iter().cloned());
        let page: Vec<_> = numbered.skip(skipped).take(limit).collect();
        let is_later = skipped.saturating_add(page.len()) < record.last.len();
        (page, skipped > 0, is_later)
    }

    pub(crate) fn last(&self) -> Vec<ReceivedRequest> {
        let record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.last.iter().cloned().collect()
    }
}
