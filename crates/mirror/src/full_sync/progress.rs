//! What a full sync tells while it runs.

use serde::Serialize;

use crate::Counts;
use crate::Kind;
use crate::MembershipPlan;

/// What a full sync tells while it runs. It comes between two pages: what takes it should not take long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Progress {
    /// The run began, or goes on.
    Started {
        /// The run's number in `sync_runs`.
        run: i64,
        /// Whether it was begun before, by this process or another one.
        resumed: bool,
    },
    /// All directories are listed.
    Listed {
        /// How many of them will be traversed.
        directories: u64,
        /// How many users they have by what the API says of each; `None` where it does not say.
        users: Option<u64>,
        /// How many groups, likewise.
        groups: Option<u64>,
    },
    /// A page was written.
    Page {
        /// The directory's id; empty while the directories themselves are listed.
        directory: String,
        /// What the page has.
        kind: Kind,
        /// The counts of this directory and kind so far.
        counts: Counts,
    },
    /// It is known how the memberships of a directory will be found out.
    Planned {
        /// The directory's id.
        directory: String,
        /// How.
        plan: MembershipPlan,
        /// How many calls that is expected to take.
        calls: u64,
    },
    /// A step of a directory is complete.
    Finished {
        /// The directory's id; empty for the list of directories.
        directory: String,
        /// Which step.
        kind: Kind,
        /// Its counts.
        counts: Counts,
    },
    /// Something could not be mirrored completely. Other directories go on.
    Failed {
        /// The directory's id; empty for the list of directories.
        directory: String,
        /// Why, on one line.
        error: String,
    },
    /// The API said something that cannot be read: an object, or a field of one. It is in the quarantine. At most 100 are
    /// reported of a directory.
    Quarantined {
        /// The directory's id, where that is known.
        directory: Option<String>,
        /// What the object is, such as `users`.
        kind: String,
        /// The object's id; `None` where it cannot be read.
        id: Option<String>,
        /// The JSON path of the fault within the object.
        path: String,
        /// What is wrong there.
        error: String,
    },
    /// A directory was deleted while it was being traversed.
    Vanished {
        /// The directory's id.
        directory: String,
    },
}
