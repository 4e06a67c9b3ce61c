//! Where the rows of one kind stand: in the order of their ids, which is the order of creation.

use crate::kind::Kind;
use crate::ulid::Ulid;

/// The rows of one kind, numbered in the order of their ids.
///
/// A row that is removed leaves its number and its id behind, so that a cursor that points to it keeps its place.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    kind: Kind,
    ids: Vec<Ulid>,
    rows: Vec<Option<T>>,
}

impl<T> Shelf<T> {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            ids: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The number after that of the last row.
    pub(crate) fn end(&self) -> u32 {
        // `push` refuses what would not fit.
        self.rows.len() as u32
    }

    /// Adds a row behind the others. `None` when its id does not sort behind theirs.
    pub(crate) fn push(&mut self, id: Ulid, row: T) -> Option<u32> {
        let number = u32::try_from(self.rows.len())
            .ok()
            .filter(|&number| number < u32::MAX)?;
        if self.ids.last().is_some_and(|&last| last >= id) {
            return None;
        }
        self.ids.push(id);
        self.rows.push(Some(row));
        Some(number)
    }

    /// Adds the place of a row that was removed; `false` when its id does not sort behind the others.
    pub(crate) fn push_removed(&mut self, id: Ulid) -> bool {
        let fits = self.rows.len() < u32::MAX as usize && self.ids.last().is_none_or(|&last| last < id);
        if fits {
            self.ids.push(id);
            self.rows.push(None);
        }
        fits
    }

    /// The id of the last row, removed or not.
    pub(crate) fn last(&self) -> Option<Ulid> {
        self.ids.last().copied()
    }

    /// Where an id stands, or where it would stand.
    pub(crate) fn place(&self, id: Ulid) -> Result<u32, u32> {
        match self.ids.binary_search(&id) {
            Ok(place) => Ok(place as u32),
            Err(place) => Err(place as u32),
        }
    }

    /// The number of the row with this id, if there is one.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let number = self.place(self.kind.parse(id)?).ok()?;
        self.get(number).map(|_| number)
    }

    /// The row with this number, unless it was removed.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.rows.get(number as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.rows.get_mut(number as usize)?.as_mut()
    }

    /// Removes a row.
    pub(crate) fn take(&mut self, number: u32) -> Option<T> {
        self.rows.get_mut(number as usize)?.take()
    }

    /// Appends the id of a row, removed or not.
    pub(crate) fn write_id(&self, text: &mut Vec<u8>, number: u32) {
        if let Some(&id) = self.ids.get(number as usize) {
            text.extend_from_slice(self.kind.prefix().as_bytes());
            text.extend_from_slice(&id.digits());
        }
    }

    /// The number in the id of a row, removed or not.
    pub(crate) fn ulid(&self, number: u32) -> Option<Ulid> {
        self.ids.get(number as usize).copied()
    }

    /// The id of a row, removed or not.
    pub(crate) fn id(&self, number: u32) -> Option<String> {
        self.ids.get(number as usize).map(|&id| self.kind.id(id))
    }
}
