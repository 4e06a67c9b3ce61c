//! Events: each is remembered by its id and applied once, in one transaction with the rows that it changes.
//!
//! - Of two states of an object the one with the newer `updated_at` stays, and with the same `updated_at` the one of the
//!   later event. A state that does not say when it was is that of the time of its event.
//! - An object that is gone stays gone, whatever event comes: a user who returns has a new id. Only a full sync, which sees
//!   the source itself, brings a row back.
//! - A membership has no `updated_at`: the later event of the pair counts. An end is remembered even where no beginning
//!   is known, so that the beginning can come late, and so is an event that comes while its user or group is gone. A beginning
//!   that comes before its user or group is parked.
//! - What happened before the events that are polled began is known from the full sync after that: such an event is stale,
//!   since the one that undid it may never have come.
//! - Every row that an event changes says so with the number of the newest full sync (`event_run`). Pages of that sync may
//!   be older than the event, so they do not overwrite the row, and its end does not mark the row as deleted.
//!
//! Events are taken in stretches. The rows that a stretch is about are loaded, changed event by event in memory, and written,
//! so that a hundred events take about as many statements as one. What deletes something ends a stretch: what goes with it
//! only the database knows.
//!
//! ```text
//! ledger    which events came before, and what became of each
//! draft     what events make of rows, without a database
//! io        how those rows are loaded and written
//! cascade   what events delete, and what goes with it
//! readings  which of their fields cannot be read
//! ```

mod cascade;
mod draft;
mod io;
mod ledger;
mod readings;

use std::collections::HashSet;
use std::ops::AddAssign;

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::Row;

use self::draft::Draft;
use self::ledger::Fresh;
use self::readings::Readings;
use super::Connection;
use super::Dialect;
use super::Finding;
use super::Lease;
use super::Rows;
use super::Stamp;
use super::Store;
use super::cursors;
use super::json_array;
use super::leases;
use super::outbox;
use super::quarantine;
use super::runs;
use crate::Error;
use crate::event_page::Stretch;
use crate::incoming::Incoming;
use crate::incoming::Meaning;
use crate::record::Table;
use crate::record::time;

/// How many parked events are looked at in one transaction.
const PARKED_AT_A_TIME: i64 = 500;

/// What became of events, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventCounts {
    /// They changed the tables.
    pub applied: u64,
    /// Something newer was known already.
    pub stale: u64,
    /// They wait for their user or group.
    pub parked: u64,
    /// They mean nothing to the tables: tokens, and events that this version does not know.
    pub kept: u64,
    /// They cannot be applied; [`Mirror::dead_events`](crate::Mirror::dead_events) says why.
    pub dead: u64,
    /// They had come before.
    pub repeated: u64,
}

impl AddAssign for EventCounts {
    fn add_assign(&mut self, other: Self) {
        self.applied += other.applied;
        self.stale += other.stale;
        self.parked += other.parked;
        self.kept += other.kept;
        self.dead += other.dead;
        self.repeated += other.repeated;
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Applied,
    Stale,
    Parked,
    Kept,
    Dead,
}

impl Fate {
    fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Stale => "stale",
            Self::Parked => "parked",
            Self::Kept => "kept",
            Self::Dead => "dead",
        }
    }
}

impl EventCounts {
    fn count(&mut self, fate: Fate) {
        *match fate {
            Fate::Applied => &mut self.applied,
            Fate::Stale => &mut self.stale,
            Fate::Parked => &mut self.parked,
            Fate::Kept => &mut self.kept,
            Fate::Dead => &mut self.dead,
        } += 1;
    }
}

/// Which event changed a row last, and which full sync was the newest when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    run: i64,
    at: String,
    id: String,
}

impl Mark {
    /// What two events are compared by: the time, and between equal times the id.
    fn order(&self) -> (&str, &str) {
        (time::sort_key(&self.at), &self.id)
    }

    /// Whether a row was changed by this event or a later one.
    fn is_behind(&self, row: Option<&Self>) -> bool {
        row.is_some_and(|row| self.order() <= row.order())
    }
}

