//! Which rows belong to something: sorted sets of small integers.
//!
//! A row is known by its number in its [`Shelf`](crate::shelf::Shelf), and rows are numbered in the order of creation.
//! An index holds pairs of a *key* (a directory, a group, a hash …) and a row, in one 64-bit number each. All rows of a
//! key, from any row on and in both directions, cost O(log n) to find and O(1) each to read.

use std::collections::BTreeSet;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::ops::Range;

/// Pairs of a key and a row.
#[derive(Debug, Default)]
pub(crate) struct Index(BTreeSet<u64>);

impl Index {
    /// An index of many pairs at once, which takes less time and memory than adding one after the other.
    pub(crate) fn of(pairs: Vec<u64>) -> Self {
        Self(BTreeSet::from_iter(pairs))
    }

    /// Adds a pair; `false` when it was there already.
    pub(crate) fn insert(&mut self, key: u32, row: u32) -> bool {
        self.0.insert(pair(key, row))
    }

    /// Removes a pair; `false` when it was not there.
    pub(crate) fn remove(&mut self, key: u32, row: u32) -> bool {
        self.0.remove(&pair(key, row))
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a pair is there.
    pub(crate) fn contains(&self, key: u32, row: u32) -> bool {
        self.0.contains(&pair(key, row))
    }

    /// The rows of a key within a range, in ascending order.
    pub(crate) fn rows(&self, key: u32, rows: Range<u32>) -> impl DoubleEndedIterator<Item = u32> + '_ {
        // An empty range may not begin after its end, or the set panics.
        let end = rows.end.max(rows.start);
        self.0
            .range(pair(key, rows.start)..pair(key, end))
            .map(|&pair| pair as u32)
    }

    /// All rows of a key, in ascending order.
    pub(crate) fn all(&self, key: u32) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.rows(key, 0..u32::MAX)
    }
}

/// A key and a row as one number, which sorts by the key first.
pub(crate) fn pair(key: u32, row: u32) -> u64 {
    (u64::from(key) << 32) | u64::from(row)
}

/// A key for a text within a directory. Different texts may have the same key: what is found has to be compared.
pub(crate) fn text_key(directory: u32, field: &str, text: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    (directory, field, text).hash(&mut hasher);
    hasher.finish() as u32
}

/// The key for all rows, those of a directory or of an organization, in any state or in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Directory(u32),
    Organization(u32),
}

/// How many bits of a key hold the state.
const STATE_BITS: u32 = 3;

/// How many bits of a key hold the number of a directory or organization.
const NUMBER_BITS: u32 = 27;

/// How many directories and organizations the keys can tell apart.
pub(crate) const MAX_NUMBER: u32 = (1 << NUMBER_BITS) - 1;

impl Scope {
    /// The key for the scope; `state` is 0 for any.
    pub(crate) fn key(self, state: u8) -> u32 {
        let (tag, number) = match self {
            Self::All => (0, 0),
            Self::Directory(number) => (1, number),
            Self::Organization(number) => (2, number),
        };
        (tag << (NUMBER_BITS + STATE_BITS)) | ((number & MAX_NUMBER) << STATE_BITS) | u32::from(state & 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_other_keys_are_not_seen() {
        let mut index = Index::of(vec![pair(1, 5), pair(2, 0), pair(1, 2), pair(0, u32::MAX), pair(1, 9)]);
        assert_eq!(index.all(1).collect::<Vec<_>>(), [2, 5, 9]);
        assert_eq!(index.rows(1, 3..9).rev().collect::<Vec<_>>(), [5]);
        assert_eq!(index.rows(1, Range { start: 9, end: 3 }).count(), 0);
        assert!(index.remove(1, 5));
        assert_eq!(index.all(1).collect::<Vec<_>>(), [2, 9]);
    }

    #[test]
    fn scopes_and_states_have_keys_of_their_own() {
        let scopes = [
            Scope::All,
            Scope::Directory(0),
            Scope::Directory(MAX_NUMBER),
            Scope::Organization(0),
            Scope::Organization(MAX_NUMBER),
        ];
        let keys: BTreeSet<u32> = scopes
            .iter()
            .flat_map(|scope| (0..8).map(|state| scope.key(state)))
            .collect();
        assert_eq!(keys.len(), scopes.len() * 8);
    }
}
