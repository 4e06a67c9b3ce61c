//! Several workers on one PostgreSQL: each mirror stands for a process.

use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use workos_directory_mirror::FollowProgress;
use workos_directory_mirror::Mirror;
use workos_directory_mirror::Progress;
use workos_directory_mirror::Summary;
use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::retry::RetryPolicy;

use crate::interposer::Fate;
use crate::interposer::Interposer;
use crate::source::Source;
use crate::source::directory_id;
use crate::source::user_id;
use crate::world::Database::Postgres;
use crate::world::World;
use crate::world::client;
use crate::world::client_of;
use crate::world::live;

const DIRECTORIES: u32 = 4;
const USERS: u32 = 120;

fn source() -> Source {
    Source::new(DIRECTORIES, USERS, 2)
}

/// All objects came new, once each, in the first run.
async fn assert_inserted_once(world: &World, summary: &Summary) {
    assert_eq!(summary.run, 1);
    let users = u64::from(DIRECTORIES * USERS);
    for (counts, expected) in [
        (summary.directories, u64::from(DIRECTORIES)),
        (summary.users, users),
        (summary.memberships, 2 * users),
    ] {
        assert_eq!(
            (counts.seen, counts.inserted, counts.unchanged),
            (expected, expected, 0)
        );
    }
    assert_eq!(
        world.column("SELECT state FROM sync_runs").await,
        ["finished"],
        "there is one run"
    );
    let told = world
        .number("SELECT COUNT(*) FROM changes WHERE kind = 'user_created'")
        .await;
    assert_eq!(told, i64::from(DIRECTORIES * USERS));
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM changes WHERE kind = 'joined_group'")
            .await,
        2 * told
    );
}

/// A client whose list of the users of the first directory is held until the sender says so; the receiver hears of it.
async fn held(
    emulator: &workos_directory_emulator::Emulator,
) -> (
    workos_directory_sync::Client,
    oneshot::Sender<()>,
    mpsc::UnboundedReceiver<()>,
) {
    let (came, coming) = mpsc::unbounded_channel();
    let (go_on, until) = oneshot::channel();
    let until = Mutex::new(Some(until));
    let first = format!("directory={}", directory_id(1));
    let interposer = Interposer::start(emulator.base_url(), move |call| {
        if !call.target.starts_with("/directory_users") || !call.target.contains(&first) {
            return Fate::Pass;
        }
        came.send(()).unwrap();
        until.lock().unwrap().take().map_or(Fate::Pass, Fate::Hold)
    })
    .await;
    (client_of(&interposer.base_url, emulator), go_on, coming)
}

#[tokio::test]
async fn workers_share_the_directories_of_one_run_and_each_ends_with_its_summary() {
    let emulator = live(&source()).await;
    let world = World::on(Postgres).await;
    let (slow, go_on, mut coming) = held(&emulator).await;
    let quick = client(&emulator);
    let others = [
        Mirror::connect(&world.address).await.unwrap(),
        Mirror::connect(&world.address).await.unwrap(),
    ];
    let pages = Mutex::new(Vec::new());
    let mut first = pin!(world.mirror.full_sync(&slow).directories_at_a_time(1).run());
    // It has the first directory and is kept there.
    tokio::select! {
        ended = &mut first => panic!("{ended:?}"),
        _ = coming.recv() => {}
    }
    let (done, go_on_now) = oneshot::channel();
    let done = Mutex::new(Some(done));
    let finished = |progress: &Progress| {
        if let Progress::Finished { directory, kind, .. } = progress {
            pages.lock().unwrap().push((directory.clone(), *kind));
            // The three steps of the three others.
            if pages.lock().unwrap().len() == 9 {
                done.lock().unwrap().take().unwrap().send(()).unwrap();
            }
        }
    };
    let [second, third] = others
        .each_ref()
        .map(|mirror| mirror.full_sync(&quick).on_progress(finished).run());
    let release = async {
        go_on_now.await.unwrap();
        // Nobody has taken the first one meanwhile, and the run is not finished without it.
        assert_eq!(world.column("SELECT state FROM sync_runs").await, ["running"]);
        go_on.send(()).unwrap();
    };
    let (first, second, third, ()) = tokio::join!(first, second, third, release);
    let summaries = [first, second, third].map(Result::unwrap);
    for summary in &summaries {
        assert_inserted_once(&world, summary).await;
        assert_eq!(summary.calls, summaries[0].calls);
    }
    assert!(
        pages
            .into_inner()
            .unwrap()
            .iter()
            .all(|(directory, _)| *directory != directory_id(1))
    );
    assert_eq!(emulator.total_requests(), summaries[0].calls, "nothing was asked twice");
    world.assert_equals(&quick).await;
}

