//! The outbox: what changed, written in the transaction that changes it.
//!
//! - Of directories, users and groups the row before and the row after say what changed. Nothing is told of a row that
//!   came and was gone before anybody knew of it.
//! - A membership is there while it, its user and its group are, whichever of them came last and goes first. So each one
//!   remembers whether it was told (`memberships.told`), and what differs from that is a change.
//! - The ids of the changes grow in the order in which their transactions end: a reader that goes on behind the last id
//!   that it saw misses nothing. SQLite has one writer. In PostgreSQL a transaction takes a lock before its first change
//!   and keeps it to its end.

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::Connection;
use super::DatabaseRow;
use super::Dialect;
use super::Rows;
use super::difference;
use super::difference::Difference;
use crate::ChangeKind;
use crate::ChangeReason;
use crate::Kind;
use crate::record::Record;
use crate::record::Table;

/// Keeps two transactions from telling at once; it ends with the transaction.
const LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('workos-directory-mirror changes ' || current_schema(), 0))";

/// A change of a directory, user or group, not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    kind: ChangeKind,
    directory: String,
    user: Option<String>,
    group: Option<String>,
    state: Option<String>,
    previous_state: Option<String>,
    /// Of what was there before.
    difference: Option<Difference>,
    reason: Option<ChangeReason>,
}

impl Told {
    /// A user is in a group from now on.
    pub(super) fn joined(directory: &str, user: &str, group: &str) -> Self {
        Self::of_membership(ChangeKind::JoinedGroup, directory, user, group)
    }

    /// A user is not in a group any more.
    pub(super) fn left(directory: &str, user: &str, group: &str) -> Self {
        Self::of_membership(ChangeKind::LeftGroup, directory, user, group)
    }

    /// Gives it a reason.
    pub(super) fn because(&mut self, reason: ChangeReason) {
        self.reason = Some(reason);
    }

    /// What kind of change it is.
    #[cfg(test)]
    pub(super) fn kind(&self) -> ChangeKind {
        self.kind
    }

    fn of_membership(kind: ChangeKind, directory: &str, user: &str, group: &str) -> Self {
        Self {
            kind,
            directory: directory.to_owned(),
            user: Some(user.to_owned()),
            group: Some(group.to_owned()),
            state: None,
            previous_state: None,
            difference: None,
            reason: None,
        }
    }
}

/// Keeps other transactions from telling until this one ends.
pub(super) async fn lock(connection: &mut Connection) -> Result<(), sqlx::Error> {
    if Dialect::of(connection) == Dialect::Postgres {
        sqlx::query(LOCK).execute(connection).await?;
    }
    Ok(())
}

/// A row before it is written.
#[derive(Clone, Debug)]
pub(super) struct Before<'a> {
    pub(super) is_deleted: bool,
    /// In the order of the table's columns.
    pub(super) values: Vec<Option<&'a str>>,
}

/// What a record that is going to be written changes, if anything that is told.
pub(super) fn of_record(
    table: &Table,
    record: &Record,
    stored: Option<&DatabaseRow>,
) -> Result<Option<Told>, sqlx::Error> {
    let before = match stored {
        Some(row) => Some(Before {
            is_deleted: row.try_get::<Option<&str>, _>("deleted_at")?.is_some(),
            values: table
                .columns
                .iter()
                .map(|column| row.try_get(*column))
                .collect::<Result<_, _>>()?,
        }),
        None => None,
    };
    Ok(of_change(table, record, before.as_ref()))
}

