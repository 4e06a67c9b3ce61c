//! Runs: what a full sync is about, who takes part in it, and how it ends.
//!
//! A run belongs to the workers that take part. It is finished when all of its parts are done, whoever did them, and
//! interrupted when the last worker left it before. A run that says `running` without a worker was killed.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::Row;
use workos_directory_sync::Timestamp;

use super::Connection;
use super::DatabaseRow;
use super::Dialect;
use super::Held;
use super::Store;
use super::absences;
use super::leases;
use super::quarantine;
use super::steps;
use crate::Counts;
use crate::Error;
use crate::Kind;
use crate::Summary;

/// How many runs keep their steps.
const RUNS_WITH_STEPS: i64 = 20;

/// Workers begin, join, leave and finish runs one after the other. It ends with the transaction.
const TURN: &str = "SELECT pg_advisory_xact_lock(hashtextextended('workos-directory-mirror ' || current_schema(), 0))";

/// A full sync that this worker takes part in.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: i64,
    /// It was begun earlier, or by another worker.
    pub(crate) resumed: bool,
    pub(crate) started_at: Timestamp,
    /// How long a lookup takes, in a directory.
    pub(crate) lookup_interval: Duration,
}

/// What run is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) scope: &'a str,
    pub(crate) now: &'a Timestamp,
    /// Since when a run may have begun to be gone on with; `None` when a new one is wanted.
    pub(crate) resume_since: Option<&'a Timestamp>,
    /// A run that ended well after this one will do.
    pub(crate) unless_after: Option<i64>,
    /// Others may be given time to end, rather than joined in what is not wanted.
    pub(crate) can_wait: bool,
    /// How long a lookup takes, in a directory.
    pub(crate) lookup_interval: Duration,
}

/// What became of the wish to take part in a run.
#[derive(Clone, Debug)]
pub(crate) enum Joined {
    /// This worker takes part in it.
    Run(Run),
    /// Others are busy with a run that is not wanted.
    Occupied { run: i64, scope: String },
    /// Another worker has done it meanwhile.
    Done(Box<Summary>),
}

/// How a run ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It can go on.
    Interrupted,
    /// It cannot.
    Failed,
}

/// How far a run is.
#[derive(Clone, Debug)]
pub(crate) enum RunState {
    /// Other workers have the parts that are left.
    Open,
    /// All of it is done.
    Finished(Box<Summary>),
    /// It ended before its time, and why.
    Ended { error: String, can_go_on: bool },
    /// Another run began after it.
    Gone,
}

impl Store {
    /// Takes part in a full sync: begins one, or goes on with the last one if that was interrupted, had the same scope and
    /// began not too long ago, or joins those who are at work on it.
    pub(crate) async fn join_run(&self, worker: i64, wanted: Wanted<'_>) -> Result<Joined, Error> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction).await?;
        if let Some(known) = wanted.unless_after {
            let done = sqlx::query(
                "SELECT id, started_at, ended_at FROM sync_runs
                 WHERE state = 'finished' AND scope = $1 AND id > $2 ORDER BY id DESC LIMIT 1",
            )
            .bind(wanted.scope)
            .bind(known)
            .fetch_optional(&mut *transaction)
            .await?;
            if let Some(row) = done {
                let run = Run {
                    id: row.try_get("id")?,
                    resumed: true,
                    started_at: time(&row, "started_at", wanted.now)?,
                    lookup_interval: wanted.lookup_interval,
                };
                let finished_at = time(&row, "ended_at", wanted.now)?;
                return Ok(Joined::Done(Box::new(
                    summary(&mut transaction, &run, finished_at).await?,
                )));
            }
        }
        let last = sqlx::query("SELECT id, scope, state, started_at FROM sync_runs ORDER BY id DESC LIMIT 1")
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(last) = last {
            let (id, scope, state) = (
                last.try_get::<i64, _>("id")?,
                last.try_get::<&str, _>("scope")?,
                last.try_get::<&str, _>("state")?,
            );
            let started_at = last.try_get::<&str, _>("started_at")?.parse::<Timestamp>();
            let fits = scope == wanted.scope && matches!(state, "running" | "interrupted");
            let is_fresh = match (&started_at, wanted.resume_since) {
                (Ok(started_at), Some(since)) => started_at >= since,
                _ => false,
            };
            let others = state == "running" && has_others(&mut transaction, worker, id).await?;
            if others && !(fits && (is_fresh || !wanted.can_wait)) {
                return Ok(Joined::Occupied {
                    run: id,
                    scope: scope.to_owned(),
                });
            }
            if fits
                && (others || is_fresh)
                && let Ok(started_at) = started_at
            {
                if !others {
                    go_on(&mut transaction, id).await?;
                }
                take_part(&mut transaction, worker, id).await?;
                transaction.commit().await?;
                return Ok(Joined::Run(Run {
                    id,
                    resumed: true,
                    started_at,
                    lookup_interval: wanted.lookup_interval,
                }));
            }
        }
        let id = begin(&mut transaction, wanted).await?;
        take_part(&mut transaction, worker, id).await?;
        transaction.commit().await?;
        Ok(Joined::Run(Run {
            id,
            resumed: false,
            started_at: wanted.now.clone(),
            lookup_interval: wanted.lookup_interval,
        }))
    }

