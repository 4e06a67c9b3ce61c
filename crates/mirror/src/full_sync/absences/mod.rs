//! What the lists did not give: it is asked for by id, with a control, and only what the API does not know ends.
//!
//! ```text
//! this        users and groups of a directory, oldest absence first
//! directories directories, with another directory as control
//! pairs       memberships, by the list of the other side
//! pass        between full syncs
//! ```
//!
//! Everything is noted as it is answered. Whoever goes on asks for nothing again, but the control, which has to come after the
//! lookups that it is for.

mod directories;
mod pairs;
pub(crate) mod pass;

use std::time::Duration;

use tokio::time::Instant;
use workos_directory_sync::Client;
use workos_directory_sync::Timestamp;

use super::lookup::Lookup;
use super::lookup::look_up;
use crate::Error;
use crate::Kind;
use crate::Mirror;
use crate::absences::AbsenceSettings;
use crate::record::DIRECTORIES;
use crate::record::GROUPS;
use crate::record::Table;
use crate::record::USERS;
use crate::store::Absence;
use crate::store::Ends;
use crate::store::Held;
use crate::store::Lease;
use crate::store::is_linked;

/// How many absences are read at a time.
const AT_A_TIME: u32 = 50;

/// After so many lookups in a row that decided nothing, others are not tried.
const FUTILE: u32 = 10;

/// How long an undecided absence rests at least and at most before it is asked for again. Each time it is twice as long.
const REST: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(6 * 60 * 60)];

/// How long to wait from one lookup to the next in a directory: half of its rate.
pub(crate) fn interval(client: &Client) -> Duration {
    match client.rate_limits().per_directory() {
        Some((requests, span)) => span.saturating_mul(2) / requests.max(1),
        None => Duration::ZERO,
    }
}

/// Asks for what is absent, under the lease of a part of a full sync or of a pass between two of them.
#[derive(Debug)]
pub(crate) struct Lookups<'a> {
    pub(crate) mirror: &'a Mirror,
    pub(crate) client: &'a Client,
    pub(crate) lease: &'a Lease,
    pub(crate) settings: AbsenceSettings,
    /// How many objects of a directory are asked for at most before the next one's turn comes.
    pub(crate) at_a_time: u64,
}

