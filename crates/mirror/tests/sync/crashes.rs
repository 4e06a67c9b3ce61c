//! Whatever is given up at any point where it waits is done wholly when it is tried again.
//!
//! Each test walks: it gives its operation up before the first poll, after one, after two, and so on until it comes to
//! its end, each time on a fresh copy of the same database. After each crash another process opens the database.

use std::future::poll_fn;

use futures_util::future::BoxFuture;
use rstest::rstest;
use workos_directory_emulator::Emulator;
use workos_directory_mirror::Error;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;

use crate::application::assert_replays;
use crate::cut::cut;
use crate::events::all_events;
use crate::source::Source;
use crate::source::group_id;
use crate::source::user_id;
use crate::truth::Truth;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;
use crate::world::client;
use crate::world::live;

/// More polls than any of the operations takes.
const MANY: usize = 5_000;

/// Something that writes the database.
type Operation = for<'a> fn(&'a Mirror, &'a Client) -> BoxFuture<'a, Result<(), Error>>;

/// A database that was equal to the source until that changed, with what webhooks told of it in the inbox.
async fn behind(database: Database) -> (World, Emulator, Client) {
    let emulator = live(&Source::new(1, 6, 3)).await;
    let (world, client) = (World::on(database).await, client(&emulator));
    world.mirror.follow(&client).poll().await.unwrap();
    world.mirror.full_sync(&client).run().await.unwrap();
    change(&emulator, &client).await;
    for event in all_events(&client).await {
        world.mirror.ingest(&event).await.unwrap();
    }
    world.close().await;
    (world, emulator, client)
}

/// Something of everything that can happen.
async fn change(emulator: &Emulator, client: &Client) {
    emulator.set_user_state(&user_id(1, 0), "suspended").unwrap();
    emulator.delete_user(&user_id(1, 1)).unwrap();
    emulator.remove_member(&user_id(1, 2), &group_id(1, 2)).unwrap();
    emulator.add_member(&user_id(1, 2), &group_id(1, 1)).unwrap();
    emulator.delete_group(&group_id(1, 0)).unwrap();
    let user = client.get_directory_user().id(user_id(1, 4)).send().await;
    let mut user = user.unwrap().into_inner();
    user.id = emulator.new_user_id();
    emulator.put_user(user.clone()).unwrap();
    emulator.add_member(&user.id, &group_id(1, 1)).unwrap();
}

/// Walks an operation. On PostgreSQL, where a copy takes longer, it leaves out most of the steps.
async fn walk(database: Database, template: &World, emulator: &Emulator, client: &Client, operation: Operation) {
    let stride = match database {
        Sqlite => 1,
        // How many polls an operation takes depends on how fast the server answers.
        Postgres => (polls_of(template, client, operation).await / 8).clamp(1, 7),
    };
    let truth = Truth::of(emulator, client).await;
    for (crashes, polls) in (0..MANY).step_by(stride).enumerate() {
        let mut world = template.copied().await;
        let ended = cut(operation(&world.mirror, client), polls).await;
        let is_done = ended.is_some();
        ended.unwrap_or(Ok(())).unwrap();
        world.mirror = Mirror::connect(&world.address).await.unwrap();
        // What was told is what was written, at any time.
        assert_replays(&world).await;
        operation(&world.mirror, client).await.unwrap();
        world.assert_is_but_metadata(&truth).await;
        assert_replays(&world).await;
        world.close().await;
        if is_done {
            assert!(crashes > 2, "the operation never waits");
            return;
        }
    }
    panic!("more than {MANY} polls");
}

/// How many polls an operation takes when nothing interrupts it.
async fn polls_of(template: &World, client: &Client, operation: Operation) -> usize {
    let world = template.copied().await;
    let (mut operation, mut polls) = (operation(&world.mirror, client), 0);
    let ended = poll_fn(|context| {
        polls += 1;
        operation.as_mut().poll(context)
    })
    .await;
    ended.unwrap();
    world.close().await;
    polls
}

fn sync<'a>(mirror: &'a Mirror, client: &'a Client) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(async { mirror.full_sync(client).run().await.map(drop) })
}

#[rstest]
#[tokio::test]
async fn a_first_full_sync_survives_a_crash_at_every_await(#[values(Sqlite, Postgres)] database: Database) {
    let (_, emulator, client) = behind(database).await;
    let empty = World::on(database).await;
    empty.close().await;
    walk(database, &empty, &emulator, &client, sync).await;
}

#[rstest]
#[tokio::test]
async fn a_full_sync_survives_a_crash_at_every_await(#[values(Sqlite, Postgres)] database: Database) {
    let (template, emulator, client) = behind(database).await;
    walk(database, &template, &emulator, &client, sync).await;
}

#[rstest]
#[tokio::test]
async fn a_poll_survives_a_crash_at_every_await(#[values(Sqlite, Postgres)] database: Database) {
    let (template, emulator, client) = behind(database).await;
    walk(database, &template, &emulator, &client, |mirror, client| {
        Box::pin(async { mirror.follow(client).poll().await.map(drop) })
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn the_inbox_survives_a_crash_at_every_await(#[values(Sqlite, Postgres)] database: Database) {
    let (template, emulator, client) = behind(database).await;
    walk(database, &template, &emulator, &client, |mirror, _| {
        Box::pin(mirror.worker().run(std::future::ready(())))
    })
    .await;
}
