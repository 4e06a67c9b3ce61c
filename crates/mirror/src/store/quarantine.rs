//! The quarantine: what the source said that cannot be read, an object or a field of one.
//!
//! A row is written in the transaction that writes the rest of the page, or that applies the event. It goes when a later full sync
//! lists its directory without meeting the fault again, when the object is asked for by id and reads well, or when an event has
//! the field and it reads well.

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Connection;
use super::DatabaseRow;
use super::Dialect;
use super::Rows;
use super::Stamp;
use super::Store;
use super::json_array;
use super::steps;
use super::steps::StepKey;
use crate::Error;
use crate::Kind;
use crate::record::OddField;
use crate::record::UnreadableObject;

/// How many objects that cannot be read are kept of one list and full sync, and how many fields of others. What comes after
/// them is counted.
const KEPT: usize = 1_000;

/// The paths whose faults cost an object.
const OF_OBJECTS: [&str; 4] = ["", "id", "directory_id", "state"];

/// How the keys of entries begin that count what is not kept.
const REST: &str = "#rest";

/// How the error begins of an object that names another directory than the one whose list has it.
pub(crate) const FOREIGN: &str = "of another directory";

/// Something that the source said and that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QuarantinedObject {
    /// Its number, for [`Mirror::quarantined_object`](crate::Mirror::quarantined_object) and
    /// [`Mirror::retry_quarantined`](crate::Mirror::retry_quarantined).
    pub number: i64,
    /// `directories`, `users`, `groups`, `memberships` or `events`.
    pub kind: String,
    /// The object's id; `None` where that cannot be read.
    pub id: Option<String>,
    /// The id of its directory; `None` where that cannot be read.
    pub directory_id: Option<String>,
    /// The JSON path of the fault within the object.
    pub path: String,
    /// What is wrong there.
    pub error: String,
    /// The value as it came, at most 4 KiB of it.
    pub payload: String,
    /// Where it was met: in a `list`, a `lookup` (a response by id) or an `event`.
    pub source: String,
    /// When it was met first.
    pub first_seen_at: String,
    /// When it was met last.
    pub last_seen_at: String,
    /// How often it was met.
    pub count: u64,
}

/// Who said something that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    List,
    Lookup,
    Event,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Lookup => "lookup",
            Self::Event => "event",
        }
    }
}

/// A row of the quarantine to be written.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) kind: &'static str,
    pub(crate) id: Option<String>,
    pub(crate) directory_id: Option<String>,
    pub(crate) fault: OddField,
    pub(crate) source: Source,
}

impl Finding {
    /// A field that cannot be read.
    pub(crate) fn field(kind: Kind, id: &str, directory_id: Option<&str>, fault: OddField, source: Source) -> Self {
        Self {
            kind: kind.as_str(),
            id: Some(id.to_owned()),
            directory_id: directory_id.map(str::to_owned),
            fault,
            source,
        }
    }

    /// An event without an id that can be one.
    pub(crate) fn event(fault: OddField) -> Self {
        Self {
            kind: "events",
            id: None,
            directory_id: None,
            fault,
            source: Source::Event,
        }
    }

    /// An object that cannot be read. Its directory is the one whose list has it, whatever it says.
    pub(crate) fn object(unreadable: UnreadableObject, listed_for: Option<&str>, source: Source) -> Self {
        Self {
            kind: unreadable.kind.as_str(),
            id: unreadable.id,
            directory_id: listed_for.map(str::to_owned).or(unreadable.directory_id),
            fault: unreadable.fault,
            source,
        }
    }

    fn costs_object(&self) -> bool {
        OF_OBJECTS.contains(&self.fault.path.as_str())
    }

    /// What tells two objects apart: the id, or a digest of what came.
    fn key(&self) -> String {
        match &self.id {
            Some(id) => id.clone(),
            None => format!("#{:032x}", digest(self.fault.payload.as_bytes())),
        }
    }
}

