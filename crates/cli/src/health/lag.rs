//! How far the mirror is behind its source.

use std::fmt::Write as _;

use serde::Serialize;
use workos_directory_mirror::Freshness;

use crate::failure::Failure;

/// A mirror at the time of a look.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Lag {
    #[serde(flatten)]
    freshness: Freshness,
    /// Since when the source may have changed unseen, in seconds; null before the first full sync.
    lag_seconds: Option<u64>,
    /// The longest that is well.
    #[serde(skip)]
    longest: Option<u64>,
}

impl Lag {
    pub(crate) fn of(freshness: Freshness, now: jiff::Timestamp, longest: Option<u64>) -> Self {
        let as_of = freshness.as_of();
        // Another machine's clock can be ahead.
        let lag_seconds = as_of.map(|time| now.duration_since(time.as_jiff()).as_secs().try_into().unwrap_or(0));
        Self {
            freshness,
            lag_seconds,
            longest,
        }
    }

    pub(crate) fn is_too_long(&self) -> bool {
        self.longest
            .is_some_and(|longest| self.lag_seconds.is_none_or(|lag| lag > longest))
    }

    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        if !self.is_too_long() {
            return Ok(());
        }
        Err(Failure::unhealthy(match self.lag_seconds {
            Some(lag) => format!("the mirror is {lag} s behind: is `dsync follow` running?"),
            None => "the mirror has never seen the whole source: `dsync sync` or `dsync follow` makes it".to_owned(),
        }))
    }

    pub(crate) fn text(&self) -> String {
        let mut text = match self.lag_seconds {
            Some(lag) => format!("the mirror is {lag} s behind"),
            None => "the mirror has never seen the whole source".to_owned(),
        };
        for (count, what) in self.events() {
            if count > 0 {
                let _ = write!(text, ", {count} events are {what}");
            }
        }
        text.push('\n');
        text
    }

    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::new();
        if let Some(lag) = self.lag_seconds {
            let _ = writeln!(
                text,
                "# HELP dsync_mirror_lag_seconds Since when the source may have changed unseen.\n\
                 # TYPE dsync_mirror_lag_seconds gauge\ndsync_mirror_lag_seconds {lag}"
            );
        }
        text.push_str(
            "# HELP dsync_mirror_events Events that are not applied, by what keeps them.\n\
             # TYPE dsync_mirror_events gauge\n",
        );
        for (count, what) in self.events() {
            let _ = writeln!(text, "dsync_mirror_events{{state=\"{what}\"}} {count}");
        }
        text
    }

    fn events(&self) -> [(u64, &'static str); 3] {
        [
            (self.freshness.waiting_events, "waiting"),
            (self.freshness.parked_events, "parked"),
            (self.freshness.dead_events, "dead"),
        ]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lag(full_sync: Option<&str>, longest: Option<u64>) -> Lag {
        let mut freshness = Freshness::default();
        freshness.full_sync_began_at = full_sync.map(str::to_owned);
        freshness.dead_events = 2;
        Lag::of(freshness, "2024-01-15T10:15:00Z".parse().unwrap(), longest)
    }

    #[test]
    fn a_lag_is_too_long_beyond_the_longest_or_when_nothing_was_ever_seen() {
        let at = Some("2024-01-15T10:00:00.000Z");
        assert!(!lag(at, None).is_too_long());
        assert!(!lag(at, Some(900)).is_too_long());
        assert!(lag(at, Some(899)).is_too_long());
        assert!(lag(None, Some(1_000_000)).is_too_long());
        assert!(!lag(Some("2024-01-15T11:00:00.000Z"), Some(0)).is_too_long());
    }

    #[test]
    fn a_line_says_how_far_it_is_behind_and_what_is_not_applied() {
        let text = lag(Some("2024-01-15T10:00:00.000Z"), None).text();
        assert_eq!(text, "the mirror is 900 s behind, 2 events are dead\n");
    }
}
