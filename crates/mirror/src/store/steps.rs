//! Steps: how far a full sync came with a directory and kind, and what it counted.

use sqlx::Any;
use sqlx::AssertSqlSafe;
use sqlx::Row;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use super::Connection;
use super::DatabaseRow;
use super::Held;
use super::Stamp;
use super::Store;
use crate::Counts;
use crate::Error;
use crate::Kind;
use crate::MembershipPlan;

/// The columns of [`Counts`].
const COUNTS: &str = "seen, inserted, updated, restored, unchanged, deleted";

/// Adds them to those of the step that is there already.
const ADDED: &str = "seen = sync_steps.seen + excluded.seen, inserted = sync_steps.inserted + excluded.inserted,
    updated = sync_steps.updated + excluded.updated, restored = sync_steps.restored + excluded.restored,
    unchanged = sync_steps.unchanged + excluded.unchanged, deleted = sync_steps.deleted + excluded.deleted";

/// Which step of a run: a directory and a kind. The list of directories belongs to no directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepKey<'a> {
    pub(crate) run: i64,
    pub(crate) directory: &'a str,
    pub(crate) kind: Kind,
}

impl<'a> StepKey<'a> {
    /// The step that lists the directories.
    pub(crate) fn directories(run: i64) -> Self {
        Self {
            run,
            directory: "",
            kind: Kind::Directories,
        }
    }

    /// The same directory's step of another kind.
    pub(crate) fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

/// How far a step came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    pub(crate) plan: Option<MembershipPlan>,
    pub(crate) position: Option<String>,
    pub(crate) cursor: Option<String>,
    /// How many users came without saying their groups.
    pub(crate) untold: u64,
    pub(crate) traversed: bool,
    pub(crate) finished: bool,
    pub(crate) counts: Counts,
}

/// Where a step goes on after a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checkpoint {
    /// The group or user whose list is under way.
    pub(crate) position: Option<String>,
    /// The cursor of the next page.
    pub(crate) cursor: Option<String>,
    /// There is no next page.
    pub(crate) traversed: bool,
    /// The calls since the last checkpoint.
    pub(crate) calls: u64,
    /// How many pairs the page before had already.
    pub(crate) repeated: u64,
    /// The list went on, and the page has nothing.
    pub(crate) ended_early: bool,
    /// That objects come again says nothing: the list was begun anew on the way, or they were asked for by id.
    pub(crate) may_repeat: bool,
}

impl Store {
    /// How far a step came.
    pub(crate) async fn step(&self, key: StepKey<'_>) -> Result<Step, Error> {
        let row = sqlx::query("SELECT * FROM sync_steps WHERE run_id = $1 AND directory_id = $2 AND kind = $3")
            .bind(key.run)
            .bind(key.directory)
            .bind(key.kind.as_str())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else {
            return Ok(Step::default());
        };
        Ok(Step {
            plan: row
                .try_get::<Option<&str>, _>("plan")?
                .and_then(MembershipPlan::from_name),
            position: row.try_get("position")?,
            cursor: row.try_get("cursor")?,
            untold: count(&row, "untold")?,
            traversed: row.try_get::<Option<&str>, _>("traversed_at")?.is_some(),
            finished: row.try_get::<Option<&str>, _>("finished_at")?.is_some(),
            counts: read_counts(&row)?,
        })
    }

