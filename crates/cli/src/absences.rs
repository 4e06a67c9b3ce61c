//! Options and text for what is absent: objects that a list did not give.

use std::fmt::Write as _;

use workos_directory_mirror::AbsenceCounts;
use workos_directory_mirror::RepeatedAbsence;
use workos_directory_mirror::Summary;
use workos_directory_mirror::Warning;

use crate::failure::Failure;
use crate::output;

/// How absent objects are treated, and a source that has none of the directories.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Options {
    /// How many absent objects a full sync asks for by id at most; the others stay until the next one
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) max_lookups: u64,

    /// Let more than this share of a directory's users or groups that ended at once wait for `dsync deletions approve`,
    /// though the API knows none of them
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) deleted_at_once_percent: Option<u8>,

    /// Keep an object that stays absent and that the API does not decide by id until its end is approved; without it at most
    /// 10 and 5 % of a directory end each day, after 24 hours and three full syncs without them
    #[arg(long)]
    pub(crate) keep_repeatedly_absent: bool,

    /// Go on though the source has none of the directories in the database: its own come beside, and those that it does not
    /// know by id end
    #[arg(long)]
    pub(crate) allow_other_environment: bool,
}

impl Options {
    /// What becomes of an object that stays absent.
    pub(crate) fn repeated_absence(self) -> RepeatedAbsence {
        if self.keep_repeatedly_absent {
            RepeatedAbsence::Keep
        } else {
            RepeatedAbsence::End
        }
    }
}

/// What a full sync quarantined, its absences and its warnings, a line each; empty when there are none.
pub(crate) fn text(summary: &Summary) -> String {
    let mut text = String::new();
    let AbsenceCounts {
        asked,
        ended,
        refreshed,
        undecided,
        remaining,
        seconds_left,
        ..
    } = summary.absences;
    if summary.quarantined > 0 {
        let _ = writeln!(text, "quarantined: {}", summary.quarantined);
    }
    if asked + undecided + remaining > 0 {
        let _ = write!(
            text,
            "absent: {asked} asked for by id, {ended} ended, {refreshed} there after all, {undecided} undecided"
        );
        if remaining > 0 {
            let _ = write!(text, ", {remaining} still to ask for (about {seconds_left} s)");
        }
        text.push('\n');
    }
    for Warning {
        directory, kind, what, ..
    } in &summary.warnings
    {
        // The list of directories is in no directory.
        let of = match directory.as_str() {
            "" => String::new(),
            directory => format!(" of {}", output::plain(directory)),
        };
        let _ = writeln!(text, "warning: {kind}{of}: {}", what.text());
    }
    text
}

/// Fails with the exit code for what is done but for something, if there is something.
pub(crate) fn complete(summary: &Summary) -> Result<(), Failure> {
    let absences = summary.absences;
    let left = [
        (
            "quarantined",
            summary.quarantined,
            "`dsync quarantine list` shows what cannot be read",
        ),
        (
            "undecided",
            absences.undecided,
            "`dsync deletions list` shows who is absent and has not ended",
        ),
        (
            "still to ask for",
            absences.remaining,
            "the next `dsync sync` or `dsync follow` does",
        ),
    ];
    let left: Vec<_> = (left.iter())
        .filter(|(_, count, _)| *count > 0)
        .map(|(what, count, then)| format!("{what}: {count} ({then})"))
        .collect();
    match left.is_empty() {
        true => Ok(()),
        false => Err(Failure::incomplete(format!("done, but {}", left.join(", ")))),
    }
}