/// The same, of a row that was read.
pub(super) fn of_change(table: &Table, record: &Record, before: Option<&Before<'_>>) -> Option<Told> {
    let difference = before.and_then(|before| difference::between(table, &before.values, &record.values));
    let (is_known, before) = (before.is_some(), before.filter(|before| !before.is_deleted));
    if before.is_some() && difference.is_none() {
        return None;
    }
    let previous_state = before.and_then(|before| before.values[table.place("state")?]);
    let state = record.state(table);
    let id = Some(record.id.clone());
    let (kind, directory, user, group) = match table.kind {
        Kind::Users => (
            user_kind(is_known, previous_state, state.unwrap_or_default()),
            record.directory_id(table).to_owned(),
            id,
            None,
        ),
        Kind::Groups if before.is_none() => (
            ChangeKind::GroupCreated,
            record.directory_id(table).to_owned(),
            None,
            id,
        ),
        Kind::Groups => (
            ChangeKind::GroupUpdated,
            record.directory_id(table).to_owned(),
            None,
            id,
        ),
        _ if previous_state == state => return None,
        _ => (ChangeKind::DirectoryStateChanged, record.id.clone(), None, None),
    };
    Some(Told {
        kind,
        directory,
        user,
        group,
        state: state.map(str::to_owned),
        previous_state: previous_state.map(str::to_owned),
        difference,
        reason: None,
    })
}

/// What became of a user. `known` says that there is a row, though it may be marked as deleted.
fn user_kind(known: bool, previous: Option<&str>, state: &str) -> ChangeKind {
    match (previous, state) {
        (None, "active") if known => ChangeKind::UserRestored,
        (None, _) => ChangeKind::UserCreated,
        (Some(previous), state) if previous == state => ChangeKind::UserUpdated,
        (Some(_), "active") => ChangeKind::UserRestored,
        (Some(_), "inactive") => ChangeKind::UserDeprovisioned,
        (Some("active" | "inactive"), _) => ChangeKind::UserSuspended,
        // From one state in which they may not act to another.
        (Some(_), _) => ChangeKind::UserUpdated,
    }
}

