//! Events from the emulator: applied once, in any order, and never undone by an older page.

use std::time::Duration;

use rstest::rstest;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Clock as _;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::ManualClock;
use workos_directory_mirror::Error;
use workos_directory_mirror::EventCounts;
use workos_directory_mirror::FollowProgress;
use workos_directory_sync::Client;
use workos_directory_sync::events::Event;
use workos_directory_sync::events::EventName;

use crate::interposer::Fate;
use crate::interposer::Interposer;
use crate::source::Source;
use crate::source::directory_id;
use crate::source::group_id;
use crate::source::user_id;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::client_of;
use crate::world::live;

/// Every event so far, the oldest first.
pub(crate) async fn all_events(client: &Client) -> Vec<Event> {
    let list = client.list_events().events(EventName::KNOWN.to_vec());
    list.stream().try_collect().await.unwrap()
}

/// A mirror that is equal to a source, whose changes from now on are events.
async fn mirrored(database: Database) -> (World, Emulator, Client) {
    let emulator = live(&Source::new(1, 12, 4)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    world.mirror.full_sync(&client).run().await.unwrap();
    (world, emulator, client)
}

/// A history of which the last events undo the first ones.
pub(crate) async fn change(emulator: &Emulator, client: &Client) {
    emulator.add_member(&user_id(1, 0), &group_id(1, 3)).unwrap();
    emulator.remove_member(&user_id(1, 0), &group_id(1, 3)).unwrap();
    emulator.remove_member(&user_id(1, 1), &group_id(1, 1)).unwrap();
    emulator.set_user_state(&user_id(1, 2), "suspended").unwrap();
    emulator.delete_user(&user_id(1, 5)).unwrap();
    emulator.delete_group(&group_id(1, 2)).unwrap();
    let mut user = client
        .get_directory_user()
        .id(user_id(1, 0))
        .send()
        .await
        .unwrap()
        .into_inner();
    user.id = emulator.new_user_id();
    emulator.put_user(user.clone()).unwrap();
    emulator.add_member(&user.id, &group_id(1, 0)).unwrap();
}

#[rstest]
#[tokio::test]
async fn a_poll_brings_every_change_and_the_next_one_costs_one_request(#[values(Sqlite, Postgres)] database: Database) {
    let (world, emulator, client) = mirrored(database).await;
    change(&emulator, &client).await;
    let counts = world.mirror.follow(&client).poll().await.unwrap();
    assert_eq!((counts.applied, counts.dead), (8, 0), "{counts:?}");
    world.assert_equals_but_metadata(&client).await;
    let before = emulator.total_requests();
    assert_eq!(
        world.mirror.follow(&client).poll().await.unwrap(),
        EventCounts::default()
    );
    assert_eq!(emulator.total_requests() - before, 1);
}

#[rstest]
#[tokio::test]
async fn webhooks_in_the_reverse_order_and_twice_end_where_the_source_is(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, emulator, client) = mirrored(database).await;
    change(&emulator, &client).await;
    let mut events = all_events(&client).await;
    events.reverse();
    let count = events.len() as u64;
    for event in &events {
        world.mirror.apply_events(std::slice::from_ref(event)).await.unwrap();
    }
    world.assert_equals_but_metadata(&client).await;
    assert_eq!(world.mirror.apply_events(&events).await.unwrap().repeated, count);
    world.assert_equals_but_metadata(&client).await;
    assert_eq!(
        world.number("SELECT COUNT(*) FROM events WHERE state = 'parked'").await,
        0
    );
}

#[rstest]
#[tokio::test]
async fn a_user_who_was_deleted_before_anybody_knew_does_not_come_to_life(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, emulator, client) = mirrored(database).await;
    let mut user = client
        .get_directory_user()
        .id(user_id(1, 0))
        .send()
        .await
        .unwrap()
        .into_inner();
    user.id = emulator.new_user_id();
    emulator.put_user(user.clone()).unwrap();
    emulator.add_member(&user.id, &group_id(1, 0)).unwrap();
    emulator.delete_user(&user.id).unwrap();
    let events = all_events(&client).await;
    for place in [2, 1, 0] {
        world.mirror.apply_events(&events[place..=place]).await.unwrap();
    }
    world.assert_equals_but_metadata(&client).await;
    let membership = format!("{} {}", user.id, group_id(1, 0));
    assert_eq!(world.deleted().await, [user.id, membership]);
}

