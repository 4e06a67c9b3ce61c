//! What the mirror holds: four kinds of objects.

use std::fmt;

use serde::Serialize;

/// A kind of object in the mirror, and the step of a full sync that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Directories.
    Directories,
    /// The groups of a directory.
    Groups,
    /// The users of a directory.
    Users,
    /// Which users of a directory are in which of its groups.
    Memberships,
}

impl Kind {
    /// Its name, which is also that of its table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directories => "directories",
            Self::Groups => "groups",
            Self::Users => "users",
            Self::Memberships => "memberships",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
