//! Change as companies make it: people come, go, marry, move and are promoted; groups come and go.

use serde_json::Map;
use serde_json::Value;
use workos_directory_sync::types;
use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryUserState;

use crate::app::App;
use crate::dice::Dice;
use crate::index::Scope;
use crate::kind::Kind;
use crate::loader::ObjectError;
use crate::log::next_ulid;
use crate::names;
use crate::person::Employer;
use crate::person::attributes;
use crate::person::person;
use crate::person::work_address;
use crate::server::Emulator;
use crate::state::State;

/// How many rows are looked at for one that can change, behind one that was chosen and cannot.
const LOOK_AHEAD: u32 = 1_000;

/// The roles that people take.
const ROLES: &[&str] = &["member", "admin", "billing", "viewer"];

/// What the domain of a directory is when it has none.
const NO_DOMAIN: &str = "company.example";

/// What happens how often, in a hundred steps or so.
const WEIGHTS: &[(ChurnStep, u32)] = &[
    (ChurnStep::Hired, 15),
    (ChurnStep::Left, 14),
    (ChurnStep::Renamed, 8),
    (ChurnStep::Moved, 30),
    (ChurnStep::AttributesChanged, 12),
    (ChurnStep::RoleChanged, 6),
    (ChurnStep::Suspended, 4),
    (ChurnStep::Returned, 4),
    (ChurnStep::GroupCreated, 3),
    (ChurnStep::GroupRenamed, 2),
    (ChurnStep::GroupDeleted, 2),
];

/// A source of realistic change, from a seed: the same seed does the same to the same objects at the same times.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use workos_directory_emulator::Churn;
/// use workos_directory_emulator::Emulator;
///
/// let emulator = Emulator::start().await?;
/// let mut churn = Churn::new(7);
/// for _ in 0..10 {
///     println!("{:?}", churn.step(&emulator)?);
/// }
/// // GET /events tells all of it.
/// # Ok(())
/// # }
/// ```
///
/// Only directories that are linked change, and none is deleted. [`Emulator::start_churn`] goes on by itself.
#[derive(Clone, Debug)]
pub struct Churn(Dice);

/// What happened in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ChurnStep {
    /// Somebody new came, and joined a group if there is one.
    Hired,
    /// Somebody left.
    Left,
    /// Somebody has another family name, and address.
    Renamed,
    /// Somebody went from one department to another: out of one group, into another.
    Moved,
    /// Somebody has another title and cost center.
    AttributesChanged,
    /// Somebody has another role.
    RoleChanged,
    /// Somebody is suspended.
    Suspended,
    /// Somebody who was suspended is active again.
    Returned,
    /// There is a new group.
    GroupCreated,
    /// A group has another name.
    GroupRenamed,
    /// A group is gone.
    GroupDeleted,
}

impl Churn {
    /// Churn from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    /// Changes something, and says what. Nothing happens (`None`) when there is nothing that could change: no linked
    /// directory, or nobody of the kind that the dice chose.
    ///
    /// # Errors
    ///
    /// An [`ObjectError`] when the emulator has no room for one more object.
    pub fn step(&mut self, emulator: &Emulator) -> Result<Option<ChurnStep>, ObjectError> {
        self.step_in(emulator.app())
    }

    pub(crate) fn step_in(&mut self, app: &App) -> Result<Option<ChurnStep>, ObjectError> {
        let now = app.settings.clock.now();
        let mut state = app.state_mut();
        let mut place = self.0.below(WEIGHTS.iter().map(|(_, weight)| weight).sum());
        let step = WEIGHTS
            .iter()
            .find_map(|&(step, weight)| match place.checked_sub(weight) {
                Some(rest) => {
                    place = rest;
                    None
                }
                None => Some(step),
            });
        let step = step.unwrap_or(ChurnStep::Hired);
        let mut scene = Scene {
            dice: &mut self.0,
            state: &mut state,
            now,
        };
        let has_happened = match step {
            ChurnStep::Hired => scene.hire()?,
            ChurnStep::GroupCreated => scene.create_group()?,
            ChurnStep::GroupRenamed | ChurnStep::GroupDeleted => scene.change_group(step)?,
            _ => scene.change_user(step)?,
        };
        Ok(has_happened.then_some(step))
    }
}

