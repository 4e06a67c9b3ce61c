//! How a sync goes, on a terminal: one line on stderr that changes, and lines for what must not be overlooked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use indicatif::HumanDuration;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use workos_directory_mirror::Kind;
use workos_directory_mirror::Progress;

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(120);

/// The longest wait that is told, in seconds: a thousand days.
const LONGEST: f64 = 86_400_000.0;

/// How many users have to have come before the time that is left is worth saying.
const ENOUGH: u64 = 500;

/// Shows the progress of a sync.
pub(crate) struct Display {
    /// Hidden unless stderr is a terminal.
    bar: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: BTreeMap<(Kind, String), u64>,
    /// How many users there are, if the API says it.
    users: Option<u64>,
    /// When the first page of users came, and how many users were there then: a run that goes on begins with some.
    first: Option<(Instant, u64)>,
}

impl Display {
    pub(crate) fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() && crate::notice::may_show_progress() {
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
            state: Mutex::default(),
        }
    }

    /// Takes what the mirror tells.
    pub(crate) fn tell(&self, progress: &Progress) {
        match progress {
            Progress::Started { resumed: true, .. } => self.note("going on with a run that was begun before"),
            Progress::Listed { users, .. } => self.lock().users = *users,
            Progress::Page {
                directory,
                kind,
                counts,
            } => self.count(*kind, directory, counts.seen),
            Progress::Failed { directory, error } if directory.is_empty() => self.note(&format!("failed: {error}")),
            Progress::Failed { directory, error } => self.note(&format!("{directory} failed: {error}")),
            Progress::Quarantined {
                kind, id, path, error, ..
            } => self.note(&format!(
                "quarantined: {kind} {} at `{path}`: {error}",
                id.as_deref().unwrap_or("without a readable id")
            )),
            Progress::Vanished { directory } => self.note(&format!("{directory} was deleted meanwhile")),
            _ => {}
        }
    }

    /// Removes the line.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// What has come, in words; nothing when nothing has.
    pub(crate) fn counts(&self) -> String {
        self.lock().counts()
    }

    fn count(&self, kind: Kind, directory: &str, count: u64) {
        let mut state = self.lock();
        state.seen.insert((kind, directory.to_owned()), count);
        self.bar.set_message(state.text(Instant::now()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line that stays, whether or not stderr is a terminal.
    pub(crate) fn note(&self, text: &str) {
        self.bar.suspend(|| crate::notice::say(text));
    }
}

impl State {
    fn totals(&self) -> BTreeMap<Kind, u64> {
        let mut totals = BTreeMap::new();
        for ((kind, _), count) in &self.seen {
            *totals.entry(*kind).or_default() += count;
        }
        totals
    }

    fn counts(&self) -> String {
        let counts: Vec<String> = (self.totals().iter())
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        counts.join(", ")
    }

    /// What has come, how fast, and when the users will be there. Memberships come after them in a time of their own.
    fn text(&mut self, now: Instant) -> String {
        let mut text = self.counts();
        let Some(&users) = self.totals().get(&Kind::Users) else {
            return text;
        };
        let (start, before) = *self.first.get_or_insert((now, users));
        let (came, seconds) = (users.saturating_sub(before), now.duration_since(start).as_secs_f64());
        if came < ENOUGH || seconds <= 0.0 {
            return text;
        }
        let rate = came as f64 / seconds;
        let _ = write!(text, "; {rate:.0} users/s");
        if let Some(left) = self
            .users
            .and_then(|all| all.checked_sub(users))
            .filter(|left| *left > 0)
        {
            let wait = Duration::from_secs_f64((left as f64 / rate).min(LONGEST));
            let _ = write!(text, ", {} left", HumanDuration(wait));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_fast_and_how_long_once_enough_has_come() {
        let mut state = State {
            users: Some(10_000),
            ..State::default()
        };
        let start = Instant::now();
        let mut at = |users, seconds| {
            state.seen.insert((Kind::Users, "directory_1".to_owned()), users);
            state.text(start + Duration::from_secs(seconds))
        };
        // A run that goes on: what was there before says nothing of the speed.
        assert_eq!(at(4_000, 0), "4000 users");
        assert_eq!(at(4_100, 1), "4100 users");
        assert_eq!(at(5_000, 10), "5000 users; 100 users/s, 50 seconds left");
        assert_eq!(at(10_000, 60), "10000 users; 100 users/s");
    }
}
