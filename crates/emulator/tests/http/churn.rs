//! Churn: seeded, of all kinds, and told by the log.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use workos_directory_emulator::Churn;
use workos_directory_emulator::ChurnError;
use workos_directory_emulator::ChurnStep;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Endpoint;
use workos_directory_emulator::ManualClock;

use crate::asking::Asking;
use crate::events::directory;
use crate::events::empty;
use crate::events::events;
use crate::replay::Replay;

async fn check(seed: u64, steps: usize) {
    let (asking, clock) = empty().await;
    for _ in 0..3 {
        directory(&asking.emulator);
    }
    let unlinked = directory(&asking.emulator);
    asking.emulator.set_directory_state(&unlinked.id, "unlinked").unwrap();
    let mut churn = Churn::new(seed);
    for _ in 0..steps {
        clock.advance(Duration::from_millis(7));
        churn.step(&asking.emulator).unwrap();
    }
    let mut replay = Replay::default();
    events(&asking).await.iter().for_each(|event| replay.apply(event));
    assert!(replay.users.values().all(|user| user.directory_id != unlinked.id));
    replay.assert_shown_by(&asking).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn who_replays_the_log_of_churn_knows_what_the_lists_show(seed: u64, steps in 1_usize..250) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(seed, steps));
    }
}

/// Everything that 400 steps tell.
async fn told(seed: u64) -> (BTreeMap<ChurnStep, usize>, Vec<String>) {
    let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
    let emulator = Emulator::builder().clock(clock.clone()).start().await.unwrap();
    let mailbox = emulator.webhooks().register(Endpoint::pulled("secret")).unwrap();
    let mut churn = Churn::new(seed);
    let mut happened = BTreeMap::new();
    for _ in 0..400 {
        clock.advance(Duration::from_millis(100));
        if let Some(step) = churn.step(&emulator).unwrap() {
            *happened.entry(step).or_default() += 1;
        }
    }
    let webhooks = emulator.webhooks().drain(&mailbox).unwrap();
    (happened, webhooks.into_iter().map(|webhook| webhook.body).collect())
}

#[tokio::test]
async fn the_same_seed_changes_the_same_and_every_kind_of_step_happens() {
    let (happened, bodies) = told(1).await;
    assert_eq!(told(1).await.1, bodies);
    assert_ne!(told(2).await.1, bodies);
    let all = [
        ChurnStep::Hired,
        ChurnStep::Left,
        ChurnStep::Renamed,
        ChurnStep::Moved,
        ChurnStep::AttributesChanged,
        ChurnStep::RoleChanged,
        ChurnStep::Suspended,
        ChurnStep::Returned,
        ChurnStep::GroupCreated,
        ChurnStep::GroupRenamed,
        ChurnStep::GroupDeleted,
    ];
    assert!(all.iter().all(|step| happened.contains_key(step)), "{happened:?}");
    assert!(bodies.len() > 400);
}

#[tokio::test]
async fn an_emulator_without_directories_does_not_change() {
    let (asking, _) = empty().await;
    let mut churn = Churn::new(1);
    for _ in 0..100 {
        assert_eq!(churn.step(&asking.emulator).unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn churn_goes_on_at_its_rate_until_it_is_stopped() {
    let asking = Asking::new().await;
    let emulator = &asking.emulator;
    let mailbox = emulator.webhooks().register(Endpoint::pulled("secret")).unwrap();
    for wrong in [0.0, -1.0, 1_001.0, f64::NAN] {
        assert!(matches!(emulator.start_churn(1, wrong), Err(ChurnError::Rate { .. })));
    }
    emulator.start_churn(1, 50.0).unwrap();
    assert_eq!(emulator.churn_rate(), Some(50.0));
    tokio::time::sleep(Duration::from_secs(2)).await;
    emulator.stop_churn();
    assert_eq!(emulator.churn_rate(), None);
    let told = emulator.webhooks().drain(&mailbox).unwrap().len();
    assert!((60..=250).contains(&told), "{told} events of about 100 steps");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(emulator.webhooks().drain(&mailbox).unwrap().is_empty());
}
