//! Whose behaviour the emulator shows where the two references of the API disagree.

use workos_directory_sync::operation::Origin;

/// Whose behaviour the emulator shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// The live API: deleting a directory is accepted with 202, `groups` of users are always empty, groups have no
    /// `members`. This is the default.
    #[default]
    Live,
    /// The reference that calls itself `workos-api-directory-sync`: deleting a directory answers 204, `groups=true` and
    /// `members=true` embed memberships, which are left out otherwise (a single user or group always has them). Official SDKs insist on `groups` and
    /// want the live profile.
    Seed,
}

impl Profile {
    /// Whether a thing that is documented by `origin` belongs to this profile.
    pub(crate) fn covers(self, origin: Origin) -> bool {
        match origin {
            Origin::Both => true,
            Origin::Live => self == Self::Live,
            Origin::Seed => self == Self::Seed,
        }
    }
}
