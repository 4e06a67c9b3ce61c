//! Histories: what happens at the source and to the mirror, in any order, and what the README promises meanwhile and
//! at the end.
//!
//! A history is a list of steps that a seed decides: changes at the source, polls, full syncs of all or a part, webhooks
//! late, twice, in any order or never, by way of the inbox or not; time that passes; purges. Each step may be given up
//! after a few polls of its future, as a crash would, may meet faults of the API, and full syncs are disturbed by changes
//! and events, mostly while answers are on their way to them. Clocks stand still unless the history moves them, so that
//! times are often the same. In one history of five there is no full sync until the end.
//!
//! | when | what is checked |
//! | --- | --- |
//! | after each task, also one that was given up or failed | the outbox, read on from where it was, leads to what the tables have |
//! | after each poll, also within a full sync, when a full sync served that began after the first poll and nothing lied or was lost since | the tables are the truth; late webhooks leave them so and tell nothing |
//! | after a full sync of everything | all of its parts are done; the tables are the truth, when nothing disturbed it |
//! | after a full sync to which the API lied | nobody who is there was ended, but by the rule `repeated_absence` |
//! | after events | what was kept is there until it is applied; no membership waits for who is there |
//! | after events, when there was no full sync yet | the tables have what the events that were applied promise ([`told`]) |
//! | after a purge | what ended lately, what waits and what the application did not acknowledge is still there |
//! | at the end | all webhooks in any order lead to the truth, where there was no full sync yet; a full sync leads there from anywhere, and does what `diff` said; another one changes and tells nothing; what is still on its way changes nothing |
//!
//! A failure prints its seed and what happened. `MIRROR_SEED=… cargo test -p workos-directory-mirror --test sync histories`
//! replays it. `MIRROR_HISTORIES` says how many there are, a tenth of it on PostgreSQL, or how often the seed is replayed: how
//! much of a step is done by its n-th poll depends a little on how fast the database's thread is.

mod faults;
mod gate;
mod history;
mod movement;
mod task;
mod told;
mod trust;

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::available_parallelism;

use rstest::rstest;

use self::history::History;
use self::history::Log;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;

/// How many histories there are, unless said otherwise. CI says otherwise.
const HISTORIES: u64 = 200;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is `{text}`, which is no number")),
    )
}

/// Plays the history of a seed; says what happened when it fails.
fn play(seed: u64, database: Database) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let log = Log::default();
    let history = async { History::new(seed, database, log.clone()).await.run().await };
    let is_good = catch_unwind(AssertUnwindSafe(|| runtime.block_on(history))).is_ok();
    if !is_good {
        let log = log.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        eprintln!(
            "{}\nthe history with MIRROR_SEED={seed} failed on {database:?}",
            log.join("\n")
        );
    }
    is_good
}

#[rstest]
fn after_any_history_one_full_sync_makes_the_database_equal(#[values(Sqlite, Postgres)] database: Database) {
    let (seed, count) = (setting("MIRROR_SEED"), setting("MIRROR_HISTORIES"));
    let count = match (seed, database) {
        (Some(_), _) => count.unwrap_or(1),
        (None, Sqlite) => count.unwrap_or(HISTORIES),
        (None, Postgres) => count.unwrap_or(HISTORIES).div_ceil(10),
    };
    let (next, has_failed) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while !has_failed.load(Relaxed) {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= count {
                        break;
                    }
                    if !play(seed.unwrap_or(number), database) {
                        has_failed.store(true, Relaxed);
                    }
                }
            });
        }
    });
    assert!(!has_failed.into_inner(), "the seed is above");
}
