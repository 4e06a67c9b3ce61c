//! What ends: confirmed, after repeated absence, or by approval.

use sqlx::AssertSqlSafe;

use super::Pass;
use super::approvals;
use super::drop_settled;
use super::is_live;
use super::strings;
use crate::ChangeReason;
use crate::Error;
use crate::Kind;
use crate::RepeatedAbsence;
use crate::absences::AbsenceSettings;
use crate::store::Connection;
use crate::store::Held;
use crate::store::StepKey;
use crate::store::Store;
use crate::store::json_array;
use crate::store::outbox;
use crate::store::steps;

/// A confirmed absence that `deleted_at_once_percent` holds back.
pub(super) const WAITS: &str = "404, waits for approval";

/// In how many traversals an undecided object must be absent to end without an approval.
const TRAVERSALS: i64 = 3;

/// How many may end after repeated absence, for each directory, kind and day.
const AT_MOST: u64 = 10;

/// The same as a share of the directory's objects of the kind, in percent.
const AT_MOST_PERCENT: u64 = 5;

/// Absence of less than this decides nothing.
const REPEATED_OVER: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// What a pass does after its lookups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends<'a> {
    pub(crate) settings: AbsenceSettings,
    /// Why the control failed, if it did.
    pub(crate) no_control: Option<&'a str>,
    /// When those that stay are asked for again.
    pub(crate) next_try_at: &'a str,
    /// How many calls the control took.
    pub(crate) calls: u64,
}

impl Store {
    /// Ends the users and groups of a directory that the API did not know in this pass, if the control answered, and those
    /// undecided ones that may end. Returns how many.
    pub(crate) async fn end_absent(&self, held: Held<'_>, directory: &str, ends: Ends<'_>) -> Result<u64, Error> {
        let (mut transaction, pass) = self.begin_pass(held).await?;
        let mut ended = 0;
        if held.is_run() && ends.calls > 0 {
            let key = StepKey {
                run: held.lease.run,
                directory,
                kind: Kind::Users,
            };
            steps::add_lookups(&mut transaction, key, ends.calls, 0, 0).await?;
        }
        for kind in [Kind::Users, Kind::Groups] {
            let key = StepKey {
                run: held.lease.run,
                directory,
                kind,
            };
            let ids = confirmed(&mut transaction, pass, directory, kind, ends).await?;
            ended += end(&mut transaction, held, pass, key, &ids, ChangeReason::Confirmed).await?;
            let (ids, reason) = if approvals::use_one(&mut transaction, pass, directory, kind).await? {
                (
                    undecided(&mut transaction, directory, kind).await?,
                    ChangeReason::Approved,
                )
            } else if ends.settings.repeated_absence == RepeatedAbsence::End {
                let ids = repeated(&mut transaction, pass, directory, kind).await?;
                (ids, ChangeReason::RepeatedAbsence)
            } else {
                continue;
            };
            ended += end(&mut transaction, held, pass, key, &ids, reason).await?;
        }
        if approvals::use_one(&mut transaction, pass, directory, Kind::Memberships).await? {
            ended += end_undecided_pairs(&mut transaction, held, pass, directory).await?;
        }
        transaction.commit().await?;
        Ok(ended)
    }
}

/// The confirmed absences of a kind. Those that stay are noted as undecided.
async fn confirmed(
    connection: &mut Connection,
    pass: Pass<'_>,
    directory: &str,
    kind: Kind,
    ends: Ends<'_>,
) -> Result<Vec<String>, sqlx::Error> {
    let sql = format!(
        "SELECT a.id FROM absences AS a
         WHERE a.directory_id = $1 AND a.kind = '{kind}' AND a.asked_in = $2 AND a.last_response = '404' AND {}
         ORDER BY a.id",
        is_live(kind)
    );
    let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(directory)
        .bind(pass.number)
        .fetch_all(&mut *connection)
        .await?;
    let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    let stays = match (ends.no_control, ends.settings.deleted_at_once_percent) {
        (Some(reason), _) => Some(format!("404, but no control: {reason}")),
        (None, Some(percent)) => {
            let active = active(connection, directory, kind).await?;
            is_more_than(count, active, percent).then(|| WAITS.to_owned())
        }
        (None, None) => None,
    };
    let Some(response) = stays else {
        return Ok(ids);
    };
    sqlx::query(
        "UPDATE absences SET last_response = $1, next_try_at = $2, attempts = attempts + 1
         WHERE directory_id = $3 AND kind = $4 AND asked_in = $5 AND last_response = '404'",
    )
    .bind(response)
    .bind(ends.next_try_at)
    .bind(directory)
    .bind(kind.as_str())
    .bind(pass.number)
    .execute(connection)
    .await?;
    Ok(Vec::new())
}

