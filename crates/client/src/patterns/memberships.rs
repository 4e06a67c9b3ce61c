//! Who is in which group: by the live API's parameters, else by what servers embed.

use std::collections::HashSet;

use futures_util::StreamExt as _;
use futures_util::TryStreamExt as _;
use futures_util::future;
use futures_util::stream;

use super::Found;
use super::is_refusal;
use crate::Client;
use crate::Error;
use crate::pages::Items;
use crate::pages::ListRequest;
use crate::types::DirectoryGroup;
use crate::types::DirectoryUser;
use crate::types::EmbeddedGroup;

/// The groups that a user is a member of.
///
/// It asks for `GET /directory_groups?user=…`, which the live API documents. If the server refuses that (400 or 422), the
/// user's embedded `groups` count instead; if it embeds none either, its refusal is the error. A server that takes the
/// parameter and ignores it cannot be told from one that honours it.
pub fn groups_of_user(client: &Client, user: impl Into<String>) -> Found<DirectoryGroup> {
    let client = client.clone();
    let user = user.into();
    Found::later(async move {
        let request = client.list_directory_groups().user(user.as_str());
        let refusal = match first(request.stream()).await {
            Ok(groups) => return Ok(groups),
            Err(error) if is_refusal(&error) => error,
            Err(error) => return Err(error),
        };
        let user = client.get_directory_user().id(user).send().await?.into_inner();
        let groups = user.groups.ok_or(refusal)?;
        let directory = user.directory_id;
        let groups = groups.into_iter().map(move |group| Ok(complete(group, &directory)));
        Ok(Found::new(stream::iter(groups)))
    })
}

/// The users who are members of a group.
///
/// It asks for `GET /directory_users?group=…`, which the live API documents. If the server refuses that (400 or 422), the
/// directory's users are read, and those kept who are among the group's embedded `members`, or whose own embedded `groups`
/// have the group where the group has no `members`; if the server embeds neither, its refusal is the error. A server that
/// takes the parameter and ignores it cannot be told from one that honours it.
pub fn users_of_group(client: &Client, group: impl Into<String>) -> Found<DirectoryUser> {
    let client = client.clone();
    let group = group.into();
    Found::later(async move {
        let request = client.list_directory_users().group(group.as_str());
        let refusal = match first(request.stream()).await {
            Ok(users) => return Ok(users),
            Err(error) if is_refusal(&error) => error,
            Err(error) => return Err(error),
        };
        let group = client.get_directory_group().id(group).send().await?.into_inner();
        let members = group.members.map(|members| {
            let ids = members.into_iter().map(|member| member.id);
            ids.collect::<HashSet<_>>()
        });
        let users = client.list_directory_users().directory(group.directory_id).groups(true);
        let mut refusal = Some(refusal);
        let users = users.stream().try_filter_map(move |user| {
            let is_member = match (&members, &user.groups) {
                (Some(members), _) => Some(members.contains(&user.id)),
                (None, Some(groups)) => Some(groups.iter().any(|embedded| embedded.id == group.id)),
                (None, None) => None,
            };
            future::ready(match is_member {
                Some(is_member) => Ok(is_member.then_some(user)),
                // The stream ends with the error: it is there the one time that it is wanted.
                None => refusal.take().map_or(Ok(None), Err),
            })
        });
        Ok(Found::new(users))
    })
}

/// The stream if its first page comes.
async fn first<R: ListRequest>(mut items: Items<R>) -> Result<Found<R::Item>, Error> {
    let first = items.next().await.transpose()?;
    Ok(Found::new(stream::iter(first.map(Ok)).chain(items)))
}

/// An embedded group as a group; a user's groups are in the user's directory.
fn complete(embedded: EmbeddedGroup, directory: &str) -> DirectoryGroup {
    let directory = embedded.directory_id.unwrap_or_else(|| directory.to_owned());
    let mut group = DirectoryGroup::new(embedded.id, directory, embedded.name);
    group.object = embedded.object;
    group.idp_id = embedded.idp_id;
    group.organization_id = embedded.organization_id;
    group.raw_attributes = embedded.raw_attributes;
    group.created_at = embedded.created_at;
    group.updated_at = embedded.updated_at;
    group
}
