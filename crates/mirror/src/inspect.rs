//! Reading all lists of the source object by object, to find what cannot be read. Nothing is written.

use workos_directory_sync::Client;
use workos_directory_sync::pages::Pages;
use workos_directory_sync::pages::Raw;
use workos_directory_sync::pages::RawListRequest;
use workos_directory_sync::types::Order;

use crate::Error;
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
pub async fn inspect(client: &Client, mut on_odd: impl FnMut(&OddObject)) -> Result<Inspection, Error> {
    let mut inspection = Inspection::default();
    let request = client.list_directories().order(Order::Asc);
    let directories = read_list(&mut inspection, &DIRECTORIES, None, request, &mut on_odd).await?;
    for directory in &directories {
        let groups = client
            .list_directory_groups()
            .directory(directory.as_str())
            .order(Order::Asc);
        read_list(&mut inspection, &GROUPS, Some(directory), groups, &mut on_odd).await?;
        let users = client
            .list_directory_users()
            .directory(directory.as_str())
            .order(Order::Asc);
        read_list(&mut inspection, &USERS, Some(directory), users, &mut on_odd).await?;
    }
    Ok(inspection)
}

/// Reads a list and returns the ids of directories.
async fn read_list<R: RawListRequest>(
    inspection: &mut Inspection,
    table: &'static Table,
    directory: Option<&str>,
    request: R,
    on_odd: &mut impl FnMut(&OddObject),
) -> Result<Vec<String>, Error> {
    let mut pages = Pages::new(Raw::new(request));
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        inspection.calls += 1;
        inspection.objects += u64::try_from(page.items.len()).unwrap_or(u64::MAX);
        let (objects, findings) = page::read(table, directory, &page.items);
        if directory.is_none() {
            ids.extend(objects.into_iter().map(|object| object.record.id));
            ids.extend(findings.seen.iter().cloned());
        }
        let Findings { odd, .. } = findings;
        for finding in odd {
            inspection.odd += 1;
            on_odd(&OddObject {
                kind: finding.kind.to_owned(),
                id: finding.id,
                directory_id: finding.directory_id,
                path: finding.fault.path,
                error: finding.fault.error,
                payload: finding.fault.payload,
            });
        }
    }
    Ok(ids)
}