/// Whether a part is more than a share of the whole.
pub(super) fn is_more_than(part: u64, whole: u64, percent: u8) -> bool {
    u128::from(part) * 100 > u128::from(whole) * u128::from(percent)
}

/// The absences of a kind that were asked for and are not decided.
async fn undecided(connection: &mut Connection, directory: &str, kind: Kind) -> Result<Vec<String>, sqlx::Error> {
    let sql = format!(
        "SELECT a.id FROM absences AS a
         WHERE a.directory_id = $1 AND a.kind = '{kind}' AND a.attempts > 0 AND {} ORDER BY a.id",
        is_live(kind)
    );
    sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(directory)
        .fetch_all(connection)
        .await
}

/// Those that have been absent for long enough to end undecided, as many as may end today.
async fn repeated(
    connection: &mut Connection,
    pass: Pass<'_>,
    directory: &str,
    kind: Kind,
) -> Result<Vec<String>, sqlx::Error> {
    let day_ago = before(pass.stamp.now, REPEATED_OVER);
    let sql = format!(
        "SELECT a.id FROM absences AS a
         WHERE a.directory_id = $1 AND a.kind = '{kind}' AND a.attempts > 0 AND a.last_response <> '{WAITS}'
           AND a.traversals >= {TRAVERSALS} AND a.since <= $2 AND {}
         ORDER BY a.since, a.id LIMIT $3",
        is_live(kind)
    );
    let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(directory)
        .bind(&day_ago)
        .bind(i64::try_from(AT_MOST).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    if ids.is_empty() {
        return Ok(ids);
    }
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(ended), 0) AS BIGINT) AS ended FROM repeated_absence_ends
         WHERE directory_id = $1 AND kind = $2 AND ended_at > $3",
    )
    .bind(directory)
    .bind(kind.as_str())
    .bind(&day_ago)
    .fetch_one(&mut *connection)
    .await?;
    let ended = steps::count(&row, "ended")?;
    // Of what the directory had this morning.
    let share = active(connection, directory, kind).await?.saturating_add(ended) * AT_MOST_PERCENT / 100;
    let left = AT_MOST.min(share).saturating_sub(ended);
    let ids: Vec<String> = ids.into_iter().take(usize::try_from(left).unwrap_or(0)).collect();
    if !ids.is_empty() {
        sqlx::query("INSERT INTO repeated_absence_ends (directory_id, kind, ended_at, ended) VALUES ($1, $2, $3, $4)")
            .bind(directory)
            .bind(kind.as_str())
            .bind(pass.stamp.now)
            .bind(i64::try_from(ids.len()).unwrap_or(i64::MAX))
            .execute(&mut *connection)
            .await?;
        sqlx::query("DELETE FROM repeated_absence_ends WHERE ended_at <= $1")
            .bind(&day_ago)
            .execute(connection)
            .await?;
    }
    Ok(ids)
}

/// A time so much earlier, in canonical form.
fn before(now: &str, age: std::time::Duration) -> String {
    let earlier = now
        .parse::<workos_directory_sync::Timestamp>()
        .ok()
        .and_then(|now| now.as_jiff().saturating_sub(age).ok())
        .map(workos_directory_sync::Timestamp::from);
    // Nothing is older than the empty text.
    earlier.map(|earlier| earlier.canonical()).unwrap_or_default()
}