/// Returns the FNV-1a hash with 128 bits, which is the same in every version of this program. Two objects with the same hash
/// share an entry, which costs nothing else.
fn digest(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes
        .iter()
        .fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

/// Writes what a step found. Of its lists so much is kept as has room, and the rest is counted.
pub(super) async fn write_step(
    connection: &mut Connection,
    key: StepKey<'_>,
    stamp: Stamp<'_>,
    findings: &[Finding],
) -> Result<(), sqlx::Error> {
    let Some(listed) = findings.iter().find(|finding| finding.source == Source::List) else {
        return write(connection, stamp, findings).await;
    };
    let list = List {
        kind: listed.kind,
        directory: (!key.directory.is_empty()).then_some(key.directory),
    };
    let mut room = list.room(connection, stamp).await?;
    let (mut kept, mut rest) = (Vec::with_capacity(findings.len()), [0_u64; 2]);
    for finding in findings {
        let place = usize::from(finding.costs_object());
        if finding.source != Source::List {
            kept.push(finding);
        } else if room[place] > 0 {
            room[place] -= 1;
            kept.push(finding);
        } else {
            rest[place] += 1;
        }
    }
    write(connection, stamp, kept).await?;
    for (place, rest) in rest.into_iter().enumerate().filter(|(_, rest)| *rest > 0) {
        list.count_rest(connection, stamp, place == 1, rest).await?;
    }
    Ok(())
}

/// A list of which something cannot be read.
struct List<'a> {
    kind: &'static str,
    /// The list of directories belongs to none.
    directory: Option<&'a str>,
}

