//! What a seed file says: every object of the emulator as the API itself writes it.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use workos_directory_sync::types;

use crate::javascript::rewrite;
use crate::kind::Kind;
use crate::loader::Loader;
use crate::loader::ObjectError;
use crate::state::State;
use crate::ulid::Ulid;

/// Objects to begin with, in the shapes of the API. All four lists may be missing.
///
/// In a file, which is JSON or YAML, users and groups may also stand in their directory, members of a group may be emails, and `id`,
/// `state`, `created_at` and `updated_at` may be missing. A field that the API does not have is refused.
///
/// Ids are a prefix and a ULID; lists are ordered by them, in whatever order they stand here. What is missing is filled
/// in: the organization of a user or group from its directory, empty attributes, a directory's empty `external_key`, a
/// group's `idp_id` (its id) and times (that of its ULID). `groups` of users and `members` of groups count as memberships,
/// so that pages of the API can be used as they are. A directory's `metadata` is counted anew.
///
/// ```
/// use workos_directory_emulator::SeedFile;
///
/// let file = SeedFile::parse(r#"{
///     "directories": [{
///         "id": "directory_01ECAZ4NV9QMV47GW873HDCX74",
///         "type": "okta scim v2.0",
///         "state": "linked",
///         "name": "Acme Corp Directory",
///         "created_at": "2024-01-15T10:00:00.000Z",
///         "updated_at": "2024-01-15T10:00:00.000Z"
///     }]
/// }"#)?;
/// assert_eq!(file.directories[0].name, "Acme Corp Directory");
/// # Ok::<(), workos_directory_emulator::SeedFileError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedFile {
    /// The directories.
    pub directories: Vec<types::Directory>,
    /// The users of all directories.
    pub users: Vec<types::DirectoryUser>,
    /// The groups of all directories.
    pub groups: Vec<types::DirectoryGroup>,
    /// Which user belongs to which group.
    pub memberships: Vec<SeedMembership>,
}

/// A user who belongs to a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedMembership {
    /// The id of the user.
    pub user: String,
    /// The id of the group.
    pub group: String,
}

/// Why a seed file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedFileError {
    /// The file cannot be read.
    #[error("cannot read the seed file `{}`", path.display())]
    Read {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the seed file `{}`", path.display())]
    Write {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The text is no seed file.
    #[error("the seed file is wrong at `{at}`: {reason}")]
    Parse {
        /// The place in the document, such as `users[3].state`.
        at: String,
        /// What is wrong there.
        reason: String,
    },
    /// An object does not go with the others.
    #[error("the seed file is wrong at `{at}`: {error}")]
    Object {
        /// The place in the document, such as `users[3]`.
        at: String,
        /// What is wrong there.
        #[source]
        error: ObjectError,
    },
}

impl SeedFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When there is no such file or it is no seed file. Whether its objects go together is checked when the emulator
    /// starts.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, SeedFileError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| SeedFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text)
    }

    /// Reads a text: JSON when it begins with a brace, YAML otherwise.
    ///
    /// # Errors
    ///
    /// When it is no seed file.
    pub fn parse(text: &str) -> Result<Self, SeedFileError> {
        crate::data_file::parse(text)
    }

    /// Checks the objects and builds a state of them.
    pub(crate) fn state(self) -> Result<State, SeedFileError> {
        let mut memberships: Vec<(String, SeedMembership)> = Vec::new();
        let mut loader = Loader::default();
        for (place, model) in sorted(self.directories, Kind::Directory, |model| &model.id) {
            loader
                .directory(model)
                .map_err(wrong(format!("directories[{place}]")))?;
        }
        for (place, mut model) in sorted(self.groups, Kind::Group, |model| &model.id) {
            for (member, user) in model.members.take().into_iter().flatten().enumerate() {
                let at = format!("groups[{place}].members[{member}]");
                let group = model.id.clone();
                memberships.push((at, SeedMembership { user: user.id, group }));
            }
            rewrite(&mut model.raw_attributes);
            loader.group(model).map_err(wrong(format!("groups[{place}]")))?;
        }
        for (place, mut model) in sorted(self.users, Kind::User, |model| &model.id) {
            for (member, group) in model.groups.take().into_iter().flatten().enumerate() {
                let at = format!("users[{place}].groups[{member}]");
                let user = model.id.clone();
                memberships.push((at, SeedMembership { user, group: group.id }));
            }
            rewrite(&mut model.raw_attributes);
            rewrite(&mut model.custom_attributes);
            loader.user(model).map_err(wrong(format!("users[{place}]")))?;
        }
        for (place, membership) in self.memberships.into_iter().enumerate() {
            memberships.push((format!("memberships[{place}]"), membership));
        }
        for (at, membership) in memberships {
            let added = loader.membership(&membership.user, &membership.group);
            added.map_err(wrong(at))?;
        }
        Ok(loader.finish())
    }
}

