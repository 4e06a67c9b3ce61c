//! Whether the source is the one that the database is a mirror of: the key of another environment, or a proxy in front of the
//! API, must not bring other objects beside, nor end any.

use workos_directory_sync::Client;
use workos_directory_sync::Error as ApiError;
use workos_directory_sync::pages::RawListRequest;

use super::lookup;
use super::lookup::Lookup;
use super::page;
use super::part::Part;
use super::traversal::Traversal;
use crate::Counts;
use crate::Error;
use crate::Kind;
use crate::record::DIRECTORIES;
use crate::record::Record;
use crate::store::Batch;
use crate::store::Checkpoint;
use crate::store::Findings;
use crate::store::StepKey;
use crate::store::Store;

/// How many known directories are asked for at most when a part of the source has none of them.
const ASKED: u32 = 3;

/// Directories of the source that are held back.
struct Page {
    records: Vec<Record>,
    findings: Findings,
    checkpoint: Checkpoint,
}

impl Part<'_> {
    /// Writes the list of directories. Its pages are held back until one of them has a directory that the database has.
    pub(super) async fn traverse_directories<R>(
        &self,
        key: StepKey<'_>,
        mut traversal: Traversal<R>,
        organization: Option<&str>,
        was_checked: bool,
        counts: &mut Counts,
    ) -> Result<(), Error>
    where
        R: RawListRequest,
    {
        let mut is_checked = was_checked || self.is_any_environment().await?;
        let (mut held_back, mut found, mut pages) = (Vec::new(), 0, 0);
        while let Some(page) = traversal.next().await? {
            let is_last = page.next.is_none();
            let (objects, findings) = page::read(&DIRECTORIES, None, &page.items);
            let ids = objects.iter().map(|object| object.record.id.clone());
            let ids: Vec<String> = ids.chain(findings.seen.iter().cloned()).collect();
            found += page.items.len();
            let checkpoint = Checkpoint {
                cursor: page.next.clone().map(String::from),
                traversed: is_last,
                calls: traversal.take_calls(),
                ended_early: is_last && pages > 0 && page.items.is_empty(),
                may_repeat: traversal.begun_anew(),
                ..Checkpoint::default()
            };
            pages += 1;
            let records = objects.into_iter().map(|object| object.record);
            let records =
                records.filter(|record| organization.is_none_or(|id| record.organization_id(&DIRECTORIES) == Some(id)));
            held_back.push(Page {
                records: records.collect(),
                findings,
                checkpoint,
            });
            if !is_checked {
                is_checked = self.store().knows_directory(&ids).await?;
            }
            if !is_checked && is_last {
                let found = u64::try_from(found).unwrap_or(u64::MAX);
                // An organization may have none of them; then others are asked for.
                let others = if organization.is_some() { ASKED } else { 0 };
                self.require_environment(found, others, &[]).await?;
                is_checked = true;
            }
            if is_checked {
                for page in held_back.drain(..) {
                    let batch = Batch::Objects(&DIRECTORIES, page.records);
                    self.write_page(key, (batch, page.findings), page.checkpoint, counts)
                        .await?;
                }
            }
            if is_last {
                return Ok(());
            }
        }
        Err(Error::CutShort { kind: key.kind })
    }

    /// Gets the directories that were asked for one by one. Nothing is written before one is found that the database has.
    pub(super) async fn get_directories(&self, ids: &[String]) -> Result<(), Error> {
        let key = StepKey::directories(self.run());
        let (mut found, mut absent) = (Vec::new(), Vec::new());
        for id in ids {
            match lookup::look_up(self.client(), &DIRECTORIES, id).await? {
                Lookup::Found(object, mut findings) => {
                    findings.released.push(id.clone());
                    found.push((Some(object.record), findings));
                }
                Lookup::Unreadable(findings) => found.push((None, findings)),
                Lookup::NotFound(error) if !self.store().knows_directory(std::slice::from_ref(id)).await? => {
                    return Err(error.into());
                }
                Lookup::Undecided {
                    refused: Some(error), ..
                } => return Err(error.into()),
                Lookup::Undecided { reason, .. } => return Err(Error::Undecided { id: id.clone(), reason }),
                lookup @ Lookup::NotFound(_) => absent.push((id, lookup)),
            }
        }
        let found_ids: Vec<String> = found
            .iter()
            .flat_map(|(record, findings)| {
                let read = record.iter().map(|record: &Record| record.id.clone());
                read.chain(findings.seen.iter().cloned())
            })
            .collect();
        if !self.is_any_environment().await? && !self.store().knows_directory(&found_ids).await? {
            let found = u64::try_from(found_ids.len()).unwrap_or(u64::MAX);
            self.require_environment(found, ASKED, ids).await?;
        }
        for (record, findings) in found {
            let checkpoint = Checkpoint {
                calls: 1,
                may_repeat: true,
                ..Checkpoint::default()
            };
            let now = self.now();
            let batch = Batch::Objects(&DIRECTORIES, record.into_iter().collect());
            self.store()
                .write(key, self.held(&now), batch, &findings, checkpoint)
                .await?;
            self.tell_findings(&findings);
        }
        self.ask_for_unreadable(key, &DIRECTORIES).await?;
        for (id, lookup) in absent {
            let now = self.now();
            let absence = self
                .store()
                .note_vanished(self.held(&now), Kind::Directories, id, id)
                .await?;
            self.lookups().note(&absence, lookup).await?;
        }
        Ok(())
    }

    /// Whether it does not matter which environment the source is.
    async fn is_any_environment(&self) -> Result<bool, Error> {
        Ok(self.allows_other_environment() || self.store().known_directories(0).await?.0 == 0)
    }

    /// Refuses to go on unless the source knows a directory that the database has. Some are asked for, but those that were
    /// asked for already.
    async fn require_environment(&self, found: u64, others: u32, asked: &[String]) -> Result<(), Error> {
        require(self.store(), self.client(), found, others, asked).await
    }
}

/// Refuses to go on unless the source knows one of the directories in the database, if there are any.
///
/// # Errors
///
/// [`Error::OtherEnvironment`], and what says nothing of a single directory: the network, the key, the rate limit.
pub(crate) async fn require_known_directory(store: &Store, client: &Client) -> Result<(), Error> {
    match store.known_directories(0).await?.0 {
        0 => Ok(()),
        _ => require(store, client, 0, ASKED, &[]).await,
    }
}

async fn require(store: &Store, client: &Client, found: u64, others: u32, asked: &[String]) -> Result<(), Error> {
    let limit = others.saturating_add(u32::try_from(asked.len()).unwrap_or(u32::MAX));
    let (known, ids) = store.known_directories(limit).await?;
    let ids = ids.iter().filter(|id| !asked.contains(id));
    for id in ids.take(usize::try_from(others).unwrap_or(0)) {
        match lookup::look_up(client, &DIRECTORIES, id).await? {
            Lookup::Found(..) | Lookup::Unreadable(_) => return Ok(()),
            Lookup::Undecided {
                refused: Some(error), ..
            } if !matches!(error, ApiError::NotFound(_) | ApiError::Forbidden(_)) => return Err(error.into()),
            Lookup::NotFound(_) | Lookup::Undecided { .. } => {}
        }
    }
    Err(Error::OtherEnvironment { known, found })
}
