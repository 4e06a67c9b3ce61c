//! What a full sync would change, without changing it.
//!
//! The source is mirrored into a database in a temporary folder, by a full sync like any other, and the two databases are
//! compared row by row in the order of their ids. So it takes the calls of a full sync, some disk, and little memory.

use std::cmp::Ordering;

use serde::Serialize;
use workos_directory_sync::Client;

use crate::Counts;
use crate::Error;
use crate::Kind;
use crate::Mirror;
use crate::presence::Presence;
use crate::record::DIRECTORIES;
use crate::record::GROUPS;
use crate::record::USERS;
use crate::store::Line;
use crate::store::Lines;
use crate::store::Store;

/// How many differences are named; all of them are counted.
const NAMED: usize = 1_000;

/// What a full sync would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// Directories.
    pub directories: Counts,
    /// Users.
    pub users: Counts,
    /// Groups.
    pub groups: Counts,
    /// Memberships.
    pub memberships: Counts,
    /// The first 1,000 differences.
    pub differences: Vec<Difference>,
    /// How many calls of the API it took.
    pub calls: u64,
}

impl Diff {
    /// Whether the database is equal to the source.
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }
}

/// An object that a full sync would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// Of which kind.
    pub kind: Kind,
    /// Its id; of a membership, the user's.
    pub id: String,
    /// Of a membership, the group's id.
    pub group_id: Option<String>,
    /// What would become of it.
    pub change: Pending,
}

/// What a full sync would do to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pending {
    /// It would be new.
    Insert,
    /// It would be changed.
    Update,
    /// It would be marked as deleted no longer.
    Restore,
    /// It would be marked as deleted, if the API does not know it by its id either.
    Delete,
}

impl Pending {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Restore => "restore",
            Self::Delete => "delete",
        }
    }
}

pub(crate) async fn diff(mirror: &Mirror, client: &Client) -> Result<Diff, Error> {
    let folder = tempfile::tempdir().map_err(Error::Scratch)?;
    let scratch = Mirror::connect(&format!("sqlite:{}", folder.path().join("source.sqlite").display())).await?;
    let compared = if mirror.read_only.is_some() {
        compare_all(mirror, &scratch, client).await
    } else {
        // It is a worker only so that it shares their limits.
        let presence = Presence::enter(mirror).await?;
        let client = presence.share(client, mirror);
        let compared = presence.during(compare_all(mirror, &scratch, &client)).await;
        presence.leave(mirror).await;
        compared
    };
    // Its file is closed before its folder is removed.
    scratch.close().await;
    compared
}

async fn compare_all(mirror: &Mirror, scratch: &Mirror, client: &Client) -> Result<Diff, Error> {
    let summary = scratch.full_sync(client).run().await?;
    let mut diff = Diff {
        calls: summary.calls,
        ..Diff::default()
    };
    for kind in [Kind::Directories, Kind::Groups, Kind::Users, Kind::Memberships] {
        compare(&mirror.store, &scratch.store, kind, &mut diff).await?;
    }
    Ok(diff)
}

async fn compare(here: &Store, source: &Store, kind: Kind, diff: &mut Diff) -> Result<(), Error> {
    let (table, counts) = match kind {
        Kind::Directories => (Some(&DIRECTORIES), &mut diff.directories),
        Kind::Groups => (Some(&GROUPS), &mut diff.groups),
        Kind::Users => (Some(&USERS), &mut diff.users),
        Kind::Memberships => (None, &mut diff.memberships),
    };
    let (mut here, mut source) = (Lines::new(here, table), Lines::new(source, table));
    loop {
        let which = match (here.peek().await?, source.peek().await?) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(here), Some(source)) => here.ids.cmp(&source.ids),
        };
        let known = which.is_le().then(|| here.take()).flatten();
        let listed = which.is_ge().then(|| source.take()).flatten();
        let pending = pending(known.as_ref(), listed.as_ref());
        if listed.is_some() {
            counts.seen += 1;
        }
        match pending {
            Some(Pending::Insert) => counts.inserted += 1,
            Some(Pending::Update) => counts.updated += 1,
            Some(Pending::Restore) => counts.restored += 1,
            Some(Pending::Delete) => counts.deleted += 1,
            None if listed.is_some() => counts.unchanged += 1,
            None => {}
        }
        if let Some(change) = pending
            && let Some(line) = listed.or(known)
            && diff.differences.len() < NAMED
        {
            let (id, group) = line.ids;
            diff.differences.push(Difference {
                kind,
                id,
                group_id: (kind == Kind::Memberships).then_some(group),
                change,
            });
        }
    }
}

/// What would become of a row that is known here, or listed at the source, or both.
fn pending(known: Option<&Line>, listed: Option<&Line>) -> Option<Pending> {
    match (known, listed) {
        (None, Some(_)) => Some(Pending::Insert),
        (Some(known), Some(_)) if known.is_deleted => Some(Pending::Restore),
        (Some(known), Some(listed)) if known.values != listed.values => Some(Pending::Update),
        (Some(known), None) if !known.is_deleted => Some(Pending::Delete),
        _ => None,
    }
}
