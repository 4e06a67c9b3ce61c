//! How much of a directory is in the database already: what the planner computes with.

use super::Store;
use super::steps;
use crate::Error;
use crate::Kind;
use crate::MembershipPlan;
use crate::full_sync::PAGE;

use sqlx::AssertSqlSafe;
use workos_directory_sync::types::DirectoryMetadata;

/// What the database knows of a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownCounts {
    /// Users that are not deleted.
    pub(crate) users: u64,
    /// Groups that are not deleted.
    pub(crate) groups: u64,
    /// Memberships that are not deleted.
    pub(crate) memberships: u64,
    /// Pages that it takes to list the users of each group, at least one for each.
    pub(crate) pages_by_group: u64,
    /// Pages that it takes to list the groups of each user, at least one for each.
    pub(crate) pages_by_user: u64,
}

impl Store {
    /// What the database knows of a directory.
    pub(crate) async fn known_counts(&self, directory: &str) -> Result<KnownCounts, Error> {
        let (groups, memberships, pages_by_group) = self.by(directory, Kind::Groups, "group_id").await?;
        let (users, _, pages_by_user) = self.by(directory, Kind::Users, "user_id").await?;
        Ok(KnownCounts {
            users,
            groups,
            memberships,
            pages_by_group,
            pages_by_user,
        })
    }

    async fn by(&self, directory: &str, kind: Kind, column: &str) -> Result<(u64, u64, u64), Error> {
        let sql = format!(
            "SELECT COUNT(*) AS owners, CAST(COALESCE(SUM(n), 0) AS BIGINT) AS memberships,
                 CAST(COALESCE(SUM(CASE WHEN n <= $2 THEN 1 ELSE (n + $2 - 1) / $2 END), 0) AS BIGINT) AS pages
             FROM (
                 SELECT (SELECT COUNT(*) FROM memberships AS m WHERE m.{column} = o.id AND m.deleted_at IS NULL) AS n
                 FROM {kind} AS o WHERE o.directory_id = $1 AND o.deleted_at IS NULL
             ) AS owned"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(directory)
            .bind(i64::from(PAGE))
            .fetch_one(&self.pool)
            .await?;
        Ok((
            steps::count(&row, "owners")?,
            steps::count(&row, "memberships")?,
            steps::count(&row, "pages")?,
        ))
    }

    /// How many users and groups the directories of a run have by what the API says; `None` where one does not say.
    pub(crate) async fn announced(&self, run: i64) -> Result<Option<(u64, u64)>, Error> {
        let metadata: Vec<Option<String>> = sqlx::query_scalar(
            "SELECT CAST(metadata AS TEXT) FROM directories WHERE generation = $1 AND deleted_at IS NULL",
        )
        .bind(run)
        .fetch_all(&self.pool)
        .await?;
        let mut counts = metadata.iter().map(|text| {
            let metadata: DirectoryMetadata = serde_json::from_str(text.as_deref()?).ok()?;
            let users = metadata.users.active.checked_add(metadata.users.inactive)?;
            Some((users, metadata.groups))
        });
        Ok(counts.try_fold((0_u64, 0_u64), |(users, groups), of_one| {
            let (more_users, more_groups) = of_one?;
            Some((users.checked_add(more_users)?, groups.checked_add(more_groups)?))
        }))
    }

    /// How the memberships of a directory were found out the last time.
    pub(crate) async fn last_plan(&self, directory: &str) -> Result<Option<MembershipPlan>, Error> {
        let name: Option<String> = sqlx::query_scalar(
            "SELECT plan FROM sync_steps
             WHERE directory_id = $1 AND kind = 'memberships' AND finished_at IS NOT NULL AND plan IS NOT NULL
             ORDER BY run_id DESC LIMIT 1",
        )
        .bind(directory)
        .fetch_optional(&self.pool)
        .await?;
        Ok(name.as_deref().and_then(MembershipPlan::from_name))
    }

    /// The next groups or users of a directory that the run has seen, after an id, in the order of their ids.
    pub(crate) async fn ids_after(
        &self,
        kind: Kind,
        directory: &str,
        run: i64,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let sql = format!(
            "SELECT id FROM {kind}
             WHERE directory_id = $1 AND generation = $2 AND deleted_at IS NULL AND id > $3 ORDER BY id LIMIT $4"
        );
        Ok(sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(directory)
            .bind(run)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?)
    }
}
