//! A part of a run: the list of directories, or one directory; all of it under one lease.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use serde_json::value::RawValue;
use workos_directory_sync::Client;
use workos_directory_sync::Timestamp;
use workos_directory_sync::pages::RawListRequest;
use workos_directory_sync::types::Order;

use super::FullSync;
use super::Progress;
use super::Scope;
use super::lookup;
use super::lookup::Lookup;
use super::page;
use super::traversal::Traversal;
use crate::Counts;
use crate::Error;
use crate::record::DIRECTORIES;
use crate::store::Batch;
use crate::store::Checkpoint;
use crate::store::Findings;
use crate::store::Guard;
use crate::store::Held;
use crate::store::Lease;
use crate::store::Refusal;
use crate::store::StepKey;
use crate::store::Store;

/// A part of a run that this worker has.
pub(super) struct Part<'a> {
    sync: &'a FullSync<'a>,
    client: &'a Client,
    /// How many lookups are left to this worker in this run.
    lookups: &'a AtomicU64,
    lease: Lease,
}

impl<'a> Part<'a> {
    pub(super) fn new(sync: &'a FullSync<'a>, client: &'a Client, lookups: &'a AtomicU64, lease: Lease) -> Self {
        Self {
            sync,
            client,
            lookups,
            lease,
        }
    }

    /// Takes one of the lookups that are left; `false` when there are none.
    pub(super) fn take_lookup(&self) -> bool {
        let taken = self
            .lookups
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok()
    }

    /// Until when a state must have become unreadable to count as suspended, in canonical form.
    pub(super) fn unreadable_before(&self) -> String {
        let now = self.sync.mirror.now();
        let before = now.as_jiff().saturating_sub(self.sync.unreadable_state_after);
        before.map_or_else(|_| String::new(), |before| Timestamp::from(before).canonical())
    }