impl List<'_> {
    /// How many fields, and how many objects, may still be kept of it in a full sync.
    async fn room(&self, connection: &mut Connection, stamp: Stamp<'_>) -> Result<[usize; 2], sqlx::Error> {
        let of_objects = format!("path IN ('{}')", OF_OBJECTS.join("', '"));
        let sql = format!(
            "SELECT COUNT(*) FILTER (WHERE NOT {of_objects}) AS fields, COUNT(*) FILTER (WHERE {of_objects}) AS objects
             FROM quarantine
             WHERE run = $1 AND kind = $2 AND ($3 IS NULL OR directory_id = $3) AND object_key NOT LIKE '{REST} %'"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(stamp.run)
            .bind(self.kind)
            .bind(self.directory)
            .fetch_one(connection)
            .await?;
        let room = |count: u64| KEPT.saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        Ok([
            room(steps::count(&row, "fields")?),
            room(steps::count(&row, "objects")?),
        ])
    }

    /// Counts what is not kept.
    async fn count_rest(
        &self,
        connection: &mut Connection,
        stamp: Stamp<'_>,
        of_objects: bool,
        rest: u64,
    ) -> Result<(), sqlx::Error> {
        let what = if of_objects { "objects" } else { "fields" };
        sqlx::query(
            "INSERT INTO quarantine
                 (kind, object_key, directory_id, path, error, payload, source, run, first_seen_at, last_seen_at, count)
             VALUES ($1, $2, $3, '', $4, '', 'list', $5, $6, $6, $7)
             ON CONFLICT (kind, object_key, path) DO UPDATE SET
                 count = excluded.count + CASE WHEN quarantine.run = excluded.run THEN quarantine.count ELSE 0 END,
                 run = excluded.run, last_seen_at = excluded.last_seen_at",
        )
        .bind(self.kind)
        .bind(format!("{REST} {what} {}", self.directory.unwrap_or_default()))
        .bind(self.directory)
        .bind(format!("more {what} of the same list, beyond the {KEPT} that are kept"))
        .bind(stamp.run)
        .bind(stamp.now)
        .bind(i64::try_from(rest).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Writes what was found, and counts again what was found before.
pub(super) async fn write<'f>(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    findings: impl IntoIterator<Item = &'f Finding>,
) -> Result<(), sqlx::Error> {
    let mut findings = findings.into_iter().peekable();
    if findings.peek().is_none() {
        return Ok(());
    }
    const COLUMNS: [&str; 8] = [
        "kind",
        "object_key",
        "object_id",
        "directory_id",
        "path",
        "error",
        "payload",
        "source",
    ];
    let mut rows = Rows::new(Dialect::of(connection), COLUMNS);
    let mut written = std::collections::HashSet::new();
    for finding in findings {
        let key = finding.key();
        // One statement cannot write a row twice.
        if !written.insert((finding.kind, key.clone(), finding.fault.path.clone())) {
            continue;
        }
        rows.push([
            Some(finding.kind),
            Some(key.as_str()),
            finding.id.as_deref(),
            finding.directory_id.as_deref(),
            Some(finding.fault.path.as_str()),
            Some(finding.fault.error.as_str()),
            Some(finding.fault.payload.as_str()),
            Some(finding.source.as_str()),
        ])?;
    }
    let columns = COLUMNS.join(", ");
    // `WHERE true` tells SQLite that ON does not belong to the SELECT.
    let sql = format!(
        "INSERT INTO quarantine ({columns}, run, first_seen_at, last_seen_at)
         SELECT {columns}, $1, $2, $2 FROM {} WHERE true
         ON CONFLICT (kind, object_key, path) DO UPDATE SET
             directory_id = CASE WHEN excluded.source = 'lookup' THEN COALESCE(quarantine.directory_id, excluded.directory_id)
                                 ELSE COALESCE(excluded.directory_id, quarantine.directory_id) END,
             error = excluded.error, payload = excluded.payload,
             source = excluded.source, run = excluded.run, last_seen_at = excluded.last_seen_at,
             count = quarantine.count + 1",
        rows.table("finding", 3)
    );
    rows.bind_to(sqlx::query(AssertSqlSafe(sql)).bind(stamp.run).bind(stamp.now))
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether this run listed an object that cannot be told from those that are absent: one without a readable id, or one that
/// names another directory. Then the list says of nobody that they are gone.
pub(super) async fn hides_absences(connection: &mut Connection, key: StepKey<'_>) -> Result<bool, sqlx::Error> {
    let directory = (!key.directory.is_empty()).then_some(key.directory);
    // Memberships are found in lists of users and of groups.
    let kinds = match key.kind {
        Kind::Memberships => [Kind::Users, Kind::Groups],
        kind => [kind, kind],
    };
    let sql = format!(
        "SELECT number FROM quarantine
         WHERE run = $1 AND kind IN ($2, $3) AND ($4 IS NULL OR directory_id = $4) AND source <> 'event'
           AND (path = 'directory_id' OR object_id IS NULL AND object_key NOT LIKE '{REST} fields %') LIMIT 1"
    );
    let found: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(key.run)
        .bind(kinds[0].as_str())
        .bind(kinds[1].as_str())
        .bind(directory)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// Empties what this run listed and did not meet again.
pub(super) async fn sweep(connection: &mut Connection, key: StepKey<'_>) -> Result<(), sqlx::Error> {
    let directory = (!key.directory.is_empty()).then_some(key.directory);
    sqlx::query("DELETE FROM quarantine WHERE kind = $1 AND ($2 IS NULL OR directory_id = $2) AND run < $3")
        .bind(key.kind.as_str())
        .bind(directory)
        .bind(key.run)
        .execute(connection)
        .await?;
    Ok(())
}

/// Empties what there is of objects that read well, but what is odd of them still: that stays with its first time.
pub(super) async fn release(
    connection: &mut Connection,
    kind: Kind,
    ids: &[String],
    still: &[Finding],
) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let still: Vec<_> = still
        .iter()
        .map(|finding| format!("{} {}", finding.key(), finding.fault.path))
        .collect();
    let dialect = Dialect::of(connection);
    let sql = format!(
        "DELETE FROM quarantine
         WHERE kind = $1 AND object_key IN ({}) AND object_key || ' ' || path NOT IN ({})",
        dialect.strings("$2"),
        dialect.strings("$3")
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(kind.as_str())
        .bind(json_array(ids)?)
        .bind(json_array(&still)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Empties rows by their numbers.
pub(super) async fn release_numbers(connection: &mut Connection, numbers: &[i64]) -> Result<(), sqlx::Error> {
    for number in numbers {
        sqlx::query("DELETE FROM quarantine WHERE number = $1")
            .bind(number)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Empties what there is of events without an id, once a full sync has brought what they told.
pub(super) async fn release_events(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM quarantine WHERE kind = 'events' AND last_seen_at <
             (SELECT MAX(started_at) FROM sync_runs WHERE state = 'finished' AND scope = 'all')",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Empties what there is of directories that have ended, and of what was in them.
pub(super) async fn release_directories(connection: &mut Connection, ids: &str) -> Result<(), sqlx::Error> {
    let sql = format!(
        "DELETE FROM quarantine WHERE directory_id IN ({})",
        Dialect::of(connection).strings("$1")
    );
    sqlx::query(AssertSqlSafe(sql)).bind(ids).execute(connection).await?;
    Ok(())
}

/// What counts the entries, and those that are not kept.
fn total() -> String {
    format!(
        "SELECT CAST(COALESCE(SUM(CASE WHEN object_key LIKE '{REST} %' THEN count ELSE 1 END), 0) AS BIGINT) AS quarantined FROM quarantine"
    )
}

/// How many entries a full sync met.
pub(super) async fn count_of_run(connection: &mut Connection, run: i64) -> Result<u64, sqlx::Error> {
    let row = sqlx::query(AssertSqlSafe(format!("{} WHERE run = $1", total())))
        .bind(run)
        .fetch_one(connection)
        .await?;
    steps::count(&row, "quarantined")
}

impl Store {
    /// The objects of a step whose state or directory could not be read in this run, the oldest first. One that names another
    /// directory is not among them, nor one of which the list said that it may not act.
    pub(crate) async fn unreadable(&self, key: StepKey<'_>) -> Result<Vec<Unreadable>, Error> {
        let directory = (!key.directory.is_empty()).then_some(key.directory);
        let sql = format!(
            "SELECT object_id, path, first_seen_at FROM quarantine AS q
             WHERE kind = $1 AND ($2 IS NULL OR directory_id = $2) AND run = $3 AND object_id IS NOT NULL
               AND (path = 'state' OR path = 'directory_id' AND error NOT LIKE '{FOREIGN}%' AND NOT EXISTS (
                   SELECT 1 FROM users AS u WHERE kind = 'users' AND u.id = q.object_id AND u.state <> 'active'))
             ORDER BY first_seen_at, object_id"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(key.kind.as_str())
            .bind(directory)
            .bind(key.run)
            .fetch_all(&self.pool)
            .await?;
        let rows = rows.iter().map(|row| {
            let path: &str = row.try_get("path")?;
            let since: String = row.try_get("first_seen_at")?;
            Ok(Unreadable {
                id: row.try_get("object_id")?,
                without_state_since: (path == "state").then_some(since),
            })
        });
        Ok(rows.collect::<Result<_, sqlx::Error>>()?)
    }

    /// The oldest rows.
    pub(crate) async fn quarantine(&self, limit: u32) -> Result<Vec<QuarantinedObject>, Error> {
        let rows = sqlx::query("SELECT * FROM quarantine ORDER BY first_seen_at, number LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(quarantined).collect::<Result<_, _>>()?)
    }

    /// One of them.
    pub(crate) async fn quarantined(&self, number: i64) -> Result<Option<QuarantinedObject>, Error> {
        let row = sqlx::query("SELECT * FROM quarantine WHERE number = $1")
            .bind(number)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.as_ref().map(quarantined).transpose()?)
    }

    /// How many there are.
    pub(crate) async fn count_quarantined(&self) -> Result<u64, Error> {
        let row = sqlx::query(AssertSqlSafe(total())).fetch_one(&self.pool).await?;
        Ok(steps::count(&row, "quarantined")?)
    }

    /// Empties the rows of an object that is not there any more.
    pub(crate) async fn release_quarantined(&self, kind: Kind, id: &str) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?;
        Ok(release(&mut connection, kind, &[id.to_owned()], &[]).await?)
    }
}

/// An object that a list gave, and of which the state or the directory cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    pub(crate) id: String,
    /// Since when its state cannot be read, if it is the state.
    pub(crate) without_state_since: Option<String>,
}

fn quarantined(row: &DatabaseRow) -> Result<QuarantinedObject, sqlx::Error> {
    Ok(QuarantinedObject {
        number: row.try_get("number")?,
        kind: row.try_get("kind")?,
        id: row.try_get("object_id")?,
        directory_id: row.try_get("directory_id")?,
        path: row.try_get("path")?,
        error: row.try_get("error")?,
        payload: row.try_get("payload")?,
        source: row.try_get("source")?,
        first_seen_at: row.try_get("first_seen_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        count: steps::count(row, "count")?,
    })
}
