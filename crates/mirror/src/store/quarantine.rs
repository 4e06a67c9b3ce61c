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

/// The path of a state that cannot be read.
const STATE: &str = "state";

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

    /// An object that cannot be read. Where it does not say its directory, that is the one whose list has it.
    pub(crate) fn object(unreadable: UnreadableObject, listed_for: Option<&str>, source: Source) -> Self {
        Self {
            kind: unreadable.kind.as_str(),
            id: unreadable.id,
            directory_id: unreadable.directory_id.or_else(|| listed_for.map(str::to_owned)),
            fault: unreadable.fault,
            source,
        }
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

/// Writes what was found, and counts again what was found before.
pub(super) async fn write(
    connection: &mut Connection,
    stamp: Stamp<'_>,
    findings: &[Finding],
) -> Result<(), sqlx::Error> {
    if findings.is_empty() {
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
             directory_id = COALESCE(excluded.directory_id, quarantine.directory_id), error = excluded.error, payload = excluded.payload,
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
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT number FROM quarantine
         WHERE run = $1 AND kind IN ($2, $3) AND ($4 IS NULL OR directory_id = $4) AND source <> 'event'
           AND (object_id IS NULL OR path = 'directory_id') LIMIT 1",
    )
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

/// Empties what there is of objects that read well.
pub(super) async fn release(connection: &mut Connection, kind: Kind, ids: &[String]) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM quarantine WHERE kind = $1 AND object_key IN ({})",
        Dialect::of(connection).strings("$2")
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(kind.as_str())
        .bind(json_array(ids)?)
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

/// How many entries a full sync met.
pub(super) async fn count_of_run(connection: &mut Connection, run: i64) -> Result<u64, sqlx::Error> {
    let row = sqlx::query("SELECT COUNT(*) AS quarantined FROM quarantine WHERE run = $1")
        .bind(run)
        .fetch_one(connection)
        .await?;
    steps::count(&row, "quarantined")
}

impl Store {
    /// The objects of a step whose state could not be read in this run, and since when each could not.
    pub(crate) async fn unreadable_states(&self, key: StepKey<'_>) -> Result<Vec<(String, String)>, Error> {
        let directory = (!key.directory.is_empty()).then_some(key.directory);
        let rows = sqlx::query(
            "SELECT object_id, first_seen_at FROM quarantine
             WHERE kind = $1 AND ($2 IS NULL OR directory_id = $2) AND path = $3 AND run = $4 AND object_id IS NOT NULL
             ORDER BY first_seen_at, object_id",
        )
        .bind(key.kind.as_str())
        .bind(directory)
        .bind(STATE)
        .bind(key.run)
        .fetch_all(&self.pool)
        .await?;
        let rows = rows
            .iter()
            .map(|row| Ok((row.try_get("object_id")?, row.try_get("first_seen_at")?)));
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
        let row = sqlx::query("SELECT COUNT(*) AS quarantined FROM quarantine")
            .fetch_one(&self.pool)
            .await?;
        Ok(steps::count(&row, "quarantined")?)
    }

    /// Empties a row whose object is not there any more.
    pub(crate) async fn release_quarantined(&self, number: i64) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?;
        Ok(release_numbers(&mut connection, &[number]).await?)
    }
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