    /// Does all of it and returns what failed, each told already. An interruption, or the loss of the lease, is an error:
    /// then it is not done.
    pub(super) async fn complete(&self) -> Result<Vec<Error>, Error> {
        let (failed, directory) = match self.lease.directory() {
            None => (
                self.find_directories()
                    .await
                    .map(|refused| refused.into_iter().collect()),
                "",
            ),
            Some(directory) => (self.mirror_directory(directory).await, directory),
        };
        let failed: Vec<Error> = match failed {
            Ok(refused) => refused,
            Err(error) if directory.is_empty() || error.is_interruption() => return Err(error),
            Err(error) => vec![error],
        };
        for error in &failed {
            self.tell(Progress::Failed {
                directory: directory.to_owned(),
                error: error.chain(),
            });
        }
        let failures: Vec<Error> = if directory.is_empty() {
            failed
        } else {
            let of_directory = |source| Error::Directory {
                directory: directory.to_owned(),
                source: Box::new(source),
            };
            failed.into_iter().map(of_directory).collect()
        };
        let text: Vec<String> = failures.iter().map(Error::chain).collect();
        let text = (!text.is_empty()).then(|| text.join("\n"));
        let now = self.now();
        if directory.is_empty() {
            self.store().listed(self.held(&now), text.as_deref()).await?;
        } else {
            self.store().end_directory(self.held(&now), text.as_deref()).await?;
        }
        Ok(failures)
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

    pub(super) fn guard(&self) -> Guard {
        self.sync.guard()
    }

    /// The time, as it is written.
    pub(super) fn now(&self) -> String {
        self.sync.mirror.now().canonical()
    }

    pub(super) fn tell(&self, progress: Progress) {
        (self.sync.on_progress)(&progress);
    }

    /// Reports what cannot be read.
    pub(super) fn tell_findings(&self, findings: &Findings) {
        for finding in &findings.odd {
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

    /// Brings the list of directories up to date. Returns the guard's refusal to mark those that are gone.
    async fn find_directories(&self) -> Result<Option<Error>, Error> {
        let key = StepKey::directories(self.run());
        let step = self.store().step(key).await?;
        if step.finished {
            return Ok(None);
        }
        let organization = match &self.sync.scope {
            Scope::Directories(ids) => return self.get_directories(ids).await,
            Scope::Organization(id) => Some(id.as_str()),
            Scope::All => None,
        };
        if !step.traversed {
            let request = self.client().list_directories().order(Order::Asc);
            let traversal = match organization {
                None => Traversal::new(step.cursor, request, None),
                // Some servers call the filter `organization`; what comes back is filtered again.
                Some(id) => Traversal::new(step.cursor, request.clone().organization_id(id), Some(request)),
            };
            let read = |directories: Vec<Box<RawValue>>| {
                let (objects, findings) = page::read(&DIRECTORIES, None, &directories);
                let records = objects.into_iter().map(|object| object.record);
                let records = records
                    .filter(|record| organization.is_none_or(|id| record.organization_id(&DIRECTORIES) == Some(id)));
                (Batch::Objects(&DIRECTORIES, records.collect()), findings)
            };
            let mut counts = step.counts;
            self.traverse(key, traversal, None, &mut counts, read).await?;
        }
        self.ask_for_unreadable(key, &DIRECTORIES).await?;
        let now = self.now();
        let removed = self
            .store()
            .finish_directories(self.held(&now), organization, self.guard())
            .await?;
        self.finished(key, removed.map_err(refused)).await
    }

    /// Gets the directories that were asked for one by one.
    async fn get_directories(&self, ids: &[String]) -> Result<Option<Error>, Error> {
        let key = StepKey::directories(self.run());
        let mut failure = None;
        for id in ids {
            let mut records = Vec::new();
            let mut findings = Findings::default();
            match lookup::look_up(self.client(), &DIRECTORIES, id).await? {
                Lookup::Found(object, odd) => {
                    records.push(object.record);
                    findings = odd;
                    findings.released.push(id.clone());
                }
                Lookup::Unreadable(odd) => findings = odd,
                Lookup::NotFound(error) => {
                    if !self.store().has_directory(id).await? {
                        return Err(error.into());
                    }
                    failure = failure.or(self.remove(id).await?);
                }
                Lookup::Undecided {
                    refused: Some(error), ..
                } => return Err(error.into()),
                Lookup::Undecided { reason, .. } => return Err(Error::Undecided { id: id.clone(), reason }),
            }
            let now = self.now();
            let checkpoint = Checkpoint {
                calls: 1,
                ..Checkpoint::default()
            };
            let batch = Batch::Objects(&DIRECTORIES, records);
            self.store()
                .write(key, self.held(&now), batch, &findings, checkpoint)
                .await?;
            self.tell_findings(&findings);
        }
        Ok(failure)
    }

    /// Marks a directory that is gone, with all that is in it. Returns the guard's refusal.
    pub(super) async fn remove(&self, directory: &str) -> Result<Option<Error>, Error> {
        let now = self.now();
        let removed = self
            .store()
            .remove_directory(self.held(&now), directory, self.guard())
            .await?;
        if removed.is_ok() {
            self.tell(Progress::Vanished {
                directory: directory.to_owned(),
            });
        }
        Ok(removed.err().map(refused))
    }

    /// Tells that a step is complete, or returns why it is not.
    pub(super) async fn finished(&self, key: StepKey<'_>, marked: Result<u64, Error>) -> Result<Option<Error>, Error> {
        if let Err(refusal) = marked {
            return Ok(Some(refusal));
        }
        let counts = self.store().step(key).await?.counts;
        self.tell(Progress::Finished {
            directory: key.directory.to_owned(),
            kind: key.kind,
            counts,
        });
        Ok(None)
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
        while let Some(page) = traversal.next().await? {
            let is_last = page.next.is_none();
            let checkpoint = Checkpoint {
                position: owner.map(str::to_owned),
                cursor: page.next.map(String::from),
                traversed: is_last && owner.is_none(),
                calls: traversal.take_calls(),
            };
            let (batch, findings) = read(page.items);
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
            if is_last {
                return Ok(());
            }
        }
        Err(Error::CutShort { kind: key.kind })
    }
}

pub(super) fn refused(refusal: Refusal) -> Error {
    Error::MassDelete {
        kind: refusal.kind,
        gone: refusal.gone,
        of: refusal.of,
        limit_percent: refusal.limit_percent,
    }
}
