//! The store by itself: pages in, rows out.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/cluster/mod.rs"]
mod cluster;
mod convergence;
mod events;
mod files;
mod gone;
mod leases;
mod odd_events;
mod pages;
mod readable;
mod runs;

use rstest::rstest;
use workos_directory_sync::Timestamp;

use super::*;
use crate::Kind;
use crate::MembershipPlan;
use crate::absences::AbsenceSettings;
use crate::address::Address;
use crate::record::Columns;
use crate::record::DIRECTORIES;
use crate::record::GROUPS;

const DIRECTORY: &str = "directory_1";

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Database {
    Sqlite,
    Postgres,
}

use Database::Postgres;
use Database::Sqlite;

/// A store on a new database.
async fn store_on(database: Database) -> Store {
    let address = match database {
        Sqlite => Address::SqliteMemory,
        Postgres => Address::parse(&cluster::database()).unwrap(),
    };
    Store::open(&address).await.unwrap()
}

/// A new run, and the lease of its first part.
async fn new_run(store: &Store, day: u32) -> Lease {
    let now = time(day).parse().unwrap();
    join(store, wanted("all", &now, None)).await.1
}

/// Takes part in a run as a worker that has left before anybody else comes.
async fn join(store: &Store, wanted: Wanted<'_>) -> (Run, Lease) {
    let worker = store.enter().await.unwrap();
    let Joined::Run(run) = store.join_run(worker, wanted).await.unwrap() else {
        panic!("nobody else is there");
    };
    let lease = store.take_part(worker, run.id).await.unwrap().unwrap();
    store.leave(worker).await.unwrap();
    (run, lease)
}

fn wanted<'a>(scope: &'a str, now: &'a Timestamp, resume_since: Option<&'a Timestamp>) -> Wanted<'a> {
    Wanted {
        scope,
        now,
        resume_since,
        unless_after: None,
        can_wait: false,
        lookup_interval: std::time::Duration::ZERO,
    }
}

fn time(day: u32) -> String {
    format!("2024-01-{day:02}T10:00:00.000Z")
}

fn key(run: &Lease, kind: Kind) -> StepKey<'static> {
    StepKey {
        run: run.run,
        directory: if kind == Kind::Directories { "" } else { DIRECTORY },
        kind,
    }
}

fn user(id: &str, name: &str) -> Record {
    let values = USERS.columns.iter().map(|column| match *column {
        "directory_id" => Some(DIRECTORY.to_owned()),
        "state" => Some("active".to_owned()),
        "name" => Some(name.to_owned()),
        "created_at" | "updated_at" => Some(time(1)),
        _ => None,
    });
    Record {
        id: id.to_owned(),
        values: values.collect(),
        unchanged: Columns::NONE,
        cleared_attributes: Vec::new(),
    }
}

fn group(id: &str) -> Record {
    let values = GROUPS.columns.iter().map(|column| match *column {
        "directory_id" => Some(DIRECTORY.to_owned()),
        "name" => Some(format!("Group {id}")),
        _ => None,
    });
    Record {
        id: id.to_owned(),
        values: values.collect(),
        unchanged: Columns::NONE,
        cleared_attributes: Vec::new(),
    }
}

fn groups(ids: &[&str]) -> Batch {
    Batch::Objects(&GROUPS, ids.iter().map(|id| group(id)).collect())
}

fn directory(id: &str) -> Record {
    let values = DIRECTORIES.columns.iter().map(|column| match *column {
        "organization_id" | "external_key" | "domain" | "metadata" | "repaired" => None,
        column if column.ends_with("_source") => None,
        column if column.ends_with("_at") => Some(time(1)),
        _ => Some("x".to_owned()),
    });
    Record {
        id: id.to_owned(),
        values: values.collect(),
        unchanged: Columns::NONE,
        cleared_attributes: Vec::new(),
    }
}

fn told(record: Record, groups: &[&str]) -> (Record, EmbeddedGroups) {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    (record, EmbeddedGroups::Told(groups))
}

fn last_page() -> Checkpoint {
    Checkpoint {
        traversed: true,
        calls: 1,
        ..Checkpoint::default()
    }
}

fn held<'a>(lease: &'a Lease, now: &'a str) -> Held<'a> {
    Held { lease, now }
}

async fn write(store: &Store, run: &Lease, day: u32, kind: Kind, batch: Batch) -> Counts {
    let now = time(day);
    let held = held(run, &now);
    store
        .write(key(run, kind), held, batch, &Findings::default(), last_page())
        .await
        .unwrap()
}

/// Ends a step, and what it did not see: the API does not know any of it, and the control answers.
async fn finish(store: &Store, run: &Lease, day: u32, kind: Kind) -> u64 {
    finish_with(store, run, day, kind, AbsenceSettings::default()).await
}

async fn finish_with(store: &Store, run: &Lease, day: u32, kind: Kind, settings: AbsenceSettings) -> u64 {
    let now = time(day);
    let held = held(run, &now);
    if kind == Kind::Memberships {
        let plan = MembershipPlan::Embedded;
        store.finish_memberships(key(run, kind), held, plan).await.unwrap();
        return store.step(key(run, kind)).await.unwrap().counts.deleted;
    }
    store.finish_step(key(run, kind), held).await.unwrap();
    for absence in store.due_absences(held, DIRECTORY, &[kind], 1_000).await.unwrap() {
        store.note_missing(held, &absence).await.unwrap();
    }
    store.end_absent(held, DIRECTORY, ends(settings)).await.unwrap()
}

/// The control answered.
fn ends(settings: AbsenceSettings) -> Ends<'static> {
    Ends {
        settings,
        no_control: None,
        next_try_at: "",
        calls: 0,
    }
}

/// The first column of a query, which is text.
async fn column(store: &Store, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(&store.pool).await.unwrap()
}

fn counts(inserted: u64, updated: u64, restored: u64, unchanged: u64) -> Counts {
    Counts {
        seen: inserted + updated + restored + unchanged,
        inserted,
        updated,
        restored,
        unchanged,
        deleted: 0,
    }
}