    /// Notes that it is known which directories a run is about: from now on they can be taken. The list itself may have
    /// had an error.
    pub(crate) async fn listed(&self, held: Held<'_>, error: Option<&str>) -> Result<(), Error> {
        let mut transaction = self.begin_as(held).await?;
        leases::end(&mut transaction, held, error).await?;
        leases::open_directories(&mut transaction, held.lease.run).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Leaves a run before its end. The last who leaves notes why.
    pub(crate) async fn leave_run(
        &self,
        worker: i64,
        run: i64,
        outcome: Outcome,
        now: &str,
        error: &str,
    ) -> Result<(), Error> {
        let state = match outcome {
            Outcome::Interrupted => "interrupted",
            Outcome::Failed => "failed",
        };
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction).await?;
        if !has_others(&mut transaction, worker, run).await? {
            sqlx::query(
                "UPDATE sync_runs SET state = $1, ended_at = $2, error = $3 WHERE id = $4 AND state = 'running'",
            )
            .bind(state)
            .bind(now)
            .bind(error)
            .bind(run)
            .execute(&mut *transaction)
            .await?;
        }
        // That frees what it has.
        sqlx::query("UPDATE workers SET run_id = NULL WHERE id = $1")
            .bind(worker)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a run if all of its parts are done, and says how far it is.
    pub(crate) async fn finish_run(&self, run: &Run, now: &Timestamp) -> Result<RunState, Error> {
        let mut transaction = self.begin().await?;
        take_turn(&mut transaction).await?;
        let row = sqlx::query("SELECT state, ended_at, error FROM sync_runs WHERE id = $1")
            .bind(run.id)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else {
            return Ok(RunState::Gone);
        };
        let state: &str = row.try_get("state")?;
        match state {
            "running" => {}
            "finished" => {
                let finished_at = time(&row, "ended_at", now)?;
                return Ok(RunState::Finished(Box::new(
                    summary(&mut transaction, run, finished_at).await?,
                )));
            }
            "interrupted" | "failed" => {
                return Ok(RunState::Ended {
                    error: row.try_get::<Option<String>, _>("error")?.unwrap_or_default(),
                    can_go_on: state == "interrupted",
                });
            }
            _ => return Ok(RunState::Gone),
        }
        let open: Option<i64> =
            sqlx::query_scalar("SELECT run_id FROM leases WHERE run_id = $1 AND ended_at IS NULL LIMIT 1")
                .bind(run.id)
                .fetch_optional(&mut *transaction)
                .await?;
        if open.is_some() {
            return Ok(RunState::Open);
        }
        let errors: Vec<String> = sqlx::query_scalar(
            "SELECT error FROM leases WHERE run_id = $1 AND error IS NOT NULL ORDER BY ended_at, resource",
        )
        .bind(run.id)
        .fetch_all(&mut *transaction)
        .await?;
        let ended = if errors.is_empty() {
            let summary = summary(&mut transaction, run, now.clone()).await?;
            let json = serde_json::to_string(&summary).map_err(|error| sqlx::Error::Encode(error.into()))?;
            let sql = format!(
                "UPDATE sync_runs SET state = 'finished', ended_at = $1, summary = {} WHERE id = $3",
                self.dialect.json("$2")
            );
            sqlx::query(AssertSqlSafe(sql))
                .bind(now.canonical())
                .bind(json)
                .bind(run.id)
                .execute(&mut *transaction)
                .await?;
            RunState::Finished(Box::new(summary))
        } else {
            let error = errors.join("\n");
            sqlx::query("UPDATE sync_runs SET state = 'failed', ended_at = $1, error = $2 WHERE id = $3")
                .bind(now.canonical())
                .bind(error.as_str())
                .bind(run.id)
                .execute(&mut *transaction)
                .await?;
            RunState::Ended {
                error,
                can_go_on: false,
            }
        };
        transaction.commit().await?;
        Ok(ended)
    }
}

/// A time of a run, or another one if it was made unreadable by hand.
fn time(row: &DatabaseRow, column: &str, otherwise: &Timestamp) -> Result<Timestamp, sqlx::Error> {
    let text: Option<&str> = row.try_get(column)?;
    Ok(text
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| otherwise.clone()))
}

