//! After any history, one undisturbed full sync makes the database equal to the source, and the outbox leads there too.
//!
//! A history is a list of steps that a seed decides: changes at the source, polls, full syncs, webhooks late, twice, in any
//! order or never, each of them possibly given up after a few polls of its future, as a crash would. A failure prints the
//! seed: `MIRROR_SEED=… cargo test -p workos-directory-mirror --test sync histories` replays it, and `MIRROR_HISTORIES`
//! says how many there are.

use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use fastrand::Rng;
use rstest::rstest;
use workos_directory_emulator::Emulator;
use workos_directory_sync::Client;
use workos_directory_sync::types::DirectoryGroup;
use workos_directory_sync::types::DirectoryUser;

use crate::changes::assert_replays;
use crate::events::all_events;
use crate::source::Source;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::live;

const STEPS: usize = 25;

/// Runs a future, or gives it up after some polls.
async fn cut<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// What the source has, by id.
struct Ids {
    directories: Vec<String>,
    users: Vec<(String, String)>,
    groups: Vec<(String, String)>,
}

async fn ids(client: &Client) -> Ids {
    let directories = client.list_directories().stream().try_collect().await.unwrap();
    let mut ids = Ids {
        directories: directories.into_iter().map(|directory| directory.id).collect(),
        users: Vec::new(),
        groups: Vec::new(),
    };
    for directory in &ids.directories {
        let users = client.list_directory_users().directory(directory.as_str()).stream();
        let groups = client.list_directory_groups().directory(directory.as_str()).stream();
        let users = users.try_collect().await.unwrap();
        ids.users
            .extend(users.into_iter().map(|user| (user.id, directory.clone())));
        let groups = groups.try_collect().await.unwrap();
        ids.groups
            .extend(groups.into_iter().map(|group| (group.id, directory.clone())));
    }
    ids
}

/// One change at the source.
async fn change(random: &mut Rng, emulator: &Emulator, client: &Client) {
    let ids = ids(client).await;
    let now = emulator.now();
    let user = random.choice(&ids.users).cloned();
    let group = random.choice(&ids.groups).cloned();
    let directory = random.choice(&ids.directories).cloned();
    match (random.u8(0..20), directory, user, group) {
        (0..=2, Some(directory), ..) => {
            let mut user = DirectoryUser::new(emulator.new_user_id(), directory, "active", now, now);
            user.first_name = Some(format!("Nr {}", random.u16(..)));
            emulator.put_user(user).unwrap();
        }
        (3..=4, Some(directory), ..) => {
            let name = format!("Group {}", random.u16(..));
            emulator
                .put_group(DirectoryGroup::new(emulator.new_group_id(), directory, name))
                .unwrap();
        }
        (5..=6, _, Some((user, _)), _) => {
            let state = *random.choice(&["active", "suspended", "inactive"]).unwrap();
            emulator.set_user_state(&user, state).unwrap();
        }
        (7, _, Some((user, _)), _) => emulator.delete_user(&user).unwrap(),
        (8, _, _, Some((group, _))) => emulator.delete_group(&group).unwrap(),
        (9, Some(directory), ..) if random.u8(0..4) == 0 => emulator.delete_directory(&directory).unwrap(),
        (10, Some(directory), ..) => {
            let state = *random.choice(&["linked", "unlinked"]).unwrap();
            emulator.set_directory_state(&directory, state).unwrap();
        }
        (11..=16, _, Some((user, one)), Some((group, other))) if one == other => {
            emulator.add_member(&user, &group).unwrap();
        }
        (17..=19, _, Some((user, one)), Some((group, other))) if one == other => {
            emulator.remove_member(&user, &group).unwrap();
        }
        _ => {}
    }
}

async fn history(seed: u64, database: Database) {
    let mut random = Rng::with_seed(seed);
    let emulator = live(&Source::new(2, random.u32(0..8), random.u32(0..4))).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    for _ in 0..STEPS {
        let polls = if random.bool() { usize::MAX } else { random.usize(1..60) };
        match random.u8(0..10) {
            0..=4 => change(&mut random, &emulator, &client).await,
            5..=6 => {
                if let Some(ended) = cut(world.mirror.follow(&client).poll(), polls).await {
                    ended.unwrap();
                }
            }
            7 => {
                let sync = world.mirror.full_sync(&client).allow_mass_delete(true);
                if let Some(ended) = cut(sync.run(), polls).await {
                    ended.unwrap();
                }
            }
            _ => {
                let events = all_events(&client).await;
                for _ in 0..random.usize(0..6) {
                    if let Some(event) = random.choice(&events) {
                        cut(world.mirror.apply_events(std::slice::from_ref(event)), polls).await;
                    }
                }
            }
        }
    }
    let last = world
        .mirror
        .full_sync(&client)
        .allow_mass_delete(true)
        .resume_within(std::time::Duration::ZERO);
    last.run().await.unwrap();
    world.assert_equals(&client).await;
    // What is still on its way changes nothing any more.
    world.mirror.follow(&client).poll().await.unwrap();
    world.assert_equals_but_metadata(&client).await;
    assert_replays(&world).await;
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is `{text}`, which is no number")),
    )
}

#[rstest]
#[case(Sqlite, 150)]
#[case(Postgres, 15)]
fn after_any_history_one_full_sync_makes_the_database_equal(#[case] database: Database, #[case] count: u64) {
    let seeds = match setting("MIRROR_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("MIRROR_HISTORIES").unwrap_or(count),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for seed in seeds {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(history(seed, database));
        }));
        if let Err(panic) = ended {
            eprintln!("the history with MIRROR_SEED={seed} failed");
            std::panic::resume_unwind(panic);
        }
    }
}