/// How many objects of a kind a directory has.
async fn active(connection: &mut Connection, directory: &str, kind: Kind) -> Result<u64, sqlx::Error> {
    let sql = format!("SELECT COUNT(*) AS active FROM {kind} WHERE directory_id = $1 AND deleted_at IS NULL");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(directory)
        .fetch_one(connection)
        .await?;
    steps::count(&row, "active")
}

/// Marks users or groups as deleted, with their memberships, and returns how many.
async fn end(
    connection: &mut Connection,
    held: Held<'_>,
    pass: Pass<'_>,
    key: StepKey<'_>,
    ids: &[String],
    reason: ChangeReason,
) -> Result<u64, sqlx::Error> {
    let kind = key.kind;
    if ids.is_empty() {
        return Ok(0);
    }
    let ids = json_array(ids)?;
    let of_ids = format!("id IN ({})", strings(connection, "$2"));
    outbox::lock(connection).await?;
    sqlx::query(AssertSqlSafe(outbox::of_gone(kind, &of_ids, Some(reason))))
        .bind(pass.stamp.now)
        .bind(&ids)
        .execute(&mut *connection)
        .await?;
    let ended = mark(connection, kind.as_str(), &of_ids, pass.stamp.now, &ids).await?;
    let owner = match kind {
        Kind::Groups => "group_id",
        _ => "user_id",
    };
    let of_owners = format!("{owner} IN ({})", strings(connection, "$2"));
    let left = mark(connection, "memberships", &of_owners, pass.stamp.now, &ids).await?;
    outbox::ended_memberships(connection, pass.stamp.now).await?;
    let sql = format!("DELETE FROM absences WHERE kind = $1 AND {of_ids}");
    sqlx::query(AssertSqlSafe(sql))
        .bind(kind.as_str())
        .bind(&ids)
        .execute(&mut *connection)
        .await?;
    if held.is_run() {
        steps::add_ended(connection, key, ended).await?;
        steps::add_deleted(connection, key.of(Kind::Memberships), left).await?;
    }
    Ok(ended)
}

/// Ends the memberships of a directory that were looked for and are not decided.
async fn end_undecided_pairs(
    connection: &mut Connection,
    held: Held<'_>,
    pass: Pass<'_>,
    directory: &str,
) -> Result<u64, sqlx::Error> {
    let sql = format!(
        "UPDATE memberships SET deleted_at = $1, changed_at = $1 WHERE (user_id, group_id) IN (
             SELECT a.id, a.group_id FROM absences AS a
             WHERE a.kind = 'memberships' AND a.directory_id = $2 AND a.attempts > 0 AND {})",
        is_live(Kind::Memberships)
    );
    let ended = sqlx::query(AssertSqlSafe(sql))
        .bind(pass.stamp.now)
        .bind(directory)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    outbox::ended_memberships(connection, pass.stamp.now).await?;
    drop_settled(connection, directory, Kind::Memberships).await?;
    if held.is_run() {
        let key = StepKey {
            run: held.lease.run,
            directory,
            kind: Kind::Memberships,
        };
        steps::add_ended(connection, key, ended).await?;
    }
    Ok(ended)
}

/// Marks rows as deleted; `$2` is a JSON array of ids.
async fn mark(
    connection: &mut Connection,
    table: &str,
    condition: &str,
    now: &str,
    ids: &str,
) -> Result<u64, sqlx::Error> {
    let sql = format!("UPDATE {table} SET deleted_at = $1, changed_at = $1 WHERE deleted_at IS NULL AND {condition}");
    let marked = sqlx::query(AssertSqlSafe(sql))
        .bind(now)
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(marked.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_more_than_compares_without_overflow() {
        assert!(!is_more_than(20, 100, 20));
        assert!(is_more_than(21, 100, 20));
        assert!(is_more_than(u64::MAX, u64::MAX, 99));
        assert!(!is_more_than(0, 0, 0));
    }
}