impl Store {
    /// Applies events in their order, all or nothing.
    pub(crate) async fn take_events(&self, incoming: &[Incoming], now: &str) -> Result<EventCounts, Error> {
        let mut transaction = self.begin().await?;
        let counts = take_all(&mut transaction, incoming, now).await?;
        transaction.commit().await?;
        Ok(counts)
    }

    /// Applies a stretch of a list of events, whose lease this worker has, and moves the cursor behind it: all or nothing.
    pub(crate) async fn take_event_page(
        &self,
        stretch: Stretch<'_>,
        now: &str,
        (scope, lease): (&str, &Lease),
    ) -> Result<EventCounts, Error> {
        let mut transaction = self.begin().await?;
        leases::check(&mut transaction, lease).await?;
        let counts = take_all(&mut transaction, stretch.events, now).await?;
        if !stretch.unreadable.is_empty() {
            let run = newest_run(&mut transaction).await?;
            let findings: Vec<_> = stretch.unreadable.iter().cloned().map(Finding::event).collect();
            quarantine::write(&mut transaction, Stamp { run, now }, &findings).await?;
        }
        quarantine::release_events(&mut transaction).await?;
        cursors::advance(&mut transaction, scope, stretch.cursor, now).await?;
        transaction.commit().await?;
        Ok(counts)
    }
}

/// Applies events in their order.
pub(super) async fn take_all(
    connection: &mut Connection,
    incoming: &[Incoming],
    now: &str,
) -> Result<EventCounts, sqlx::Error> {
    let run = newest_run(connection).await?;
    // Events of several processes take turns: one can end what another begins.
    outbox::lock(connection).await?;
    let known_before = cursors::known_before(connection).await?;
    let fresh = ledger::fresh(connection, incoming, run, known_before.as_deref()).await?;
    let (mut fates, mut taken) = (Vec::with_capacity(fresh.len()), Taken::default());
    loop {
        fates.extend(match &fresh[fates.len()..] {
            [] => break,
            rest @ [first, ..] => match first.deletes() {
                Some((table, _)) => delete(connection, table, rest, now, &mut taken).await?,
                None => put(connection, rest, now, &mut taken).await?,
            },
        });
    }
    ledger::write(connection, now, &fresh, &fates).await?;
    let stamp = Stamp { run, now };
    unpark(connection, stamp, &taken.came).await?;
    taken.readings.write(connection, stamp).await?;
    let mut counts = EventCounts {
        repeated: u64::try_from(incoming.len() - fresh.len()).unwrap_or(u64::MAX),
        ..EventCounts::default()
    };
    fates.into_iter().for_each(|fate| counts.count(fate));
    Ok(counts)
}

/// What events have done, besides what became of each.
#[derive(Debug, Default)]
struct Taken {
    /// The ids of users and groups that came.
    came: Vec<String>,
    readings: Readings,
}

/// The newest full sync, or 0 before the first. Its pages wait until the transaction has ended: a page that has compared
/// its rows already must not write over what an event changes meanwhile.
pub(super) async fn newest_run(connection: &mut Connection) -> Result<i64, sqlx::Error> {
    runs::keep_runs(connection).await?;
    let lock = match Dialect::of(connection) {
        // Has one writer at a time.
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE",
    };
    let sql = format!("SELECT id FROM sync_runs ORDER BY id DESC LIMIT 1{lock}");
    let run = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_optional(connection)
        .await?;
    Ok(run.unwrap_or(0))
}

