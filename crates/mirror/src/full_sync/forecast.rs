//! How many calls a full sync would take.

use serde::Serialize;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::Order;

use super::FullSync;
use super::MembershipPlan;
use super::Scope;
use super::planner;
use super::planner::Shape;
use super::planner::pages;
use crate::Error;

/// What a full sync would do, as far as it can be known without doing it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Forecast {
    /// One for each directory.
    pub directories: Vec<DirectoryForecast>,
    /// The calls for all of it, those that list the directories included.
    pub calls: u64,
}

/// What a full sync would do with a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DirectoryForecast {
    /// The directory's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many users the API says it has, or the database where the API does not say.
    pub users: u64,
    /// How many groups, likewise.
    pub groups: u64,
    /// How its memberships will be found out: as the last time, or by listing, unless the first page of users shows that
    /// they are embedded.
    pub plan: MembershipPlan,
    /// The calls that it takes.
    pub calls: u64,
}

pub(super) async fn forecast(sync: &FullSync<'_>) -> Result<Forecast, Error> {
    let mut forecast = Forecast::default();
    match &sync.scope {
        Scope::Directories(ids) => {
            for id in ids {
                let directory = sync.client.get_directory().id(id.as_str()).send().await?.into_inner();
                forecast.calls += 1;
                forecast.add(sync, directory).await?;
            }
        }
        scope => {
            let organization = match scope {
                Scope::Organization(id) => Some(id.as_str()),
                _ => None,
            };
            let mut request = sync.client.list_directories().order(Order::Asc);
            if let Some(id) = organization {
                request = request.organization_id(id);
            }
            let mut list = request.pages();
            while let Some(page) = list.next().await {
                forecast.calls += 1;
                for directory in page?.items {
                    if organization.is_none_or(|id| directory.organization_id.as_deref() == Some(id)) {
                        forecast.add(sync, directory).await?;
                    }
                }
            }
        }
    }
    Ok(forecast)
}

impl Forecast {
    async fn add(&mut self, sync: &FullSync<'_>, directory: Directory) -> Result<(), Error> {
        let store = &sync.mirror.store;
        let known = store.known_counts(&directory.id).await?;
        let (users, groups) = match &directory.metadata {
            Some(counts) => (counts.users.active.saturating_add(counts.users.inactive), counts.groups),
            None => (known.users, known.groups),
        };
        let shape = Shape {
            users,
            groups,
            known,
            embedded: store.last_plan(&directory.id).await? == Some(MembershipPlan::Embedded) && known.memberships > 0,
        };
        let (plan, calls) = planner::choose(&shape);
        // An empty list takes a call too.
        let calls = calls
            .saturating_add(pages(users).max(1))
            .saturating_add(pages(groups).max(1));
        self.calls = self.calls.saturating_add(calls);
        self.directories.push(DirectoryForecast {
            id: directory.id,
            name: directory.name,
            users,
            groups,
            plan,
            calls,
        });
        Ok(())
    }
}
