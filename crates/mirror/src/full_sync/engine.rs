//! A run: the list of directories, then the directories, several at a time.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use workos_directory_sync::Client;
use workos_directory_sync::Error as ApiError;
use workos_directory_sync::Timestamp;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::Order;

use super::FullSync;
use super::Progress;
use super::Scope;
use super::traversal::Traversal;
use super::traversal::WithPages;
use crate::Counts;
use crate::Error;
use crate::Kind;
use crate::Summary;
use crate::record;
use crate::record::DIRECTORIES;
use crate::record::Record;
use crate::store::Batch;
use crate::store::Checkpoint;
use crate::store::Guard;
use crate::store::Outcome;
use crate::store::Refusal;
use crate::store::Run;
use crate::store::Stamp;
use crate::store::StepKey;
use crate::store::Store;

/// A run under way.
pub(super) struct Engine<'a> {
    sync: &'a FullSync<'a>,
    run: Run,
}

/// Runs a full sync from the lock to the summary.
pub(super) async fn run(sync: &FullSync<'_>) -> Result<Summary, Error> {
    let _held = sync.mirror.lock.take().await?;
    let now = sync.mirror.now();
    let since = (!sync.resume_within.is_zero())
        .then(|| now.as_jiff().saturating_sub(sync.resume_within).ok())
        .flatten()
        .map(Timestamp::from);
    let store = &sync.mirror.store;
    let run = store.begin_run(&sync.scope.to_string(), &now, since.as_ref()).await?;
    let engine = Engine { sync, run };
    engine.tell(Progress::Started {
        run: engine.run.id,
        resumed: engine.run.resumed,
    });
    let failures = engine.traverse_all().await;
    let now = sync.mirror.now();
    let text: Vec<String> = failures.iter().map(Error::chain).collect();
    let Some(first) = failures.into_iter().next() else {
        return store.finish_run(&engine.run, &now).await;
    };
    let outcome = if first.is_interruption() {
        Outcome::Interrupted
    } else {
        Outcome::Failed
    };
    // If even the note cannot be written, the first error is still what matters: the run reads as killed.
    let _ = store
        .abort_run(&engine.run, outcome, &now.canonical(), &text.join("\n"))
        .await;
    Err(first)
}