/// What a step sees and changes.
struct Scene<'a> {
    dice: &'a mut Dice,
    state: &'a mut State,
    now: jiff::Timestamp,
}

impl Scene<'_> {
    fn hire(&mut self) -> Result<bool, ObjectError> {
        let Some(directory) = self.directory() else {
            return Ok(false);
        };
        let ulid = next_ulid(self.state.users.last(), self.now);
        let id = Kind::User.id(ulid);
        let number = self.state.users.end();
        let Some(row) = self.state.directories.get(directory) else {
            return Ok(false);
        };
        let employer = Employer {
            directory_id: &row.model.id,
            organization_id: row.model.organization_id.as_deref(),
            domain: row.model.domain.as_deref().unwrap_or(NO_DOMAIN),
        };
        let mut model = person(self.dice, id.clone(), &employer, number, ulid.milliseconds(), false)?;
        model.updated_at = model.created_at.clone();
        self.state.change(self.now).user(model)?;
        if let Some(group) = self.group_of(directory) {
            self.state.change(self.now).membership(&id, &group, true)?;
        }
        Ok(true)
    }

    fn change_user(&mut self, step: ChurnStep) -> Result<bool, ObjectError> {
        let Some(number) = self.user() else {
            return Ok(false);
        };
        let mut model = self.state.user(number)?;
        match step {
            ChurnStep::Left => {
                self.state.change(self.now).delete_user(&model.id)?;
                return Ok(true);
            }
            ChurnStep::Renamed => self.rename(number, &mut model),
            ChurnStep::Moved => self.transfer(number, &mut model)?,
            ChurnStep::AttributesChanged => {
                let title = *self.dice.pick(names::JOB_TITLES);
                let cost_center = 1_000 + self.dice.below(9_000);
                model.job_title = Some(title.to_owned());
                set_attributes(
                    &mut model,
                    [("job_title", title.into()), ("cost_center", cost_center.into())],
                )?;
            }
            ChurnStep::RoleChanged => model.role = Some(types::Role::new(*self.dice.pick(ROLES))),
            ChurnStep::Suspended if model.state == DirectoryUserState::Active => {
                model.state = DirectoryUserState::Suspended;
            }
            ChurnStep::Returned if model.state != DirectoryUserState::Active => {
                model.state = DirectoryUserState::Active;
            }
            _ => return Ok(false),
        }
        model.updated_at = self.now.into();
        self.state.change(self.now).user(model)?;
        Ok(true)
    }

    fn rename(&mut self, number: u32, model: &mut types::DirectoryUser) {
        let (last_name, last_address) = *self.dice.pick(names::LAST_NAMES);
        let first_name = model.first_name.clone().unwrap_or_default();
        model.name = Some(format!("{first_name} {last_name}").trim_start().to_owned());
        model.last_name = Some(last_name.to_owned());
        let Some((_, domain)) = model.email.as_deref().and_then(|email| email.rsplit_once('@')) else {
            return;
        };
        // The number makes the address unique.
        let address = format!("{last_address}.{number}@{domain}");
        model.emails = Some(vec![work_address(&address)]);
        model.username = Some(address.clone());
        model.email = Some(address);
    }

    fn transfer(&mut self, number: u32, model: &mut types::DirectoryUser) -> Result<(), ObjectError> {
        let department = *self.dice.pick(names::DEPARTMENTS);
        set_attributes(model, [("department", department.into())])?;
        let groups: Vec<u32> = self.state.groups_of_user.all(number).collect();
        let left = groups.get(self.dice.below(groups.len() as u32) as usize);
        let left = left.and_then(|&group| self.state.groups.id(group));
        let directory = self.state.users.get(number).map(|row| row.directory);
        let joined = directory.and_then(|directory| self.group_of(directory));
        if left != joined {
            let mut change = self.state.change(self.now);
            if let Some(group) = left {
                change.membership(&model.id, &group, false)?;
            }
            if let Some(group) = joined {
                change.membership(&model.id, &group, true)?;
            }
        }
        Ok(())
    }

    fn create_group(&mut self) -> Result<bool, ObjectError> {
        let Some(directory) = self.directory().and_then(|number| self.state.directories.id(number)) else {
            return Ok(false);
        };
        let id = Kind::Group.id(next_ulid(self.state.groups.last(), self.now));
        let mut model = types::DirectoryGroup::new(id, directory, self.group_name());
        model.idp_id = Some(self.dice.token(15));
        model.created_at = Some(self.now.into());
        model.updated_at = Some(self.now.into());
        self.state.change(self.now).group(model)?;
        Ok(true)
    }

    fn change_group(&mut self, step: ChurnStep) -> Result<bool, ObjectError> {
        let end = self.state.groups.end();
        let found = self.choose(end, |state, number| {
            state
                .groups
                .get(number)
                .is_some_and(|row| is_linked(state, row.directory))
        });
        let Some(number) = found else {
            return Ok(false);
        };
        let mut model = self.state.group(number)?;
        if step == ChurnStep::GroupDeleted {
            self.state.change(self.now).delete_group(&model.id)?;
            return Ok(true);
        }
        model.name = self.group_name();
        model.updated_at = Some(self.now.into());
        self.state.change(self.now).group(model)?;
        Ok(true)
    }

    fn group_name(&mut self) -> String {
        let department = *self.dice.pick(names::DEPARTMENTS);
        let city = *self.dice.pick(names::CITIES);
        format!("{department} {city}")
    }

    /// A linked directory.
    fn directory(&mut self) -> Option<u32> {
        let end = self.state.directories.end();
        self.choose(end, is_linked)
    }

    /// Somebody in a linked directory.
    fn user(&mut self) -> Option<u32> {
        let end = self.state.users.end();
        self.choose(end, |state, number| {
            state
                .users
                .get(number)
                .is_some_and(|row| is_linked(state, row.directory))
        })
    }

    /// The id of a group of a directory.
    fn group_of(&mut self, directory: u32) -> Option<String> {
        let count = self.state.directories.get(directory)?.groups;
        let place = self.dice.below(u32::try_from(count).unwrap_or(u32::MAX));
        let mut groups = self.state.groups_by_scope.all(Scope::Directory(directory).key(0));
        self.state.groups.id(groups.nth(place as usize)?)
    }

    /// A number below `end` that is fit: one by chance or, if that is not fit, one of those behind it.
    fn choose(&mut self, end: u32, is_fit: impl Fn(&State, u32) -> bool) -> Option<u32> {
        let first = self.dice.below(end);
        (0..end.min(LOOK_AHEAD))
            .map(|offset| ((u64::from(first) + u64::from(offset)) % u64::from(end)) as u32)
            .find(|&number| is_fit(self.state, number))
    }
}

fn is_linked(state: &State, directory: u32) -> bool {
    let row = state.directories.get(directory);
    row.is_some_and(|row| row.model.state == DirectoryState::Linked)
}

fn set_attributes<const N: usize>(
    model: &mut types::DirectoryUser,
    values: [(&str, Value); N],
) -> Result<(), ObjectError> {
    let known = model.custom_attributes.as_ref().and_then(|known| known.decode().ok());
    let mut all: Map<String, Value> = known.unwrap_or_default();
    all.extend(values.map(|(name, value)| (name.to_owned(), value)));
    model.custom_attributes = Some(attributes(&all)?);
    Ok(())
}
