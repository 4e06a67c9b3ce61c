//! Which rows stand on a page, and whether there are others before and after it.

use std::ops::Range;

use workos_directory_sync::types::Order;

use crate::shelf::Shelf;
use crate::ulid::Ulid;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) order: Order,
    /// Whether the names of the cursors are exchanged.
    pub(crate) reverses: bool,
    pub(crate) cursor: Cursor,
    pub(crate) limit: usize,
}

/// Where a page begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// At the beginning of the list.
    Start,
    /// Right after this object, in the order of the list.
    After(Ulid),
    /// Right before this object, in the order of the list.
    Before(Ulid),
}

/// The rows of a page in the order of the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) rows: Vec<u32>,
    /// Whether the list has rows before these.
    pub(crate) earlier: bool,
    /// Whether the list has rows after these.
    pub(crate) later: bool,
    /// Whether the names of the cursors are exchanged.
    pub(crate) reverses: bool,
}

/// A boxed iterator over rows in ascending order.
pub(crate) type Rows<'a> = Box<dyn DoubleEndedIterator<Item = u32> + 'a>;

/// Takes a page out of a list. `list` gives the list's rows within a range, in ascending order; it is read at most one
/// row further than the page goes.
///
/// A cursor needs no row of its own in the list: an object that was deleted or left the list while somebody pages through
/// it still tells the place to go on from.
pub(crate) fn page<'a, T>(shelf: &Shelf<T>, list: impl Fn(Range<u32>) -> Rows<'a>, window: Window) -> Page {
    // `normal` is the API's own order, newest first.
    let ascending = window.order == Order::Asc;
    let end = shelf.end();
    let (wanted, rest, backwards) = match window.cursor {
        Cursor::Start => (0..end, 0..0, false),
        Cursor::After(id) => {
            let (first, behind) = around(shelf, id);
            if ascending {
                (behind..end, 0..behind, false)
            } else {
                (0..first, first..end, false)
            }
        }
        Cursor::Before(id) => {
            let (first, behind) = around(shelf, id);
            if ascending {
                (0..first, first..end, true)
            } else {
                (behind..end, 0..behind, true)
            }
        }
    };

    let mut rows: Vec<u32> = if ascending != backwards {
        list(wanted).take(window.limit + 1).collect()
    } else {
        list(wanted).rev().take(window.limit + 1).collect()
    };
    let more = rows.len() > window.limit;
    rows.truncate(window.limit);
    if rows.is_empty() {
        return Page::default();
    }
    let other = list(rest).next().is_some();
    if backwards {
        rows.reverse();
        Page {
            rows,
            earlier: more,
            later: other,
            reverses: window.reverses,
        }
    } else {
        Page {
            rows,
            earlier: other,
            later: more,
            reverses: window.reverses,
        }
    }
}

/// The place of an id and the place behind it; the same when no row has the id.
fn around<T>(shelf: &Shelf<T>, id: Ulid) -> (u32, u32) {
    match shelf.place(id) {
        Ok(place) => (place, place + 1),
        Err(place) => (place, place),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::kind::Kind;

    /// A shelf with ids at every second number, so that there are ids in between.
    fn shelf(rows: u32) -> Shelf<()> {
        let mut shelf = Shelf::new(Kind::User);
        for row in 0..rows {
            shelf.push(Ulid::new(u64::from(row) * 2 + 1, 0), ()).unwrap();
        }
        shelf
    }

    proptest! {
        #[test]
        fn a_page_is_what_a_walk_through_the_whole_list_would_give(
            members in proptest::collection::btree_set(0..30_u32, 0..30),
            order in prop_oneof![Just(Order::Asc), Just(Order::Desc), Just(Order::Normal)],
            limit in 1..12_usize,
            place in 0..62_u64,
            kind in 0..3,
        ) {
            let shelf = shelf(30);
            let id = Ulid::new(place, 0);
            let cursor = match kind { 0 => Cursor::Start, 1 => Cursor::After(id), _ => Cursor::Before(id) };
            let found = page(
                &shelf,
                |range| Box::new(members.iter().copied().filter(move |row| range.contains(row))),
                Window { order, reverses: false, cursor, limit },
            );

            let mut all: Vec<u32> = members.iter().copied().collect();
            if order != Order::Asc { all.reverse(); }
            let time = |row: u32| u64::from(row) * 2 + 1;
            let follows = |row: u32| if order == Order::Asc { time(row) > place } else { time(row) < place };
            let precedes = |row: u32| if order == Order::Asc { time(row) < place } else { time(row) > place };
            let chosen: Vec<u32> = match cursor {
                Cursor::Start => all.iter().copied().take(limit).collect(),
                Cursor::After(_) => all.iter().copied().filter(|&row| follows(row)).take(limit).collect(),
                Cursor::Before(_) => {
                    let before: Vec<u32> = all.iter().copied().filter(|&row| precedes(row)).collect();
                    before[before.len().saturating_sub(limit)..].to_vec()
                }
            };
            prop_assert_eq!(&found.rows, &chosen);
            prop_assert_eq!(found.earlier, chosen.first().is_some_and(|first| all.first() != Some(first)));
            prop_assert_eq!(found.later, chosen.last().is_some_and(|last| all.last() != Some(last)));
        }
    }
}
