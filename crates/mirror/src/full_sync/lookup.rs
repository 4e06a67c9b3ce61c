//! Asking for one object by its id: what the API says of it, when a list does not say it or cannot be believed.

use serde_json::Value;
use serde_json::value::RawValue;
use workos_directory_sync::Client;
use workos_directory_sync::Error as ApiError;

use super::page;
use crate::Error;
use crate::Kind;
use crate::record::ReadObject;
use crate::record::Table;
use crate::store::Findings;
use crate::store::Source;

/// What the API says of an object.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// It is there; fields that cannot be read are among the findings.
    Found(Box<ReadObject>, Findings),
    /// It is there, but cannot be read.
    Unreadable(Findings),
    /// There is none, says the API itself, in its own form.
    NotFound(ApiError),
    /// Nothing that decides it.
    Undecided {
        /// Why, on one line.
        reason: String,
        /// What the API refused, if it did.
        refused: Option<ApiError>,
    },
}

/// Asks for a directory, user or group.
///
/// # Errors
///
/// What would meet every other request, too: a refused key, the rate limit.
pub(crate) async fn look_up(client: &Client, table: &'static Table, id: &str) -> Result<Lookup, Error> {
    let response = match table.kind {
        Kind::Directories => client.get_directory().id(id).send_raw().await,
        Kind::Users => client.get_directory_user().id(id).send_raw().await,
        Kind::Groups | Kind::Memberships => client.get_directory_group().id(id).send_raw().await,
    };
    match response {
        Ok(response) => Ok(read(table, id, &response.into_inner())),
        Err(error) => failed(error),
    }
}

/// What a failure says of the object that was asked for.
///
/// # Errors
///
/// The failure itself, when it says nothing of a single object.
pub(crate) fn failed(error: ApiError) -> Result<Lookup, Error> {
    let reason = match &error {
        ApiError::NotFound(response) if response.has_api_form() => return Ok(Lookup::NotFound(error)),
        ApiError::Unauthorized(_) | ApiError::Gate { .. } => return Err(error.into()),
        ApiError::Timeout(_) => "timeout".to_owned(),
        // The network of one lookup: a proxy that breaks on one object does not hold up the others. Where nothing is reached at
        // all, a few of them in a row end the lookups, and the next list ends the run.
        ApiError::Network(_) => "no response".to_owned(),
        ApiError::Decode(_) | ApiError::TooLarge(_) => "unreadable".to_owned(),
        _ => match error.status() {
            Some(404) => "404, but not in the API's form".to_owned(),
            Some(status) => status.to_string(),
            None => "no response".to_owned(),
        },
    };
    Ok(Lookup::Undecided {
        reason,
        refused: Some(error),
    })
}

fn read(table: &'static Table, id: &str, raw: &RawValue) -> Lookup {
    let mut findings = Findings::default();
    match page::take(table, None, raw.get(), Source::Lookup, &mut findings) {
        Some(object) if object.record.id == id => Lookup::Found(Box::new(object), findings),
        Some(object) => Lookup::Undecided {
            reason: format!("the response is about `{}`", object.record.id),
            refused: None,
        },
        None if findings.seen.iter().any(|seen| seen == id) => Lookup::Unreadable(findings),
        None => Lookup::Undecided {
            reason: match serde_json::from_str::<Value>(raw.get()) {
                Ok(Value::Object(_)) => "the response has another id, or none".to_owned(),
                _ => "the response is no object".to_owned(),
            },
            refused: None,
        },
    }
}
