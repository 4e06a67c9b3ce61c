//! What made-up people look like.

use jiff::Timestamp;
use serde::Serialize;
use workos_directory_sync::Attributes;
use workos_directory_sync::types;
use workos_directory_sync::types::DirectoryUserState;

use crate::dice::Dice;
use crate::loader::ObjectError;
use crate::names;

/// Where somebody works.
pub(crate) struct Employer<'a> {
    pub(crate) directory_id: &'a str,
    pub(crate) organization_id: Option<&'a str>,
    /// What addresses end with.
    pub(crate) domain: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawUser<'a> {
    user_name: &'a str,
    active: bool,
    name: RawName<'a>,
    title: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawName<'a> {
    given_name: &'a str,
    family_name: &'a str,
}

#[derive(Serialize)]
struct CustomAttributes<'a> {
    department: &'a str,
    job_title: Option<&'a str>,
    cost_center: u32,
    office: &'a str,
}

/// Makes somebody up. The number makes the address unique; `created` is in milliseconds since 1970.
pub(crate) fn person(
    dice: &mut Dice,
    id: String,
    employer: &Employer<'_>,
    number: u32,
    created: u64,
    may_be_away: bool,
) -> Result<types::DirectoryUser, ObjectError> {
    let idp_id = dice.token(15);
    let (first_name, first_address) = *dice.pick(names::FIRST_NAMES);
    let (last_name, last_address) = *dice.pick(names::LAST_NAMES);
    let title = *dice.pick(names::JOB_TITLES);
    let title = (dice.below(6) > 0).then_some(title);
    let department = *dice.pick(names::DEPARTMENTS);
    let office = *dice.pick(names::CITIES);
    let cost_center = 1_000 + dice.below(9_000);
    let updated = created + u64::from(dice.below(30 * 24 * 3_600)) * 1_000;
    let unreachable = dice.below(250) == 0;
    let state = match dice.below(100) {
        0 | 1 if may_be_away => DirectoryUserState::Inactive,
        2..=5 if may_be_away => DirectoryUserState::Suspended,
        _ => DirectoryUserState::Active,
    };

    let address = format!("{first_address}.{last_address}.{number}@{}", employer.domain);
    let mut model = types::DirectoryUser::new(
        id,
        employer.directory_id,
        state.clone(),
        timestamp(created),
        timestamp(updated),
    );
    model.organization_id = employer.organization_id.map(str::to_owned);
    model.idp_id = Some(idp_id);
    model.first_name = Some(first_name.to_owned());
    model.last_name = Some(last_name.to_owned());
    model.name = Some(format!("{first_name} {last_name}"));
    model.username = Some(address.clone());
    model.job_title = title.map(str::to_owned);
    model.raw_attributes = Some(attributes(&RawUser {
        user_name: &address,
        active: state == DirectoryUserState::Active,
        name: RawName {
            given_name: first_name,
            family_name: last_name,
        },
        title,
    })?);
    model.custom_attributes = Some(attributes(&CustomAttributes {
        department,
        job_title: title,
        cost_center,
        office,
    })?);
    let mut emails = Vec::new();
    if !unreachable {
        emails.push(work_address(&address));
        model.email = Some(address);
    }
    model.emails = Some(emails);
    model.role = Some(types::Role::new("member"));
    Ok(model)
}

/// An address at work.
pub(crate) fn work_address(address: &str) -> types::DirectoryUserEmail {
    let mut email = types::DirectoryUserEmail::default();
    email.primary = Some(true);
    email.type_ = Some("work".to_owned());
    email.value = Some(address.to_owned());
    email
}

/// A time in milliseconds since 1970.
pub(crate) fn timestamp(milliseconds: u64) -> Timestamp {
    let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

/// Attributes of this shape.
pub(crate) fn attributes(value: &impl Serialize) -> Result<Attributes, ObjectError> {
    Attributes::from_serialize(value).map_err(|error| ObjectError::Encoding {
        reason: error.to_string(),
    })
}
