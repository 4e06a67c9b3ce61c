//! Events: each is remembered by its id and applied once, in one transaction with the rows that it changes.
//!
//! - Of two states of an object the one with the newer `updated_at` stays, and with the same `updated_at` the one of the
//!   later event.
//! - An object that is gone stays gone, whatever event comes: a user who returns has a new id. Only a full sync, which sees
//!   the source itself, brings a row back.
//! - A membership has no `updated_at`: the later event of the pair counts. An end is remembered even where no beginning
//!   is known, so that the beginning can come late, and so is an event that comes while its user or group is gone. A beginning
//!   that comes before its user or group is parked.
//! - What happened before the events that are polled began is known from the full sync after that: such an event is stale,
//!   since the one that undid it may never have come.
//! - Every row that an event changes says so with the number of the newest full sync (`event_run`). Pages of that sync may
//!   be older than the event, so they do not overwrite the row, and its end does not mark the row as deleted.

use std::ops::AddAssign;

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Connection;
use super::DatabaseRow;
use super::Dialect;
use super::Lease;
use super::Stamp;
use super::Store;
use super::cursors;
use super::json_array;
use super::leases;
use super::objects;
use super::outbox;
use super::outbox::Whose;
use crate::Error;
use crate::Kind;
use crate::incoming::Incoming;
use crate::incoming::Meaning;
use crate::record::Record;
use crate::record::Table;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Applied,
    Stale,
    Parked,
}

/// Which event, and what it is stamped with.
#[derive(Clone, Copy, Debug)]
struct Mark<'a> {
    id: &'a str,
    at: &'a str,
    stamp: Stamp<'a>,
}

impl Mark<'_> {
    /// Whether the row was changed by this event or a later one.
    fn is_behind(self, row: &DatabaseRow) -> Result<bool, sqlx::Error> {
        let at: Option<&str> = row.try_get("event_at")?;
        let id: Option<&str> = row.try_get("event_id")?;
        Ok(at.zip(id).is_some_and(|known| (self.at, self.id) <= known))
    }
}

