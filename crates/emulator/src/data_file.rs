//! The text of a data file, JSON or YAML, as people write it: what the API itself would say may be left out.
//!
//! Users and groups can stand in their directory, groups can name their members by email, and ids, states and times are made up where
//! they are missing. A made-up id depends on what the object is called, not on where it stands: it stays the same while other objects
//! come and go.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::value::to_raw_value;
use sha2::Digest as _;
use sha2::Sha256;
use workos_directory_sync::types;

use crate::fields::Fields;
use crate::kind::Kind;
use crate::loader::ObjectError;
use crate::seed_file::SeedFile;
use crate::seed_file::SeedFileError;
use crate::seed_file::SeedMembership;
use crate::strict;
use crate::strict::Null;
use crate::strict::Wrong;
use crate::strict::join;
use crate::ulid::Ulid;

/// When objects were created that do not say it, in milliseconds since 1970: the beginning of 2024.
const CREATED_AT: i64 = 1_704_067_200_000;

/// The lists of a file, and their objects as they stand there.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Document {
    directories: Vec<Box<RawValue>>,
    users: Vec<Box<RawValue>>,
    groups: Vec<Box<RawValue>>,
    memberships: Vec<SeedMembership>,
}

/// Members of a group that stand in it by email.
struct Named {
    group: usize,
    /// What is a member by email or id, with its place in the file.
    members: Vec<(String, String)>,
}

/// What is read so far.
#[derive(Default)]
struct Reading {
    file: SeedFile,
    named: Vec<Named>,
}

/// Reads a text: JSON when it begins with a brace, YAML otherwise.
pub(crate) fn parse(text: &str) -> Result<SeedFile, SeedFileError> {
    let json = if text.trim_start().starts_with('{') {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(json_of_yaml(text)?)
    };
    let whole: &RawValue = serde_json::from_str(&json).map_err(|error| wrong(".", error.to_string()))?;
    let document: Document = strict::read(whole, Null::IsAbsent).map_err(|error| misread("", error))?;
    let mut reading = Reading::default();
    for (place, directory) in document.directories.iter().enumerate() {
        reading.directory(&format!("directories[{place}]"), directory)?;
    }
    for (place, group) in document.groups.iter().enumerate() {
        reading.group(&format!("groups[{place}]"), group, None)?;
    }
    for (place, user) in document.users.iter().enumerate() {
        reading.user(&format!("users[{place}]"), user, None)?;
    }
    reading.file.memberships = document.memberships;
    reading.finish()
}

fn json_of_yaml(text: &str) -> Result<String, SeedFileError> {
    let unreadable = |reason: String| wrong(".", reason);
    // `no` is a text, as YAML 1.2 has it, and a large company is no attack.
    let budget = serde_saphyr::budget! { max_events: 100_000_000, max_nodes: 50_000_000 };
    let options = serde_saphyr::options! { strict_booleans: true, budget: budget };
    let value: serde_json::Value =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| unreadable(error.to_string()))?;
    serde_json::to_string(&value).map_err(|error| unreadable(error.to_string()))
}

impl Reading {
    /// A directory, and the users and groups that stand in it.
    fn directory(&mut self, at: &str, text: &RawValue) -> Result<(), SeedFileError> {
        let mut fields = fields(at, text)?;
        let users: Vec<Box<RawValue>> = taken(at, &mut fields, "users")?;
        let groups: Vec<Box<RawValue>> = taken(at, &mut fields, "groups")?;
        fields.fill("state", || "linked".to_owned());
        let called = fields.text("name").unwrap_or_else(|| at.to_owned());
        identify(Kind::Directory, &mut fields, &[&called]);
        let model: types::Directory = model(at, &fields).map_err(|error| with_lists(error, at))?;
        let home = model.id.clone();
        self.file.directories.push(model);
        for (place, group) in groups.iter().enumerate() {
            self.group(&format!("{at}.groups[{place}]"), group, Some(&home))?;
        }
        for (place, user) in users.iter().enumerate() {
            self.user(&format!("{at}.users[{place}]"), user, Some(&home))?;
        }
        Ok(())
    }

    fn user(&mut self, at: &str, text: &RawValue, home: Option<&str>) -> Result<(), SeedFileError> {
        // Most files are written by the emulator, and nothing is missing.
        if let Ok(model) = strict::read::<types::DirectoryUser>(text, Null::IsAbsent)
            && home.is_none()
        {
            self.file.users.push(model);
            return Ok(());
        }
        let mut fields = fields(at, text)?;
        settle(&mut fields, home);
        fields.fill("state", || "active".to_owned());
        let names = ["directory_id", "email", "idp_id", "username", "first_name", "last_name"];
        let mut called: Vec<String> = names.map(|name| fields.text(name).unwrap_or_default()).to_vec();
        if called.iter().skip(1).all(String::is_empty) {
            called.push(at.to_owned());
        }
        let called: Vec<&str> = called.iter().map(String::as_str).collect();
        identify(Kind::User, &mut fields, &called);
        self.file.users.push(model(at, &fields)?);
        Ok(())
    }

