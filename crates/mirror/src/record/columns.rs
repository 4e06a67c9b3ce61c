//! Sets of columns of one table.

/// A set of columns, by their places in [`Table::columns`](super::Table::columns).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns(u64);

impl Columns {
    /// The set without any column.
    pub(crate) const NONE: Self = Self(0);

    /// Adds a column. No table has 64.
    pub(crate) fn insert(&mut self, place: usize) {
        self.0 |= 1_u64.checked_shl(u32::try_from(place).unwrap_or(u32::MAX)).unwrap_or(0);
    }

    /// Takes a column out.
    pub(crate) fn remove(&mut self, place: usize) {
        let mut column = Self::NONE;
        column.insert(place);
        self.0 &= !column.0;
    }

    /// Whether it has a column.
    pub(crate) fn contains(self, place: usize) -> bool {
        u32::try_from(place).is_ok_and(|place| self.0.checked_shr(place).unwrap_or(0) & 1 == 1)
    }

    /// Whether it has none.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_what_was_inserted_and_nothing_else() {
        let mut columns = Columns::NONE;
        assert!(columns.is_empty());
        columns.insert(0);
        columns.insert(19);
        columns.insert(64);
        let places: Vec<_> = (0..70).filter(|place| columns.contains(*place)).collect();
        assert_eq!(places, [0, 19]);
        columns.remove(19);
        columns.remove(7);
        assert!(columns.contains(0) && !columns.contains(19));
    }
}
