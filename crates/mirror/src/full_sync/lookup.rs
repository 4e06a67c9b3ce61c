//! One object, asked for by its id.

use workos_directory_sync::Client;
use workos_directory_sync::Error as ApiError;

use crate::Error;
use crate::Kind;
use crate::record;
use crate::record::EmbeddedGroups;
use crate::record::Record;

/// What the API says of an object that it was asked for by id.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// It is there.
    Found(Record, EmbeddedGroups),
    /// It is not there: a 404 in the API's own form, not one of a proxy.
    NotFoundByApi,
    /// The response decides nothing.
    Undecided {
        /// Why, in a few words.
        reason: String,
    },
}

/// Asks for a user, group or directory by its id.
///
/// # Errors
///
/// What would meet every other request, too: the network, the key, the shared limits.
pub(crate) async fn lookup(client: &Client, kind: Kind, id: &str) -> Result<Lookup, Error> {
    let found = match kind {
        Kind::Directories => client
            .get_directory()
            .id(id)
            .send()
            .await
            .map(|directory| record::directory(directory.into_inner()).map(|record| (record, EmbeddedGroups::Untold))),
        Kind::Groups => client.get_directory_group().id(id).send().await.map(|group| {
            let group = group.into_inner();
            let directory = group.directory_id.clone();
            record::group(group, &directory).map(|record| (record, EmbeddedGroups::Untold))
        }),
        Kind::Users | Kind::Memberships => client.get_directory_user().id(id).send().await.map(|user| {
            let user = user.into_inner();
            let directory = user.directory_id.clone();
            record::user(user, &directory)
        }),
    };
    match found {
        Ok(Ok((record, groups))) if record.id == id => Ok(Lookup::Found(record, groups)),
        Ok(Ok(_)) => Ok(undecided("another object came")),
        Ok(Err(_)) => Ok(undecided("unreadable")),
        Err(error) => failed(error),
    }
}

/// What a failure says of the object that was asked for.
///
/// # Errors
///
/// The failure itself, when it says nothing of a single object.
pub(crate) fn failed(error: ApiError) -> Result<Lookup, Error> {
    match error {
        ApiError::NotFound(error) if error.has_api_form() => Ok(Lookup::NotFoundByApi),
        ApiError::Network(_) | ApiError::Unauthorized(_) | ApiError::Gate { .. } => Err(error.into()),
        ApiError::Timeout(_) => Ok(undecided("timeout")),
        ApiError::Decode(_) | ApiError::TooLarge(_) => Ok(undecided("unreadable")),
        error => Ok(match error.status() {
            Some(404) => undecided("404, but not in the API's form"),
            Some(status) => undecided(&status.to_string()),
            None => undecided("no response"),
        }),
    }
}

fn undecided(reason: &str) -> Lookup {
    Lookup::Undecided {
        reason: reason.to_owned(),
    }
}
