//! Whose behaviour the emulator shows where the live API and the reference disagree, and what it makes of parameters that only
//! the reference knows.

use workos_directory_sync::operation::Origin;

/// Whose behaviour the emulator shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Behaviour {
    /// The live API as it was recorded: a list of users needs a directory or a group, and one of groups a directory or a user;
    /// deleting a directory is accepted with 202; `groups` of users are always empty, groups have no `members`; answers have no
    /// `X-RateLimit-*` headers; times have to end in `Z`. This is the default.
    #[default]
    Live,
    /// The reference that calls itself `workos-api-directory-sync`: lists need no scope, deleting a directory answers 204,
    /// `groups=true` and `members=true` embed memberships (a single user or group always has them), and every answer has
    /// `X-RateLimit-*` headers.
    Reference,
}

/// What becomes of the parameters that only the reference knows: `organization`, `state`, `groups`, `members`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferenceParameters {
    /// They have an effect: the default of [`Behaviour::Reference`].
    Honour,
    /// They have none, like every parameter that the API does not know: the default of [`Behaviour::Live`].
    Ignore,
    /// A request with one of them is refused with 422.
    Refuse,
}

impl Behaviour {
    /// Whether a thing that is documented by `origin` belongs to this behaviour.
    pub(crate) fn covers(self, origin: Origin) -> bool {
        match origin {
            Origin::Both => true,
            Origin::Live => self == Self::Live,
            Origin::Seed => self == Self::Reference,
        }
    }

    /// What becomes of the reference's parameters unless something else is asked for.
    pub(crate) fn reference_parameters(self) -> ReferenceParameters {
        match self {
            Self::Live => ReferenceParameters::Ignore,
            Self::Reference => ReferenceParameters::Honour,
        }
    }
}
