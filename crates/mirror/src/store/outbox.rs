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
use crate::ChangeKind;
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
    previous: Option<String>,
}

impl Told {
    /// A user is in a group from now on.
    pub(super) fn joined(directory: &str, user: &str, group: &str) -> Self {
        Self {
            kind: ChangeKind::JoinedGroup,
            directory: directory.to_owned(),
            user: Some(user.to_owned()),
            group: Some(group.to_owned()),
            state: None,
            previous: None,
        }
    }
}

/// Whose memberships may have changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    /// A JSON array of a user and a group.
    Pair(&'a str),
    /// A JSON array of users.
    Users(&'a str),
    /// A JSON array of groups.
    Groups(&'a str),
}

/// Keeps other transactions from telling until this one ends.
pub(super) async fn lock(connection: &mut Connection) -> Result<(), sqlx::Error> {
    if Dialect::of(connection) == Dialect::Postgres {
        sqlx::query(LOCK).execute(connection).await?;
    }
    Ok(())
}

/// What a record that is going to be written changes, if anything that is told.
pub(super) fn of_record(
    table: &Table,
    record: &Record,
    stored: Option<&DatabaseRow>,
) -> Result<Option<Told>, sqlx::Error> {
    let known = stored.is_some();
    let before = match stored {
        Some(row) if row.try_get::<Option<&str>, _>("deleted_at")?.is_none() => Some(row),
        _ => None,
    };
    let previous = match before {
        Some(row) if table.kind != Kind::Groups => row.try_get::<Option<String>, _>("state")?,
        _ => None,
    };
    let state = record.state(table).map(str::to_owned);
    let id = Some(record.id.clone());
    let (kind, directory, user, group) = match table.kind {
        Kind::Users => (
            user_kind(known, previous.as_deref(), state.as_deref().unwrap_or_default()),
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
        _ if previous == state => return Ok(None),
        _ => (ChangeKind::DirectoryStateChanged, record.id.clone(), None, None),
    };
    Ok(Some(Told {
        kind,
        directory,
        user,
        group,
        state,
        previous,
    }))
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
    let columns = ["kind", "directory_id", "user_id", "group_id", "state", "previous_state"];
    let mut rows = Rows::new(Dialect::of(connection), columns);
    for change in told {
        rows.push([
            Some(change.kind.as_str()),
            Some(change.directory.as_str()),
            change.user.as_deref(),
            change.group.as_deref(),
            change.state.as_deref(),
            change.previous.as_deref(),
        ])?;
    }
    let columns = columns.join(", ");
    let sql = format!(
        "INSERT INTO changes (changed_at, {columns}) SELECT $1, {columns} FROM {}",
        rows.table("told", 2)
    );
    rows.bind_to(sqlx::query(AssertSqlSafe(sql)).bind(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// The statement that tells of the rows of a kind that a condition is about to mark as deleted; `$1` is the time. It
/// needs the [`lock`].
pub(super) fn of_gone(kind: Kind, condition: &str) -> String {
    let columns = match kind {
        Kind::Users => {
            "CASE state WHEN 'inactive' THEN 'user_deleted' ELSE 'user_deprovisioned' END, directory_id, id, NULL, state"
        }
        Kind::Groups => "'group_deleted', directory_id, NULL, id, NULL",
        _ => "'directory_deleted', id, NULL, NULL, state",
    };
    format!(
        "INSERT INTO changes (changed_at, kind, directory_id, user_id, group_id, previous_state)
         SELECT $1, {columns} FROM {kind} WHERE deleted_at IS NULL AND {condition} ORDER BY id"
    )
}

/// Tells of the memberships that came with their users or groups, a JSON array of ids.
pub(super) async fn memberships_of(
    connection: &mut Connection,
    now: &str,
    kind: Kind,
    ids: &str,
) -> Result<(), sqlx::Error> {
    match kind {
        Kind::Users => memberships(connection, now, Whose::Users(ids)).await,
        Kind::Groups => memberships(connection, now, Whose::Groups(ids)).await,
        // Memberships do not depend on their directory.
        Kind::Directories | Kind::Memberships => Ok(()),
    }
}

/// Tells of the memberships that are there and were not told, and of those that were told and are not there any more.
pub(super) async fn memberships(connection: &mut Connection, now: &str, whose: Whose<'_>) -> Result<(), sqlx::Error> {
    lock(connection).await?;
    let dialect = Dialect::of(connection);
    let strings = dialect.strings("$1");
    let (condition, parameter) = match whose {
        Whose::Pair(pair) => {
            let json = dialect.json("$1");
            (format!("m.user_id = {json} ->> 0 AND m.group_id = {json} ->> 1"), pair)
        }
        Whose::Users(users) => (format!("m.user_id IN ({strings})"), users),
        Whose::Groups(groups) => (format!("m.group_id IN ({strings})"), groups),
    };
    // Its user was there when it was told, and rows stay: every change has a directory.
    let differing = format!(
        "FROM memberships AS m JOIN users AS u ON u.id = m.user_id LEFT JOIN groups AS g ON g.id = m.group_id
         WHERE {condition} AND m.told <> CASE
             WHEN m.deleted_at IS NULL AND u.deleted_at IS NULL AND g.id IS NOT NULL AND g.deleted_at IS NULL THEN 1
             ELSE 0 END"
    );
    let sql = format!(
        "INSERT INTO changes (changed_at, kind, directory_id, user_id, group_id)
         SELECT $2, CASE m.told WHEN 0 THEN 'joined_group' ELSE 'left_group' END, u.directory_id, m.user_id, m.group_id
         {differing} ORDER BY m.user_id, m.group_id"
    );
    let written = sqlx::query(AssertSqlSafe(sql))
        .bind(parameter)
        .bind(now)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if written > 0 {
        let sql = format!(
            "UPDATE memberships SET told = 1 - memberships.told FROM (SELECT m.user_id, m.group_id {differing}) AS d
             WHERE memberships.user_id = d.user_id AND memberships.group_id = d.group_id"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(parameter)
            .execute(connection)
            .await?;
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