impl Lookups<'_> {
    /// Asks for the absent users and groups of a directory, and ends those that the API does not know. Returns how many
    /// ended.
    pub(crate) async fn settle(&self, directory: &str) -> Result<u64, Error> {
        if !self.mirror.store.has_absences(directory).await? {
            return Ok(0);
        }
        let kinds = [Kind::Users, Kind::Groups];
        let (mut pace, mut futile, mut asked) = (Pace::new(self.client), 0, 0);
        while futile < FUTILE && asked < self.at_a_time {
            let now = self.now();
            let due = self
                .mirror
                .store
                .due_absences(self.held(&now), directory, &kinds, AT_A_TIME);
            let due = due.await?;
            let wanted = u64::try_from(due.len()).unwrap_or(0).min(self.at_a_time - asked);
            let granted = self.reserve(wanted).await?;
            if granted == 0 {
                break;
            }
            for absence in due.iter().take(usize::try_from(granted).unwrap_or(0)) {
                pace.wait().await;
                asked += 1;
                futile = if self.ask(absence).await? { 0 } else { futile + 1 };
                if futile >= FUTILE {
                    break;
                }
            }
        }
        let now = self.now();
        let missing = self.mirror.store.missing(self.held(&now), directory, &kinds).await?;
        let no_control = if missing > 0 {
            pace.wait().await;
            self.control(directory).await?
        } else {
            None
        };
        let (now, next_try_at) = (self.now(), self.rest(0));
        let ends = Ends {
            settings: self.settings,
            no_control: no_control.as_deref(),
            next_try_at: &next_try_at,
            calls: u64::from(missing > 0),
        };
        self.mirror.store.end_absent(self.held(&now), directory, ends).await
    }

    /// Asks for an absent object and notes what the API says. Returns whether that decides anything.
    async fn ask(&self, absence: &Absence) -> Result<bool, Error> {
        let answer = look_up(self.client, table_of(absence.kind), &absence.id).await?;
        self.note(absence, answer).await
    }

    /// Notes what the API says of an absent object. Returns whether that decides anything.
    pub(super) async fn note(&self, absence: &Absence, lookup: Lookup) -> Result<bool, Error> {
        let store = &self.mirror.store;
        match lookup {
            Lookup::Found(object, findings) => {
                let now = self.now();
                store.refresh(self.held(&now), absence, *object, &findings).await?;
                Ok(true)
            }
            Lookup::NotFound(_) => {
                let now = self.now();
                store.note_missing(self.held(&now), absence).await?;
                Ok(true)
            }
            Lookup::Unreadable(_) => {
                let (now, rest) = (self.now(), self.rest(absence.attempts));
                let noted = store.note_undecided(self.held(&now), absence, "unreadable", &rest);
                noted.await?;
                Ok(false)
            }
            Lookup::Undecided { reason, .. } => {
                let (now, rest) = (self.now(), self.rest(absence.attempts));
                store.note_undecided(self.held(&now), absence, &reason, &rest).await?;
                Ok(false)
            }
        }
    }

    /// Asks for what the API must know. Returns why it cannot be said that it does.
    async fn control(&self, directory: &str) -> Result<Option<String>, Error> {
        let now = self.now();
        let Some(object) = self.mirror.store.control(self.held(&now), directory).await? else {
            return Ok(Some("the directory's lists have nothing to ask for".to_owned()));
        };
        Ok(match look_up(self.client, table_of(object.kind), &object.id).await? {
            Lookup::Found(found, _) => {
                let record = &found.record;
                let is_there = match object.kind {
                    Kind::Directories => record.state(&DIRECTORIES).is_some_and(is_linked),
                    Kind::Groups => record.directory_id(&GROUPS) == directory,
                    _ => record.directory_id(&USERS) == directory,
                };
                (!is_there).then(|| format!("{} is not as its list says", object.id))
            }
            Lookup::NotFound(_) => Some(format!("{}: 404", object.id)),
            Lookup::Unreadable(_) => Some(format!("{}: unreadable", object.id)),
            Lookup::Undecided { reason, .. } => Some(format!("{}: {reason}", object.id)),
        })
    }

    /// Takes lookups out of what this pass may do, and returns how many were left.
    pub(super) async fn reserve(&self, wanted: u64) -> Result<u64, Error> {
        if wanted == 0 {
            return Ok(0);
        }
        let now = self.now();
        let most = self.settings.max_lookups;
        self.mirror.store.reserve_lookups(self.held(&now), wanted, most).await
    }

    fn held<'h>(&'h self, now: &'h str) -> Held<'h> {
        Held { lease: self.lease, now }
    }

    fn now(&self) -> String {
        self.mirror.now().canonical()
    }

    /// When an absence is asked for again that was asked for so often.
    fn rest(&self, attempts: u64) -> String {
        let factor = u32::try_from(attempts.min(16)).map_or(1, |attempts| 1_u32 << attempts);
        let rest = REST[0].saturating_mul(factor).min(REST[1]);
        let now = self.mirror.now();
        let next = now.as_jiff().saturating_add(rest).map(Timestamp::from);
        next.unwrap_or(now).canonical()
    }
}

/// The table of users, groups or directories.
fn table_of(kind: Kind) -> &'static Table {
    match kind {
        Kind::Directories => &DIRECTORIES,
        Kind::Users => &USERS,
        Kind::Groups | Kind::Memberships => &GROUPS,
    }
}

/// Keeps lookups apart.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    next: Option<Instant>,
}

impl Pace {
    fn new(client: &Client) -> Self {
        Self {
            interval: interval(client),
            next: None,
        }
    }

    async fn wait(&mut self) {
        if let Some(next) = self.next {
            tokio::time::sleep_until(next).await;
        }
        self.next = (!self.interval.is_zero()).then(|| Instant::now() + self.interval);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use workos_directory_sync::rate_limit::RateLimits;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pace_keeps_to_half_of_the_directory_rate() {
        let client = Client::builder().api_key("sk_test").rate_limits(RateLimits::live());
        let mut pace = Pace::new(&client.build().unwrap());
        let start = Instant::now();
        for _ in 0..5 {
            pace.wait().await;
        }
        // Four a second are allowed.
        assert_eq!(start.elapsed().as_millis() / 100, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn pace_waits_for_nothing_without_limits() {
        let client = Client::builder().api_key("sk_test").rate_limits(RateLimits::off());
        let mut pace = Pace::new(&client.build().unwrap());
        let start = Instant::now();
        pace.wait().await;
        pace.wait().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