impl<'a> Engine<'a> {
    pub(super) fn client(&self) -> &'a Client {
        self.sync.client
    }

    pub(super) fn store(&self) -> &'a Store {
        &self.sync.mirror.store
    }

    pub(super) fn run(&self) -> i64 {
        self.run.id
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

    pub(super) fn tell_failure(&self, directory: &str, error: &Error) {
        self.tell(Progress::Failed {
            directory: directory.to_owned(),
            error: error.chain(),
        });
    }

    /// Traverses everything and returns what failed; an interruption comes first and alone.
    async fn traverse_all(&self) -> Vec<Error> {
        let mut failures = match self.find_directories().await {
            Ok(refused) => refused.into_iter().collect::<Vec<_>>(),
            Err(error) => return vec![error],
        };
        for error in &failures {
            self.tell_failure("", error);
        }
        let directories = match self.store().directories_of_run(self.run.id).await {
            Ok(directories) => directories,
            Err(error) => return vec![error],
        };
        let users = match self.store().announced_users(self.run.id).await {
            Ok(users) => users,
            Err(error) => return vec![error],
        };
        self.tell(Progress::Listed {
            directories: directories.len() as u64,
            users,
        });
        let mut waiting = directories.into_iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.sync.directories_at_a_time
                && let Some(directory) = waiting.next()
            {
                under_way.push(async move {
                    let ended = self.mirror_directory(&directory).await;
                    (directory, ended)
                });
            }
            let Some((directory, ended)) = under_way.next().await else {
                return failures;
            };
            let failed = match ended {
                Ok(refused) => refused,
                // The cause will meet the other directories too. Their futures are dropped, and the run goes on later.
                Err(error) if error.is_interruption() => return vec![error],
                Err(error) => vec![error],
            };
            for error in failed {
                self.tell_failure(&directory, &error);
                failures.push(Error::Directory {
                    directory: directory.clone(),
                    source: Box::new(error),
                });
            }
        }
    }

    /// Brings the list of directories up to date. Returns the guard's refusal to mark those that are gone.
    async fn find_directories(&self) -> Result<Option<Error>, Error> {
        let key = StepKey::directories(self.run.id);
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
            let to_batch = |directories: Vec<Directory>| {
                let records = directories
                    .into_iter()
                    .filter(|directory| organization.is_none_or(|id| directory.organization_id.as_deref() == Some(id)))
                    .map(record::directory)
                    .collect::<Result<Vec<Record>, Error>>()?;
                Ok(Batch::Objects(&DIRECTORIES, records))
            };
            let mut counts = step.counts;
            self.traverse(key, traversal, None, &mut counts, to_batch).await?;
        }
        let now = self.now();
        let stamp = self.stamp(&now);
        let removed = self
            .store()
            .finish_directories(stamp, organization, self.guard())
            .await?;
        self.finished(key, removed.map_err(|refusal| refused(Kind::Users, refusal)))
            .await
    }

    /// Gets the directories that were asked for one by one.
    async fn get_directories(&self, ids: &[String]) -> Result<Option<Error>, Error> {
        let key = StepKey::directories(self.run.id);
        let mut failure = None;
        for id in ids {
            let got = self.client().get_directory().id(id.as_str()).send().await;
            let mut records = Vec::new();
            match got {
                Ok(directory) => {
                    let directory = directory.into_inner();
                    record::belongs("directory", &directory.id, &directory.id, id)?;
                    records.push(record::directory(directory)?);
                }
                Err(error @ ApiError::NotFound(_)) => {
                    if !self.store().has_directory(id).await? {
                        return Err(error.into());
                    }
                    failure = failure.or(self.remove(id).await?);
                }
                Err(error) => return Err(error.into()),
            }
            let now = self.now();
            let checkpoint = Checkpoint {
                calls: 1,
                ..Checkpoint::default()
            };
            let batch = Batch::Objects(&DIRECTORIES, records);
            self.store().write(key, self.stamp(&now), batch, checkpoint).await?;
        }
        Ok(failure)
    }

    /// Marks a directory that is gone, with all that is in it. Returns the guard's refusal.
    pub(super) async fn remove(&self, directory: &str) -> Result<Option<Error>, Error> {
        let now = self.now();
        let removed = self
            .store()
            .remove_directory(self.stamp(&now), directory, self.guard())
            .await?;
        if removed.is_ok() {
            self.tell(Progress::Vanished {
                directory: directory.to_owned(),
            });
        }
        Ok(removed.err().map(|refusal| refused(Kind::Users, refusal)))
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

    pub(super) fn stamp<'n>(&self, now: &'n str) -> Stamp<'n> {
        Stamp {
            run: self.run.id,
            holder: self.run.holder,
            now,
        }
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
        to_batch: F,
    ) -> Result<(), Error>
    where
        R: WithPages,
        F: Fn(Vec<R::Item>) -> Result<Batch, Error> + Send + Sync,
    {
        while let Some(page) = traversal.next().await? {
            let is_last = page.next.is_none();
            let checkpoint = Checkpoint {
                position: owner.map(str::to_owned),
                cursor: page.next.map(String::from),
                traversed: is_last && owner.is_none(),
                calls: traversal.take_calls(),
            };
            let batch = to_batch(page.items)?;
            let now = self.now();
            *counts += self.store().write(key, self.stamp(&now), batch, checkpoint).await?;
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

pub(super) fn refused(kind: Kind, refusal: Refusal) -> Error {
    Error::MassDelete {
        kind,
        gone: refusal.gone,
        of: refusal.of,
        limit_percent: refusal.limit_percent,
    }
}
