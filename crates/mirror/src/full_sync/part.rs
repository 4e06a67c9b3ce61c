//! A part of a run: the list of directories, or one directory; all of it under one lease.

use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use serde_json::value::RawValue;
use workos_directory_sync::Client;
use workos_directory_sync::Timestamp;
use workos_directory_sync::pages::RawListRequest;
use workos_directory_sync::types::Order;

use super::FullSync;
use super::Progress;
use super::Scope;
use super::absences::Lookups;
use super::traversal::Traversal;
use crate::Counts;
use crate::Error;
use crate::record::DIRECTORIES;
use crate::store::Batch;
use crate::store::Checkpoint;
use crate::store::Findings;
use crate::store::Held;
use crate::store::Lease;
use crate::store::StepKey;
use crate::store::Store;

/// How much of what cannot be read is reported of a directory, or of the list of directories. The quarantine has more.
const REPORTED: usize = 100;

/// A part of a run that this worker has.
pub(super) struct Part<'a> {
    sync: &'a FullSync<'a>,
    client: &'a Client,
    lease: Lease,
    /// How much was reported that cannot be read.
    findings: AtomicUsize,
}

impl<'a> Part<'a> {
    pub(super) fn new(sync: &'a FullSync<'a>, client: &'a Client, lease: Lease) -> Self {
        Self {
            sync,
            client,
            lease,
            findings: AtomicUsize::new(0),
        }
    }

    /// Does all of it and returns what failed, each told already. An interruption, or the loss of the lease, is an error:
    /// then it is not done.
    pub(super) async fn complete(&self) -> Result<Vec<Error>, Error> {
        let Some(directory) = self.lease.directory() else {
            self.find_directories().await?;
            let now = self.now();
            self.store().listed(self.held(&now), None).await?;
            return Ok(Vec::new());
        };
        let failure = match self.mirror_directory(directory).await {
            Ok(()) => None,
            Err(error) if error.is_interruption() => return Err(error),
            Err(error) => {
                self.tell(Progress::Failed {
                    directory: directory.to_owned(),
                    error: error.chain(),
                });
                Some(Error::Directory {
                    directory: directory.to_owned(),
                    source: Box::new(error),
                })
            }
        };
        let now = self.now();
        let text = failure.as_ref().map(Error::chain);
        self.store().end_directory(self.held(&now), text.as_deref()).await?;
        Ok(failure.into_iter().collect())
    }