/// Waits until no other worker begins, joins, leaves or finishes a run.
async fn take_turn(connection: &mut Connection) -> Result<(), sqlx::Error> {
    if Dialect::of(connection) == Dialect::Postgres {
        sqlx::query(TURN).execute(connection).await?;
    }
    Ok(())
}

/// Keeps runs from beginning and ending until the transaction ends. What is written beside them must know the newest run:
/// its pages and whoever writes under an older one would wait for each other.
pub(super) async fn keep_runs(connection: &mut Connection) -> Result<(), sqlx::Error> {
    if Dialect::of(connection) == Dialect::Postgres {
        sqlx::query(AssertSqlSafe(TURN.replace("xact_lock(", "xact_lock_shared(")))
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Whether other workers take part in a run.
async fn has_others(connection: &mut Connection, worker: i64, run: i64) -> Result<bool, sqlx::Error> {
    let sql = format!(
        "SELECT id FROM workers AS w WHERE w.run_id = $1 AND w.id <> $2 AND {} LIMIT 1",
        Dialect::of(connection).is_there("w")
    );
    let other: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(run)
        .bind(worker)
        .fetch_optional(connection)
        .await?;
    Ok(other.is_some())
}

async fn take_part(connection: &mut Connection, worker: i64, run: i64) -> Result<(), sqlx::Error> {
    // Taken when this worker left the run, at the last moment.
    leases::give_up(&mut *connection, worker, run).await?;
    sqlx::query("UPDATE workers SET run_id = $1 WHERE id = $2")
        .bind(run)
        .bind(worker)
        .execute(connection)
        .await?;
    Ok(())
}

/// Goes on with a run that nobody is at work on: what failed is tried again, and steps that are done are not repeated.
async fn go_on(connection: &mut Connection, run: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sync_runs SET state = 'running', ended_at = NULL, error = NULL WHERE id = $1")
        .bind(run)
        .execute(&mut *connection)
        .await?;
    leases::open_list(connection, run).await
}

async fn begin(connection: &mut Connection, wanted: Wanted<'_>) -> Result<i64, sqlx::Error> {
    let now = wanted.now.canonical();
    sqlx::query(
        "UPDATE sync_runs SET state = 'abandoned', ended_at = COALESCE(ended_at, $1)
         WHERE state IN ('running', 'interrupted')",
    )
    .bind(&now)
    .execute(&mut *connection)
    .await?;
    let id: i64 =
        sqlx::query_scalar("INSERT INTO sync_runs (scope, state, started_at) VALUES ($1, 'running', $2) RETURNING id")
            .bind(wanted.scope)
            .bind(&now)
            .fetch_one(&mut *connection)
            .await?;
    sqlx::query("DELETE FROM sync_steps WHERE run_id <= $1")
        .bind(id - RUNS_WITH_STEPS)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM sync_warnings WHERE run_id <= $1")
        .bind(id - RUNS_WITH_STEPS)
        .execute(&mut *connection)
        .await?;
    leases::open_list(connection, id).await?;
    Ok(id)
}

/// What a run did, by its steps.
async fn summary(connection: &mut Connection, run: &Run, finished_at: Timestamp) -> Result<Summary, sqlx::Error> {
    let (absences, warnings) = absences::tally(connection, run.id, run.lookup_interval).await?;
    let mut summary = Summary {
        run: run.id,
        resumed: run.resumed,
        started_at: run.started_at.clone(),
        finished_at,
        directories: Counts::default(),
        users: Counts::default(),
        groups: Counts::default(),
        memberships: Counts::default(),
        calls: 0,
        absences,
        warnings,
        quarantined: quarantine::count_of_run(connection, run.id).await?,
    };
    for (kind, counts) in [
        (Kind::Directories, &mut summary.directories),
        (Kind::Users, &mut summary.users),
        (Kind::Groups, &mut summary.groups),
        (Kind::Memberships, &mut summary.memberships),
    ] {
        let (calls, sum) = steps::sum(connection, run.id, kind).await?;
        summary.calls += calls;
        *counts = sum;
    }
    Ok(summary)
}
