//! How a sync goes, on a terminal: a bar on stderr that fills, and lines for what must not be overlooked.
//!
//! What fills it are calls of the API, since memberships take most of them: those that were made of those that are expected.

use std::collections::BTreeMap;
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

/// How many calls have to have been made before the time that is left is worth saying.
const ENOUGH: u64 = 10;

/// How many objects a page has.
const PAGE: u64 = 100;

/// How many groups a user is assumed to be in before the mirror says how it finds out the memberships.
const ASSUMED_GROUPS_PER_USER: u64 = 3;

/// Before it is known how much there is: what has come. `wide_msg` is cut to the terminal, so that nothing wraps and stays.
const SPINNER: &str = "{spinner} {elapsed_precise}  {wide_msg}";

/// Once it is known. The bar is short, so that the numbers fit a narrow terminal.
const BAR: &str = "{spinner} {elapsed_precise} {bar:12} {percent:>3}%  {wide_msg}";

/// Shows the progress of a sync.
pub(crate) struct Display {
    /// Hidden unless stderr is a terminal.
    bar: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: BTreeMap<(Kind, String), u64>,
    /// How many calls were made in each directory.
    calls: BTreeMap<(Kind, String), u64>,
    directories: u64,
    /// How many users and groups there are, if the API says it.
    announced: Option<(u64, u64)>,
    /// The calls for the memberships of each directory that is planned.
    planned: BTreeMap<String, u64>,
    /// The steps that are complete.
    finished: BTreeMap<(Kind, String), ()>,
    first: Option<Instant>,
    /// What was shown last, in a thousandth: a bar that goes back helps nobody.
    shown: u64,
}

