//! How much of a rate limit the client uses, and whether it runs into 429s, with an emulator that enforces the same limit.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use tokio::task::JoinSet;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_emulator::RateLimits as Enforced;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::rate_limit::RateLimits;
use workos_directory_sync::retry::RetryPolicy;

const SECOND: Duration = Duration::from_secs(1);
const GENERAL: u32 = 10;
const PER_DIRECTORY: u32 = 4;
const DIRECTORIES: u32 = 20;

/// Prints the table.
pub(crate) async fn measure() {
    println!("| Limit | Requests | Time | Used after the first second's share | 429s (after the first second) | Aim |");
    println!("|---|---|---|---|---|---|");
    general(11).await.print("10/s", GENERAL);
    directories(11)
        .await
        .print("4/s for each of 20 directories", PER_DIRECTORY * DIRECTORIES);
}

/// The first second's share only, which takes no time.
pub(crate) async fn smoke() {
    let run = general(1).await;
    assert_eq!(run.succeeded, GENERAL);
    let run = directories(1).await;
    assert_eq!(run.succeeded, PER_DIRECTORY * DIRECTORIES);
}

/// What became of the requests of a run.
#[derive(Default)]
struct Run {
    succeeded: u32,
    /// When each 429 came.
    refused: Vec<Duration>,
    took: Duration,
}

impl Run {
    /// The first `per_second` requests may go at once; the limit decides over those that follow.
    fn print(&self, limit: &str, per_second: u32) {
        let followed = f64::from(self.succeeded.saturating_sub(per_second));
        let used = 100.0 * followed / (f64::from(per_second) * self.took.as_secs_f64());
        let late = self.refused.iter().filter(|at| **at > SECOND).count();
        println!(
            "| {limit} | {} | {:.2} s | {used:.1} % | {} ({late}) | ≥ 95 %, 0 |",
            self.succeeded,
            self.took.as_secs_f64(),
            self.refused.len(),
        );
    }
}

/// So many seconds' worth of requests under the general limit.
async fn general(seconds: u32) -> Run {
    let (emulator, client) = start(
        Enforced::unlimited().general(GENERAL, SECOND),
        RateLimits::off().with_general(GENERAL, SECOND),
    )
    .await;
    let calls = (0..GENERAL * seconds).map(|_| client.list_directories().limit(1_u32));
    let run = all(calls.map(|call| async move { call.send().await.map(drop) })).await;
    emulator.shutdown().await;
    run
}

/// So many seconds' worth of requests for the users of each directory.
async fn directories(seconds: u32) -> Run {
    let (emulator, client) = start(
        Enforced::unlimited().users_per_directory(PER_DIRECTORY, SECOND),
        RateLimits::off().with_per_directory(PER_DIRECTORY, SECOND),
    )
    .await;
    let list = client.list_directories().limit(100_u32).send().await.unwrap();
    assert_eq!(list.data.len(), DIRECTORIES as usize);
    let calls = list.data.iter().flat_map(|directory| {
        let call = client.list_directory_users().directory(&directory.id).limit(1_u32);
        (0..PER_DIRECTORY * seconds).map(move |_| call.clone())
    });
    let run = all(calls.map(|call| async move { call.send().await.map(drop) })).await;
    emulator.shutdown().await;
    run
}

async fn start(enforced: Enforced, kept: RateLimits) -> (Emulator, Client) {
    let population = Population {
        directories: DIRECTORIES,
        users: DIRECTORIES,
        groups: 0,
        memberships: 0,
        ..Population::default()
    };
    let emulator = Emulator::builder()
        .population(population)
        .rate_limits(enforced)
        .start()
        .await
        .unwrap();
    // Without retries each 429 is seen.
    let client = Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url())
        .rate_limits(kept)
        .retry(RetryPolicy::off())
        .build()
        .unwrap();
    (emulator, client)
}

/// Makes all requests at once, so that only the limiter holds them back.
async fn all<F>(calls: impl Iterator<Item = F>) -> Run
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let run = Arc::new(Mutex::new(Run::default()));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for call in calls {
        let run = Arc::clone(&run);
        tasks.spawn(async move {
            let result = call.await;
            let mut run = run.lock().unwrap();
            match result {
                Ok(()) => run.succeeded += 1,
                Err(Error::RateLimited(_)) => run.refused.push(start.elapsed()),
                Err(error) => panic!("{error}"),
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let took = start.elapsed();
    let run = std::mem::take(&mut *run.lock().unwrap());
    Run { took, ..run }
}
