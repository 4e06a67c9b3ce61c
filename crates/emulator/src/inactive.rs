//! What becomes of a user who is inactive at the identity provider.

use serde::Deserialize;
use serde::Serialize;

/// What becomes of a user who turns inactive.
///
/// A user who was deleted and comes back is a new one: it needs a new id, as at WorkOS, and the old one is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InactivePolicy {
    /// The user is deleted, told by `dsync.user.deleted`, and a user who is inactive from the beginning never appears: what
    /// WorkOS does by default since 2023-10-19.
    #[default]
    Delete,
    /// The user stays in state `inactive`, told by `dsync.user.updated`: what older environments of WorkOS do.
    Keep,
}
