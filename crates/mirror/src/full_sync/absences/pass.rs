//! Between full syncs: what is absent and due is asked for, some of each directory at a time.

use futures_util::StreamExt as _;
use futures_util::TryStreamExt as _;
use futures_util::stream;
use workos_directory_sync::Client;

use super::Lookups;
use crate::Error;
use crate::MembershipPlan;
use crate::Mirror;
use crate::absences::AbsenceSettings;
use crate::store::Held;
use crate::store::Lease;

/// How many directories are worked off side by side.
const DIRECTORIES_AT_A_TIME: usize = 4;

/// How many objects of a directory are asked for before the others' turn comes.
const OBJECTS_AT_A_TIME: u64 = 20;

/// Whether anything is due.
pub(crate) async fn is_due(mirror: &Mirror) -> Result<bool, Error> {
    mirror.store.is_due(&mirror.now().canonical()).await
}

/// Asks for some of what is due, and ends what may end. The lease is that of the absences.
///
/// # Errors
///
/// What would meet every other request, too, and [`Error::TakenOver`] when another worker has the lease now.
pub(crate) async fn pass(
    mirror: &Mirror,
    client: &Client,
    lease: &Lease,
    settings: AbsenceSettings,
) -> Result<(), Error> {
    let lookups = Lookups {
        mirror,
        client,
        lease,
        settings,
        at_a_time: OBJECTS_AT_A_TIME,
    };
    lookups.settle_directories(None).await?;
    let due = mirror.store.due_in_directories(&mirror.now().canonical()).await?;
    stream::iter(due)
        .map(|directory| {
            let lookups = &lookups;
            async move { lookups.pass_over(&directory).await }
        })
        .buffer_unordered(DIRECTORIES_AT_A_TIME)
        .try_collect()
        .await
}

impl Lookups<'_> {
    async fn pass_over(&self, directory: &str) -> Result<(), Error> {
        let store = &self.mirror.store;
        self.settle(directory).await?;
        let plan = store.last_plan(directory).await?.unwrap_or(MembershipPlan::Embedded);
        self.settle_pairs(directory, plan).await?;
        let now = self.now();
        let held = Held {
            lease: self.lease,
            now: &now,
        };
        store.drop_refreshed(held, directory).await
    }
}
