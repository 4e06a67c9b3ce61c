//! What a full sync did, in numbers.

use std::ops::AddAssign;

use serde::Serialize;
use workos_directory_sync::Timestamp;

use crate::AbsenceCounts;
use crate::Kind;
use crate::Warning;

/// What a full sync did. As JSON it is what `dsync sync --output json` prints and what `sync_runs.summary` keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The run's number in `sync_runs`.
    pub run: i64,
    /// Whether the run had been begun before, by this process or another one. The counts are those of the whole run.
    pub resumed: bool,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it was complete.
    pub finished_at: Timestamp,
    /// Directories.
    pub directories: Counts,
    /// Users.
    pub users: Counts,
    /// Groups.
    pub groups: Counts,
    /// Memberships.
    pub memberships: Counts,
    /// How many calls of the API it took; a call that the client had to send again counts once.
    pub calls: u64,
    /// What the lists did not give, and what became of asking for it.
    pub absences: AbsenceCounts,
    /// What is not likely in what the API gave.
    pub warnings: Vec<Warning>,
    /// How many objects, or fields of them, could not be read: [`Mirror::quarantine`](crate::Mirror::quarantine) shows them.
    pub quarantined: u64,
}

impl Summary {
    /// The counts of a kind.
    pub fn counts(&self, kind: Kind) -> Counts {
        match kind {
            Kind::Directories => self.directories,
            Kind::Groups => self.groups,
            Kind::Users => self.users,
            Kind::Memberships => self.memberships,
        }
    }

    /// Whether the database was already equal to the source.
    pub fn is_unchanged(&self) -> bool {
        [self.directories, self.users, self.groups, self.memberships]
            .iter()
            .all(|counts| counts.changes() == 0)
    }
}

/// What happened to the objects of one kind. Each object counts once per run: `seen` is the sum of `inserted`, `updated`,
/// `restored` and `unchanged`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// At the source.
    pub seen: u64,
    /// New in the database.
    pub inserted: u64,
    /// Other than before.
    pub updated: u64,
    /// Marked as deleted before, and back.
    pub restored: u64,
    /// The same as before.
    pub unchanged: u64,
    /// Gone at the source: marked as deleted.
    pub deleted: u64,
}

impl Counts {
    /// How many objects changed in any way.
    pub fn changes(&self) -> u64 {
        self.inserted + self.updated + self.restored + self.deleted
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.seen += other.seen;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.restored += other.restored;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
    }
}
