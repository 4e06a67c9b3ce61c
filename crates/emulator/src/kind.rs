//! What kinds of objects there are, and what their ids look like.

use crate::ulid::Ulid;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Organization,
    Directory,
    User,
    Group,
    Event,
}

impl Kind {
    /// What its ids begin with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Organization => "org_",
            Self::Directory => "directory_",
            Self::User => "directory_user_",
            Self::Group => "directory_group_",
            Self::Event => "event_",
        }
    }

    /// What people call it, at the beginning of a sentence.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Organization => "Organization",
            Self::Directory => "Directory",
            Self::User => "Directory user",
            Self::Group => "Directory group",
            Self::Event => "Event",
        }
    }

    /// What a path that ends in an id leads to.
    pub(crate) fn by_path(path: &str) -> Option<Self> {
        let (list, _) = path.split_once("/{id}")?;
        Some(match list {
            "/directories" => Self::Directory,
            "/directory_groups" => Self::Group,
            "/directory_users" => Self::User,
            _ => return None,
        })
    }

    /// An id of this kind.
    pub(crate) fn id(self, ulid: Ulid) -> String {
        format!("{}{ulid}", self.prefix())
    }

    /// The number in an id of this kind; `None` for any other text.
    pub(crate) fn parse(self, id: &str) -> Option<Ulid> {
        Ulid::parse(id.strip_prefix(self.prefix())?)
    }

    /// Whether a text begins as ids of this kind do and not as those of another: a filter by such an id is in order,
    /// whether or not there is an object with it.
    pub(crate) fn fits(self, id: &str) -> bool {
        // What is left of `directory_user_…` after `directory_` still has an underscore.
        id.strip_prefix(self.prefix())
            .is_some_and(|rest| !rest.is_empty() && !rest.contains('_'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_kind_does_not_fit() {
        assert!(Kind::Directory.fits("directory_01ECAZ4NV9QMV47GW873HDCX74"));
        assert!(!Kind::Directory.fits("directory_user_01ECAZ4NV9QMV47GW873HDCX74"));
        assert!(!Kind::Directory.fits("directory_"));
        assert!(!Kind::User.fits("directory_01ECAZ4NV9QMV47GW873HDCX74"));
        assert!(!Kind::Organization.fits("organization_1"));
    }
}
