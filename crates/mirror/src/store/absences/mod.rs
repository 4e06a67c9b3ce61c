//! Absences: rows that a complete traversal did not see, until it is known what became of them.
//!
//! ```text
//! note        what a traversal did not see, and what is not likely in it
//! lookups     which absent objects are asked for next, and what the API said
//! control     what is asked after them, to know that a 404 means something
//! end         what ends: confirmed, after repeated absence, by approval
//! pairs       memberships, which have no id to ask for
//! directories directories, and what an ended one has
//! approvals   what a person allowed
//! tally       how many there are
//! ```

mod approvals;
mod control;
mod directories;
mod end;
mod lookups;
mod note;
mod pairs;
mod tally;

use sqlx::Any;
use sqlx::Row;
use sqlx::Transaction;

use super::Connection;
use super::DatabaseRow;
use super::Dialect;
use super::Held;
use super::Stamp;
use super::Store;
use super::leases;
use crate::Error;
use crate::Kind;

pub(crate) use self::control::is_linked;
pub(super) use self::control::note_unlinked;
pub(crate) use self::end::Ends;
pub(super) use self::lookups::leave_foreign_groups;
pub(super) use self::note::note_step;
pub(super) use self::note::warn;
pub(crate) use self::pairs::Pair;
pub(super) use self::tally::tally;
pub(super) use self::tally::undecided;

/// An absent row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absence {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) directory: String,
    /// How often it was asked for without a decision.
    pub(crate) attempts: u64,
}

impl Absence {
    fn read(row: &DatabaseRow) -> Result<Self, sqlx::Error> {
        let kind: &str = row.try_get("kind")?;
        Ok(Self {
            kind: kind_of(kind),
            id: row.try_get("id")?,
            directory: row.try_get("directory_id")?,
            attempts: super::steps::count(row, "attempts")?,
        })
    }
}

pub(super) fn kind_of(name: &str) -> Kind {
    [Kind::Directories, Kind::Groups, Kind::Users]
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .unwrap_or(Kind::Memberships)
}

/// Whether the row of an absence `a` is still there and as absent as it was: neither ended, nor seen again, nor touched by an
/// event since.
pub(super) fn is_live(kind: Kind) -> String {
    let of = match kind {
        Kind::Memberships => "r.user_id = a.id AND r.group_id = a.group_id",
        _ => "r.id = a.id",
    };
    let row = format!(
        "EXISTS (SELECT 1 FROM {kind} AS r
                 WHERE {of} AND r.deleted_at IS NULL AND r.generation < a.run AND r.event_run < a.run)"
    );
    if kind != Kind::Directories {
        return row;
    }
    // Events can tell of users and groups while nobody told of their directory.
    format!(
        "({row} OR (NOT EXISTS (SELECT 1 FROM directories AS d WHERE d.id = a.id)
              AND (EXISTS (SELECT 1 FROM users AS u WHERE u.directory_id = a.id AND u.deleted_at IS NULL)
                   OR EXISTS (SELECT 1 FROM groups AS g WHERE g.directory_id = a.id AND g.deleted_at IS NULL))))"
    )
}

/// What is asked and written under a lease: that of a part of a full sync, or that of a pass between two of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass<'a> {
    pub(super) stamp: Stamp<'a>,
    /// What `absences.asked_in` has of it.
    pub(super) number: i64,
}

impl Held<'_> {
    /// What `absences.asked_in` has of what is asked under the lease.
    pub(super) fn pass(self) -> i64 {
        if self.is_run() {
            self.lease.run
        } else {
            self.lease.token.saturating_neg()
        }
    }

    /// Whether the lease is that of a part of a full sync.
    pub(super) fn is_run(self) -> bool {
        self.lease.is_of_full_sync()
    }
}

impl Store {
    /// Begins a transaction under the lease of a part of a full sync or of a pass.
    pub(super) async fn begin_pass<'h>(&self, held: Held<'h>) -> Result<(Transaction<'static, Any>, Pass<'h>), Error> {
        let number = held.pass();
        if held.is_run() {
            let stamp = held.stamp();
            return Ok((self.begin_as(held).await?, Pass { stamp, number }));
        }
        let mut transaction = self.begin().await?;
        leases::check(&mut transaction, held.lease).await?;
        let run = super::events::newest_run(&mut transaction).await?;
        let stamp = Stamp { run, now: held.now };
        Ok((transaction, Pass { stamp, number }))
    }
}

/// Forgets the absences of a directory and kind whose rows are there again, have ended, or were touched by an event.
pub(super) async fn drop_settled(connection: &mut Connection, directory: &str, kind: Kind) -> Result<(), sqlx::Error> {
    // PostgreSQL knows no alias for the table of a DELETE without AS.
    let sql = format!(
        "DELETE FROM absences AS a WHERE a.directory_id = $1 AND a.kind = '{kind}' AND NOT {}",
        is_live(kind)
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(directory)
        .execute(connection)
        .await?;
    Ok(())
}

/// The strings of a JSON array parameter.
fn strings(connection: &Connection, parameter: &str) -> String {
    Dialect::of(connection).strings(parameter)
}