impl Store {
    /// Applies events in their order, all or nothing. Those that come from a list, whose lease this worker has, move its
    /// cursor behind the last of them.
    pub(crate) async fn take_events(
        &self,
        incoming: &[Incoming],
        now: &str,
        list: Option<(&str, &Lease)>,
    ) -> Result<EventCounts, Error> {
        let mut transaction = self.begin().await?;
        if let Some((_, lease)) = list {
            leases::check(&mut transaction, lease).await?;
        }
        let counts = take_all(&mut transaction, incoming, now).await?;
        if let Some((scope, _)) = list {
            sqlx::query("UPDATE event_cursors SET cursor = COALESCE($1, cursor), polled_at = $2 WHERE scope = $3")
                .bind(incoming.last().map(|event| event.id.as_str()))
                .bind(now)
                .bind(scope)
                .execute(&mut *transaction)
                .await?;
        }
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
    let stamp = Stamp { run, now };
    let known_before = cursors::known_before(connection).await?;
    let mut counts = EventCounts::default();
    for event in incoming {
        let is_known = known_before.as_ref().is_some_and(|time| event.created_at < *time);
        take(connection, stamp, event, is_known, &mut counts).await?;
    }
    unpark(connection, stamp).await?;
    Ok(counts)
}

/// The newest full sync, or 0 before the first. Its pages wait until the transaction has ended: a page that has compared
/// its rows already must not write over what an event changes meanwhile.
async fn newest_run(connection: &mut Connection) -> Result<i64, sqlx::Error> {
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

/// Remembers an event and applies it, unless it came before. A dead one is tried again.
async fn take(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    event: &Incoming,
    is_known: bool,
    counts: &mut EventCounts,
) -> Result<(), sqlx::Error> {
    let came_in_run: Option<i64> = sqlx::query_scalar(
        "INSERT INTO events (id, name, created_at, received_at, run, state) VALUES ($1, $2, $3, $4, $5, 'applied')
         ON CONFLICT (id) DO UPDATE SET state = 'applied', error = NULL WHERE events.state = 'dead'
         RETURNING run",
    )
    .bind(event.id.as_str())
    .bind(event.name.as_str())
    .bind(event.created_at.as_str())
    .bind(stamp.now)
    .bind(stamp.run)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(run) = came_in_run else {
        counts.repeated += 1;
        return Ok(());
    };
    let stamp = Stamp { run, ..stamp };
    let mark = Mark {
        id: &event.id,
        at: &event.created_at,
        stamp,
    };
    let (mut error, mut pair) = (None, None);
    let fate = match &event.meaning {
        Meaning::Put(..) | Meaning::Gone(..) | Meaning::Membership { .. } if is_known => Some(Fate::Stale),
        Meaning::Put(table, record) => Some(put(connection, table, record, mark).await?),
        Meaning::Gone(table, record) => Some(gone(connection, table, record, mark).await?),
        Meaning::Membership { user, group, joined } => {
            pair = Some((user.as_str(), group.as_str()));
            Some(membership(connection, user, group, *joined, mark).await?)
        }
        Meaning::Nothing => None,
        Meaning::Unreadable(reason) => {
            error = Some(reason.as_str());
            None
        }
    };
    let (count, state, payload) = match (fate, error) {
        (Some(Fate::Applied), _) => (&mut counts.applied, "applied", None),
        (Some(Fate::Stale), _) => (&mut counts.stale, "stale", None),
        (Some(Fate::Parked), _) => (&mut counts.parked, "parked", Some(event.payload.as_str())),
        (None, None) => (&mut counts.kept, "kept", Some(event.payload.as_str())),
        (None, Some(_)) => (&mut counts.dead, "dead", Some(event.payload.as_str())),
    };
    *count += 1;
    let pair = pair.filter(|_| fate == Some(Fate::Parked));
    sqlx::query("UPDATE events SET state = $1, error = $2, payload = $3, user_id = $4, group_id = $5 WHERE id = $6")
        .bind(state)
        .bind(error)
        .bind(payload)
        .bind(pair.map(|(user, _)| user))
        .bind(pair.map(|(_, group)| group))
        .bind(event.id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Applies the parked memberships whose user and group have come.
pub(super) async fn unpark(connection: &mut Connection, stamp: Stamp<'_>) -> Result<(), sqlx::Error> {
    let rows = sqlx::query(
        "SELECT e.id, e.created_at, e.run, e.user_id, e.group_id FROM events AS e
         WHERE e.state = 'parked'
           AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = e.user_id)
           AND EXISTS (SELECT 1 FROM groups AS g WHERE g.id = e.group_id)
         ORDER BY e.created_at, e.id LIMIT $1",
    )
    .bind(PARKED_AT_A_TIME)
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let id: &str = row.try_get("id")?;
        let mark = Mark {
            id,
            at: row.try_get("created_at")?,
            stamp: Stamp {
                run: row.try_get("run")?,
                ..stamp
            },
        };
        let fate = membership(
            connection,
            row.try_get("user_id")?,
            row.try_get("group_id")?,
            true,
            mark,
        )
        .await?;
        let state = if fate == Fate::Applied { "applied" } else { "stale" };
        sqlx::query("UPDATE events SET state = $1, payload = NULL WHERE id = $2")
            .bind(state)
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn known(connection: &mut Connection, table: &Table, id: &str) -> Result<Option<DatabaseRow>, sqlx::Error> {
    let sql = format!(
        "SELECT deleted_at, updated_at, event_at, event_id FROM {} WHERE id = $1",
        table.name()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(connection)
        .await
}

async fn put(
    connection: &mut Connection,
    table: &'static Table,
    record: &Record,
    mark: Mark<'_>,
) -> Result<Fate, sqlx::Error> {
    let mut record = record.clone();
    match known(connection, table, &record.id).await? {
        Some(row) => {
            if row.try_get::<Option<&str>, _>("deleted_at")?.is_some() {
                return Ok(Fate::Stale);
            }
            let (new, old) = (record.updated_at(table), row.try_get::<Option<&str>, _>("updated_at")?);
            if new < old || (new == old && mark.is_behind(&row)?) {
                return Ok(Fate::Stale);
            }
            if table.kind == Kind::Directories {
                complete(connection, table, &mut record).await?;
            }
        }
        // A directory that is gone took everything with it.
        None if table.kind != Kind::Directories
            && is_gone(connection, "directories", record.directory_id(table)).await? == Some(true) =>
        {
            return Ok(Fate::Stale);
        }
        None => {}
    }
    let id = json_array(&[&record.id])?;
    let stored = objects::stored(connection, table, &id).await?;
    let stored = stored.get(&record.id);
    let is_news = match stored {
        Some(row) => objects::differs(row, table, &record)?,
        None => true,
    };
    if is_news {
        objects::upsert(connection, table, mark.stamp, std::slice::from_ref(&record)).await?;
        let told = outbox::of_record(table, &record, stored)?;
        outbox::write(connection, mark.stamp.now, told.as_slice()).await?;
    }
    if stored.is_none() && table.kind != Kind::Directories {
        outbox::memberships_of(connection, mark.stamp.now, table.kind, &id).await?;
    }
    stamp(connection, table.kind, "id = $4", &record.id, mark).await?;
    Ok(Fate::Applied)
}

/// What the events of directories do not say stays as it is.
async fn complete(connection: &mut Connection, table: &Table, record: &mut Record) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SELECT domain, CAST(metadata AS TEXT) AS metadata FROM directories WHERE id = $1")
        .bind(record.id.as_str())
        .fetch_one(connection)
        .await?;
    for (column, value) in table.columns.iter().zip(&mut record.values) {
        if matches!(*column, "domain" | "metadata") && value.is_none() {
            *value = row.try_get(*column)?;
        }
    }
    Ok(())
}

async fn gone(
    connection: &mut Connection,
    table: &'static Table,
    record: &Record,
    mark: Mark<'_>,
) -> Result<Fate, sqlx::Error> {
    let is_known = match known(connection, table, &record.id).await? {
        Some(row) if row.try_get::<Option<&str>, _>("deleted_at")?.is_some() => return Ok(Fate::Stale),
        Some(_) => true,
        // Remembered, so that an older event that comes later does not bring it to life.
        None => {
            objects::upsert(connection, table, mark.stamp, std::slice::from_ref(record)).await?;
            false
        }
    };
    let id = &record.id;
    let parts: &[(Kind, &str)] = match table.kind {
        Kind::Directories => &[
            (
                Kind::Memberships,
                "user_id IN (SELECT id FROM users WHERE directory_id = $2)",
            ),
            (
                Kind::Memberships,
                "group_id IN (SELECT id FROM groups WHERE directory_id = $2)",
            ),
            (Kind::Users, "directory_id = $2"),
            (Kind::Groups, "directory_id = $2"),
            (Kind::Directories, "id = $2"),
        ],
        Kind::Users => &[(Kind::Memberships, "user_id = $2"), (Kind::Users, "id = $2")],
        _ => &[(Kind::Memberships, "group_id = $2"), (Kind::Groups, "id = $2")],
    };
    for &(kind, condition) in parts {
        // Nobody was told of what was not known.
        if kind != Kind::Memberships && (is_known || kind != table.kind) {
            sqlx::query(AssertSqlSafe(outbox::of_gone(kind, condition)))
                .bind(mark.stamp.now)
                .bind(id.as_str())
                .execute(&mut *connection)
                .await?;
        }
        let sql = format!(
            "UPDATE {kind} SET deleted_at = $1, changed_at = $1, event_run = $3, event_at = $4, event_id = $5
             WHERE deleted_at IS NULL AND {condition}"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(mark.stamp.now)
            .bind(id.as_str())
            .bind(mark.stamp.run)
            .bind(mark.at)
            .bind(mark.id)
            .execute(&mut *connection)
            .await?;
        if kind == Kind::Memberships {
            outbox::ended_memberships(connection, mark.stamp.now).await?;
        }
    }
    Ok(Fate::Applied)
}

async fn stamp(
    connection: &mut Connection,
    kind: Kind,
    condition: &str,
    id: &str,
    mark: Mark<'_>,
) -> Result<(), sqlx::Error> {
    let sql = format!("UPDATE {kind} SET event_run = $1, event_at = $2, event_id = $3 WHERE {condition}");
    sqlx::query(AssertSqlSafe(sql))
        .bind(mark.stamp.run)
        .bind(mark.at)
        .bind(mark.id)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether an object is marked as deleted; `None` when nothing is known of it.
async fn is_gone(connection: &mut Connection, table: &str, id: &str) -> Result<Option<bool>, sqlx::Error> {
    let sql = format!("SELECT deleted_at FROM {table} WHERE id = $1");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok(row.try_get::<Option<&str>, _>("deleted_at")?.is_some()))
        .transpose()
}

async fn membership(
    connection: &mut Connection,
    user: &str,
    group: &str,
    joined: bool,
    mark: Mark<'_>,
) -> Result<Fate, sqlx::Error> {
    let ends = [
        is_gone(connection, "users", user).await?,
        is_gone(connection, "groups", group).await?,
    ];
    // Its place among the events of the pair is remembered all the same: should a full sync bring the user and group back,
    // an event that happened before this one can still come.
    let is_gone = ends.contains(&Some(true));
    if joined && !is_gone && ends.contains(&None) {
        return Ok(Fate::Parked);
    }
    let begins = joined && !is_gone;
    let row =
        sqlx::query("SELECT deleted_at, event_at, event_id FROM memberships WHERE user_id = $1 AND group_id = $2")
            .bind(user)
            .bind(group)
            .fetch_optional(&mut *connection)
            .await?;
    let mut is_change = true;
    if let Some(row) = row {
        if mark.is_behind(&row)? {
            return Ok(Fate::Stale);
        }
        is_change = row.try_get::<Option<&str>, _>("deleted_at")?.is_some() == begins;
    }
    sqlx::query(
        "INSERT INTO memberships
             (user_id, group_id, generation, first_seen_at, changed_at, deleted_at, event_run, event_at, event_id)
         VALUES ($1, $2, $3, $4, $4, $5, $8, $6, $7)
         ON CONFLICT (user_id, group_id) DO UPDATE SET
             event_run = CASE WHEN $8 > 0 THEN $8 ELSE memberships.event_run END,
             event_at = excluded.event_at, event_id = excluded.event_id",
    )
    .bind(user)
    .bind(group)
    .bind(mark.stamp.run)
    .bind(mark.stamp.now)
    .bind((!begins).then_some(mark.stamp.now))
    .bind(mark.at)
    .bind(mark.id)
    // What began is not kept from a page that has it.
    .bind(if joined && is_gone { 0 } else { mark.stamp.run })
    .execute(&mut *connection)
    .await?;
    if is_change {
        sqlx::query("UPDATE memberships SET deleted_at = $1, changed_at = $2 WHERE user_id = $3 AND group_id = $4")
            .bind((!begins).then_some(mark.stamp.now))
            .bind(mark.stamp.now)
            .bind(user)
            .bind(group)
            .execute(&mut *connection)
            .await?;
        let pair = json_array(&[user, group])?;
        outbox::memberships(connection, mark.stamp.now, Whose::Pair(&pair)).await?;
    }
    Ok(if is_gone { Fate::Stale } else { Fate::Applied })
}