    fn group(&mut self, at: &str, text: &RawValue, home: Option<&str>) -> Result<(), SeedFileError> {
        let mut fields = fields(at, text)?;
        settle(&mut fields, home);
        let members: Vec<Box<RawValue>> = taken(at, &mut fields, "members")?;
        let called = ["directory_id", "name"].map(|name| fields.text(name).unwrap_or_default());
        identify(Kind::Group, &mut fields, &[&called[0], &called[1]]);
        let mut model: types::DirectoryGroup = model(at, &fields)?;
        let mut named = Vec::new();
        for (place, member) in members.iter().enumerate() {
            let at = format!("{at}.members[{place}]");
            if let Ok(name) = serde_json::from_str::<String>(member.get()) {
                named.push((at, name));
            } else {
                let member = strict::read(member, Null::IsAbsent).map_err(|error| misread(&at, error))?;
                model.members.get_or_insert_default().push(member);
            }
        }
        if !named.is_empty() {
            let group = self.file.groups.len();
            self.named.push(Named { group, members: named });
        }
        self.file.groups.push(model);
        Ok(())
    }

    /// Finds the members that are named by email.
    fn finish(mut self) -> Result<SeedFile, SeedFileError> {
        if self.named.is_empty() {
            return Ok(self.file);
        }
        let mut by_email: HashMap<(&str, String), Vec<&str>> = HashMap::new();
        for user in &self.file.users {
            let emails = user.email.iter().map(|email| email.to_lowercase());
            for name in emails.chain([user.id.clone()]) {
                by_email.entry((&user.directory_id, name)).or_default().push(&user.id);
            }
        }
        let mut found = Vec::new();
        for Named { group, members } in self.named {
            let home = self
                .file
                .groups
                .get(group)
                .map_or("", |group| group.directory_id.as_str());
            for (at, name) in members {
                let key = |name: &str| by_email.get(&(home, name.to_owned()));
                match key(&name).or_else(|| key(&name.to_lowercase())).map(Vec::as_slice) {
                    Some([user]) => found.push((group, types::GroupMember::new(*user))),
                    Some(_) => {
                        return Err(wrong(
                            &at,
                            format!("several users of `{home}` have the email `{name}`; give the id"),
                        ));
                    }
                    None => {
                        let error = ObjectError::UnknownUser { id: name };
                        return Err(SeedFileError::Object { at, error });
                    }
                }
            }
        }
        for (group, member) in found {
            if let Some(group) = self.file.groups.get_mut(group) {
                group.members.get_or_insert_default().push(member);
            }
        }
        Ok(self.file)
    }
}

/// Gives an object that stands in a directory its `directory_id`.
fn settle(fields: &mut Fields, home: Option<&str>) {
    if let Some(home) = home {
        fields.fill("directory_id", || home.to_owned());
    }
}

/// Makes up the id and the times of an object where they are missing. `called` is what the id depends on.
fn identify(kind: Kind, fields: &mut Fields, called: &[&str]) {
    let of_id = || {
        let ulid = kind.parse(&fields.text("id")?)?;
        jiff::Timestamp::from_millisecond(i64::try_from(ulid.milliseconds()).ok()?).ok()
    };
    let created = fields
        .text("created_at")
        .and_then(|time| time.parse().ok())
        .or_else(of_id);
    let created = created.unwrap_or_else(|| jiff::Timestamp::from_millisecond(CREATED_AT).unwrap_or_default());
    fields.fill("id", || {
        let mut hash = Sha256::new();
        for word in called {
            hash.update(word.as_bytes());
            hash.update([0]);
        }
        let random = hash
            .finalize()
            .iter()
            .take(10)
            .fold(0, |number, &byte| (number << 8) | u128::from(byte));
        kind.id(Ulid::new(
            u64::try_from(created.as_millisecond()).unwrap_or_default(),
            random,
        ))
    });
    if kind == Kind::Group {
        // Those of a group may be missing; they are that of its id.
        return;
    }
    fields.fill("created_at", || {
        workos_directory_sync::Timestamp::from(created).to_string()
    });
    let created = fields.text("created_at").unwrap_or_default();
    fields.fill("updated_at", || created);
}

/// An error of a directory, whose `users` and `groups` the model does not know.
fn with_lists(error: SeedFileError, directory: &str) -> SeedFileError {
    match error {
        SeedFileError::Parse { at, reason } if !reason.contains("did you mean") => {
            let field = at.strip_prefix(directory).unwrap_or(&at).trim_start_matches('.');
            let reason = reason + &strict::suggestion(field, &["users", "groups"]);
            SeedFileError::Parse { at, reason }
        }
        other => other,
    }
}

