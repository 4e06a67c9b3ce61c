//! What belongs to an organization, across all of its directories.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use futures_util::future;
use futures_util::stream;

use super::Found;
use super::is_refusal;
use crate::Client;
use crate::Error;
use crate::builder::ListDirectories;
use crate::types::Directory;
use crate::types::DirectoryUser;

/// The directories of an organization.
///
/// The live API filters by `organization_id`, the reference by `organization`; both are sent, and `organization_id` alone
/// if the server refuses that. What comes back is checked, so that a server that ignores them gives the same directories,
/// only after reading all it has. A directory that names no organization belongs to none.
pub fn directories_of_organization(client: &Client, organization: impl Into<String>) -> Found<Directory> {
    let client = client.clone();
    let organization = organization.into();
    Found::later(async move {
        let one = client.list_directories().organization_id(organization.as_str());
        let both = one.clone().organization(organization.as_str());
        let directories = match belonging(both, &organization).await {
            Err(error) if is_refusal(&error) => belonging(one, &organization).await?,
            directories => directories?,
        };
        Ok(Found::new(stream::iter(directories.into_iter().map(Ok))))
    })
}

/// The users of an organization, across all of its directories, one directory after the other.
///
/// It asks for the organization's directories first ([`directories_of_organization`]) and for each one's users then, since
/// the live API does not document `organization` for users: a server that ignores it would give everybody's.
pub fn users_of_organization(client: &Client, organization: impl Into<String>) -> Found<DirectoryUser> {
    let directories = directories_of_organization(client, organization);
    let client = client.clone();
    let users = directories.map_ok(move |directory| {
        let users = client.list_directory_users().directory(directory.id.as_str()).stream();
        users.try_filter(move |user| future::ready(user.directory_id == directory.id))
    });
    Found::new(users.try_flatten())
}

/// Those of a list that belong to an organization, each once. They are few, whatever the server filters.
async fn belonging(request: ListDirectories, organization: &str) -> Result<Vec<Directory>, Error> {
    let mut seen = HashSet::new();
    let belongs = |directory: &Directory| {
        future::ready(directory.organization_id.as_deref() == Some(organization) && seen.insert(directory.id.clone()))
    };
    TryStreamExt::try_collect(request.stream().try_filter(belongs)).await
}
