//! Memberships, which have no id to ask for: what a list that may be wrong does not give is looked for in the other side's.

use sqlx::AssertSqlSafe;
use sqlx::Row;

use super::drop_settled;
use super::is_live;
use super::lookups::FOUND;
use super::lookups::due;
use crate::Error;
use crate::Kind;
use crate::MembershipPlan;
use crate::WarningKind;
use crate::store::Connection;
use crate::store::Held;
use crate::store::Rows;
use crate::store::Stamp;
use crate::store::StepKey;
use crate::store::Store;
use crate::store::memberships;
use crate::store::outbox;
use crate::store::quarantine;
use crate::store::steps;

/// A list that lost no more memberships than this is believed.
const FEW: i64 = 3;

/// A list that lost no larger share of its memberships than this is believed, in percent.
const SMALL_PERCENT: i64 = 20;

/// The memberships of a user or group that are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Whose list is read: [`Kind::Users`] or [`Kind::Groups`].
    pub(crate) owners: Kind,
    pub(crate) owner: String,
    /// How often that was tried without a decision.
    pub(crate) attempts: u64,
}

/// The column of an absence that has the id of a user or group.
fn column(owners: Kind) -> &'static str {
    match owners {
        Kind::Groups => "group_id",
        _ => "id",
    }
}

/// The memberships of a directory that this run did not see though it saw the list that should have them.
fn missing(plan: MembershipPlan) -> (&'static str, String) {
    // What is on the other side may be absent, too: then that is decided first.
    let (owner, seen) = match plan {
        MembershipPlan::UsersPerGroup => (
            "m.group_id",
            "g.generation >= $2 AND g.event_run < $2 AND u.generation >= $2",
        ),
        MembershipPlan::Embedded | MembershipPlan::GroupsPerUser => (
            "m.user_id",
            "u.generation >= $2 AND u.event_run < $2
             AND (g.id IS NULL OR g.generation >= $2 OR g.directory_id <> u.directory_id)",
        ),
    };
    let sql = format!(
        "FROM memberships AS m JOIN users AS u ON u.id = m.user_id LEFT JOIN groups AS g ON g.id = m.group_id
         WHERE u.directory_id = $1 AND m.deleted_at IS NULL AND m.generation < $2 AND m.event_run < $2
           AND (u.deleted_at IS NOT NULL OR g.deleted_at IS NOT NULL OR ({seen}))"
    );
    (owner, sql)
}

