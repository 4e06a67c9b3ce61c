//! Reading all lists of the source object by object, to find what cannot be read. Nothing is written.

use workos_directory_sync::Client;
use workos_directory_sync::pages::Pages;
use workos_directory_sync::pages::Raw;
use workos_directory_sync::pages::RawListRequest;
use workos_directory_sync::types::Order;

use crate::Error;
use crate::full_sync::Scope;
use crate::full_sync::lookup;
use crate::full_sync::lookup::Lookup;
use crate::full_sync::page;
use crate::record::DIRECTORIES;
use crate::record::GROUPS;
use crate::record::Table;
use crate::record::USERS;
use crate::store::Findings;

/// What [`inspect`] read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// How many objects the lists have.
    pub objects: u64,
    /// How many objects, or fields of them, cannot be read.
    pub odd: u64,
    /// How many calls it took.
    pub calls: u64,
}

/// An object, or a field of one, that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct OddObject {
    /// What the object is, such as `users`.
    pub kind: String,
    /// Its id; `None` where that cannot be read.
    pub id: Option<String>,
    /// The directory in whose list it is.
    pub directory_id: Option<String>,
    /// The JSON path of the fault within the object.
    pub path: String,
    /// What is wrong there.
    pub error: String,
    /// The beginning of the value as it came, at most 4 KiB.
    pub payload: String,
}

/// Reads the list of directories and the groups and users of each, as a full sync does, and reports what cannot be read.
///
/// # Errors
///
/// What the API refuses.
pub async fn inspect(client: &Client, on_odd: impl FnMut(&OddObject)) -> Result<Inspection, Error> {
    Inspector::new(client, on_odd).read(&Scope::All).await
}

/// Reads what [`inspect`] reads, of the directories of an organization alone.
///
/// # Errors
///
/// What the API refuses.
pub async fn inspect_organization(
    client: &Client,
    organization: impl Into<String>,
    on_odd: impl FnMut(&OddObject),
) -> Result<Inspection, Error> {
    let scope = Scope::Organization(organization.into());
    Inspector::new(client, on_odd).read(&scope).await
}

/// Reads what [`inspect`] reads, of these directories alone.
///
/// # Errors
///
/// What the API refuses; [`Error::Undecided`] when it does not say whether a directory is there.
pub async fn inspect_directories(
    client: &Client,
    ids: impl IntoIterator<Item = impl Into<String>>,
    on_odd: impl FnMut(&OddObject),
) -> Result<Inspection, Error> {
    let scope = Scope::Directories(ids.into_iter().map(Into::into).collect());
    Inspector::new(client, on_odd).read(&scope).await
}

/// Reads lists and reports what cannot be read.
struct Inspector<'a, F> {
    client: &'a Client,
    on_odd: F,
    inspection: Inspection,
}

impl<'a, F: FnMut(&OddObject)> Inspector<'a, F> {
    fn new(client: &'a Client, on_odd: F) -> Self {
        Self {
            client,
            on_odd,
            inspection: Inspection::default(),
        }
    }

    async fn read(mut self, scope: &Scope) -> Result<Inspection, Error> {
        let directories = match scope {
            Scope::All => self.list_directories(None).await?,
            Scope::Organization(id) => self.list_directories(Some(id)).await?,
            Scope::Directories(ids) => {
                for id in ids {
                    self.get_directory(id).await?;
                }
                ids.clone()
            }
        };
        for directory in &directories {
            let client = self.client;
            let groups = client
                .list_directory_groups()
                .directory(directory.as_str())
                .order(Order::Asc);
            self.read_list(&GROUPS, directory, groups).await?;
            let users = client
                .list_directory_users()
                .directory(directory.as_str())
                .order(Order::Asc);
            self.read_list(&USERS, directory, users).await?;
        }
        Ok(self.inspection)
    }

    /// Reads the list of directories and returns their ids: of an organization those that say that they are its own, and of
    /// all directories also those that cannot be read.
    async fn list_directories(&mut self, organization: Option<&str>) -> Result<Vec<String>, Error> {
        let mut request = self.client.list_directories().order(Order::Asc);
        if let Some(id) = organization {
            // What comes back is filtered again.
            request = request.organization_id(id);
        }
        let mut pages = Pages::new(Raw::new(request));
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let items = page?.items;
            let (objects, mut findings) = page::read(&DIRECTORIES, None, &items);
            let (own, others): (Vec<_>, Vec<_>) = objects
                .into_iter()
                .map(|object| object.record)
                .partition(|record| organization.is_none_or(|id| record.organization_id(&DIRECTORIES) == Some(id)));
            findings
                .odd
                .retain(|finding| !others.iter().any(|other| finding.id.as_ref() == Some(&other.id)));
            if organization.is_none() {
                ids.extend(findings.seen.iter().cloned());
            }
            ids.extend(own.into_iter().map(|record| record.id));
            self.note(items.len().saturating_sub(others.len()), findings);
        }
        Ok(ids)
    }

    async fn get_directory(&mut self, id: &str) -> Result<(), Error> {
        let findings = match lookup::look_up(self.client, &DIRECTORIES, id).await? {
            Lookup::Found(_, findings) | Lookup::Unreadable(findings) => findings,
            Lookup::NotFound(error)
            | Lookup::Undecided {
                refused: Some(error), ..
            } => return Err(error.into()),
            Lookup::Undecided { reason, .. } => {
                return Err(Error::Undecided {
                    id: id.to_owned(),
                    reason,
                });
            }
        };
        self.note(1, findings);
        Ok(())
    }

    async fn read_list<R: RawListRequest>(
        &mut self,
        table: &'static Table,
        directory: &str,
        request: R,
    ) -> Result<(), Error> {
        let mut pages = Pages::new(Raw::new(request));
        while let Some(page) = pages.next().await {
            let items = page?.items;
            let (_, findings) = page::read(table, Some(directory), &items);
            self.note(items.len(), findings);
        }
        Ok(())
    }

    /// Counts a response and reports what of it cannot be read.
    fn note(&mut self, objects: usize, findings: Findings) {
        self.inspection.calls += 1;
        self.inspection.objects += u64::try_from(objects).unwrap_or(u64::MAX);
        for finding in findings.odd {
            self.inspection.odd += 1;
            (self.on_odd)(&OddObject {
                kind: finding.kind.to_owned(),
                id: finding.id,
                directory_id: finding.directory_id,
                path: finding.fault.path,
                error: finding.fault.error,
                payload: finding.fault.payload,
            });
        }
    }
}
