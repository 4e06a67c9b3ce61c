//! How far the mirror is behind its source, and what of it is not as the source has it.

use std::fmt::Write as _;

use serde::Serialize;
use workos_directory_mirror::Freshness;

use crate::failure::Failure;
use crate::warnings;

/// What makes a mirror unhealthy; without any of it, it only has warnings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Limits {
    /// Count as unhealthy, too, when the mirror has not seen the source for longer than this
    #[arg(long, value_name = "SECONDS")]
    max_lag: Option<u64>,

    /// Count as unhealthy, too, when the end of an absent object has been undecided for longer than this
    #[arg(long, value_name = "SECONDS")]
    max_undecided: Option<u64>,

    /// Count as unhealthy, too, when more objects and fields than this cannot be read
    #[arg(long, value_name = "COUNT")]
    max_quarantined: Option<u64>,
}

impl Limits {
    /// The first flag that was given.
    pub(crate) fn flag(self) -> Option<&'static str> {
        let flags = [
            (self.max_lag, "--max-lag"),
            (self.max_undecided, "--max-undecided"),
            (self.max_quarantined, "--max-quarantined"),
        ];
        flags.into_iter().find_map(|(limit, flag)| limit.and(Some(flag)))
    }
}

/// A mirror at the time of a look.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Lag {
    #[serde(flatten)]
    freshness: Freshness,
    /// Since when the source may have changed unseen, in seconds; null before the first full sync.
    lag_seconds: Option<u64>,
    /// What an operator should know.
    warnings: Vec<String>,
    /// What is well.
    #[serde(skip)]
    limits: Limits,
}

impl Lag {
    pub(crate) fn of(freshness: Freshness, now: jiff::Timestamp, limits: Limits) -> Self {
        let as_of = freshness.as_of();
        // Another machine's clock can be ahead.
        let lag_seconds = as_of.map(|time| now.duration_since(time.as_jiff()).as_secs().try_into().unwrap_or(0));
        Self {
            warnings: warnings::of(&freshness),
            freshness,
            lag_seconds,
            limits,
        }
    }

    fn is_too_long(&self) -> bool {
        self.limits
            .max_lag
            .is_some_and(|longest| self.lag_seconds.is_none_or(|lag| lag > longest))
    }

    fn is_undecided_for_too_long(&self) -> bool {
        let oldest = self.freshness.undecided_oldest_seconds;
        self.limits
            .max_undecided
            .is_some_and(|longest| oldest.is_some_and(|oldest| oldest > longest))
    }

    fn has_too_many_quarantined(&self) -> bool {
        self.limits
            .max_quarantined
            .is_some_and(|most| self.freshness.quarantined > most)
    }

    /// What a watch tells of when it changes: what is beyond a limit, and what there are warnings of.
    pub(crate) fn conditions(&self) -> [bool; 6] {
        [
            self.is_too_long(),
            self.is_undecided_for_too_long(),
            self.has_too_many_quarantined(),
            self.freshness.quarantined > 0,
            self.freshness.undecided > 0,
            !self.freshness.unlinked_directories.is_empty(),
        ]
    }

    /// What the mirror shows to those who ask whether it is ready.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        let mut faults = Vec::new();
        if self.is_too_long() {
            faults.push(match self.lag_seconds {
                Some(lag) => format!("the mirror is {lag} s behind: is `dsync follow` running?"),
                None => {
                    "the mirror has never seen the whole source: `dsync sync` or `dsync follow` makes it".to_owned()
                }
            });
        }
        if self.is_undecided_for_too_long() {
            faults.push(format!(
                "undecided: {}, the oldest for {} s: `dsync deletions list` shows what is absent and has not ended",
                self.freshness.undecided,
                self.freshness.undecided_oldest_seconds.unwrap_or_default()
            ));
        }
        if self.has_too_many_quarantined() {
            faults.push(format!(
                "quarantined: {}: `dsync quarantine list` shows what cannot be read",
                self.freshness.quarantined
            ));
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Failure::unhealthy(faults.join("; "))),
        }
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
        if self.freshness.undecided > 0 {
            let _ = write!(text, ", {} absent objects are undecided", self.freshness.undecided);
        }
        text.push('\n');
        for warning in &self.warnings {
            let _ = writeln!(text, "warning: {warning}");
        }
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
        for (name, help, value) in warnings::gauges(&self.freshness) {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
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
        let limits = Limits {
            max_lag: longest,
            ..Limits::default()
        };
        Lag::of(freshness, "2024-01-15T10:15:00Z".parse().unwrap(), limits)
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

    #[test]
    fn undecided_and_quarantined_objects_are_unhealthy_beyond_their_limits_alone() {
        let mut freshness = Freshness::default();
        freshness.undecided = 1;
        freshness.undecided_oldest_seconds = Some(100);
        freshness.quarantined = 2;
        let verdict = |max_undecided, max_quarantined| {
            let limits = Limits {
                max_lag: None,
                max_undecided,
                max_quarantined,
            };
            let lag = Lag::of(freshness.clone(), "2024-01-15T10:15:00Z".parse().unwrap(), limits);
            lag.verdict().err().map(|failure| failure.message().to_owned())
        };
        assert_eq!(verdict(None, None), None);
        assert_eq!(verdict(Some(100), Some(2)), None);
        assert!(
            verdict(Some(99), None)
                .unwrap()
                .contains("undecided: 1, the oldest for 100 s")
        );
        assert!(verdict(None, Some(1)).unwrap().contains("quarantined: 2"));
    }
}
