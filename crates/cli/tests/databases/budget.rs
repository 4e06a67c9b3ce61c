//! One rate limit for all: three processes on one PostgreSQL, one of them killed, another one joining.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_emulator::RateLimits;
use workos_directory_emulator::ReceivedRequest;
use workos_directory_mirror::Mirror;
use workos_directory_sync::operations;

use super::cluster;
use super::dsync;
use super::process::Process;
use super::process::wait_for_requests;
use super::stopped::signal;
use super::summary;

/// What `--rate-limit seed` keeps to: so many requests in each second, and so many lists of users of each directory.
const LIMIT: usize = 10;
const LIMIT_OF_A_DIRECTORY: usize = 4;
const SPAN: Duration = Duration::from_secs(1);

/// Each costs a call, which brings hardly anything: the limit is what the processes wait for.
const GROUPS: u32 = 240;

pub(crate) const USERS: u32 = 600;

/// When the processes die and come, by the number of requests.
const KILLED_AT: u64 = 50;
const JOINED_AT: u64 = 80;

/// A source that takes half a minute to be mirrored, however many processes do it.
pub(crate) async fn slow_source() -> Emulator {
    let population = Population {
        directories: 3,
        users: USERS,
        groups: GROUPS,
        memberships: 1_200,
        ..Population::default()
    };
    Emulator::builder()
        .behaviour(Behaviour::Live)
        // Groups have to be asked for one by one.
        .population(population)
        .rate_limits(
            RateLimits::unlimited()
                .general(u32::try_from(LIMIT).unwrap(), SPAN)
                .users_per_directory(u32::try_from(LIMIT_OF_A_DIRECTORY).unwrap(), SPAN),
        )
        .start()
        .await
        .unwrap()
}

/// When the requests came, in milliseconds and in order.
fn times<'a>(requests: impl IntoIterator<Item = &'a ReceivedRequest>) -> Vec<i64> {
    let times = requests.into_iter().map(|request| request.received_at.as_millisecond());
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times
}

/// The most requests that came within any span.
fn most_within(times: &[i64], span: Duration) -> usize {
    let span = i64::try_from(span.as_millis()).unwrap();
    let within = |first: usize| {
        times[first..]
            .iter()
            .take_while(|time| **time - times[first] < span)
            .count()
    };
    (0..times.len()).map(within).max().unwrap_or_default()
}