#[rstest]
#[tokio::test]
async fn a_deleted_directory_takes_everything_with_it(#[values(Sqlite, Postgres)] database: Database) {
    let (world, emulator, client) = mirrored(database).await;
    emulator.delete_directory(&directory_id(1)).unwrap();
    world.mirror.follow(&client).poll().await.unwrap();
    world.assert_equals_but_metadata(&client).await;
    // A directory, 12 users, 4 groups and 24 memberships.
    assert_eq!(world.deleted().await.len(), 41);
}

#[rstest]
#[tokio::test]
async fn what_the_event_of_a_directory_does_not_say_stays_as_it_is(#[values(Sqlite, Postgres)] database: Database) {
    let (world, emulator, client) = mirrored(database).await;
    let metadata = "SELECT CAST(metadata AS TEXT) FROM directories WHERE metadata IS NOT NULL";
    let before = world.column(metadata).await;
    assert_eq!(before.len(), 1);
    emulator.set_directory_state(&directory_id(1), "unlinked").unwrap();
    emulator.set_directory_state(&directory_id(1), "linked").unwrap();
    let events = all_events(&client).await;
    assert_eq!(world.mirror.apply_events(&events).await.unwrap().applied, 1);
    assert_eq!(world.column(metadata).await, before);
}

#[rstest]
#[tokio::test]
async fn the_later_event_of_a_membership_counts_though_its_group_was_taken_for_gone_when_it_came(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, emulator, client) = mirrored(database).await;
    emulator.add_member(&user_id(1, 0), &group_id(1, 3)).unwrap();
    emulator.remove_member(&user_id(1, 1), &group_id(1, 1)).unwrap();
    emulator.remove_member(&user_id(1, 0), &group_id(1, 3)).unwrap();
    emulator.add_member(&user_id(1, 1), &group_id(1, 1)).unwrap();
    let events = all_events(&client).await;
    // As after a source that denied them.
    world
        .execute("UPDATE groups SET deleted_at = '2024-01-15T10:00:00.000Z'")
        .await;
    assert_eq!(world.mirror.apply_events(&events[2..]).await.unwrap().stale, 2);
    world.mirror.full_sync(&client).run().await.unwrap();
    assert_eq!(world.mirror.apply_events(&events[..2]).await.unwrap().stale, 2);
    world.assert_equals_but_metadata(&client).await;
}

/// What happens at the source while an answer is on its way.
#[derive(Clone, Copy)]
struct Meanwhile {
    /// The list that is on its way: `directory_users` or `directory_groups` of the directory.
    list: &'static str,
    /// The mirror hears of it before the answer comes.
    heard: fn(&Emulator),
    /// It does not hear of it.
    unheard: fn(&Emulator),
}

