//! The database: everything that is SQL, and nothing that knows of the API.
//!
//! Each method that writes is one transaction: objects, counts and the place where the traversal goes on are written
//! together or not at all. Dropping a method's future rolls its transaction back.
//!
//! ```text
//! objects      directories, users and groups: compare, insert, update, restore, stamp
//! memberships  the same for pairs of user and group
//! events       what events change, each once
//! dead         those that could not be applied
//! cursors      how far they were read
//! outbox       what changed, for applications
//! difference   which columns of a row changed, and what was in them
//! rows         the rows that one statement takes all at once
//! changes      the same, read by them
//! inbox        events that wait to be applied
//! absences     what a complete traversal did not see, until it is known what became of it
//! gone         directories that have ended, with all that is in them
//! runs         runs, and who takes part in them
//! steps        how far a run came, and its counts
//! leases       who does what
//! workers      who is there
//! budgets      the rate budgets that they share
//! lines        rows in order, to be compared with another database
//! quarantine   what cannot be read
//! purge        what is deleted for good, on request
//! counts       how many objects there are, for the planner
//! connect      the two databases, opened
//! schema       which form the tables have, and whose they are
//! dialect      the few words that they have different
//! ```

mod absences;
mod budgets;
mod changes;
pub(crate) mod connect;
mod counts;
mod cursors;
mod dead;
mod dialect;
mod difference;
mod events;
mod freshness;
mod gone;
mod inbox;
mod leases;
mod lines;
mod memberships;
mod objects;
mod outbox;
mod purge;
mod quarantine;
mod rows;
mod runs;
mod schema;
mod steps;
pub(crate) mod workers;

use sqlx::Any;
use sqlx::AnyPool;
use sqlx::Transaction;

pub(crate) use self::absences::Absence;
pub(crate) use self::absences::Ends;
pub(crate) use self::absences::Pair;
pub(crate) use self::absences::is_linked;
pub(crate) use self::budgets::Draw;
pub(crate) use self::budgets::Drawn;
pub(crate) use self::counts::KnownCounts;
pub(crate) use self::cursors::CLOCKS_DIFFER;
pub(crate) use self::cursors::Place;
pub use self::dead::DeadEvent;
use self::dialect::Dialect;
pub use self::events::EventCounts;
pub(crate) use self::inbox::Deferral;
pub(crate) use self::inbox::Waiting;
pub(crate) use self::leases::Held;
pub(crate) use self::leases::Lease;
pub(crate) use self::lines::Line;
pub(crate) use self::lines::Lines;
pub use self::purge::Purged;
pub(crate) use self::quarantine::FOREIGN;
pub(crate) use self::quarantine::Finding;
pub use self::quarantine::QuarantinedObject;
pub(crate) use self::quarantine::Source;
pub(crate) use self::quarantine::Unreadable;
use self::rows::Rows;
pub(crate) use self::runs::Joined;
pub(crate) use self::runs::Outcome;
pub(crate) use self::runs::Run;
pub(crate) use self::runs::RunState;
pub(crate) use self::runs::Wanted;
pub use self::schema::Schema;
pub(crate) use self::steps::Checkpoint;
pub(crate) use self::steps::Step;
pub(crate) use self::steps::StepKey;
use crate::Counts;
use crate::Error;
use crate::WarningKind;
use crate::record::EmbeddedGroups;
use crate::record::Record;
use crate::record::Table;
use crate::record::USERS;

/// What statements run on: named once, so that the engine does not say which database it is.
type Connection = sqlx::AnyConnection;

/// What a statement answers.
type DatabaseRow = sqlx::any::AnyRow;

/// The database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: AnyPool,
    dialect: Dialect,
}

/// What a page has.
#[derive(Clone, Debug)]
pub(crate) enum Batch {
    /// Directories or groups.
    Objects(&'static Table, Vec<Record>),
    /// Users and the groups that came with them.
    Users(Vec<(Record, EmbeddedGroups)>),
    /// Pairs of user and group.
    Memberships(Vec<(String, String)>),
}

/// What a page has that cannot be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) odd: Vec<Finding>,
    /// The ids of objects that are there and cannot be read: their rows stay, and count as seen.
    pub(crate) seen: Vec<String>,
    /// How many objects were not read, so that the groups that came with them are not known.
    pub(crate) unread: u64,
    /// The ids of objects that read well now: what the quarantine has of them goes.
    pub(crate) released: Vec<String>,
}

/// What rows are stamped with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    /// The run, which is the generation.
    pub(crate) run: i64,
    /// The time, in canonical form.
    pub(crate) now: &'a str,
}