#[tokio::test]
async fn what_a_worker_had_that_is_gone_another_takes_over_where_it_was() {
    let emulator = live(&source()).await;
    let world = World::on(Postgres).await;
    let (slow, _go_on, mut coming) = held(&emulator).await;
    let quick = client(&emulator);
    let other = Mirror::connect(&world.address).await.unwrap();
    {
        let gone = pin!(world.mirror.full_sync(&slow).run());
        tokio::select! {
            ended = gone => panic!("{ended:?}"),
            _ = coming.recv() => {}
        }
    }
    let summary = other.full_sync(&quick).run().await.unwrap();
    assert!(summary.resumed);
    assert_inserted_once(&world, &summary).await;
    world.assert_equals(&quick).await;
}

#[tokio::test]
async fn a_worker_that_is_stopped_and_continued_writes_nothing_of_what_another_took_over() {
    let emulator = live(&source()).await;
    let world = World::on(Postgres).await;
    let (slow, go_on, mut coming) = held(&emulator).await;
    let quick = client(&emulator);
    let other = Mirror::connect(&world.address).await.unwrap();
    // One at a time: it is in no transaction while it waits for the answer.
    let mut stopped = pin!(world.mirror.full_sync(&slow).directories_at_a_time(1).run());
    tokio::select! {
        ended = &mut stopped => panic!("{ended:?}"),
        _ = coming.recv() => {}
    }
    // Nobody polls it: its heart does not beat. The rest of its lease is not waited for.
    world.execute("UPDATE workers SET expires_at = clock_timestamp()").await;
    let summary = other.full_sync(&quick).run().await.unwrap();
    assert_inserted_once(&world, &summary).await;
    let before = world.number("SELECT MAX(id) FROM changes").await;

    go_on.send(()).unwrap();
    let continued = stopped.await.unwrap();
    assert_eq!(continued.users, summary.users);
    assert_inserted_once(&world, &continued).await;
    assert_eq!(world.number("SELECT MAX(id) FROM changes").await, before);
    world.assert_equals(&quick).await;
}

/// Follows, and tells what happens.
async fn follow(mirror: &Mirror, client: &workos_directory_sync::Client, tell: mpsc::UnboundedSender<FollowProgress>) {
    mirror
        .follow(client)
        .interval(Duration::from_millis(20))
        .on_progress(|progress| drop(tell.send(progress.clone())))
        .run(std::future::pending())
        .await
        .unwrap();
}

async fn until(told: &mut mpsc::UnboundedReceiver<FollowProgress>, mut wanted: impl FnMut(&FollowProgress) -> bool) {
    while !wanted(&told.recv().await.unwrap()) {}
}

fn is_caught_up(progress: &FollowProgress) -> bool {
    matches!(
        progress,
        FollowProgress::CaughtUp {
            full_sync_began_at: Some(_)
        }
    )
}

fn stands_by(progress: &FollowProgress) -> bool {
    matches!(
        progress,
        FollowProgress::StandingBy {
            full_sync_began_at: Some(_)
        }
    )
}

