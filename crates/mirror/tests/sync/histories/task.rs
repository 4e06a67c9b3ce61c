//! What the mirror is told to do.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use workos_directory_mirror::Error;
use workos_directory_mirror::FullSync;
use workos_directory_mirror::Mirror;
use workos_directory_mirror::Progress;
use workos_directory_sync::Client;
use workos_directory_sync::events::Event;

use crate::source::organization_id;

#[derive(Clone)]
pub(super) enum Task {
    Poll,
    Sync {
        scope: Scope,
        resumes: bool,
        at_a_time: usize,
    },
    /// A webhook for each, kept in the inbox.
    Keep(Vec<Event>),
    /// A webhook for each, applied at once.
    Apply(Vec<Event>),
    /// What waits in the inbox is applied.
    Work,
    Diff,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    Organization(u32),
    Directory(String),
}

impl Task {
    pub(super) fn is_sync_of_all(&self) -> bool {
        matches!(self, Self::Sync { scope: Scope::All, .. })
    }

    /// Does it. When a full sync begins, `resumed` says whether it goes on with an earlier one.
    pub(super) fn done<'a>(
        &'a self,
        mirror: &'a Mirror,
        client: &'a Client,
        resumed: &'a OnceLock<bool>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            match self {
                Self::Poll => mirror.follow(client).poll().await.map(drop),
                Self::Sync {
                    scope,
                    resumes,
                    at_a_time,
                } => {
                    let mut sync = mirror
                        .full_sync(client)
                        .allow_other_environment(true)
                        .directories_at_a_time(*at_a_time)
                        .on_progress(|event| {
                            if let Progress::Started { resumed: is, .. } = event {
                                resumed.get_or_init(|| *is);
                            }
                        });
                    sync = match scope {
                        Scope::All => sync,
                        Scope::Organization(number) => sync.organization(organization_id(*number)),
                        Scope::Directory(id) => sync.directory(id.as_str()),
                    };
                    if !resumes {
                        sync = sync.resume_within(Duration::ZERO);
                    }
                    FullSync::run(sync).await.map(drop)
                }
                Self::Keep(events) => {
                    for event in events {
                        mirror.ingest(event).await?;
                    }
                    Ok(())
                }
                Self::Apply(events) => mirror.apply_events(events).await.map(drop),
                Self::Work => mirror.worker().run(std::future::ready(())).await,
                Self::Diff => mirror.diff(client).await.map(drop),
            }
        }
        .boxed()
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |events: &[Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
        match self {
            Self::Poll => write!(formatter, "poll"),
            Self::Sync {
                scope,
                resumes,
                at_a_time,
            } => {
                write!(
                    formatter,
                    "full sync of {scope:?}, resumes: {resumes}, {at_a_time} at a time"
                )
            }
            Self::Keep(events) => write!(formatter, "keep {:?}", ids(events)),
            Self::Apply(events) => write!(formatter, "apply {:?}", ids(events)),
            Self::Work => write!(formatter, "work"),
            Self::Diff => write!(formatter, "diff"),
        }
    }
}
