//! Which events came before, and what became of each.

use std::collections::HashMap;
use std::collections::HashSet;

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Fate;
use super::Mark;
use crate::incoming::Incoming;
use crate::incoming::Meaning;
use crate::record::Record;
use crate::record::Table;
use crate::record::time;
use crate::store::Connection;
use crate::store::Dialect;
use crate::store::Rows;
use crate::store::json_array;

/// Why an event is dead that says too little of an object that is not known.
const INCOMPLETE: &str =
    "the object is not known, and its directory or state cannot be read from the event: a full sync brings it";

/// An event that did not come before, or was dead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fresh<'a> {
    pub(super) event: &'a Incoming,
    /// The newest full sync when it came first.
    pub(super) run: i64,
    /// Whether what it tells is known, with all that followed.
    pub(super) is_known: bool,
}

impl<'a> Fresh<'a> {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            run: self.run,
            at: self.event.created_at.clone(),
            id: self.event.id.clone(),
        }
    }

    /// What it deletes.
    pub(super) fn deletes(&self) -> Option<(&'static Table, &'a Record)> {
        match &self.event.meaning {
            Meaning::Gone(table, record) if !self.is_known => Some((table, record)),
            _ => None,
        }
    }
}

/// Those that are to be applied: each once, in their order.
pub(super) async fn fresh<'a>(
    connection: &mut Connection,
    incoming: &'a [Incoming],
    run: i64,
    known_before: Option<&str>,
) -> Result<Vec<Fresh<'a>>, sqlx::Error> {
    let ids: Vec<&str> = incoming.iter().map(|event| event.id.as_str()).collect();
    let sql = format!(
        "SELECT id, run, state FROM events WHERE id IN ({})",
        Dialect::of(connection).strings("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(json_array(&ids)?)
        .fetch_all(connection)
        .await?;
    // Of those that came before, when they are dead.
    let mut came: HashMap<String, Option<i64>> = HashMap::with_capacity(rows.len());
    for row in rows {
        let is_dead = row.try_get::<&str, _>("state")? == Fate::Dead.as_str();
        let run: i64 = row.try_get("run")?;
        came.insert(row.try_get("id")?, is_dead.then_some(run));
    }
    let mut once = HashSet::with_capacity(incoming.len());
    let fresh = incoming.iter().filter(|event| once.insert(&event.id));
    let fresh = fresh.filter_map(|event| {
        let run = match came.get(&event.id) {
            Some(run) => (*run)?,
            None => run,
        };
        let is_known = known_before.is_some_and(|time| time::sort_key(&event.created_at) < time::sort_key(time));
        Some(Fresh { event, run, is_known })
    });
    Ok(fresh.collect())
}

/// Remembers what became of events. Those are kept as they came that are not done with.
pub(super) async fn write(
    connection: &mut Connection,
    now: &str,
    fresh: &[Fresh<'_>],
    fates: &[Fate],
) -> Result<(), sqlx::Error> {
    if fates.is_empty() {
        return Ok(());
    }
    const COLUMNS: [&str; 9] = [
        "id",
        "name",
        "created_at",
        "run",
        "state",
        "error",
        "payload",
        "user_id",
        "group_id",
    ];
    let mut rows = Rows::new(Dialect::of(connection), COLUMNS);
    for (Fresh { event, run, .. }, fate) in fresh.iter().zip(fates) {
        let error = match &event.meaning {
            Meaning::Unreadable(reason) => Some(reason.as_str()),
            _ if *fate == Fate::Dead => Some(INCOMPLETE),
            _ => None,
        };
        let pair = match &event.meaning {
            Meaning::Membership { user, group, .. } if *fate == Fate::Parked => Some((user.as_str(), group.as_str())),
            _ => None,
        };
        let is_done = matches!(fate, Fate::Applied | Fate::Stale);
        rows.push([
            Some(event.id.as_str()),
            Some(event.name.as_str()),
            Some(event.created_at.as_str()),
            Some(run.to_string().as_str()),
            Some(fate.as_str()),
            error,
            (!is_done).then_some(event.payload.as_str()),
            pair.map(|(user, _)| user),
            pair.map(|(_, group)| group),
        ])?;
    }
    let sql = format!(
        "INSERT INTO events (id, name, created_at, received_at, run, state, error, payload, user_id, group_id)
         SELECT id, name, created_at, $1, CAST(run AS BIGINT), state, error, payload, user_id, group_id
         FROM {} WHERE true
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, error = excluded.error, payload = excluded.payload,
             user_id = excluded.user_id, group_id = excluded.group_id",
        rows.table("event", 2)
    );
    rows.bind_to(sqlx::query(AssertSqlSafe(sql)).bind(now))
        .execute(connection)
        .await?;
    Ok(())
}
