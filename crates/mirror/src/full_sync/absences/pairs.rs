//! Memberships that a list did not give which may be wrong: the other side's list says what became of them.

use serde_json::value::RawValue;
use workos_directory_sync::types::Order;

use super::Lookups;
use super::Pace;
use crate::Error;
use crate::Kind;
use crate::MembershipPlan;
use crate::full_sync::lookup;
use crate::full_sync::lookup::Lookup;
use crate::record;
use crate::store::Pair;

/// What came of listing the other side.
enum Listed {
    /// All of it was read: so many objects in so many calls.
    Whole { given: usize, calls: u64 },
    /// Nothing is decided.
    Undecided(String),
    /// No more calls may be made.
    Stopped,
}

impl Lookups<'_> {
    /// Looks for the absent memberships of a directory, and ends those that are on neither side. `plan` is how they were
    /// found out the last time.
    pub(crate) async fn settle_pairs(&self, directory: &str, plan: MembershipPlan) -> Result<(), Error> {
        let store = &self.mirror.store;
        if !store.has_absences(directory).await? {
            return Ok(());
        }
        let mut pace = Pace::new(self.client);
        let mut lists = 0;
        while lists < self.at_a_time {
            let now = self.now();
            let Some(pair) = store.next_pair(self.held(&now), directory, plan).await? else {
                break;
            };
            lists += 1;
            let listed = if pair.owners == Kind::Users {
                let request = self.client.list_directory_groups().user(pair.owner.as_str());
                self.list(directory, &pair, request.order(Order::Asc).raw_pages(), &mut pace)
                    .await?
            } else {
                let request = self.client.list_directory_users().group(pair.owner.as_str());
                self.list(directory, &pair, request.order(Order::Asc).raw_pages(), &mut pace)
                    .await?
            };
            match listed {
                // Where lists are empty that should not be, one more proves nothing.
                Listed::Whole { given: 0, .. } if store.has_empty_lists(self.held(&self.now()), directory).await? => {
                    let (now, rest) = (self.now(), self.rest(pair.attempts));
                    let reason = "the other list is empty, as others are that should not be";
                    let noted = store.note_undecided_pairs(self.held(&now), directory, &pair, reason, &rest);
                    noted.await?;
                }
                Listed::Whole { calls, .. } => {
                    let now = self.now();
                    store.end_pairs(self.held(&now), directory, &pair, calls).await?;
                }
                Listed::Undecided(reason) => {
                    let (now, rest) = (self.now(), self.rest(pair.attempts));
                    let noted = store.note_undecided_pairs(self.held(&now), directory, &pair, &reason, &rest);
                    noted.await?;
                }
                Listed::Stopped => break,
            }
        }
        Ok(())
    }

    async fn list<R>(
        &self,
        directory: &str,
        pair: &Pair,
        mut pages: workos_directory_sync::pages::RawPages<R>,
        pace: &mut Pace,
    ) -> Result<Listed, Error>
    where
        R: workos_directory_sync::pages::RawListRequest,
    {
        let (mut given, mut calls) = (0, 0);
        loop {
            if self.reserve(1).await? == 0 {
                return Ok(Listed::Stopped);
            }
            pace.wait().await;
            let Some(page) = pages.next().await else {
                return Ok(Listed::Undecided("the list ended before its last page".to_owned()));
            };
            calls += 1;
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    return Ok(match lookup::failed(error)? {
                        Lookup::Undecided { reason, .. } => Listed::Undecided(reason),
                        _ => Listed::Undecided("404".to_owned()),
                    });
                }
            };
            let is_last = page.next.is_none();
            given += page.items.len();
            let Some(pairs) = pairs(pair, &page.items) else {
                return Ok(Listed::Undecided("unreadable".to_owned()));
            };
            if !pairs.is_empty() {
                let now = self.now();
                self.mirror.store.keep_pairs(self.held(&now), directory, &pairs).await?;
            }
            if is_last {
                return Ok(Listed::Whole { given, calls });
            }
        }
    }
}

/// The memberships that a page gives; `None` when the id of one cannot be read.
fn pairs(pair: &Pair, items: &[Box<RawValue>]) -> Option<Vec<(String, String)>> {
    let listed = match pair.owners {
        Kind::Users => Kind::Groups,
        _ => Kind::Users,
    };
    let ids = items.iter().map(|item| match record::read_ids(listed, item.get()) {
        Ok((id, _)) => Some(id),
        Err(unreadable) => unreadable.id,
    });
    let pairs = ids.map(|id| {
        let id = id?;
        Some(if pair.owners == Kind::Users {
            (pair.owner.clone(), id)
        } else {
            (id, pair.owner.clone())
        })
    });
    pairs.collect()
}