#[tokio::test]
async fn one_follower_reads_the_events_and_another_takes_over_when_it_is_gone() {
    let emulator = live(&source()).await;
    let world = World::on(Postgres).await;
    let client = client(&emulator);
    let other = Mirror::connect(&world.address).await.unwrap();
    let ((one, mut of_one), (two, mut of_two)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let mut second = pin!(follow(&other, &client, two));
    {
        let mut first = pin!(follow(&world.mirror, &client, one));
        tokio::select! {
            () = &mut first => {}
            () = until(&mut of_one, is_caught_up) => {}
        }
        emulator.set_user_state(&user_id(1, 0), "suspended").unwrap();
        tokio::select! {
            () = &mut first => {}
            () = &mut second => {}
            () = async {
                until(&mut of_two, stands_by).await;
                until(&mut of_one, |progress| matches!(progress, FollowProgress::Applied(counts) if counts.applied == 1)).await;
                until(&mut of_two, stands_by).await;
            } => {}
        }
    }
    emulator.set_user_state(&user_id(1, 1), "suspended").unwrap();
    tokio::select! {
        () = &mut second => {}
        () = until(&mut of_two, |progress| {
            assert!(!matches!(progress, FollowProgress::Reconciled(_)), "it was not needed");
            matches!(progress, FollowProgress::Applied(counts) if counts.applied == 1 && counts.repeated == 0)
        }) => {}
    }
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM changes WHERE kind = 'user_suspended'")
            .await,
        2
    );
    world.assert_equals_but_metadata(&client).await;
}

#[tokio::test]
async fn followers_do_one_full_sync_together() {
    let emulator = live(&source()).await;
    let world = World::on(Postgres).await;
    let client = client(&emulator);
    let others = [
        Mirror::connect(&world.address).await.unwrap(),
        Mirror::connect(&world.address).await.unwrap(),
    ];
    let reconciled = |mirror: Mirror| {
        let client = client.clone();
        async move {
            let (tell, mut told) = mpsc::unbounded_channel();
            tokio::select! {
                () = follow(&mirror, &client, tell) => panic!("it does not end"),
                () = until(&mut told, |progress| matches!(progress, FollowProgress::Reconciled(summary) if summary.run == 1)) => {}
            }
        }
    };
    let [one, two] = others;
    tokio::join!(reconciled(world.mirror.clone()), reconciled(one), reconciled(two));
    assert_eq!(world.column("SELECT state FROM sync_runs").await, ["finished"]);
    assert_eq!(
        world
            .number("SELECT COUNT(*) FROM changes WHERE kind = 'user_created'")
            .await,
        i64::from(DIRECTORIES * USERS)
    );
    world.assert_equals(&client).await;
}

#[tokio::test]
async fn workers_keep_to_one_rate_limit_together() {
    let emulator = live(&source()).await;
    let world = World::on(Postgres).await;
    let (limit, span) = (5, Duration::from_millis(300));
    let limited = || {
        Client::builder()
            .api_key(emulator.api_key())
            .retry(RetryPolicy::off())
            .rate_limits(RateLimits::off().with_general(limit, span))
    };
    // When each request came, by one clock for all.
    let came = Arc::new(Mutex::new(Vec::new()));
    let times = Arc::clone(&came);
    let interposer = Interposer::start(emulator.base_url(), move |_| {
        times.lock().unwrap().push(Instant::now());
        Fate::Pass
    })
    .await;
    let clients = [0, 1, 2].map(|_| limited().base_url(&interposer.base_url).build().unwrap());
    let others = [
        Mirror::connect(&world.address).await.unwrap(),
        Mirror::connect(&world.address).await.unwrap(),
    ];
    let (first, second, third) = tokio::join!(
        world.mirror.full_sync(&clients[0]).run(),
        others[0].full_sync(&clients[1]).run(),
        others[1].full_sync(&clients[2]).run()
    );
    for summary in [first, second, third] {
        assert_inserted_once(&world, &summary.unwrap()).await;
    }
    let came = came.lock().unwrap();
    assert!(came.len() > 20, "{}", came.len());
    for (number, first) in came.iter().enumerate() {
        let within = came[number..].iter().take_while(|time| **time - *first < span).count();
        assert!(within <= limit as usize, "{within} requests within {span:?}");
    }
}