impl Store {
    async fn begin(&self) -> Result<Transaction<'static, Any>, Error> {
        Ok(match self.dialect {
            // Taking the write lock at once: a transaction that reads first and then has to wait for it would fail.
            Dialect::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            // To its end even if nobody waits for it any more: a connection whose BEGIN was given up on the way would go
            // back to the pool with the transaction open, and take what is written next into it.
            Dialect::Postgres => {
                let pool = self.pool.clone();
                let begun = tokio::spawn(async move { pool.begin().await });
                begun.await.map_err(|_| sqlx::Error::WorkerCrashed)??
            }
        })
    }

    /// Writes a page: its objects, what they count, what cannot be read, and where the step goes on.
    pub(crate) async fn write(
        &self,
        key: StepKey<'_>,
        held: Held<'_>,
        batch: Batch,
        findings: &Findings,
        checkpoint: Checkpoint,
    ) -> Result<Counts, Error> {
        let mut transaction = self.begin_as(held).await?;
        let stamp = held.stamp();
        let mut repeated = checkpoint.repeated;
        let has_ended = gone::has_ended(&mut transaction, key).await?;
        if !has_ended {
            quarantine::release(&mut transaction, key.kind, &findings.released, &findings.odd).await?;
            quarantine::write_step(&mut transaction, key, stamp, &findings.odd).await?;
            objects::touch_seen(&mut transaction, key.kind, stamp, &findings.seen).await?;
        }
        let (counts, came) = match batch {
            _ if has_ended => Default::default(),
            Batch::Objects(table, records) => {
                let mut written = objects::apply(&mut transaction, table, stamp, records).await?;
                written.tell(&mut transaction, table, stamp.now, Vec::new()).await?;
                repeated += written.repeated;
                (written.counts, written.came)
            }
            Batch::Memberships(pairs) => {
                let written = memberships::apply(&mut transaction, stamp, pairs).await?;
                outbox::write(&mut transaction, stamp.now, &written.told).await?;
                (written.counts, Vec::new())
            }
            Batch::Users(users) => {
                let page = split(users);
                let mut written = objects::apply(&mut transaction, &USERS, stamp, page.records).await?;
                let pairs = memberships::apply(&mut transaction, stamp, page.pairs).await?;
                written.tell(&mut transaction, &USERS, stamp.now, pairs.told).await?;
                absences::leave_foreign_groups(&mut transaction, stamp.now, &written.moved).await?;
                // Of a user who cannot be read the groups are not known either: they are found out in another way.
                steps::note_embedded(&mut transaction, key, pairs.counts, page.untold + findings.unread).await?;
                repeated += written.repeated;
                (written.counts, written.came)
            }
        };
        events::unpark(&mut transaction, stamp, &came).await?;
        steps::advance(&mut transaction, key, stamp, &checkpoint, counts).await?;
        if !checkpoint.may_repeat {
            steps::add_repeated(&mut transaction, key, repeated).await?;
        }
        if checkpoint.ended_early {
            absences::warn(&mut transaction, key, WarningKind::EndedEarly).await?;
        }
        transaction.commit().await?;
        Ok(counts)
    }

    /// Ends a step of users or groups whose traversal is complete: notes what it did not see.
    pub(crate) async fn finish_step(&self, key: StepKey<'_>, held: Held<'_>) -> Result<(), Error> {
        let mut transaction = self.begin_as(held).await?;
        let stamp = held.stamp();
        steps::require_traversed(&mut transaction, key).await?;
        absences::note_step(&mut transaction, key, stamp).await?;
        quarantine::sweep(&mut transaction, key).await?;
        steps::finish_step(&mut transaction, key, stamp, 0).await?;
        transaction.commit().await?;
        Ok(())
    }
}

impl Store {
    /// Writes what a response by id has, outside of a full sync.
    pub(crate) async fn apply_lookup(
        &self,
        table: &'static Table,
        record: Option<Record>,
        findings: &Findings,
        now: &str,
    ) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        let run = events::newest_run(&mut transaction).await?;
        let stamp = Stamp { run, now };
        outbox::lock(&mut transaction).await?;
        quarantine::release(&mut transaction, table.kind, &findings.released, &findings.odd).await?;
        quarantine::write(&mut transaction, stamp, &findings.odd).await?;
        let mut written = objects::apply(&mut transaction, table, stamp, record.into_iter().collect()).await?;
        written.tell(&mut transaction, table, now, Vec::new()).await?;
        events::unpark(&mut transaction, stamp, &written.came).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// A page of users, taken apart.
#[derive(Default)]
struct UserPage {
    records: Vec<Record>,
    /// User and group.
    pairs: Vec<(String, String)>,
    /// How many users did not say their groups.
    untold: u64,
}

fn split(users: Vec<(Record, EmbeddedGroups)>) -> UserPage {
    let mut page = UserPage::default();
    for (record, groups) in users {
        match groups {
            EmbeddedGroups::Told(groups) => {
                page.pairs
                    .extend(groups.into_iter().map(|group| (record.id.clone(), group)));
            }
            EmbeddedGroups::Untold => page.untold += 1,
        }
        page.records.push(record);
    }
    page
}

/// A JSON array as a parameter.
fn json_array(values: &(impl serde::Serialize + ?Sized)) -> Result<String, sqlx::Error> {
    serde_json::to_string(values).map_err(|error| sqlx::Error::Encode(error.into()))
}

#[cfg(test)]
mod tests;
