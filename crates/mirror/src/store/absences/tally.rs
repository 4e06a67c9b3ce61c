//! How many absences there are.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::is_live;
use super::kind_of;
use crate::AbsenceCounts;
use crate::Kind;
use crate::Warning;
use crate::WarningKind;
use crate::store::Connection;
use crate::store::steps;

/// What a run made of absences, and what it warns of. Each further lookup of a directory takes `interval`.
pub(in crate::store) async fn tally(
    connection: &mut Connection,
    run: i64,
    interval: Duration,
) -> Result<(AbsenceCounts, Vec<Warning>), sqlx::Error> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(asked), 0) AS BIGINT) AS asked, CAST(COALESCE(SUM(ended), 0) AS BIGINT) AS ended,
                CAST(COALESCE(SUM(refreshed), 0) AS BIGINT) AS refreshed
         FROM sync_steps WHERE run_id = $1",
    )
    .bind(run)
    .fetch_one(&mut *connection)
    .await?;
    let mut counts = AbsenceCounts {
        asked: steps::count(&row, "asked")?,
        ended: steps::count(&row, "ended")?,
        refreshed: steps::count(&row, "refreshed")?,
        ..AbsenceCounts::default()
    };
    let mut remaining: BTreeMap<String, u64> = BTreeMap::new();
    for kind in [Kind::Directories, Kind::Groups, Kind::Users, Kind::Memberships] {
        let sql = format!(
            "SELECT a.directory_id, COUNT(*) FILTER (WHERE a.attempts > 0) AS undecided,
                    COUNT(*) FILTER (WHERE a.attempts = 0) AS remaining
             FROM absences AS a WHERE a.run = $1 AND a.kind = '{kind}' AND {} GROUP BY a.directory_id",
            is_live(kind)
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(run)
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            counts.undecided += steps::count(&row, "undecided")?;
            *remaining.entry(row.try_get("directory_id")?).or_default() += steps::count(&row, "remaining")?;
        }
    }
    counts.remaining = remaining.values().sum();
    // Directories are worked off side by side.
    let most = remaining.values().max().copied().unwrap_or(0);
    let seconds = interval.as_secs_f64() * f64::from(u32::try_from(most).unwrap_or(u32::MAX));
    counts.seconds_left = Duration::try_from_secs_f64(seconds.ceil()).map_or(u64::MAX, |time| time.as_secs());
    Ok((counts, warnings(connection, run).await?))
}

/// How many absences are not decided, and since when the oldest has been.
pub(in crate::store) async fn undecided(pool: &AnyPool) -> Result<(u64, Option<String>), sqlx::Error> {
    let (mut undecided, mut oldest) = (0, None::<String>);
    for kind in [Kind::Directories, Kind::Groups, Kind::Users, Kind::Memberships] {
        let sql = format!(
            "SELECT COUNT(*) AS undecided, MIN(a.since) AS oldest FROM absences AS a WHERE a.kind = '{kind}' AND {}",
            is_live(kind)
        );
        let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(pool).await?;
        undecided += steps::count(&row, "undecided")?;
        let since: Option<String> = row.try_get("oldest")?;
        oldest = [oldest, since].into_iter().flatten().min();
    }
    Ok((undecided, oldest))
}

async fn warnings(connection: &mut Connection, run: i64) -> Result<Vec<Warning>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT directory_id, kind, what FROM sync_warnings WHERE run_id = $1 ORDER BY directory_id, kind, what",
    )
    .bind(run)
    .fetch_all(connection)
    .await?;
    let warnings = rows.iter().filter_map(|row| {
        let read = || {
            Ok(WarningKind::from_name(row.try_get("what")?).map(|what| {
                Ok(Warning {
                    directory: row.try_get("directory_id")?,
                    kind: kind_of(row.try_get("kind")?),
                    what,
                })
            }))
        };
        read().unwrap_or_else(|error| Some(Err(error)))
    });
    warnings.collect()
}