impl Store {
    /// Ends the step of a directory's memberships: those end that their list does not give, unless that list may be wrong.
    /// Those of such a list are noted.
    pub(crate) async fn finish_memberships(
        &self,
        key: StepKey<'_>,
        held: Held<'_>,
        plan: MembershipPlan,
    ) -> Result<(), Error> {
        let mut transaction = self.begin_as(held).await?;
        let stamp = held.stamp();
        steps::require_traversed(&mut transaction, key).await?;
        drop_settled(&mut transaction, key.directory, Kind::Memberships).await?;
        let (owner, from) = missing(plan);
        let row = sqlx::query(AssertSqlSafe(format!("SELECT COUNT(*) AS missing {from}")))
            .bind(key.directory)
            .bind(key.run)
            .fetch_one(&mut *transaction)
            .await?;
        let mut ended = 0;
        if steps::count(&row, "missing")? > 0 {
            note_suspicious(&mut transaction, key, stamp, owner, &from).await?;
            let sql = format!(
                "UPDATE memberships SET deleted_at = $3, changed_at = $3
                 WHERE (user_id, group_id) IN (
                     SELECT m.user_id, m.group_id {from}
                       AND NOT EXISTS (SELECT 1 FROM absences AS a WHERE a.kind = 'memberships' AND a.id = m.user_id
                                       AND a.group_id = m.group_id AND a.run = $2))"
            );
            ended = sqlx::query(AssertSqlSafe(sql))
                .bind(key.directory)
                .bind(key.run)
                .bind(stamp.now)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            outbox::ended_memberships(&mut transaction, stamp.now).await?;
        }
        ended += end_ownerless(&mut transaction, key, stamp).await?;
        steps::finish_step(&mut transaction, key, stamp, ended).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets the absent users and groups that were there after all, when nothing depends on them any more.
    pub(crate) async fn drop_refreshed(&self, held: Held<'_>, directory: &str) -> Result<(), Error> {
        let (mut transaction, _) = self.begin_pass(held).await?;
        for kind in [Kind::Users, Kind::Groups, Kind::Memberships] {
            drop_settled(&mut transaction, directory, kind).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Whether most users of a directory that had groups came without any, so that groups count as not embedded.
    pub(crate) async fn embedded_groups_turned_empty(&self, key: StepKey<'_>, held: Held<'_>) -> Result<bool, Error> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS had, COUNT(*) FILTER (WHERE kept = 0) AS emptied FROM (
                 SELECT u.id, SUM(CASE WHEN m.generation >= $2 OR m.event_run >= $2 THEN 1 ELSE 0 END) AS kept
                 FROM users AS u JOIN memberships AS m ON m.user_id = u.id AND m.deleted_at IS NULL
                 WHERE u.directory_id = $1 AND u.deleted_at IS NULL AND u.generation >= $2
                 GROUP BY u.id) AS owners",
        )
        .bind(key.directory)
        .bind(key.run)
        .fetch_one(&self.pool)
        .await?;
        let (had, emptied) = (steps::count(&row, "had")?, steps::count(&row, "emptied")?);
        let turned = emptied > 3 && emptied.saturating_mul(2) > had;
        if turned {
            let mut transaction = self.begin_as(held).await?;
            super::warn(&mut transaction, key, WarningKind::EmbeddedGroupsTurnedEmpty).await?;
            transaction.commit().await?;
        }
        Ok(turned)
    }

    /// The next user or group whose list can say what became of absent memberships of a directory. Which of both costs
    /// fewer lists is taken, unless it is the list that may be wrong.
    pub(crate) async fn next_pair(
        &self,
        held: Held<'_>,
        directory: &str,
        plan: MembershipPlan,
    ) -> Result<Option<Pair>, Error> {
        let is_due = due(held);
        let due = format!(
            "FROM absences AS a
             WHERE a.kind = 'memberships' AND a.directory_id = $1 AND {is_due}
               AND {}",
            is_live(Kind::Memberships)
        );
        let owners = match plan {
            MembershipPlan::UsersPerGroup => Kind::Users,
            MembershipPlan::GroupsPerUser => Kind::Groups,
            MembershipPlan::Embedded => {
                let sql = format!("SELECT COUNT(DISTINCT a.id) AS users, COUNT(DISTINCT a.group_id) AS groups {due}");
                let row = sqlx::query(AssertSqlSafe(sql))
                    .bind(directory)
                    .bind(held.pass())
                    .bind(held.now)
                    .fetch_one(&self.pool)
                    .await?;
                if steps::count(&row, "users")? < steps::count(&row, "groups")? {
                    Kind::Users
                } else {
                    Kind::Groups
                }
            }
        };
        let sql = format!(
            "SELECT a.{} AS owner, a.attempts {due}
             ORDER BY CASE WHEN a.last_asked_at IS NULL THEN 0 ELSE 1 END, COALESCE(a.last_asked_at, a.since),
                 a.id, a.group_id LIMIT 1",
            column(owners)
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(directory)
            .bind(held.pass())
            .bind(held.now)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| {
            Ok(Pair {
                owners,
                owner: row.try_get("owner")?,
                attempts: steps::count(&row, "attempts")?,
            })
        })
        .transpose()
    }

    /// Notes which absent memberships of a user or group a page of the other side's list gives. Others are not touched.
    pub(crate) async fn keep_pairs(
        &self,
        held: Held<'_>,
        directory: &str,
        pairs: &[(String, String)],
    ) -> Result<(), Error> {
        let (mut transaction, pass) = self.begin_pass(held).await?;
        let mut rows = Rows::new(self.dialect, ["user_id", "group_id"]);
        for (user, group) in pairs {
            rows.push([Some(user.as_str()), Some(group.as_str())])?;
        }
        let sql = format!(
            "SELECT a.id, a.group_id FROM {} JOIN absences AS a ON a.id = pair.user_id AND a.group_id = pair.group_id
             WHERE a.kind = 'memberships' AND a.directory_id = $1",
            rows.table("pair", 2)
        );
        let found = rows
            .bind_to(sqlx::query(AssertSqlSafe(sql)).bind(directory))
            .fetch_all(&mut *transaction)
            .await?;
        let mut there = Vec::with_capacity(found.len());
        for row in &found {
            there.push((row.try_get("id")?, row.try_get("group_id")?));
        }
        if !there.is_empty() {
            for (user, group) in &there {
                let (user, group): (&String, &String) = (user, group);
                sqlx::query(
                    "UPDATE absences SET asked_in = $1, last_asked_at = $2, last_response = $3
                     WHERE kind = 'memberships' AND id = $4 AND group_id = $5",
                )
                .bind(pass.number)
                .bind(pass.stamp.now)
                .bind(FOUND)
                .bind(user.as_str())
                .bind(group.as_str())
                .execute(&mut *transaction)
                .await?;
            }
            let count = u64::try_from(there.len()).unwrap_or(u64::MAX);
            let written = memberships::apply(&mut transaction, pass.stamp, there).await?;
            outbox::write(&mut transaction, pass.stamp.now, &written.told).await?;
            if held.is_run() {
                let key = StepKey {
                    run: held.lease.run,
                    directory,
                    kind: Kind::Memberships,
                };
                steps::add_lookups(&mut transaction, key, 0, 0, count).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Ends the absent memberships that the complete list of a user or group does not give either.
    pub(crate) async fn end_pairs(
        &self,
        held: Held<'_>,
        directory: &str,
        pair: &Pair,
        calls: u64,
    ) -> Result<(), Error> {
        let (mut transaction, pass) = self.begin_pass(held).await?;
        let gone = format!(
            "SELECT a.id, a.group_id FROM absences AS a
             WHERE a.kind = 'memberships' AND a.directory_id = $1 AND a.{} = $2
               AND (a.asked_in IS NULL OR a.asked_in <> $3) AND {}",
            column(pair.owners),
            is_live(Kind::Memberships)
        );
        let sql =
            format!("UPDATE memberships SET deleted_at = $4, changed_at = $4 WHERE (user_id, group_id) IN ({gone})");
        let ended = sqlx::query(AssertSqlSafe(sql))
            .bind(directory)
            .bind(pair.owner.as_str())
            .bind(pass.number)
            .bind(pass.stamp.now)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        outbox::ended_memberships(&mut transaction, pass.stamp.now).await?;
        drop_settled(&mut transaction, directory, Kind::Memberships).await?;
        if held.is_run() {
            let key = StepKey {
                run: held.lease.run,
                directory,
                kind: Kind::Memberships,
            };
            steps::add_lookups(&mut transaction, key, calls, calls, 0).await?;
            steps::add_ended(&mut transaction, key, ended).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Notes that the other side's list did not say what became of absent memberships.
    pub(crate) async fn note_undecided_pairs(
        &self,
        held: Held<'_>,
        directory: &str,
        pair: &Pair,
        reason: &str,
        next_try_at: &str,
    ) -> Result<(), Error> {
        let (mut transaction, pass) = self.begin_pass(held).await?;
        let sql = format!(
            "UPDATE absences SET asked_in = $1, last_asked_at = $2, last_response = $3, next_try_at = $4,
                 attempts = attempts + 1
             WHERE kind = 'memberships' AND directory_id = $5 AND {} = $6 AND (asked_in IS NULL OR asked_in <> $1)",
            column(pair.owners)
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(pass.number)
            .bind(pass.stamp.now)
            .bind(reason)
            .bind(next_try_at)
            .bind(directory)
            .bind(pair.owner.as_str())
            .execute(&mut *transaction)
            .await?;
        if held.is_run() {
            let key = StepKey {
                run: held.lease.run,
                directory,
                kind: Kind::Memberships,
            };
            steps::add_lookups(&mut transaction, key, 1, 1, 0).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Ends the memberships that no list gave of users who have no row: lists of groups give members by their ids alone, also those
/// whose records could never be read. Nobody was told of them.
async fn end_ownerless(connection: &mut Connection, key: StepKey<'_>, stamp: Stamp<'_>) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query(
        "UPDATE memberships SET deleted_at = $3, changed_at = $3
         WHERE deleted_at IS NULL AND generation < $2 AND event_run < $2
           AND group_id IN (SELECT id FROM groups WHERE directory_id = $1 AND generation >= $2)
           AND NOT EXISTS (SELECT 1 FROM users AS u WHERE u.id = memberships.user_id)",
    )
    .bind(key.directory)
    .bind(key.run)
    .bind(stamp.now)
    .execute(connection)
    .await?;
    Ok(ended.rows_affected())
}

/// Notes the missing memberships whose list may be wrong.
async fn note_suspicious(
    connection: &mut Connection,
    key: StepKey<'_>,
    stamp: Stamp<'_>,
    owner: &str,
    from: &str,
) -> Result<(), Error> {
    let of_directory: Vec<String> =
        sqlx::query_scalar("SELECT what FROM sync_warnings WHERE run_id = $1 AND directory_id = $2")
            .bind(key.run)
            .bind(key.directory)
            .fetch_all(&mut *connection)
            .await?;
    let contradicts = of_directory
        .iter()
        .filter_map(|name| WarningKind::from_name(name))
        .any(|what| what.is_contradiction() || what == WarningKind::ListTurnedEmpty)
        || steps::repeated(connection, key).await? > 0
        || quarantine::hides_absences(connection, key).await?;
    let began_at: String = sqlx::query_scalar("SELECT started_at FROM sync_runs WHERE id = $1")
        .bind(key.run)
        .fetch_one(&mut *connection)
        .await?;
    // A list that turned empty has lost everything, which is more than the share.
    let is_suspicious = if contradicts {
        "$4 = $4".to_owned()
    } else {
        format!(
            "({owner} IN (
                SELECT l.owner FROM (SELECT {owner} AS owner, COUNT(*) AS lost {from} GROUP BY {owner}) AS l
                WHERE l.lost > {FEW} AND l.lost * 100 > {SMALL_PERCENT} * (l.lost + (
                    SELECT COUNT(*) FROM memberships AS k
                    WHERE k.{column} = l.owner AND k.deleted_at IS NULL AND k.generation >= $2 AND k.changed_at < $4)))
              OR EXISTS (SELECT 1 FROM absences AS a
                         WHERE (a.kind = 'users' AND a.id = m.user_id OR a.kind = 'groups' AND a.id = m.group_id)
                           AND a.group_id = '' AND a.asked_in = $2 AND a.last_response = '200'))",
            column = owner.trim_start_matches("m.")
        )
    };
    let sql = format!(
        "INSERT INTO absences (kind, id, group_id, directory_id, since, run, reason, traversals)
         SELECT 'memberships', m.user_id, m.group_id, $1, $3, $2, 'suspicious_list', 1 {from}
           AND u.deleted_at IS NULL AND g.id IS NOT NULL AND g.deleted_at IS NULL
           AND g.directory_id = u.directory_id AND {is_suspicious}
         ON CONFLICT (kind, id, group_id) DO UPDATE SET
             traversals = absences.traversals + CASE WHEN absences.run < excluded.run THEN 1 ELSE 0 END,
             directory_id = excluded.directory_id, run = excluded.run, reason = excluded.reason"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(key.directory)
        .bind(key.run)
        .bind(stamp.now)
        .bind(began_at)
        .execute(connection)
        .await?;
    Ok(())
}
