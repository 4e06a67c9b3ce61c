//! What made-up directories, groups, users and memberships look like.

use std::collections::BTreeSet;

use serde::Serialize;
use workos_directory_sync::types;
use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryType;

use crate::dice::Dice;
use crate::kind::Kind;
use crate::loader::Loader;
use crate::loader::ObjectError;
use crate::names;
use crate::person::Employer;
use crate::person::attributes;
use crate::person::person;
use crate::person::timestamp;
use crate::population::Population;
use crate::population::share;
use crate::state::State;

/// When the first directory was created: 2024-01-15T10:00:00Z, the time of the examples in the seed.
const EPOCH_MILLISECONDS: u64 = 1_705_312_800_000;

/// Over how long a time users and groups are created: 200 days.
const SPAN_MILLISECONDS: u64 = 200 * 24 * 3_600 * 1_000;

/// The first directories are all linked; see [`Population`].
const LINKED_DIRECTORIES: u32 = 4;

/// The providers that directories take turns with, the most common ones first.
const TYPES: &[DirectoryType] = &[
    DirectoryType::OktaScimV2,
    DirectoryType::GsuiteDirectory,
    DirectoryType::AzureScimV2,
    DirectoryType::GenericScimV2,
    DirectoryType::Workday,
    DirectoryType::OneLoginScimV2,
    DirectoryType::BambooHr,
    DirectoryType::JumpCloudScimV2,
    DirectoryType::Hibob,
    DirectoryType::Sftp,
];

/// Makes up everything that a population asks for, one object after the other.
pub(crate) struct Generator {
    population: Population,
    dice: Dice,
    loader: Loader,
    directories: Vec<Home>,
}

/// What users and groups need to know of their directory.
struct Home {
    id: String,
    organization_id: String,
    domain: String,
    /// The numbers of its groups.
    groups: Vec<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawGroup<'a> {
    display_name: &'a str,
}

impl Generator {
    pub(crate) fn new(population: Population) -> Self {
        Self {
            population,
            dice: Dice::new(population.seed),
            loader: Loader::default(),
            directories: Vec::new(),
        }
    }

    pub(crate) fn run(mut self) -> Result<State, ObjectError> {
        let mut organization = String::new();
        for number in 0..self.population.directories {
            // One organization has one directory, the next has two.
            if number % 3 != 2 {
                let ulid = self.dice.ulid(EPOCH_MILLISECONDS + u64::from(number) * 60_000);
                organization = Kind::Organization.id(ulid);
            }
            self.directory(number, &organization)?;
        }
        let start = EPOCH_MILLISECONDS + u64::from(self.population.directories) * 60_000;
        for number in 0..self.population.groups {
            let time = start + spread(number, self.population.groups);
            self.group(number, time)?;
        }
        for number in 0..self.population.users {
            let time = start + spread(number, self.population.users);
            self.user(number, time)?;
        }
        for number in 0..self.population.users {
            self.memberships(number);
        }
        Ok(self.loader.finish())
    }

    fn directory(&mut self, number: u32, organization: &str) -> Result<(), ObjectError> {
        let time = EPOCH_MILLISECONDS + u64::from(number) * 60_000 + 1_000;
        let id = Kind::Directory.id(self.dice.ulid(time));
        let (company, domain) = picked(names::COMPANIES, number as usize);
        let round = number as usize / names::COMPANIES.len();
        let (name, domain) = if round == 0 {
            (format!("{company} Directory"), format!("{domain}.example"))
        } else {
            (
                format!("{company} Directory {}", round + 1),
                format!("{domain}-{}.example", round + 1),
            )
        };
        let state = match number % 8 {
            _ if number < LINKED_DIRECTORIES => DirectoryState::Linked,
            5 => DirectoryState::Unlinked,
            6 => DirectoryState::Validating,
            7 => DirectoryState::InvalidCredentials,
            _ => DirectoryState::Linked,
        };
        let created = timestamp(time);
        let type_ = TYPES[number as usize % TYPES.len()].clone();
        let mut model = types::Directory::new(id.as_str(), type_, state, name, created, created);
        model.organization_id = Some(organization.to_owned());
        model.external_key = Some(self.dice.token(9));
        model.domain = Some(domain.clone());
        self.loader.directory(model)?;
        self.directories.push(Home {
            id,
            organization_id: organization.to_owned(),
            domain,
            groups: Vec::new(),
        });
        Ok(())
    }

    fn group(&mut self, number: u32, time: u64) -> Result<(), ObjectError> {
        let id = Kind::Group.id(self.dice.ulid(time));
        let idp_id = self.dice.token(15);
        let place = (number / self.population.directories) as usize;
        let department = picked(names::DEPARTMENTS, place);
        let round = place / names::DEPARTMENTS.len();
        let suffix = picked(names::GROUP_SUFFIXES, round);
        let name = match round / names::GROUP_SUFFIXES.len() {
            0 => format!("{department}{suffix}"),
            round => format!("{department}{suffix} {}", round + 1),
        };
        let Some(home) = self
            .directories
            .get_mut((number % self.population.directories) as usize)
        else {
            return Ok(());
        };
        let mut model = types::DirectoryGroup::new(id, home.id.as_str(), name.as_str());
        model.organization_id = Some(home.organization_id.clone());
        model.idp_id = Some(idp_id);
        model.raw_attributes = Some(attributes(&RawGroup { display_name: &name })?);
        model.created_at = Some(timestamp(time).into());
        model.updated_at = Some(timestamp(time).into());
        let group = self.loader.group(model)?;
        home.groups.push(group);
        Ok(())
    }

    fn user(&mut self, number: u32, time: u64) -> Result<(), ObjectError> {
        let id = Kind::User.id(self.dice.ulid(time));
        let Some(home) = self.directories.get((number % self.population.directories) as usize) else {
            return Ok(());
        };
        let employer = Employer {
            directory_id: &home.id,
            organization_id: Some(&home.organization_id),
            domain: &home.domain,
        };
        // The first user of each directory is active, whatever the dice say.
        let may_be_away = number >= self.population.directories;
        let model = person(&mut self.dice, id, &employer, number, time, may_be_away)?;
        self.loader.user(model)?;
        Ok(())
    }

    fn memberships(&mut self, user: u32) {
        let count = share(self.population.memberships, self.population.users.into(), user.into());
        let home = (user % self.population.directories) as usize;
        let groups = self.directories.get(home).map_or(0, |home| home.groups.len() as u32);
        // Floyd's way of choosing `count` of `groups` numbers: each choice is new, none is thrown away.
        let count = u32::try_from(count).unwrap_or(groups).min(groups);
        let mut chosen = BTreeSet::new();
        for last in groups - count..groups {
            let choice = self.dice.below(last + 1);
            let choice = if chosen.insert(choice) { choice } else { last };
            chosen.insert(choice);
            if let Some(&group) = self
                .directories
                .get(home)
                .and_then(|home| home.groups.get(choice as usize))
            {
                self.loader.numbered_membership(user, group);
            }
        }
    }
}

fn picked<T: Copy>(from: &[T], place: usize) -> T {
    from[place % from.len()]
}

/// When the thing with this number of so many is created, in milliseconds after the first; no two at the same time as long
/// as there are fewer than 17 billion.
fn spread(number: u32, total: u32) -> u64 {
    u64::from(number) * (SPAN_MILLISECONDS / u64::from(total.max(1)))
}