/// Writes changes in their order.
pub(super) async fn write(connection: &mut Connection, now: &str, told: &[Told]) -> Result<(), sqlx::Error> {
    if told.is_empty() {
        return Ok(());
    }
    lock(connection).await?;
    let columns = [
        "kind",
        "directory_id",
        "user_id",
        "group_id",
        "state",
        "previous_state",
        "reason",
        "changed_columns",
        "previous",
    ];
    let dialect = Dialect::of(connection);
    let mut rows = Rows::new(dialect, columns);
    for change in told {
        rows.push([
            Some(change.kind.as_str()),
            Some(change.directory.as_str()),
            change.user.as_deref(),
            change.group.as_deref(),
            change.state.as_deref(),
            change.previous_state.as_deref(),
            change.reason.map(ChangeReason::as_str),
            change.difference.as_ref().map(|difference| difference.columns.as_str()),
            change
                .difference
                .as_ref()
                .map(|difference| difference.previous.as_str()),
        ])?;
    }
    let sql = format!(
        "INSERT INTO changes (changed_at, {})
         SELECT $1, kind, directory_id, user_id, group_id, state, previous_state, reason, {}, {} FROM {}",
        columns.join(", "),
        dialect.json("changed_columns"),
        dialect.json("previous"),
        rows.table("told", 2)
    );
    rows.bind_to(sqlx::query(AssertSqlSafe(sql)).bind(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// The statement that tells of the rows of a kind that a condition is about to mark as deleted; `$1` is the time. It
/// needs the [`lock`].
pub(super) fn of_gone(kind: Kind, condition: &str, reason: Option<ChangeReason>) -> String {
    let reason = reason.map_or_else(|| "NULL".to_owned(), |reason| format!("'{reason}'"));
    let columns = match kind {
        Kind::Users => {
            "CASE state WHEN 'inactive' THEN 'user_deleted' ELSE 'user_deprovisioned' END, directory_id, id, NULL, state"
        }
        Kind::Groups => "'group_deleted', directory_id, NULL, id, NULL",
        _ => "'directory_deleted', id, NULL, NULL, state",
    };
    format!(
        "INSERT INTO changes (changed_at, kind, directory_id, user_id, group_id, previous_state, reason)
         SELECT $1, {columns}, {reason} FROM {kind} WHERE deleted_at IS NULL AND {condition} ORDER BY id"
    )
}

/// Tells of the memberships that came with their users or groups, a JSON array of ids: those that are there and were not
/// told, and those that were told and are not there any more.
pub(super) async fn memberships_of(
    connection: &mut Connection,
    now: &str,
    kind: Kind,
    ids: &str,
) -> Result<(), sqlx::Error> {
    let column = match kind {
        Kind::Users => "user_id",
        Kind::Groups => "group_id",
        // Memberships do not depend on their directory.
        Kind::Directories | Kind::Memberships => return Ok(()),
    };
    lock(connection).await?;
    let strings = Dialect::of(connection).strings("$1");
    // Its user was there when it was told, and rows stay: every change has a directory.
    let differing = format!(
        "FROM memberships AS m JOIN users AS u ON u.id = m.user_id LEFT JOIN groups AS g ON g.id = m.group_id
         WHERE m.{column} IN ({strings}) AND m.told <> CASE
             WHEN m.deleted_at IS NULL AND u.deleted_at IS NULL AND g.id IS NOT NULL AND g.deleted_at IS NULL THEN 1
             ELSE 0 END"
    );
    let sql = format!(
        "INSERT INTO changes (changed_at, kind, directory_id, user_id, group_id)
         SELECT $2, CASE m.told WHEN 0 THEN 'joined_group' ELSE 'left_group' END, u.directory_id, m.user_id, m.group_id
         {differing} ORDER BY m.user_id, m.group_id"
    );
    let written = sqlx::query(AssertSqlSafe(sql))
        .bind(ids)
        .bind(now)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if written > 0 {
        let sql = format!(
            "UPDATE memberships SET told = 1 - memberships.told FROM (SELECT m.user_id, m.group_id {differing}) AS d
             WHERE memberships.user_id = d.user_id AND memberships.group_id = d.group_id"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(ids).execute(connection).await?;
    }
    Ok(())
}

/// Tells of the memberships that this transaction has ended: before it, none that had ended was told to be there. The index
/// `memberships_ended` has them; looked for by their directory, each membership of it would be.
pub(super) async fn ended_memberships(connection: &mut Connection, now: &str) -> Result<(), sqlx::Error> {
    lock(connection).await?;
    // Its user was there when it was told, and rows stay: every change has a directory.
    let written = sqlx::query(
        "INSERT INTO changes (changed_at, kind, directory_id, user_id, group_id)
         SELECT $1, 'left_group', u.directory_id, m.user_id, m.group_id
         FROM memberships AS m JOIN users AS u ON u.id = m.user_id
         WHERE m.told = 1 AND m.deleted_at IS NOT NULL ORDER BY m.user_id, m.group_id",
    )
    .bind(now)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if written > 0 {
        sqlx::query("UPDATE memberships SET told = 0 WHERE told = 1 AND deleted_at IS NOT NULL")
            .execute(connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_user_follows_from_the_states_before_and_after() {
        use ChangeKind::*;
        for (known, previous, state, kind) in [
            (false, None, "active", UserCreated),
            (false, None, "inactive", UserCreated),
            (true, None, "active", UserRestored),
            (true, None, "suspended", UserCreated),
            (true, Some("active"), "active", UserUpdated),
            (true, Some("active"), "suspended", UserSuspended),
            (true, Some("active"), "a new state", UserSuspended),
            (true, Some("active"), "inactive", UserDeprovisioned),
            (true, Some("suspended"), "inactive", UserDeprovisioned),
            (true, Some("suspended"), "active", UserRestored),
            (true, Some("suspended"), "a new state", UserUpdated),
            (true, Some("inactive"), "active", UserRestored),
            (true, Some("inactive"), "suspended", UserSuspended),
        ] {
            assert_eq!(user_kind(known, previous, state), kind, "{previous:?} {state}");
        }
    }
}
