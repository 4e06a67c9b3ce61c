//! `--deep`: whole lists, object by object, as a full sync reads them. Nothing is written.

use workos_directory_mirror::OddObject;
use workos_directory_mirror::inspect;
use workos_directory_mirror::inspect_directories;
use workos_directory_mirror::inspect_organization;
use workos_directory_sync::Client;
use workos_directory_sync::Error;

use super::check::Check;
use super::check::Outcome;
use crate::failure::Failure;

/// The name of the check.
pub(super) const CHECK: &str = "whole lists";

/// How many odd objects are named; the others are counted.
const NAMED: usize = 1_000;

/// Reads the lists, and says how many objects and fields of them cannot be read, and what the API refused.
pub(super) async fn read(
    client: &Client,
    organization: Option<&str>,
    ids: &[String],
    checks: &mut Vec<Check>,
) -> (u64, Option<Error>) {
    let (mut named, mut odd) = (Vec::new(), 0);
    let on_odd = |object: &OddObject| {
        odd += 1;
        if named.len() < NAMED {
            named.push(check_of(object));
        }
    };
    let inspected = match organization {
        Some(organization) => inspect_organization(client, organization, on_odd).await,
        None if ids.is_empty() => inspect(client, on_odd).await,
        None => inspect_directories(client, ids, on_odd).await,
    };
    let unnamed = odd - u64::try_from(named.len()).unwrap_or(odd);
    checks.append(&mut named);
    if unnamed > 0 {
        checks.push(Check::new(
            CHECK,
            None,
            Outcome::Odd,
            format!("{unnamed} more cannot be read"),
        ));
    }
    let error = match inspected {
        Ok(read) => {
            if odd == 0 {
                let seen = format!("{} objects in {} calls read well", read.objects, read.calls);
                checks.push(Check::new(CHECK, None, Outcome::Ok, seen));
            }
            return (odd, None);
        }
        Err(error) => error,
    };
    match error {
        workos_directory_mirror::Error::Api(error) => {
            let mut check = Check::error(CHECK, None, &error);
            // It ended the reading, and no odd object stands for it.
            check.is_unreadable = false;
            checks.push(check);
            (odd, Some(error))
        }
        error => {
            let seen = Failure::chained(&error).message().to_owned();
            checks.push(Check::new(CHECK, None, Outcome::Failed, seen));
            (odd, None)
        }
    }
}

/// What is said of an odd object.
fn check_of(object: &OddObject) -> Check {
    let seen = format!(
        "{} {} at `{}`: {}",
        object.kind,
        object.id.as_deref().unwrap_or("without a readable id"),
        object.path,
        object.error
    );
    let mut check = Check::new(CHECK, None, Outcome::Odd, seen);
    check.directory.clone_from(&object.directory_id);
    check.odd = Some(object.clone());
    check
}