/// A full sync with something that happens meanwhile.
async fn sync_late(world: &World, emulator: Emulator, client: &Client, meanwhile: Meanwhile) {
    let (mirror, emulator) = (world.mirror.clone(), std::sync::Arc::new(emulator));
    let other = emulator.clone();
    let plain = client.clone();
    let interposer = Interposer::start(emulator.base_url(), move |call| {
        let (path, query) = call.target.split_once('?').unwrap_or((call.target, ""));
        if path.trim_start_matches('/') != meanwhile.list || query.contains("group=") || query.contains("user=") {
            return Fate::Pass;
        }
        let (mirror, other, plain) = (mirror.clone(), other.clone(), plain.clone());
        let runtime = tokio::runtime::Handle::current();
        Fate::Change(Box::new(move |_| {
            let change = async move {
                (meanwhile.heard)(&other);
                mirror.apply_events(&all_events(&plain).await).await.unwrap();
                (meanwhile.unheard)(&other);
            };
            std::thread::spawn(move || runtime.block_on(change)).join().unwrap();
        }))
    })
    .await;
    let late = client_of(&interposer.base_url, &emulator);
    world.mirror.full_sync(&late).run().await.unwrap();
    assert!(!all_events(client).await.is_empty(), "the list was not asked for");
    world.assert_equals_but_metadata(client).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_an_event_changed_while_a_full_sync_ran_is_not_undone_by_its_older_pages(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, emulator, client) = mirrored(database).await;
    let meanwhile = Meanwhile {
        list: "directory_users",
        heard: |emulator| {
            emulator.delete_user(&user_id(1, 5)).unwrap();
            emulator.set_user_state(&user_id(1, 2), "suspended").unwrap();
        },
        unheard: |_| {},
    };
    sync_late(&world, emulator, &client, meanwhile).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_an_event_ended_gets_nothing_from_older_pages(#[values(Sqlite, Postgres)] database: Database) {
    let emulator = live(&Source::new(1, 12, 4)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    let meanwhile = Meanwhile {
        list: "directory_users",
        heard: |emulator| emulator.delete_directory(&directory_id(1)).unwrap(),
        unheard: |_| {},
    };
    sync_late(&world, emulator, &client, meanwhile).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_newer_than_an_event_brings_what_no_event_told(#[values(Sqlite, Postgres)] database: Database) {
    let (world, emulator, client) = mirrored(database).await;
    let meanwhile = Meanwhile {
        // Users are listed after the groups.
        list: "directory_groups",
        heard: |emulator| emulator.set_user_state(&user_id(1, 2), "suspended").unwrap(),
        unheard: |emulator| {
            let users = emulator.seed_file().unwrap().users;
            let mut user = users.into_iter().find(|user| user.id == user_id(1, 2)).unwrap();
            user.first_name = Some("Newer".to_owned());
            user.updated_at = (emulator.now() + Duration::from_secs(1)).into();
            emulator.put_user(user).unwrap();
        },
    };
    sync_late(&world, emulator, &client, meanwhile).await;
}

#[rstest]
#[tokio::test]
async fn an_event_that_cannot_be_applied_is_kept_and_stops_no_other(#[values(Sqlite, Postgres)] database: Database) {
    let (world, emulator, client) = mirrored(database).await;
    emulator.set_user_state(&user_id(1, 2), "suspended").unwrap();
    let good = all_events(&client).await;
    let mut bad: Event = serde_json::from_str(
        r#"{"id":"event_01","event":"dsync.user.created","data":{"id":7},"created_at":"2024-01-15T10:00:00.000Z"}"#,
    )
    .unwrap();
    let counts = world
        .mirror
        .apply_events(&[bad.clone(), good[0].clone()])
        .await
        .unwrap();
    assert_eq!((counts.dead, counts.applied), (1, 1));
    world.assert_equals_but_metadata(&client).await;
    let dead = world.mirror.dead_events(10).await.unwrap();
    assert_eq!((dead.len(), dead[0].id.as_str()), (1, "event_01"));
    assert!(!dead[0].error.is_empty());
    assert_eq!(world.mirror.retry_event("event_01").await.unwrap().unwrap().dead, 1);
    assert_eq!(world.mirror.retry_event("event_02").await.unwrap(), None);
    bad.id = "event_03".to_owned();
    bad.event = "dsync.health".into();
    assert_eq!(world.mirror.apply_events(&[bad]).await.unwrap().kept, 1);
}

#[rstest]
#[tokio::test]
async fn an_event_that_is_not_as_the_api_describes_it_stops_no_other_of_its_page(
    #[values(Sqlite, Postgres)] database: Database,
    #[values("data", "created_at", "event")] field: &'static str,
) {
    let (world, emulator, client) = mirrored(database).await;
    emulator.set_user_state(&user_id(1, 2), "suspended").unwrap();
    emulator.set_user_state(&user_id(1, 4), "suspended").unwrap();
    emulator.delete_user(&user_id(1, 5)).unwrap();
    let interposer = Interposer::start(emulator.base_url(), move |_| {
        Fate::Change(Box::new(move |answer| {
            if let Some(event) = answer.pointer_mut("/data/1") {
                event[field] = serde_json::Value::Null;
            }
        }))
    })
    .await;
    let odd = client_of(&interposer.base_url, &emulator);
    let counts = world.mirror.follow(&odd).poll().await.unwrap();
    // Its id says when it happened.
    let dead = u64::from(field != "created_at");
    assert_eq!((counts.applied, counts.dead), (3 - dead, dead));
    assert_eq!(world.deleted().await.len(), 3);
    assert_eq!(interposer.calls(), 1);
    assert_eq!(world.mirror.follow(&odd).poll().await.unwrap(), EventCounts::default());
    assert_eq!(interposer.calls(), 2);
    // The dead one can be tried again when somebody has mended it, and a full sync mends the rest.
    assert_eq!(world.mirror.dead_events(10).await.unwrap().len() as u64, dead);
    world.mirror.full_sync(&client).run().await.unwrap();
    world.assert_equals(&client).await;
}

#[rstest]
#[tokio::test]
async fn a_cursor_that_the_api_does_not_know_is_told_and_mended_by_a_full_sync(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, emulator, client) = mirrored(database).await;
    emulator.set_user_state(&user_id(1, 2), "suspended").unwrap();
    world.mirror.follow(&client).poll().await.unwrap();
    let interposer = Interposer::start(emulator.base_url(), |call| {
        if call.target.contains("after=event_") {
            Fate::Refuse(404)
        } else {
            Fate::Pass
        }
    })
    .await;
    let forgetful = client_of(&interposer.base_url, &emulator);
    let error = world.mirror.follow(&forgetful).poll().await.unwrap_err();
    assert!(matches!(error, Error::CursorLost), "{error}");
    emulator.delete_user(&user_id(1, 5)).unwrap();

    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let follow = world
        .mirror
        .follow(&client)
        .reconcile_every(Duration::ZERO)
        .on_progress(move |event| {
            if matches!(event, FollowProgress::Reconciled(_)) {
                let _ = told.send(());
            }
        });
    let reconciled = async {
        tokio::time::timeout(Duration::from_secs(20), heard.recv())
            .await
            .unwrap();
    };
    follow.run(reconciled).await.unwrap();
    world.assert_equals_but_metadata(&client).await;
}

/// Found by a history: a webhook told of a name that the user had for less than a millisecond, and nobody of the last one.
#[rstest]
#[tokio::test]
async fn a_late_webhook_of_what_was_undone_before_following_began_changes_nothing(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
    let emulator = Emulator::builder()
        .behaviour(Behaviour::Live)
        .seed_file(Source::new(1, 2, 2).0)
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    let (mut world, client) = (World::on(database).await, client(&emulator));
    let time = clock.clone();
    world.mirror = world.mirror.clone().with_clock(move || time.now());
    let user = client.get_directory_user().id(user_id(1, 0)).send().await;
    let mut user = user.unwrap().into_inner();
    user.updated_at = emulator.now().into();
    for name in ["First", "Last"] {
        user.first_name = Some(name.to_owned());
        emulator.put_user(user.clone()).unwrap();
    }
    emulator.remove_member(&user_id(1, 1), &group_id(1, 0)).unwrap();
    emulator.add_member(&user_id(1, 1), &group_id(1, 0)).unwrap();
    emulator.remove_member(&user_id(1, 1), &group_id(1, 0)).unwrap();
    clock.advance(Duration::from_secs(3_600));
    world.mirror.follow(&client).poll().await.unwrap();
    world.mirror.full_sync(&client).run().await.unwrap();
    let events = all_events(&client).await;
    let late: Vec<_> = [0, 3].map(|place: usize| events[place].clone()).into();
    assert_eq!(world.mirror.apply_events(&late).await.unwrap().stale, 2);
    world.assert_equals(&client).await;
    // What happens from now on is news.
    emulator.add_member(&user_id(1, 1), &group_id(1, 0)).unwrap();
    let events = all_events(&client).await;
    assert_eq!(world.mirror.apply_events(&events[5..]).await.unwrap().applied, 1);
    world.assert_equals(&client).await;
}

#[rstest]
#[tokio::test]
async fn a_source_in_which_nothing_happens_for_weeks_is_followed_all_the_same(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let clock = ManualClock::at("2026-11-01T00:00:00Z".parse().unwrap());
    let emulator = Emulator::builder()
        .behaviour(Behaviour::Live)
        .seed_file(Source::new(1, 4, 2).0)
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    let mut world = World::on(database).await;
    let time = clock.clone();
    world.mirror = world.mirror.clone().with_clock(move || time.now());
    // As the live API: a request spans 30 days at most.
    let time = clock.clone();
    let interposer = Interposer::start(emulator.base_url(), move |call| {
        let query = call
            .target
            .split(['?', '&'])
            .find_map(|part| part.strip_prefix("range_start="));
        let start = query.map(|start| start.replace("%3A", ":").parse::<jiff::Timestamp>().unwrap());
        match start {
            Some(start) if time.now().duration_since(start).as_hours() > 30 * 24 => Fate::Refuse(422),
            _ => Fate::Pass,
        }
    })
    .await;
    let client = client_of(&interposer.base_url, &emulator);
    for _ in 0..50 {
        assert_eq!(
            world.mirror.follow(&client).poll().await.unwrap(),
            EventCounts::default()
        );
        clock.advance(Duration::from_secs(24 * 60 * 60));
    }
    emulator.set_user_state(&user_id(1, 1), "suspended").unwrap();
    assert_eq!(world.mirror.follow(&client).poll().await.unwrap().applied, 1);

    // One that never got an answer, and has no cursor for that reason, has lost its place.
    world
        .execute("UPDATE event_cursors SET cursor = NULL, polled_at = NULL")
        .await;
    clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    let error = world.mirror.follow(&client).poll().await.unwrap_err();
    assert!(matches!(error, Error::CursorLost), "{error}");
    world.mirror.follow(&client).poll().await.unwrap();
}
