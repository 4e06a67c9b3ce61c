//! How many allocations a user costs: this client's page of directory users against that of crate `workos`.
//!
//! `cargo bench -p workspace-tests --bench allocations` prints a table; without `--bench` (as `cargo test` calls it) the
//! same is only checked.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod page;

use std::alloc::System;

use stats_alloc::INSTRUMENTED_SYSTEM;
use stats_alloc::Region;
use stats_alloc::StatsAlloc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    println!(
        "| Raw attributes per user | Allocations per user (ours / official) | KB allocated per user | KB kept per user |"
    );
    println!("|---|---|---|---|");
    for (attributes, _) in page::SIZES {
        let page = page::checked(attributes);
        let (ours, ours_bytes, ours_kept) = per_user(|| page::ours(&page));
        let (official, official_bytes, official_kept) = per_user(|| page::official(&page));
        println!(
            "| {} KB | {ours:.1} / {official:.1} | {ours_bytes:.2} / {official_bytes:.2} | {ours_kept:.2} / {official_kept:.2} |",
            attributes / 1_024,
        );
        assert!(
            ours < official,
            "{ours} allocations per user, {official} in the official crate"
        );
    }
}

/// Allocations, KB allocated (with what reallocation adds) and KB held in the end, per user.
fn per_user<T>(decode: impl Fn() -> T) -> (f64, f64, f64) {
    let region = Region::new(ALLOCATOR);
    let list = decode();
    let change = region.change();
    drop(list);
    let users = page::USERS as f64;
    let kept = change.bytes_allocated - change.bytes_deallocated;
    (
        (change.allocations + change.reallocations) as f64 / users,
        change.bytes_allocated as f64 / users / 1_024.0,
        kept as f64 / users / 1_024.0,
    )
}