/// The fields of an object.
fn fields(at: &str, text: &RawValue) -> Result<Fields, SeedFileError> {
    Fields::parse(text.get()).ok_or_else(|| wrong(at, "it is no object".to_owned()))
}

/// A list that is taken out of an object; empty when there is none.
fn taken(at: &str, fields: &mut Fields, name: &str) -> Result<Vec<Box<RawValue>>, SeedFileError> {
    match fields.take(name) {
        None => Ok(Vec::new()),
        Some(list) => strict::read::<Option<Vec<Box<RawValue>>>>(&list, Null::IsAbsent)
            .map(Option::unwrap_or_default)
            .map_err(|error| misread(&join(at, name), error)),
    }
}

/// An object whose fields are complete.
fn model<T: DeserializeOwned>(at: &str, fields: &Fields) -> Result<T, SeedFileError> {
    let text = to_raw_value(fields).map_err(|error| wrong(at, error.to_string()))?;
    strict::read(&text, Null::IsAbsent).map_err(|error| misread(at, error))
}

fn misread(at: &str, Wrong { at: inside, message }: Wrong) -> SeedFileError {
    wrong(&join(at, &inside), message)
}

fn wrong(at: &str, reason: String) -> SeedFileError {
    let at = if at.is_empty() { "." } else { at }.to_owned();
    SeedFileError::Parse { at, reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const YAML: &str = "
directories:
  - name: Acme
    type: okta scim v2.0
    users:
      - email: jane@acme.example
        first_name: Jane
        custom_attributes: { department: R&D, on: no }
      - email: Joe@acme.example
        created_at: 2024-05-01T10:00:00.000Z
        state: suspended
    groups:
      - name: Engineering
        members: [JANE@acme.example, joe@acme.example]
  - name: Other
    type: workday
    users: [{ email: jane@acme.example }]
";

    fn refused(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn parse_yaml_with_nested_users_and_members_by_email_makes_up_what_is_missing() {
        let file = parse(YAML).unwrap();
        let (acme, jane, joe) = (&file.directories[0], &file.users[0], &file.users[1]);
        assert_eq!(acme.state.as_str(), "linked");
        assert_eq!(acme.created_at.to_string(), "2024-01-01T00:00:00.000Z");
        assert_eq!((&jane.directory_id, jane.state.as_str()), (&acme.id, "active"));
        let attributes = jane.custom_attributes.as_ref().unwrap();
        assert_eq!(attributes.as_str(), r#"{"department":"R&D","on":"no"}"#);
        assert_eq!(joe.state.as_str(), "suspended");
        assert_eq!(joe.updated_at.to_string(), "2024-05-01T10:00:00.000Z");
        let members = file.groups[0].members.as_ref().unwrap();
        let members: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
        assert_eq!(members, [jane.id.as_str(), joe.id.as_str()]);
        assert_ne!(file.users[2].id, jane.id);
        let state = file.state().unwrap();
        assert_eq!(state.users_of_group.all(0).count(), 2);
    }

    #[test]
    fn made_up_id_stays_while_other_objects_come_and_go() {
        let before = parse(YAML).unwrap();
        let after = parse(&YAML.replace(
            "- email: jane@acme.example\n",
            "- email: new@acme.example\n      - email: jane@acme.example\n",
        ));
        let after = after.unwrap();
        assert_eq!(after.users[1].id, before.users[0].id);
        assert_eq!(after.users[2].id, before.users[1].id);
    }

    #[test]
    fn parse_json_and_yaml_give_the_same() {
        let json = serde_json::to_string(&parse(YAML).unwrap()).unwrap();
        assert_eq!(parse(&json).unwrap(), parse(YAML).unwrap());
    }

    #[test]
    fn time_that_is_missing_is_that_of_the_id() {
        let text = r#"{"directories":[{"id":"directory_01ECAZ4NV9QMV47GW873HDCX74","name":"Acme","type":"workday"}]}"#;
        let time = parse(text).unwrap().directories[0].created_at.to_string();
        assert!(time.starts_with("2020-07-03T"), "{time}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_what_was_meant() {
        assert_eq!(
            refused(&YAML.replace("first_name", "frist_name"))
                .split_once(" here")
                .unwrap()
                .0,
            "the seed file is wrong at `directories[0].users[0].frist_name`: there is no field `frist_name`"
        );
        assert!(refused(&YAML.replace("    groups:", "    gruops:")).ends_with("did you mean `groups`?"));
        assert_eq!(
            refused(&YAML.replace("JANE@", "jnae@")),
            "the seed file is wrong at `directories[0].groups[0].members[0]`: there is no directory user `jnae@acme.example`"
        );
        assert!(refused(&YAML.replace("- email: Joe@", "- email: jane@")).contains("several users"));
        assert!(refused("directories: [").starts_with("the seed file is wrong at `.`: "));
        assert!(refused("directories: 7").starts_with("the seed file is wrong at `directories`: "));
        assert!(refused("- 7").contains("not an object"));
    }
}