/// Applies the first stretch of events, up to one that deletes something.
async fn put(
    connection: &mut Connection,
    events: &[Fresh<'_>],
    now: &str,
    taken: &mut Taken,
) -> Result<Vec<Fate>, sqlx::Error> {
    let run = events.first().map_or(0, |event| event.run);
    let stretch = events
        .iter()
        .take_while(|event| event.run == run && event.deletes().is_none());
    let stretch: Vec<_> = stretch.collect();
    let fresh = stretch.iter().filter(|event| !event.is_known);
    let mut draft = Draft::load(connection, now, fresh.map(|event| &event.event.meaning)).await?;
    let mut fates = Vec::with_capacity(stretch.len());
    for event in stretch {
        let fate = match &event.event.meaning {
            Meaning::Nothing => Fate::Kept,
            Meaning::Unreadable(_) => Fate::Dead,
            _ if event.is_known => Fate::Stale,
            meaning => draft.take(meaning, event.mark()),
        };
        if let (Fate::Applied, Meaning::Put(table, record)) = (fate, &event.event.meaning) {
            let directory = draft.directory_of(table.kind, &record.id);
            taken.readings.put(table, record, directory, &event.event.odd);
        }
        fates.push(fate);
        if draft.awaited.is_some() {
            break;
        }
    }
    taken.came.extend_from_slice(&draft.came);
    draft.write(connection, run).await?;
    Ok(fates)
}

/// Applies the first stretch of events that delete rows of a table, none of them twice.
async fn delete(
    connection: &mut Connection,
    table: &'static Table,
    events: &[Fresh<'_>],
    now: &str,
    taken: &mut Taken,
) -> Result<Vec<Fate>, sqlx::Error> {
    let run = events.first().map_or(0, |event| event.run);
    let mut ids = HashSet::new();
    let stretch = events.iter().map_while(|event| {
        let (of, record) = event.deletes()?;
        (of.kind == table.kind && event.run == run && ids.insert(&record.id)).then(|| (record, event.mark()))
    });
    let stretch: Vec<_> = stretch.collect();
    let were_gone = cascade::delete(connection, table, &stretch, Stamp { run, now }).await?;
    for (record, _) in &stretch {
        // What waits for one that was not known until now waits in vain: it is looked at.
        taken.came.push(record.id.clone());
        taken.readings.gone(table, &record.id);
    }
    let fates = stretch.iter().map(|(record, _)| {
        if were_gone.contains(&record.id) {
            Fate::Stale
        } else {
            Fate::Applied
        }
    });
    Ok(fates.collect())
}

/// Applies the parked memberships of users and groups that came, if both of their ends are there now.
pub(super) async fn unpark(connection: &mut Connection, stamp: Stamp<'_>, came: &[String]) -> Result<(), sqlx::Error> {
    if came.is_empty() {
        return Ok(());
    }
    let ids = json_array(came)?;
    while unpark_some(connection, stamp, &ids).await? {}
    Ok(())
}

/// Applies some of them, and says whether there may be more.
async fn unpark_some(connection: &mut Connection, stamp: Stamp<'_>, came: &str) -> Result<bool, sqlx::Error> {
    let strings = Dialect::of(connection).strings("$1");
    let sql = format!(
        "SELECT e.id, e.created_at, e.run, e.user_id, e.group_id FROM events AS e
         WHERE e.id IN (SELECT id FROM events WHERE state = 'parked' AND user_id IN ({strings})
                        UNION SELECT id FROM events WHERE state = 'parked' AND group_id IN ({strings}))
           AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = e.user_id)
           AND EXISTS (SELECT 1 FROM groups AS g WHERE g.id = e.group_id)
         ORDER BY e.created_at, e.id LIMIT $2"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(came)
        .bind(PARKED_AT_A_TIME)
        .fetch_all(&mut *connection)
        .await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let parked = rows.iter().map(|row| {
        let meaning = Meaning::Membership {
            user: row.try_get("user_id")?,
            group: row.try_get("group_id")?,
            joined: true,
        };
        let mark = Mark {
            run: row.try_get("run")?,
            at: row.try_get("created_at")?,
            id: row.try_get("id")?,
        };
        Ok((meaning, mark))
    });
    let parked = parked.collect::<Result<Vec<_>, sqlx::Error>>()?;
    let mut draft = Draft::load(connection, stamp.now, parked.iter().map(|(meaning, _)| meaning)).await?;
    let mut fates = Rows::new(Dialect::of(connection), ["id", "state"]);
    for (meaning, mark) in parked {
        let id = mark.id.clone();
        let fate = draft.take(&meaning, mark);
        fates.push([Some(id.as_str()), Some(fate.as_str())])?;
    }
    draft.write(connection, stamp.run).await?;
    let sql = format!(
        "UPDATE events SET state = fate.state, payload = NULL FROM {} WHERE events.id = fate.id",
        fates.table("fate", 1)
    );
    fates
        .bind_to(sqlx::query(AssertSqlSafe(sql)))
        .execute(connection)
        .await?;
    Ok(true)
}