/// The directory whose users a request lists.
fn listed_directory(request: &ReceivedRequest) -> Option<&str> {
    let query = request.target.strip_prefix("/directory_users?")?;
    query.split('&').find_map(|pair| pair.strip_prefix("directory="))
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_die_and_join_keep_to_one_rate_limit_together_and_use_most_of_it() {
    let emulator = slow_source().await;
    let (folder, address) = (tempfile::tempdir().unwrap(), cluster::database());
    note_draws(&address).await;
    let start = |arguments: &[&str]| {
        let mut command = dsync(&emulator, folder.path());
        command
            .args(arguments)
            .args(["--rate-limit", "seed", "--database", &address]);
        Process(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    };
    let sync = ["sync", "--output", "json"];
    let (first, mut killed, mut follower) = (start(&sync), start(&sync), start(&["follow", "--interval", "1"]));
    wait_for_requests(&emulator, KILLED_AT);
    killed.0.kill().unwrap();
    wait_for_requests(&emulator, JOINED_AT);
    let joined = start(&sync);
    for process in [first, joined] {
        let summary = summary(&process.output());
        assert_eq!(
            (&summary["run"], &summary["users"]["inserted"]),
            (&1.into(), &USERS.into())
        );
    }
    signal(&follower.0, "TERM");
    assert!(follower.0.wait().unwrap().success());

    let received = emulator.received();
    assert_eq!(emulator.total_requests(), received.len() as u64, "all are remembered");
    // Who sends a request has drawn it, and what was drawn is never more than the limit: so no span has more, but for requests
    // that are late on their way, as they are when a machine is busy.
    let all = times(&received);
    assert_drawn_first(&all, &draws(&address, "all", LIMIT));
    let mut of_directories: BTreeMap<&str, Vec<&ReceivedRequest>> = BTreeMap::new();
    for request in &received {
        if let Some(directory) = listed_directory(request) {
            of_directories.entry(directory).or_default().push(request);
        }
    }
    assert_eq!(of_directories.len(), 3);
    for (directory, requests) in of_directories {
        let draws = draws(&address, &format!("directory {directory}"), LIMIT_OF_A_DIRECTORY);
        assert_drawn_first(&times(requests), &draws);
    }
    let refused = received.iter().filter(|request| request.status == 429).count();
    let (most, most_soon) = (most_within(&all, SPAN), most_within(&all, SPAN / 2));
    let used = used(&received);
    println!(
        "{:.0}% of the limit were used; at most {most} requests within {SPAN:?} and {most_soon} within half of it; {refused} were \
         refused",
        used * 100.0
    );
    // Half a span is more than any request is late, and processes that did not share the limit would send twice as many then.
    assert!(most_soon <= LIMIT, "{most_soon} requests within {:?}", SPAN / 2);
    assert!(
        refused == 0 || most > LIMIT,
        "{refused} were refused though none was late"
    );
    assert!(used > 0.5, "{used}");
}

/// Notes each draw with its time, which is that of the clock of this machine.
async fn note_draws(address: &str) {
    let mirror = Mirror::connect(address).await.unwrap();
    mirror.close().await;
    cluster::query(
        address,
        "CREATE TABLE drawn (at BIGINT NOT NULL, name TEXT NOT NULL, ledger TEXT NOT NULL);
         CREATE FUNCTION note_draw() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO drawn VALUES (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000, NEW.name, NEW.ledger);
             RETURN NULL;
         END $$;
         CREATE TRIGGER note_draw AFTER UPDATE ON rate_budgets FOR EACH ROW EXECUTE FUNCTION note_draw()",
    );
}

/// How many requests were drawn when, in microseconds and in order. At no time does more count than the limit.
fn draws(address: &str, name: &str, limit: usize) -> Vec<(i64, usize)> {
    let query = format!("SELECT at, ledger FROM drawn WHERE name = '{name}' ORDER BY at");
    let (mut draws, mut before) = (Vec::new(), BTreeMap::new());
    for line in cluster::query(address, &query).lines() {
        let (at, ledger) = line.split_once('|').unwrap();
        let ledger: Ledger = serde_json::from_str(ledger).unwrap();
        let counts: usize = ledger.draws.iter().map(|(.., requests)| requests).sum();
        assert!(counts <= limit, "{counts} count for {name}: {line}");
        let now: BTreeMap<_, _> = ledger
            .draws
            .iter()
            .map(|(until, worker, requests)| ((*until, *worker), *requests))
            .collect();
        let drawn = now
            .iter()
            .map(|(key, requests)| requests - before.get(key).unwrap_or(&0))
            .sum();
        draws.push((at.parse().unwrap(), drawn));
        before = now;
    }
    draws
}

/// What the table says of a budget.
#[derive(Deserialize)]
struct Ledger {
    /// Until when it counts, who drew, and how many.
    draws: Vec<(i64, i64, usize)>,
}

/// When each request came, it had been drawn.
fn assert_drawn_first(times: &[i64], draws: &[(i64, usize)]) {
    let mut drawn = 0;
    let mut draws = draws.iter().peekable();
    for (came, time) in times.iter().enumerate() {
        // The emulator tells whole milliseconds.
        while let Some((_, requests)) = draws.next_if(|(at, _)| *at < (time + 1) * 1_000) {
            drawn += requests;
        }
        assert!(came < drawn, "{} requests came and {drawn} were drawn", came + 1);
    }
}

/// The share of the limit that was used while the sync went on. Afterwards the follower polls less often than it might.
fn used(received: &[ReceivedRequest]) -> f64 {
    let of_the_sync = received
        .iter()
        .filter(|request| request.operation != Some(operations::LIST_EVENTS.id));
    let of_the_sync = times(of_the_sync);
    let (begin, end) = (of_the_sync[0], of_the_sync[of_the_sync.len() - 1]);
    let meanwhile = times(received)
        .iter()
        .filter(|time| (begin..=end).contains(time))
        .count();
    meanwhile as f64 / ((end - begin) as f64 / SPAN.as_millis() as f64 * LIMIT as f64)
}
