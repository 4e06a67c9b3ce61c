//! How many objects the emulator makes up.
//!
//! Everything comes from a seed: the same [`Population`] is the same to the last byte, on every machine and at any time.

use crate::generator::Generator;
use crate::loader::ObjectError;
use crate::state::State;

/// How many objects are made up. All numbers are totals over all directories.
///
/// Users and groups take turns with the directories, so that each has its share and the creation of one directory's users
/// is interleaved with that of another's; memberships take turns with the users. Three directories in a row belong to two
/// organizations. The first four directories are `linked`; some of the later ones are not.
///
/// ```
/// use workos_directory_emulator::Population;
///
/// let population = Population { users: 50_000, groups: 200, ..Population::default() };
/// assert_eq!(population.directories, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Population {
    /// Where the random numbers begin.
    pub seed: u64,
    /// How many directories.
    pub directories: u32,
    /// How many users in all directories together.
    pub users: u32,
    /// How many groups in all directories together.
    pub groups: u32,
    /// How many memberships of users in groups in all directories together.
    pub memberships: u64,
}

impl Default for Population {
    /// 2 directories, 1,000 users, 40 groups and 3,000 memberships from seed 1.
    fn default() -> Self {
        Self {
            seed: 1,
            directories: 2,
            users: 1_000,
            groups: 40,
            memberships: 3_000,
        }
    }
}

impl Population {
    /// No objects at all.
    pub fn empty() -> Self {
        Self {
            seed: 1,
            directories: 0,
            users: 0,
            groups: 0,
            memberships: 0,
        }
    }

    /// Makes everything up.
    pub(crate) fn state(&self) -> Result<State, PopulationError> {
        self.check()?;
        Generator::new(*self).run().map_err(PopulationError::Object)
    }

    fn check(&self) -> Result<(), PopulationError> {
        if self.directories == 0 && (self.users > 0 || self.groups > 0 || self.memberships > 0) {
            return Err(PopulationError::NoDirectory);
        }
        let (directories, users) = (u64::from(self.directories), u64::from(self.users));
        // The first users of the directories have the most memberships, each of its directory.
        let misfit = (0..users.min(directories)).find(|&user| {
            let groups = share(self.groups.into(), directories, user);
            share(self.memberships, users, user) > groups
        });
        if self.memberships > 0 && (self.users == 0 || misfit.is_some()) {
            return Err(PopulationError::TooManyMemberships {
                memberships: self.memberships,
                users: self.users,
                groups: self.groups,
                directories: self.directories,
            });
        }
        Ok(())
    }
}

/// Why a population cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PopulationError {
    /// Users, groups or memberships were asked for, but no directory that they could belong to.
    #[error("users, groups and memberships need at least one directory")]
    NoDirectory,
    /// A user would have to be in a group twice.
    #[error(
        "{memberships} memberships do not fit {users} users and {groups} groups in {directories} directories: \
         a user joins each group of its directory once at most"
    )]
    TooManyMemberships {
        /// How many memberships were asked for.
        memberships: u64,
        /// How many users.
        users: u32,
        /// How many groups.
        groups: u32,
        /// How many directories.
        directories: u32,
    },
    /// An object that was made up was refused.
    #[error("a generated object was refused: {0}")]
    Object(#[source] ObjectError),
}

/// How many of `total` things fall to taker number `taker` of `takers` who take turns.
pub(crate) fn share(total: u64, takers: u64, taker: u64) -> u64 {
    total / takers + u64::from(taker < total % takers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;
    use crate::index::Scope;

    fn small() -> Population {
        Population {
            seed: 7,
            directories: 3,
            users: 100,
            groups: 10,
            memberships: 250,
        }
    }

    fn texts(population: Population) -> Vec<String> {
        let state = population.state().unwrap();
        let users = (0..state.users.end()).map(|user| {
            let mut json = Vec::new();
            assert!(state.write_user(&mut json, user));
            String::from_utf8(json).unwrap()
        });
        let groups =
            (0..state.groups.end()).filter_map(|group| state.groups.get(group).map(|row| row.text.to_string()));
        users.chain(groups).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
        assert_eq!(texts(small()), texts(small()));
        assert_ne!(texts(small()), texts(Population { seed: 8, ..small() }));
    }

    #[test]
    fn the_numbers_are_totals_and_everybody_has_a_share() {
        let state = small().state().unwrap();
        let counts: Vec<(u64, u64)> = (0..3)
            .map(|directory| {
                let metadata = state.directory(directory).unwrap().metadata.unwrap();
                (metadata.users.active + metadata.users.inactive, metadata.groups)
            })
            .collect();
        assert_eq!(counts, [(34, 4), (33, 3), (33, 3)]);
        let memberships: usize = (0..100).map(|user| state.groups_of_user.all(user).count()).sum();
        assert_eq!(memberships, 250);
    }

    #[test]
    fn a_user_joins_groups_of_its_own_directory_only() {
        let state = small().state().unwrap();
        for user in 0..100 {
            let home = state.users.get(user).unwrap().directory;
            for group in state.groups_of_user.all(user) {
                assert_eq!(state.groups.get(group).unwrap().directory, home);
                assert!(state.users_of_group.contains(group, user));
            }
        }
    }

    #[test]
    fn all_states_and_several_providers_occur() {
        let population = Population {
            users: 1_000,
            directories: 8,
            groups: 8,
            memberships: 0,
            ..small()
        };
        let state = population.state().unwrap();
        let states: BTreeSet<u8> = (0..1_000)
            .map(|user| state.users.get(user).unwrap().state as u8)
            .collect();
        assert_eq!(states.len(), 3);
        let directories: Vec<_> = (0..8).map(|number| state.directory(number).unwrap()).collect();
        let providers: BTreeSet<String> = directories.iter().map(|model| model.type_.to_string()).collect();
        assert!(providers.len() > 5);
        let organizations: BTreeSet<_> = directories.iter().map(|model| model.organization_id.clone()).collect();
        assert_eq!(organizations.len(), 6);
    }

    #[test]
    fn more_memberships_than_fit_are_refused() {
        let error = Population {
            memberships: 302,
            ..small()
        }
        .state()
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "302 memberships do not fit 100 users and 10 groups in 3 directories: \
             a user joins each group of its directory once at most"
        );
        assert!(
            Population {
                memberships: 301,
                ..small()
            }
            .state()
            .is_ok()
        );
        let nobody = Population {
            directories: 0,
            ..small()
        };
        assert_eq!(nobody.state().unwrap_err(), PopulationError::NoDirectory);
    }

    #[test]
    fn a_deleted_directory_leaves_nothing_behind() {
        let mut state = small().state().unwrap();
        let groups: Vec<u32> = state.groups_by_scope.all(Scope::Directory(1).key(0)).collect();
        assert!(state.delete_directory(1));
        assert!(!state.delete_directory(1));
        assert_eq!(state.users_by_scope.all(Scope::All.key(0)).count(), 67);
        assert_eq!(state.groups_by_scope.all(Scope::All.key(0)).count(), 7);
        assert_eq!(state.directories_by_scope.all(Scope::All.key(0)).count(), 2);
        for group in groups {
            assert!(state.groups.get(group).is_none());
            assert_eq!(state.users_of_group.all(group).count(), 0);
        }
        for directory in [0, 2] {
            state.delete_directory(directory);
        }
        assert!(state.is_empty_of_indexes());
    }
}
