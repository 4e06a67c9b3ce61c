//! Much that is odd at once: what is kept of it is bounded, and it takes nothing from what has to be decided.

use rstest::rstest;
use workos_directory_mirror::Progress;

use super::fixtures::DIRECTORY;
use super::fixtures::content;
use super::fixtures::user;
use super::fixtures::user_id;
use crate::raw_source::RawSource;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;

#[rstest]
#[tokio::test]
async fn quarantine_keeps_1000_objects_and_1000_fields_of_a_list_and_counts_the_rest(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let well = content(1_700, 0);
    let mut odd = well.clone();
    for (_, _, user) in &mut odd.users {
        *user = user.with("role", "{}");
    }
    for number in 0..1_300 {
        let object = user("x").with("id", number.to_string());
        odd.users.push((DIRECTORY.to_owned(), "x".to_owned(), object));
    }
    let source = RawSource::start(odd).await;
    for _ in 0..2 {
        let reported = std::sync::atomic::AtomicUsize::new(0);
        let sync = world.mirror.full_sync(&source.client).on_progress(|progress| {
            let is_one = matches!(progress, Progress::Quarantined { .. });
            reported.fetch_add(usize::from(is_one), std::sync::atomic::Ordering::Relaxed);
        });
        let summary = sync.run().await.unwrap();
        assert_eq!((summary.users.seen, summary.quarantined), (1_700, 3_000));
        assert_eq!(reported.into_inner(), 100);
        assert_eq!(world.number("SELECT COUNT(*) FROM quarantine").await, 2_002);
        assert_eq!(world.mirror.quarantined_count().await.unwrap(), 3_000);
        let rest = "SELECT error || ': ' || count FROM quarantine WHERE object_key LIKE '#rest %' ORDER BY 1";
        assert_eq!(
            world.column(rest).await,
            [
                "more fields of the same list, beyond the 1000 that are kept: 700",
                "more objects of the same list, beyond the 1000 that are kept: 300"
            ]
        );
    }
    source.set(well);
    let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(summary.quarantined, 0);
    assert_eq!(world.mirror.quarantined_count().await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn full_sync_ends_leavers_when_unreadable_states_would_take_all_lookups(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::on(database).await;
    let well = content(40, 0);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut odd = well;
    odd.users.truncate(36);
    for (_, _, user) in &mut odd.users {
        *user = user.with("state", "7");
    }
    source.set(odd);
    let summary = world
        .mirror
        .full_sync(&source.client)
        .max_lookups(8)
        .run()
        .await
        .unwrap();
    assert_eq!((summary.users.deleted, summary.absences.remaining), (4, 0));
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 36);
    // Each run asks for others, so that all of them are suspended after a while.
    let mut active = Vec::new();
    for _ in 0..12 {
        let sync = world.mirror.full_sync(&source.client).max_lookups(8);
        let sync = sync.unreadable_state_after(std::time::Duration::ZERO);
        sync.run().await.unwrap();
        active.push(world.number("SELECT COUNT(*) FROM active_users").await);
    }
    assert_eq!(active.last(), Some(&0), "{active:?}");
    assert_eq!(
        world.text("users", "state", &user_id(0)).await.as_deref(),
        Some("unreadable")
    );
}
