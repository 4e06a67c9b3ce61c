//! How a sync goes, on a terminal: one line on stderr that changes, and lines for what must not be overlooked.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use workos_directory_mirror::Kind;
use workos_directory_mirror::Progress;

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(120);

/// Shows the progress of a sync.
pub(crate) struct Display {
    /// Hidden unless stderr is a terminal.
    bar: ProgressBar,
    seen: Mutex<BTreeMap<(Kind, String), u64>>,
}

impl Display {
    pub(crate) fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() && !crate::notice::is_quiet() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self {
            bar,
            seen: Mutex::new(BTreeMap::new()),
        }
    }

    /// Takes what the mirror tells.
    pub(crate) fn tell(&self, progress: &Progress) {
        match progress {
            Progress::Started { resumed: true, .. } => self.note("going on with the run that was interrupted"),
            Progress::Page {
                directory,
                kind,
                counts,
            } => self.count(*kind, directory, counts.seen),
            Progress::Failed { directory, error } if directory.is_empty() => self.note(&format!("failed: {error}")),
            Progress::Failed { directory, error } => self.note(&format!("{directory} failed: {error}")),
            Progress::Vanished { directory } => self.note(&format!("{directory} was deleted meanwhile")),
            _ => {}
        }
    }

    /// Removes the line.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn count(&self, kind: Kind, directory: &str, count: u64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((kind, directory.to_owned()), count);
        let mut totals: BTreeMap<Kind, u64> = BTreeMap::new();
        for ((kind, _), count) in seen.iter() {
            *totals.entry(*kind).or_default() += count;
        }
        let totals: Vec<String> = totals.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        self.bar.set_message(totals.join(", "));
    }

    /// A line that stays, whether or not stderr is a terminal.
    fn note(&self, text: &str) {
        self.bar.suspend(|| crate::notice::say(text));
    }
}