impl Display {
    pub(crate) fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() && crate::notice::may_show_progress() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(SPINNER) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        crate::notice::set_bar(Some(bar.clone()));
        Self {
            bar,
            state: Mutex::default(),
        }
    }

    /// Takes what the mirror tells.
    pub(crate) fn tell(&self, progress: &Progress) {
        match progress {
            Progress::Started { resumed: true, .. } => self.note("going on with a run that was begun before"),
            Progress::Listed {
                directories,
                users,
                groups,
            } => self.listed(*directories, users.zip(*groups)),
            Progress::Planned { directory, calls, .. } => {
                self.lock().planned.insert(directory.clone(), *calls);
            }
            Progress::Finished { directory, kind, .. } => {
                self.lock().finished.insert((*kind, directory.clone()), ());
            }
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

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        crate::notice::set_bar(None);
        self.bar.finish_and_clear();
    }

    fn listed(&self, directories: u64, announced: Option<(u64, u64)>) {
        let mut state = self.lock();
        (state.directories, state.announced) = (directories, announced);
        if announced.is_some()
            && let Ok(style) = ProgressStyle::with_template(BAR)
        {
            self.bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
            self.bar.set_length(THOUSAND);
        }
    }

    /// What has come, in words; nothing when nothing has.
    pub(crate) fn counts(&self) -> String {
        self.lock().counts()
    }

    fn count(&self, kind: Kind, directory: &str, count: u64) {
        let mut state = self.lock();
        state.seen.insert((kind, directory.to_owned()), count);
        *state.calls.entry((kind, directory.to_owned())).or_default() += 1;
        let text = state.text(Instant::now());
        self.bar.set_position(state.shown);
        self.bar.set_message(text);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line that stays, whether or not stderr is a terminal.
    pub(crate) fn note(&self, text: &str) {
        crate::notice::say(text);
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

    /// The calls that were made, without those that list the directories.
    fn made(&self) -> u64 {
        let calls = self.calls.iter().filter(|((kind, _), _)| *kind != Kind::Directories);
        calls.map(|(_, calls)| calls).sum()
    }

    /// The calls that are expected in all, if that can be said: users, groups, and memberships as far as they are planned
    /// and like those elsewhere.
    fn expected(&self) -> Option<u64> {
        let (users, groups) = self.announced?;
        let of_lists = [(Kind::Users, users), (Kind::Groups, groups)].map(|(kind, count)| {
            let made = self.calls.iter().filter(|((of, _), _)| *of == kind);
            let made: u64 = made.map(|(_, calls)| calls).sum();
            let finished = self.finished.keys().filter(|(of, _)| *of == kind).count() as u64;
            // An empty list takes a call, too.
            let rest = count.div_ceil(PAGE).max(self.directories);
            if finished >= self.directories {
                made
            } else {
                made.max(rest)
            }
        });
        let planned: u64 = (self.planned.iter())
            .map(|(directory, calls)| {
                let key = (Kind::Memberships, directory.clone());
                let made = self.calls.get(&key).copied().unwrap_or_default();
                if self.finished.contains_key(&key) {
                    made
                } else {
                    made.max(*calls)
                }
            })
            .sum();
        let known = self.planned.len() as u64;
        let unknown = self.directories.saturating_sub(known);
        let of_each = planned.checked_div(known).unwrap_or_else(|| {
            let per_group = groups.max((users * ASSUMED_GROUPS_PER_USER).div_ceil(PAGE));
            let cheapest = if groups == 0 { 0 } else { per_group.min(users) };
            cheapest.checked_div(self.directories).unwrap_or_default()
        });
        let memberships = planned.saturating_add(of_each.saturating_mul(unknown));
        Some(of_lists[0].saturating_add(of_lists[1]).saturating_add(memberships))
    }

    /// What has come, how fast, and when all of it will be there.
    fn text(&mut self, now: Instant) -> String {
        let counts = self.counts();
        let start = *self.first.get_or_insert(now);
        let (made, seconds) = (self.made(), now.duration_since(start).as_secs_f64());
        let expected = self.expected().map(|expected| expected.max(made));
        if let Some(expected) = expected.filter(|expected| *expected > 0) {
            self.shown = self.shown.max(made.saturating_mul(THOUSAND) / expected);
        }
        if made < ENOUGH || seconds <= 0.0 {
            return counts;
        }
        let rate = made as f64 / seconds;
        let speed = format!("{rate:.1} calls/s");
        match expected.map(|expected| expected - made).filter(|left| *left > 0) {
            // First what a narrow terminal is to show.
            Some(left) => {
                let wait = Duration::from_secs_f64((left as f64 / rate).min(LONGEST));
                format!("{} left, {speed}; {counts}", HumanDuration(wait))
            }
            None => format!("{speed}; {counts}"),
        }
    }
}

/// The length of the bar.
const THOUSAND: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn state(directories: u64, users: u64, groups: u64) -> State {
        State {
            directories,
            announced: Some((users, groups)),
            ..State::default()
        }
    }

    fn page(state: &mut State, kind: Kind, calls: u64, seen: u64) {
        let key = (kind, "directory_1".to_owned());
        state.seen.insert(key.clone(), seen);
        *state.calls.entry(key).or_default() += calls;
    }

    #[test]
    fn progress_text_has_rate_and_time_left_with_memberships() {
        let mut state = state(1, 1_000, 20);
        let start = Instant::now();
        page(&mut state, Kind::Users, 1, 100);
        assert_eq!(state.text(start), "100 users");
        page(&mut state, Kind::Users, 9, 1_000);
        // 10 pages of users, 1 of groups, and 30 pages of members.
        assert_eq!(
            state.text(start + Duration::from_secs(10)),
            "31 seconds left, 1.0 calls/s; 1000 users"
        );
        assert_eq!(state.shown, 243);
        state.planned.insert("directory_1".to_owned(), 89);
        page(&mut state, Kind::Groups, 1, 20);
        page(&mut state, Kind::Memberships, 39, 390);
        assert_eq!(
            state.text(start + Duration::from_secs(50)),
            "50 seconds left, 1.0 calls/s; 20 groups, 1000 users, 390 memberships"
        );
        assert_eq!(state.shown, 500);
    }

    #[test]
    fn progress_never_goes_back_and_ends_full() {
        let mut state = state(1, 100, 5);
        let start = Instant::now();
        page(&mut state, Kind::Users, 1, 100);
        let _ = state.text(start);
        let before = state.shown;
        assert!(before > 0);
        state.planned.insert("directory_1".to_owned(), 500);
        let _ = state.text(start + Duration::from_secs(1));
        assert_eq!(state.shown, before);
        page(&mut state, Kind::Groups, 1, 5);
        page(&mut state, Kind::Memberships, 500, 1_000);
        let _ = state.text(start + Duration::from_secs(2));
        assert_eq!(state.shown, THOUSAND);
    }

    #[test]
    fn progress_without_announced_counts_has_a_rate_alone() {
        let mut state = State::default();
        let start = Instant::now();
        page(&mut state, Kind::Users, 20, 2_000);
        let _ = state.text(start);
        assert_eq!(state.text(start + Duration::from_secs(10)), "2.0 calls/s; 2000 users");
        assert_eq!(state.shown, 0);
    }
}