    /// Notes how the memberships of a directory are found out.
    pub(crate) async fn choose_plan(
        &self,
        key: StepKey<'_>,
        held: Held<'_>,
        plan: MembershipPlan,
    ) -> Result<(), Error> {
        let traversed_at = (plan == MembershipPlan::Embedded).then_some(held.now);
        let mut transaction = self.begin_as(held).await?;
        sqlx::query(
            "INSERT INTO sync_steps (run_id, directory_id, kind, plan, traversed_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (run_id, directory_id, kind)
             DO UPDATE SET plan = excluded.plan, traversed_at = excluded.traversed_at",
        )
        .bind(key.run)
        .bind(key.directory)
        .bind(key.kind.as_str())
        .bind(plan.as_str())
        .bind(traversed_at)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How many directories a run is about.
    pub(crate) async fn count_directories(&self, run: i64) -> Result<u64, Error> {
        let row =
            sqlx::query("SELECT COUNT(*) AS directories FROM directories WHERE generation = $1 AND deleted_at IS NULL")
                .bind(run)
                .fetch_one(&self.pool)
                .await?;
        Ok(count(&row, "directories")?)
    }
}

/// How many calls a run made for a kind, and what it counted.
pub(super) async fn sum(connection: &mut Connection, run: i64, kind: Kind) -> Result<(u64, Counts), sqlx::Error> {
    let sums = [
        "calls",
        "seen",
        "inserted",
        "updated",
        "restored",
        "unchanged",
        "deleted",
    ]
    .map(|column| format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT) AS {column}"));
    let sql = format!(
        "SELECT {} FROM sync_steps WHERE run_id = $1 AND kind = $2",
        sums.join(", ")
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(run)
        .bind(kind.as_str())
        .fetch_one(connection)
        .await?;
    Ok((count(&row, "calls")?, read_counts(&row)?))
}

/// Notes where a step goes on, and adds to its counts.
pub(super) async fn advance(
    connection: &mut Connection,
    key: StepKey<'_>,
    stamp: Stamp<'_>,
    checkpoint: &Checkpoint,
    counts: Counts,
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "INSERT INTO sync_steps
             (run_id, directory_id, kind, {COUNTS}, position, cursor, traversed_at, calls)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (run_id, directory_id, kind) DO UPDATE SET
             {ADDED}, position = excluded.position, cursor = excluded.cursor, traversed_at = excluded.traversed_at,
             calls = sync_steps.calls + excluded.calls"
    );
    bind_counts(sqlx::query(AssertSqlSafe(sql)), key, counts)
        .bind(checkpoint.position.as_deref())
        .bind(checkpoint.cursor.as_deref())
        .bind(checkpoint.traversed.then_some(stamp.now))
        .bind(signed(checkpoint.calls))
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds what came with a page of users to the directory's step for memberships.
pub(super) async fn note_embedded(
    connection: &mut Connection,
    key: StepKey<'_>,
    embedded: Counts,
    untold: u64,
) -> Result<(), sqlx::Error> {
    if embedded != Counts::default() {
        add_counts(connection, key.of(Kind::Memberships), embedded).await?;
    }
    if untold > 0 {
        sqlx::query(
            "INSERT INTO sync_steps (run_id, directory_id, kind, untold) VALUES ($1, $2, 'memberships', $3)
             ON CONFLICT (run_id, directory_id, kind) DO UPDATE SET untold = sync_steps.untold + excluded.untold",
        )
        .bind(key.run)
        .bind(key.directory)
        .bind(signed(untold))
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Refuses to go on with a step whose traversal is not complete: nothing may be marked as deleted yet.
pub(super) async fn require_traversed(connection: &mut Connection, key: StepKey<'_>) -> Result<(), Error> {
    let traversed: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM sync_steps
         WHERE run_id = $1 AND directory_id = $2 AND kind = $3 AND traversed_at IS NOT NULL",
    )
    .bind(key.run)
    .bind(key.directory)
    .bind(key.kind.as_str())
    .fetch_optional(connection)
    .await?;
    traversed.map(|_| ()).ok_or(Error::CutShort { kind: key.kind })
}

/// Ends a step.
pub(super) async fn finish_step(
    connection: &mut Connection,
    key: StepKey<'_>,
    stamp: Stamp<'_>,
    deleted: u64,
) -> Result<(), sqlx::Error> {
    add_deleted(connection, key, deleted).await?;
    sqlx::query("UPDATE sync_steps SET finished_at = $1 WHERE run_id = $2 AND directory_id = $3 AND kind = $4")
        .bind(stamp.now)
        .bind(key.run)
        .bind(key.directory)
        .bind(key.kind.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn add_deleted(
    connection: &mut Connection,
    key: StepKey<'_>,
    deleted: u64,
) -> Result<(), sqlx::Error> {
    let counts = Counts {
        deleted,
        ..Counts::default()
    };
    add_counts(connection, key, counts).await
}

/// Adds rows that ended because they are absent.
pub(super) async fn add_ended(connection: &mut Connection, key: StepKey<'_>, ended: u64) -> Result<(), sqlx::Error> {
    add_deleted(connection, key, ended).await?;
    sqlx::query("UPDATE sync_steps SET ended = ended + $1 WHERE run_id = $2 AND directory_id = $3 AND kind = $4")
        .bind(signed(ended))
        .bind(key.run)
        .bind(key.directory)
        .bind(key.kind.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds calls, how many of them asked for absent objects, and how many of those are there.
pub(super) async fn add_lookups(
    connection: &mut Connection,
    key: StepKey<'_>,
    calls: u64,
    asked: u64,
    refreshed: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sync_steps (run_id, directory_id, kind, calls, asked, refreshed) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (run_id, directory_id, kind) DO UPDATE SET
             calls = sync_steps.calls + excluded.calls, asked = sync_steps.asked + excluded.asked,
             refreshed = sync_steps.refreshed + excluded.refreshed",
    )
    .bind(key.run)
    .bind(key.directory)
    .bind(key.kind.as_str())
    .bind(signed(calls))
    .bind(signed(asked))
    .bind(signed(refreshed))
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds objects that a list gave twice.
pub(super) async fn add_repeated(
    connection: &mut Connection,
    key: StepKey<'_>,
    repeated: u64,
) -> Result<(), sqlx::Error> {
    if repeated > 0 {
        sqlx::query(
            "UPDATE sync_steps SET repeated = repeated + $1 WHERE run_id = $2 AND directory_id = $3 AND kind = $4",
        )
        .bind(signed(repeated))
        .bind(key.run)
        .bind(key.directory)
        .bind(key.kind.as_str())
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// How many objects a step's list gave twice.
pub(super) async fn repeated(connection: &mut Connection, key: StepKey<'_>) -> Result<u64, sqlx::Error> {
    let repeated: Option<i64> =
        sqlx::query_scalar("SELECT repeated FROM sync_steps WHERE run_id = $1 AND directory_id = $2 AND kind = $3")
            .bind(key.run)
            .bind(key.directory)
            .bind(key.kind.as_str())
            .fetch_optional(connection)
            .await?;
    Ok(repeated.map_or(0, unsigned))
}

async fn add_counts(connection: &mut Connection, key: StepKey<'_>, counts: Counts) -> Result<(), sqlx::Error> {
    let sql = format!(
        "INSERT INTO sync_steps (run_id, directory_id, kind, {COUNTS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (run_id, directory_id, kind) DO UPDATE SET {ADDED}"
    );
    bind_counts(sqlx::query(AssertSqlSafe(sql)), key, counts)
        .execute(connection)
        .await?;
    Ok(())
}

/// The first nine parameters of a statement that adds [`COUNTS`].
fn bind_counts<'q>(
    query: Query<'q, Any, AnyArguments>,
    key: StepKey<'q>,
    counts: Counts,
) -> Query<'q, Any, AnyArguments> {
    query
        .bind(key.run)
        .bind(key.directory)
        .bind(key.kind.as_str())
        .bind(signed(counts.seen))
        .bind(signed(counts.inserted))
        .bind(signed(counts.updated))
        .bind(signed(counts.restored))
        .bind(signed(counts.unchanged))
        .bind(signed(counts.deleted))
}

/// How many of the step's rows this run inserted or restored: they were not there before.
pub(super) async fn newcomers(connection: &mut Connection, key: StepKey<'_>) -> Result<u64, sqlx::Error> {
    let sum: Option<i64> = sqlx::query_scalar(
        "SELECT inserted + restored FROM sync_steps WHERE run_id = $1 AND directory_id = $2 AND kind = $3",
    )
    .bind(key.run)
    .bind(key.directory)
    .bind(key.kind.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(sum.map_or(0, unsigned))
}

fn read_counts(row: &DatabaseRow) -> Result<Counts, sqlx::Error> {
    Ok(Counts {
        seen: count(row, "seen")?,
        inserted: count(row, "inserted")?,
        updated: count(row, "updated")?,
        restored: count(row, "restored")?,
        unchanged: count(row, "unchanged")?,
        deleted: count(row, "deleted")?,
    })
}

/// A column that counts something.
pub(super) fn count(row: &DatabaseRow, column: &str) -> Result<u64, sqlx::Error> {
    row.try_get(column).map(unsigned)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Counts are never negative; one that was made so by hand counts as nothing.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