    pub(super) fn client(&self) -> &'a Client {
        self.client
    }

    pub(super) fn store(&self) -> &'a Store {
        &self.sync.mirror.store
    }

    pub(super) fn run(&self) -> i64 {
        self.lease.run
    }

    pub(super) fn allows_other_environment(&self) -> bool {
        self.sync.allow_other_environment
    }

    /// Asks for what is absent.
    pub(super) fn lookups(&self) -> Lookups<'_> {
        Lookups {
            mirror: self.sync.mirror,
            client: self.client,
            lease: &self.lease,
            settings: self.sync.absences,
            at_a_time: u64::MAX,
        }
    }

    /// The time, as it is written.
    pub(super) fn now(&self) -> String {
        self.sync.mirror.now().canonical()
    }

    pub(super) fn tell(&self, progress: Progress) {
        (self.sync.on_progress)(&progress);
    }

    /// Until when a state must have become unreadable to count as suspended, in canonical form.
    pub(super) fn unreadable_before(&self) -> String {
        let now = self.sync.mirror.now();
        let before = now.as_jiff().saturating_sub(self.sync.unreadable_state_after);
        before.map_or_else(|_| String::new(), |before| Timestamp::from(before).canonical())
    }

    /// Reports what cannot be read, as much as anybody reads.
    pub(super) fn tell_findings(&self, findings: &Findings) {
        for finding in &findings.odd {
            if self.findings.fetch_add(1, Ordering::Relaxed) >= REPORTED {
                return;
            }
            self.tell(Progress::Quarantined {
                directory: finding.directory_id.clone(),
                kind: finding.kind.to_owned(),
                id: finding.id.clone(),
                path: finding.fault.path.clone(),
                error: finding.fault.error.clone(),
            });
        }
    }

    /// What is written from now on is written under the part's lease.
    pub(super) fn held<'h>(&'h self, now: &'h str) -> Held<'h> {
        Held {
            lease: &self.lease,
            now,
        }
    }

    /// Brings the list of directories up to date.
    async fn find_directories(&self) -> Result<(), Error> {
        let key = StepKey::directories(self.run());
        let organization = match &self.sync.scope {
            Scope::Directories(ids) => {
                self.get_directories(ids).await?;
                return self.settle_directories().await;
            }
            Scope::Organization(id) => Some(id.as_str()),
            Scope::All => None,
        };
        let step = self.store().step(key).await?;
        if !step.traversed {
            let request = self.client().list_directories().order(Order::Asc);
            let was_checked = step.counts.seen > 0 || step.cursor.is_some();
            let traversal = match organization {
                None => Traversal::new(step.cursor, request, None),
                // Some servers call the filter `organization`; what comes back is filtered again.
                Some(id) => Traversal::new(step.cursor, request.clone().organization_id(id), Some(request)),
            };
            let mut counts = step.counts;
            self.traverse_directories(key, traversal, organization, was_checked, &mut counts)
                .await?;
        }
        if !step.finished {
            self.ask_for_unreadable(key, &DIRECTORIES).await?;
            let now = self.now();
            self.store().finish_directories(self.held(&now), organization).await?;
        }
        self.settle_directories().await?;
        self.finished(key).await
    }

    async fn settle_directories(&self) -> Result<(), Error> {
        for directory in self.lookups().settle_directories(None).await? {
            self.tell(Progress::Vanished { directory });
        }
        Ok(())
    }

    /// Tells that a step is complete.
    pub(super) async fn finished(&self, key: StepKey<'_>) -> Result<(), Error> {
        let counts = self.store().step(key).await?.counts;
        self.tell(Progress::Finished {
            directory: key.directory.to_owned(),
            kind: key.kind,
            counts,
        });
        Ok(())
    }

    /// Writes a page, and tells of it.
    pub(super) async fn write_page(
        &self,
        key: StepKey<'_>,
        (batch, findings): (Batch, Findings),
        checkpoint: Checkpoint,
        counts: &mut Counts,
    ) -> Result<(), Error> {
        let now = self.now();
        *counts += self
            .store()
            .write(key, self.held(&now), batch, &findings, checkpoint)
            .await?;
        self.tell_findings(&findings);
        self.tell(Progress::Page {
            directory: key.directory.to_owned(),
            kind: key.kind,
            counts: *counts,
        });
        Ok(())
    }

    /// Writes all pages of a list, each with the place where the list goes on. While one is being written, the client
    /// fetches the next.
    ///
    /// With an `owner` the list is one of many that make up the step, and its end is not the step's.
    pub(super) async fn traverse<R, F>(
        &self,
        key: StepKey<'_>,
        mut traversal: Traversal<R>,
        owner: Option<&str>,
        counts: &mut Counts,
        read: F,
    ) -> Result<(), Error>
    where
        R: RawListRequest,
        F: Fn(Vec<Box<RawValue>>) -> (Batch, Findings) + Send + Sync,
    {
        let (mut previous, mut pages) = (HashSet::new(), 0);
        while let Some(page) = traversal.next().await? {
            let is_last = page.next.is_none();
            let is_empty = page.items.is_empty();
            let (batch, findings) = read(page.items);
            let checkpoint = Checkpoint {
                position: owner.map(str::to_owned),
                cursor: page.next.map(String::from),
                traversed: is_last && owner.is_none(),
                calls: traversal.take_calls(),
                repeated: repeated(&mut previous, &batch),
                ended_early: is_last && is_empty && pages > 0,
                may_repeat: traversal.begun_anew(),
            };
            pages += 1;
            self.write_page(key, (batch, findings), checkpoint, counts).await?;
            if is_last {
                return Ok(());
            }
        }
        Err(Error::CutShort { kind: key.kind })
    }
}

/// How many pairs the page before had already, or this one has twice. Of other objects the database knows.
fn repeated(previous: &mut HashSet<(String, String)>, batch: &Batch) -> u64 {
    let Batch::Memberships(pairs) = batch else {
        return 0;
    };
    let mut page = HashSet::with_capacity(pairs.len());
    let repeated = pairs
        .iter()
        .filter(|pair| !page.insert((*pair).clone()) || previous.contains(pair));
    let repeated = u64::try_from(repeated.count()).unwrap_or(u64::MAX);
    *previous = page;
    repeated
}
