//! Directories that their list did not give: one ends when the API does not know it, while it knows another one.

use super::Lookups;
use super::Pace;
use crate::Error;
use crate::full_sync::lookup::Lookup;
use crate::full_sync::lookup::look_up;
use crate::store::Ends;

impl Lookups<'_> {
    /// Asks for the absent directories, and ends those that the API does not know; of one only, if it is given. Returns the
    /// ids of those that ended.
    pub(crate) async fn settle_directories(&self, only: Option<&str>) -> Result<Vec<String>, Error> {
        let store = &self.mirror.store;
        let now = self.now();
        let mut pace = Pace::new(self.client);
        for absence in store.due_directories(self.held(&now)).await? {
            if only.is_some_and(|only| absence.id != only) {
                continue;
            }
            if self.reserve(1).await? == 0 {
                break;
            }
            pace.wait().await;
            self.ask(&absence).await?;
        }
        let now = self.now();
        let missing = store.missing_directories(self.held(&now), only).await?;
        let no_control = if missing > 0 {
            self.control_of_directories().await?
        } else {
            None
        };
        let (now, next_try_at) = (self.now(), self.rest(0));
        let ends = Ends {
            settings: self.settings,
            no_control: no_control.as_deref(),
            next_try_at: &next_try_at,
            calls: u64::from(missing > 0),
        };
        store.end_directories(self.held(&now), only, ends).await
    }

    async fn control_of_directories(&self) -> Result<Option<String>, Error> {
        let now = self.now();
        let Some(object) = self.mirror.store.control_of_directories(self.held(&now)).await? else {
            return Ok(Some("no other directory is known".to_owned()));
        };
        Ok(
            match look_up(self.client, super::table_of(object.kind), &object.id).await? {
                Lookup::Found(..) => None,
                Lookup::NotFound(_) => Some(format!("{}: 404", object.id)),
                Lookup::Unreadable(_) => Some(format!("{}: unreadable", object.id)),
                Lookup::Undecided { reason, .. } => Some(format!("{}: {reason}", object.id)),
            },
        )
    }
}
