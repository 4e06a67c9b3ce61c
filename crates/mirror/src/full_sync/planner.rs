//! How the memberships of a directory are found out with the fewest calls.
//!
//! There are three ways. Users come with their groups embedded, which costs nothing, but the API stopped that for teams
//! created since 2026-05-01: their users have no groups or an empty list. Otherwise the users of each group are listed, or
//! the groups of each user: at least one call for each group, or for each user.

use std::fmt;

use serde::Serialize;

use super::PAGE;
use crate::store::KnownCounts;

/// How the memberships of a directory are found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MembershipPlan {
    /// They come with the users.
    Embedded,
    /// By listing the users of each group.
    UsersPerGroup,
    /// By listing the groups of each user.
    GroupsPerUser,
}

impl MembershipPlan {
    const ALL: [Self; 3] = [Self::Embedded, Self::UsersPerGroup, Self::GroupsPerUser];

    /// Its name, as `sync_steps.plan` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::UsersPerGroup => "users_per_group",
            Self::GroupsPerUser => "groups_per_user",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plan| plan.as_str() == name)
    }
}

impl fmt::Display for MembershipPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How many groups a user is assumed to be in, where nothing is known yet.
const ASSUMED_GROUPS_PER_USER: u64 = 3;

/// What the planner decides from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) users: u64,
    pub(crate) groups: u64,
    /// What the database knows from earlier runs.
    pub(crate) known: KnownCounts,
    /// Whether users come with all of their groups.
    pub(crate) embedded: bool,
}

/// The cheapest plan and the calls that it takes beyond listing users and groups.
pub(crate) fn choose(shape: &Shape) -> (MembershipPlan, u64) {
    if shape.embedded || shape.users == 0 || shape.groups == 0 {
        return (MembershipPlan::Embedded, 0);
    }
    let per_group = calls(shape.groups, shape, shape.known.groups, shape.known.pages_by_group);
    let per_user = calls(shape.users, shape, shape.known.users, shape.known.pages_by_user);
    if per_group <= per_user {
        (MembershipPlan::UsersPerGroup, per_group)
    } else {
        (MembershipPlan::GroupsPerUser, per_user)
    }
}

/// The calls that it takes to list something for each of `owners`: known ones by what they have, the others at least one.
fn calls(owners: u64, shape: &Shape, known_owners: u64, known_pages: u64) -> u64 {
    if shape.known.memberships == 0 {
        let assumed = shape.users.saturating_mul(ASSUMED_GROUPS_PER_USER);
        // Spread evenly over the owners; a list that fits into one page costs one call.
        return owners.saturating_mul(pages(assumed / owners.max(1)).max(1));
    }
    known_pages.saturating_add(owners.saturating_sub(known_owners))
}

/// How many pages a list has.
pub(crate) fn pages(items: u64) -> u64 {
    items.div_ceil(u64::from(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(users: u64, groups: u64) -> Shape {
        Shape {
            users,
            groups,
            known: KnownCounts::default(),
            embedded: false,
        }
    }

    #[test]
    fn embedded_groups_cost_nothing() {
        let plan = choose(&Shape {
            embedded: true,
            ..shape(1_000, 40)
        });
        assert_eq!(plan, (MembershipPlan::Embedded, 0));
    }

    #[test]
    fn without_users_or_groups_there_is_nothing_to_ask() {
        assert_eq!(choose(&shape(1_000, 0)).1, 0);
        assert_eq!(choose(&shape(0, 40)).1, 0);
    }

    #[test]
    fn few_groups_are_asked_for_their_users_and_few_users_for_their_groups() {
        assert_eq!(choose(&shape(1_000, 40)), (MembershipPlan::UsersPerGroup, 40));
        assert_eq!(choose(&shape(50, 2_000)), (MembershipPlan::GroupsPerUser, 50));
        // A thousand users in three of ten groups each: three pages for each group.
        assert_eq!(choose(&shape(1_000, 10)), (MembershipPlan::UsersPerGroup, 30));
    }

    #[test]
    fn what_earlier_runs_found_replaces_the_assumption() {
        let known = KnownCounts {
            users: 100,
            groups: 90,
            memberships: 9_000,
            pages_by_group: 180,
            pages_by_user: 100,
        };
        let plan = choose(&Shape {
            known,
            ..shape(110, 95)
        });
        assert_eq!(plan, (MembershipPlan::GroupsPerUser, 110));
    }

    #[test]
    fn every_plan_is_found_by_its_name() {
        for plan in MembershipPlan::ALL {
            assert_eq!(MembershipPlan::from_name(plan.as_str()), Some(plan));
        }
        assert_eq!(MembershipPlan::from_name("guess"), None);
    }
}
