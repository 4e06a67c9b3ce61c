//! Any field of any object with any value: what is mirrored is compared with what was true.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;

use super::fixtures::content;
use super::fixtures::text;
use super::fixtures::user_id;
use super::fixtures::values;
use crate::raw_source::RawSource;
use crate::world::Database;
use crate::world::World;

const USERS: usize = 12;

const FIELDS: &[&str] = &[
    "state",
    "directory_id",
    "role",
    "roles",
    "emails",
    "groups",
    "email",
    "first_name",
    "created_at",
    "updated_at",
    "custom_attributes",
    "raw_attributes",
];

/// What happened to a user at the source, and what the list says of it.
#[derive(Clone, Debug)]
enum Fate {
    Left,
    Stays {
        state: &'static str,
        odd: Vec<(usize, Option<usize>)>,
    },
}

fn fate() -> impl Strategy<Value = Fate> {
    let state = prop_oneof![3 => Just("active"), 1 => Just("inactive"), 1 => Just("on_leave")];
    // A field and the value in its place; without one it is left out.
    let odd = proptest::collection::vec((0..FIELDS.len(), proptest::option::of(0..values().len())), 0..4);
    prop_oneof![1 => Just(Fate::Left), 5 => (state, odd).prop_map(|(state, odd)| Fate::Stays { state, odd })]
}

#[test]
fn full_sync_is_right_about_who_is_active_whatever_fields_are_odd() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    // Nine at most leave.
    let fates = proptest::collection::vec(fate(), USERS).prop_filter("some stay", |fates| {
        fates.iter().filter(|fate| matches!(fate, Fate::Left)).count() < 10
    });
    runner
        .run(&fates, |fates| {
            runtime.block_on(check(&fates));
            Ok(())
        })
        .unwrap();
}

async fn check(fates: &[Fate]) {
    let (world, values) = (World::on(Database::Sqlite).await, values());
    let well = content(USERS, 2);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut lists = well.clone();
    lists.users.clear();
    let (mut active, mut inactive) = (BTreeSet::new(), BTreeSet::new());
    for (place, fate) in fates.iter().enumerate() {
        let id = user_id(place);
        let Fate::Stays { state, odd } = fate else {
            inactive.insert(id);
            continue;
        };
        let (directory, _, whole) = &well.users[place];
        let truth = whole.with("state", text(state));
        let mut listed = truth.clone();
        let (mut says_state, mut is_foreign) = (Some((*state).to_owned()), false);
        for (field, value) in odd {
            let field = FIELDS[*field];
            let value = value.map(|value| &values[value]);
            listed = match value {
                Some((_, json)) => listed.with(field, json),
                None => listed.without(field),
            };
            match (field, value.map(|(name, _)| *name)) {
                ("state", Some("string" | "half of a surrogate pair" | "invalid UTF-8")) => {
                    says_state = Some("odd".to_owned())
                }
                ("state", _) => says_state = None,
                ("directory_id", Some("string" | "invalid UTF-8")) => is_foreign = true,
                ("directory_id", _) => is_foreign = false,
                _ => {}
            }
        }
        match says_state.as_deref() {
            Some("active") if is_foreign => {} // It is another directory's, or it is not: no claim.
            Some("active") => drop(active.insert(id.clone())),
            // The list does not say it: it is asked for by id, which says the truth.
            None if *state == "active" => {}
            _ => drop(inactive.insert(id.clone())),
        }
        lists.users.push((directory.clone(), id.clone(), listed));
        lists.by_id.insert(id, truth);
    }
    source.set(lists);
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let stored: BTreeSet<_> = world.column("SELECT id FROM active_users").await.into_iter().collect();
    assert!(active.is_subset(&stored), "lost: {:?}", active.difference(&stored));
    assert!(
        inactive.is_disjoint(&stored),
        "still active: {:?}",
        inactive.intersection(&stored)
    );
    // The next list that is right puts everything right.
    source.set(well);
    world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 12);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
}