/// The objects with their places in the file, in the order of their ids. Wrong ids come first and are refused first.
fn sorted<T>(models: Vec<T>, kind: Kind, id: impl Fn(&T) -> &String) -> Vec<(usize, T)> {
    let mut models: Vec<(Option<Ulid>, usize, T)> = models
        .into_iter()
        .enumerate()
        .map(|(place, model)| (kind.parse(id(&model)), place, model))
        .collect();
    models.sort_by_key(|(ulid, place, _)| (*ulid, *place));
    models.into_iter().map(|(_, place, model)| (place, model)).collect()
}

fn wrong(at: String) -> impl FnOnce(ObjectError) -> SeedFileError {
    move |error| SeedFileError::Object { at, error }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::index::Scope;

    const ACME: &str = "directory_01ECAZ4NV9QMV47GW873HDCX74";
    const FOO: &str = "directory_01EHWNC0FCBHZ3BJ7EGKYXK0E6";
    const JANE: &str = "directory_user_01E1JG7J09H96KYP8HM9B0G5SJ";
    const DEVELOPERS: &str = "directory_group_01E64QTDNS0EGJ0FMCVY9BWGZT";
    const TIME: &str = "2024-01-15T10:00:00.000Z";

    fn timestamp() -> workos_directory_sync::Timestamp {
        TIME.parse().unwrap()
    }

    fn directory(id: &str) -> types::Directory {
        types::Directory::new(id, "okta scim v2.0", "linked", "Acme", timestamp(), timestamp())
    }

    fn user(id: &str, directory: &str) -> types::DirectoryUser {
        types::DirectoryUser::new(id, directory, "active", timestamp(), timestamp())
    }

    fn file() -> SeedFile {
        SeedFile {
            directories: vec![directory(FOO), directory(ACME)],
            users: vec![user(JANE, ACME)],
            groups: vec![types::DirectoryGroup::new(DEVELOPERS, ACME, "Developers")],
            memberships: Vec::new(),
        }
    }

    fn refused(change: impl FnOnce(&mut SeedFile)) -> String {
        let mut file = file();
        change(&mut file);
        file.state().unwrap_err().to_string()
    }

    #[test]
    fn objects_may_stand_in_any_order() {
        let state = file().state().unwrap();
        assert_eq!(state.directories.find(ACME), Some(0));
        assert_eq!(state.directories.find(FOO), Some(1));
    }

    #[test]
    fn embedded_groups_and_members_are_memberships() {
        let mut file = file();
        file.users[0].groups = Some(vec![types::EmbeddedGroup::new(DEVELOPERS, "Developers")]);
        file.groups[0].members = Some(vec![types::GroupMember::new(JANE)]);
        let state = file.state().unwrap();
        assert_eq!(state.groups_of_user.all(0).collect::<Vec<_>>(), [0]);
        assert_eq!(state.users_of_group.all(0).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn what_is_missing_is_filled_in() {
        let mut file = file();
        file.directories[1].organization_id = Some("org_01EHZNVPK3SFK441A1RGBFSHRT".to_owned());
        let state = file.state().unwrap();
        assert_eq!(
            &*state.groups.get(0).unwrap().text,
            format!(
                r#"{{"object":"directory_group","id":"{DEVELOPERS}","idp_id":"{DEVELOPERS}","directory_id":"{ACME}",\
"organization_id":"org_01EHZNVPK3SFK441A1RGBFSHRT","name":"Developers","raw_attributes":{{}},\
"created_at":"2020-04-17T18:53:36.825Z","updated_at":"2020-04-17T18:53:36.825Z"}}"#
            )
            .replace("\\\n", "")
        );
        assert_eq!(state.directory(0).unwrap().external_key.as_deref(), Some(""));
        assert_eq!(state.users_by_scope.all(Scope::Organization(0).key(1)).count(), 1);
    }

    #[test]
    fn a_wrong_id_is_named_with_its_place() {
        assert_eq!(
            refused(|file| file.users[0].id = "directory_user_jane".to_owned()),
            "the seed file is wrong at `users[0]`: the id `directory_user_jane` is not `directory_user_` followed by a \
             ULID, such as `directory_user_01ECAZ4NV9QMV47GW873HDCX74`"
        );
        assert!(refused(|file| file.directories[1].id = JANE.to_owned()).contains("`directories[1]`: the id"));
        assert!(
            refused(|file| file.directories[0].organization_id = Some("acme".to_owned()))
                .contains("`directories[0]`: the id `acme` is not `org_` followed by a ULID")
        );
    }

    #[test]
    fn an_id_that_is_used_twice_is_named() {
        assert_eq!(
            refused(|file| file.directories.push(directory(FOO))),
            format!("the seed file is wrong at `directories[2]`: the id `{FOO}` is used twice")
        );
    }

    #[test]
    fn a_reference_to_nothing_is_named() {
        let missing = "directory_01EZZZZZZZZZZZZZZZZZZZZZZZ";
        assert_eq!(
            refused(|file| file.groups[0].directory_id = missing.to_owned()),
            format!("the seed file is wrong at `groups[0]`: there is no directory `{missing}`")
        );
        let membership = |user: &str, group: &str| SeedMembership {
            user: user.to_owned(),
            group: group.to_owned(),
        };
        assert_eq!(
            refused(|file| file.memberships.push(membership("nobody", DEVELOPERS))),
            "the seed file is wrong at `memberships[0]`: there is no directory user `nobody`"
        );
        assert_eq!(
            refused(|file| file.memberships.push(membership(JANE, "nothing"))),
            "the seed file is wrong at `memberships[0]`: there is no directory group `nothing`"
        );
        assert_eq!(
            refused(|file| file.users[0].groups = Some(vec![types::EmbeddedGroup::new("nothing", "")])),
            "the seed file is wrong at `users[0].groups[0]`: there is no directory group `nothing`"
        );
    }

    #[test]
    fn a_membership_across_directories_is_refused() {
        assert_eq!(
            refused(|file| {
                file.users[0].directory_id = FOO.to_owned();
                file.groups[0].members = Some(vec![types::GroupMember::new(JANE)]);
            }),
            format!(
                "the seed file is wrong at `groups[0].members[0]`: user `{JANE}` and group `{DEVELOPERS}` belong to \
                 different directories"
            )
        );
    }

    #[test]
    fn a_user_of_another_organization_than_its_directory_is_refused() {
        let message = refused(|file| file.users[0].organization_id = Some("org_01EHZNVPK3SFK441A1RGBFSHRT".to_owned()));
        assert_eq!(
            message,
            "the seed file is wrong at `users[0]`: it belongs to `org_01EHZNVPK3SFK441A1RGBFSHRT`, but its directory \
             belongs to no organization"
        );
    }

    #[test]
    fn a_text_that_does_not_decode_is_refused_with_its_place() {
        let text = format!(
            r#"{{"users": [{{"id": "{JANE}", "directory_id": "{ACME}", "state": 7, "created_at": "{TIME}",
            "updated_at": "{TIME}"}}]}}"#
        );
        let message = SeedFile::parse(&text).unwrap_err().to_string();
        assert!(
            message.starts_with("the seed file is wrong at `users[0].state`: "),
            "{message}"
        );
        let message = SeedFile::parse(r#"{"direcories": []}"#).unwrap_err().to_string();
        assert!(message.ends_with("did you mean `directories`?"), "{message}");
        assert!(SeedFile::parse("{} {}").is_err());
        assert!(SeedFile::parse("").is_err());
    }

    #[test]
    fn a_seed_file_reads_back_as_it_was_written() {
        let mut file = file();
        file.memberships.push(SeedMembership {
            user: JANE.to_owned(),
            group: DEVELOPERS.to_owned(),
        });
        let text = serde_json::to_string_pretty(&file).unwrap();
        assert_eq!(SeedFile::parse(&text).unwrap(), file);
    }
}
