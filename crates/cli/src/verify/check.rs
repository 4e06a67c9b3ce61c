//! The checks themselves: what is asked, what was seen, and what to do about it.

use serde::Serialize;
use workos_directory_mirror::OddObject;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::patterns;
use workos_directory_sync::patterns::Unhealthy;
use workos_directory_sync::types::Directory;

use super::deep;
use crate::directories;
use crate::failure::Failure;
use crate::listing::Source as _;
use crate::users;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Failed,
    /// There was nothing to look at.
    Skipped,
    /// There is something that cannot be read.
    Odd,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Which of them.
    pub(crate) check: &'static str,
    /// The directory that was looked at, if it is about one.
    pub(crate) directory: Option<String>,
    pub(crate) outcome: Outcome,
    /// What was seen.
    pub(crate) seen: String,
    /// What to do, if anything.
    pub(crate) fix: Option<String>,
    /// What cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) odd: Option<OddObject>,
    /// Whether it failed because something cannot be read.
    #[serde(skip)]
    pub(super) is_unreadable: bool,
}

const AUTHENTICATION: &str = "authentication";
const LISTING: &str = "directory listing";
const USERS: &str = "user sync";
const MEMBERSHIP: &str = "group membership";

impl Check {
    pub(super) fn new(
        check: &'static str,
        directory: Option<&Directory>,
        outcome: Outcome,
        seen: impl Into<String>,
    ) -> Self {
        Self {
            check,
            directory: directory.map(|directory| directory.id.clone()),
            outcome,
            seen: seen.into(),
            fix: None,
            odd: None,
            is_unreadable: false,
        }
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    pub(super) fn error(check: &'static str, directory: Option<&Directory>, error: &Error) -> Self {
        Self {
            is_unreadable: error.kind() == "decode",
            ..Self::new(check, directory, Outcome::Failed, error.to_string()).fix(crate::failure::help(error))
        }
    }
}

/// Makes all checks, and says how the command fails if one did.
pub(crate) async fn all(
    client: &Client,
    organization: Option<&str>,
    ids: &[String],
    is_deep: bool,
) -> (Vec<Check>, Option<Failure>) {
    let mut checks = Vec::new();
    let mut first = steps(client, organization, ids, &mut checks).await.err();
    let is_reachable = checks.iter().any(|check| check.outcome == Outcome::Ok);
    let mut odd = 0;
    if is_deep && is_reachable {
        let (found, error) = deep::read(client, organization, ids, &mut checks).await;
        odd = found;
        first = first.or(error);
    } else if is_deep {
        skip(&mut checks, &[deep::CHECK], None, "needs an answer of the API");
    }
    // What fails because of an odd object is told with that object.
    let failed = (checks.iter())
        .filter(|check| check.outcome == Outcome::Failed && !(check.is_unreadable && odd > 0))
        .count();
    let failure = if failed > 0 {
        let message = format!("{failed} of {} checks failed", checks.len());
        Some(match first {
            Some(error) if matches!(error.kind(), "unauthorized" | "forbidden" | "network" | "timeout") => {
                Failure::of_kind(&error, message)
            }
            _ => Failure::unhealthy(message),
        })
    } else {
        (odd > 0).then(|| Failure::incomplete(format!("objects or fields that cannot be read: {odd}")))
    };
    (checks, failure)
}

/// The steps in their order. One directory that cannot be looked at does not hide the others; the first error comes back.
async fn steps(
    client: &Client,
    organization: Option<&str>,
    ids: &[String],
    checks: &mut Vec<Check>,
) -> Result<(), Error> {
    match client.list_directories().limit(1).send().await {
        Ok(page) => {
            let seen = format!("HTTP {}", page.status().as_u16());
            checks.push(Check::new(AUTHENTICATION, None, Outcome::Ok, seen));
        }
        Err(error) => {
            checks.push(Check::error(AUTHENTICATION, None, &error));
            skip(
                checks,
                &[LISTING, USERS, MEMBERSHIP],
                None,
                "needs an answer of the API",
            );
            return Err(error);
        }
    }
    let mut found = directories::chosen(client, organization, ids);
    let mut first = None;
    let mut any = false;
    while let Some(directory) = found.next().await {
        any = true;
        match directory {
            Ok(directory) => {
                if let Err((check, error)) = one(client, &directory, checks).await {
                    checks.push(Check::error(check, Some(&directory), &error));
                    if check == USERS {
                        skip(checks, &[MEMBERSHIP], Some(&directory), "needs an active user");
                    }
                    first.get_or_insert(error);
                }
            }
            Err(error) => {
                checks.push(Check::error(LISTING, None, &error));
                skip(checks, &[USERS, MEMBERSHIP], None, "needs a directory");
                first.get_or_insert(error);
            }
        }
    }
    if !any {
        checks.push(
            Check::new(LISTING, None, Outcome::Failed, "no directory")
                .fix("create one in the WorkOS Dashboard, or check the organization's id and the key's environment"),
        );
        skip(checks, &[USERS, MEMBERSHIP], None, "needs a directory");
    }
    first.map_or(Ok(()), Err)
}

fn skip(checks: &mut Vec<Check>, skipped: &[&'static str], directory: Option<&Directory>, why: &str) {
    let skipped = skipped.iter();
    checks.extend(skipped.map(|check| Check::new(check, directory, Outcome::Skipped, why)));
}

/// What is looked at in each directory.
async fn one(client: &Client, directory: &Directory, checks: &mut Vec<Check>) -> Result<(), (&'static str, Error)> {
    let here = Some(directory);
    let seen = format!("`{}` is {}", directory.name, directory.state);
    match Unhealthy::of(directory.clone()) {
        None => checks.push(Check::new(LISTING, here, Outcome::Ok, seen)),
        Some(unhealthy) => {
            checks.push(Check::new(LISTING, here, Outcome::Failed, seen).fix(unhealthy.reason));
            skip(checks, &[USERS, MEMBERSHIP], here, "the directory does not sync");
            return Ok(());
        }
    }
    let (user, looked_at) = users::first_active(client, &directory.id)
        .await
        .map_err(|error| (USERS, error))?;
    let Some(user) = user else {
        checks.push(
            Check::new(
                USERS,
                here,
                Outcome::Failed,
                format!("none of {looked_at} users is active"),
            )
            .fix("assign users to the application at the identity provider, and wait for its next sync"),
        );
        checks.push(Check::new(MEMBERSHIP, here, Outcome::Skipped, "needs an active user"));
        return Ok(());
    };
    checks.push(Check::new(USERS, here, Outcome::Ok, format!("{} is active", user.id)));

    let failed = |error| (MEMBERSHIP, error);
    let groups = client
        .list_directory_groups()
        .directory(directory.id.as_str())
        .limit(100)
        .send()
        .await;
    let groups = groups.map_err(failed)?.into_inner().data;
    if groups.is_empty() {
        checks.push(
            Check::new(MEMBERSHIP, here, Outcome::Skipped, "the directory shares no groups")
                .fix("push groups at the identity provider if the application needs them"),
        );
        return Ok(());
    }
    let of_user = patterns::groups_of_user(client, user.id.as_str())
        .try_collect()
        .await
        .map_err(failed)?;
    if !of_user.is_empty() {
        let seen = format!("{} is in {} groups", user.id, of_user.len());
        checks.push(Check::new(MEMBERSHIP, here, Outcome::Ok, seen));
        return Ok(());
    }
    // That one user may be in no group: somebody should be in one.
    for group in &groups {
        let mut members = patterns::users_of_group(client, group.id.as_str());
        if let Some(member) = members.next().await.transpose().map_err(failed)? {
            checks.push(Check::new(
                MEMBERSHIP,
                here,
                Outcome::Ok,
                format!("{} is in {}", member.id, group.id),
            ));
            return Ok(());
        }
    }
    checks.push(
        Check::new(
            MEMBERSHIP,
            here,
            Outcome::Failed,
            format!("none of {} groups has a member", groups.len()),
        )
        .fix("assign the groups' members to the application at the identity provider"),
    );
    Ok(())
}
