//! Times with all of their digits, as text that is compared by its bytes.
//!
//! Columns have milliseconds, as nearly all of the source's times do. Where the source wrote more digits, its own text stands
//! beside the column, and decides between two times of one millisecond.

use std::borrow::Cow;

use workos_directory_sync::Timestamp;

/// Returns a time in canonical form, with more digits than milliseconds where it has them.
pub(crate) fn exact(timestamp: &Timestamp) -> String {
    let instant = timestamp.as_jiff();
    if instant.subsec_nanosecond() % 1_000_000 == 0 {
        timestamp.canonical()
    } else {
        instant.to_string()
    }
}

/// Returns what two times that [`exact`] or [`Timestamp::canonical`] wrote are compared by: without its `Z` the one with fewer
/// digits comes first.
pub(crate) fn sort_key(text: &str) -> &str {
    text.strip_suffix('Z').unwrap_or(text)
}

/// Returns what the times of two rows are compared by, of a column and the source's text beside it.
pub(crate) fn order<'a>(column: Option<&'a str>, source: Option<&str>) -> Option<Cow<'a, str>> {
    let column = column?;
    match source.and_then(|source| source.parse().ok()) {
        Some(timestamp) => {
            let mut exact = exact(&timestamp);
            exact.truncate(sort_key(&exact).len());
            Some(Cow::Owned(exact))
        }
        None => Some(Cow::Borrowed(sort_key(column))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_counts_all_digits_of_the_source() {
        let column = Some("2026-11-27T10:00:00.123Z");
        let key = |source| order(column, source);
        assert!(key(None) < key(Some("2026-11-27 10:00:00.123100")));
        assert!(key(Some("2026-11-27 10:00:00.123100")) < key(Some("2026-11-27T10:00:00.123900Z")));
        assert!(key(Some("2026-11-27T10:00:00.1239Z")) < key(Some("2026-11-27T12:00:00.123900001+02:00")));
        assert_eq!(
            key(Some("2026-11-27T10:00:00.1231Z")),
            key(Some("2026-11-27 10:00:00.12310000"))
        );
        assert_eq!(key(Some("2026-11-27T10:00:00.123000Z")), key(None));
        assert!(key(Some("2026-11-27 10:00:00.123900")) < order(Some("2026-11-27T10:00:00.124Z"), None));
        assert_eq!(order(None, Some("2026")), None);
    }
}
