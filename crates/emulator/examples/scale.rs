//! How much memory and time a large population takes, whether pages stay as fast as with a small one, and how long saving and
//! loading take.
//!
//! `cargo run --release -p workos-directory-emulator --example scale -- [USERS] [GROUPS]`, by default 1,000,000 users and
//! 10,000 groups; it is compared with 1,000 users. Client and server share the process and the cores. Processor time is what
//! the whole process took, which other programs on the machine change less than the time on the clock. It needs Linux.

use std::time::Duration;
use std::time::Instant;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long a list is read in each round.
const ROUND: Duration = Duration::from_millis(100);

/// How many rounds each list has.
const ROUNDS: usize = 40;

/// How many clients ask at the same time.
const CLIENTS: usize = 4;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u32| arguments.next().map_or(Ok(default), |text| text.parse());
    measure(number(1_000_000)?, number(10_000)?, ROUNDS).await
}

/// Compares so many users with a thousand, in so many rounds for each list.
pub(crate) async fn measure(users: u32, groups: u32, rounds: usize) -> Result<(), Failure> {
    // Two directories and 300 members in a group in both, so that a page has a hundred users in both.
    let small = Population {
        groups: 10,
        ..Population::default()
    };
    let large = Population {
        users,
        groups,
        memberships: u64::from(users) * 3,
        ..Population::default()
    };
    let (small, large) = (Side::start(small).await?, Side::start(large).await?);
    println!();
    println!(
        "| pages of 100 | small, per second | large, per second | large / small | small, µs | large, µs | large / small |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for place in 0..small.lists.len() {
        // In short turns, so that what else the machine does hits both.
        let (mut of_small, mut of_large) = (Turns::default(), Turns::default());
        for _ in 0..rounds {
            of_small.take(&small, place).await?;
            of_large.take(&large, place).await?;
        }
        let pairs = of_small.rates.iter().zip(&of_large.rates);
        let ratios = pairs.map(|(small, large)| large / small).collect();
        let (small_time, large_time) = (of_small.time(), of_large.time());
        println!(
            "| {} | {:.0} | {:.0} | {:.2} | {small_time:.0} | {large_time:.0} | {:.2} |",
            small.lists[place].0,
            median(of_small.rates),
            median(of_large.rates),
            median(ratios),
            large_time / small_time,
        );
    }
    small.emulator.shutdown().await;
    println!();
    save_and_load(large.emulator).await
}

/// Saves and exports the state, goes on with it in a new emulator, and prints what each takes.
async fn save_and_load(emulator: Emulator) -> Result<(), Failure> {
    const PAGE: &str = "/directory_users?limit=100";
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("emulator.state");
    let page = ask(&emulator, PAGE).await?;
    let watch = Watch::start()?;
    emulator.save(&path)?;
    println!(
        "saved after {}, {} MB",
        watch.read()?,
        std::fs::metadata(&path)?.len() >> 20
    );
    let (watch, seed) = (Watch::start()?, folder.path().join("seed.json"));
    emulator.export(&seed)?;
    println!(
        "exported after {}, {} MB",
        watch.read()?,
        std::fs::metadata(&seed)?.len() >> 20
    );
    std::fs::remove_file(&seed)?;
    emulator.shutdown().await;

    let watch = Watch::start()?;
    let emulator = Emulator::builder()
        .unscoped_lists(true)
        .state_file(&path)
        .start()
        .await?;
    let (time, peak) = (watch.read()?, memory("VmHWM")?);
    println!("loaded after {time} (peak of the process {peak:.0} MB)");
    if ask(&emulator, PAGE).await? != page {
        return Err(Failure::from("another page came back than was saved"));
    }
    emulator.shutdown().await;
    Ok(())
}

/// An emulator and the lists that are read from it.
struct Side {
    emulator: Emulator,
    clients: [reqwest::Client; CLIENTS],
    places: Places,
    /// What each list is and the parameters that ask for it.
    lists: [(&'static str, String); 4],
}

impl Side {
    /// Starts an emulator and prints what it takes.
    async fn start(population: Population) -> Result<Self, Failure> {
        let before = memory("VmRSS")?;
        let watch = Watch::start()?;
        let emulator = Emulator::builder()
            .unscoped_lists(true)
            .population(population)
            .start()
            .await?;
        println!(
            "{} users, {} groups, {} memberships: ready after {}, {:.0} MB (peak of the process {:.0} MB)",
            population.users,
            population.groups,
            population.memberships,
            watch.read()?,
            memory("VmRSS")? - before,
            memory("VmHWM")?,
        );
        let directory = id(&ask(&emulator, "/directories?limit=1").await?);
        let group = id(&ask(&emulator, &format!("/directory_groups?limit=1&directory={directory}")).await?);
        let first = id(&ask(&emulator, "/directory_users?limit=1&order=asc").await?);
        let last = id(&ask(&emulator, "/directory_users?limit=1").await?);
        Ok(Self {
            emulator,
            clients: std::array::from_fn(|_| reqwest::Client::new()),
            places: Places::between(&first, &last),
            lists: [
                ("all users", String::new()),
                ("users of a directory", format!("&directory={directory}")),
                (
                    "active users of a directory",
                    format!("&directory={directory}&state=active"),
                ),
                ("users of a group", format!("&group={group}")),
            ],
        })
    }
}

/// What came of the turns of one side.
#[derive(Default)]
struct Turns {
    /// Pages per second in each turn.
    rates: Vec<f64>,
    pages: u64,
    ticks: u64,
}

impl Turns {
    async fn take(&mut self, side: &Side, list: usize) -> Result<(), Failure> {
        let (started, before) = (Instant::now(), ticks()?);
        let pages = read(side, list).await?;
        self.rates.push(pages as f64 / started.elapsed().as_secs_f64());
        self.ticks += ticks()? - before;
        self.pages += pages;
        Ok(())
    }

    /// How much processor time a page takes, in microseconds; server and client together.
    fn time(&self) -> f64 {
        self.ticks as f64 / TICKS * 1e6 / self.pages as f64
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// How many pages come back in a turn; they begin at places all over the list.
async fn read(side: &Side, list: usize) -> Result<u64, Failure> {
    let (emulator, places, filter) = (&side.emulator, side.places, &side.lists[list].1);
    let started = Instant::now();
    let clients: Vec<_> = (0..)
        .zip(side.clients.clone())
        .map(|(client, http)| {
            let url = format!("{}/directory_users?limit=100&order=asc{filter}", emulator.base_url());
            let key = emulator.api_key().to_owned();
            tokio::spawn(async move {
                let mut pages = 0_u64;
                while started.elapsed() < ROUND {
                    let cursor = places.cursor(pages * CLIENTS as u64 + client);
                    let request = http.get(format!("{url}&after={cursor}")).bearer_auth(&key);
                    let page = request.send().await?.error_for_status()?.bytes().await?;
                    // Pages of different sizes could not be compared.
                    if page.ends_with(br#""after":null}}"#) {
                        return Err(Failure::from("a page at the end of a list was measured"));
                    }
                    pages += 1;
                }
                Ok(pages)
            })
        })
        .collect();
    let mut pages = 0;
    for client in clients {
        pages += client.await??;
    }
    Ok(pages)
}

async fn ask(emulator: &Emulator, target: &str) -> Result<serde_json::Value, Failure> {
    let url = format!("{}{target}", emulator.base_url());
    let request = reqwest::Client::new().get(url).bearer_auth(emulator.api_key());
    Ok(request.send().await?.error_for_status()?.json().await?)
}

fn id(page: &serde_json::Value) -> String {
    page["data"][0]["id"].as_str().unwrap_or_default().to_owned()
}

/// Times of creation between the first and the last user. Any ULID is a cursor, whether or not an object has it.
#[derive(Clone, Copy)]
struct Places {
    first: u64,
    last: u64,
}

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX: &str = "directory_user_";

impl Places {
    fn between(first: &str, last: &str) -> Self {
        let time = |id: &str| {
            let digits = id.bytes().skip(PREFIX.len()).take(10);
            digits.fold(0, |time, byte| {
                time * 32 + DIGITS.iter().position(|&digit| digit == byte).unwrap_or_default() as u64
            })
        };
        Self {
            first: time(first),
            last: time(last),
        }
    }

    /// A cursor in the first half of the list; the golden ratio spreads them evenly.
    fn cursor(self, number: u64) -> String {
        let place = (number as f64 * 0.618_033_988_749_895).fract() * 0.5;
        let time = self.first + ((self.last - self.first) as f64 * place) as u64;
        let digits = (0..10)
            .rev()
            .map(|place| char::from(DIGITS[(time >> (5 * place)) as usize & 31]));
        format!("{PREFIX}{}0000000000000000", digits.collect::<String>())
    }
}

/// A line of `/proc/self/status`, in MB.
fn memory(field: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kilobytes = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no such field")?;
    Ok(kilobytes.parse::<f64>()? / 1024.0)
}

/// How often the kernel counts processor time in a second, as it tells it to programs.
const TICKS: f64 = 100.0;

/// Measures time on the clock and of the processors.
struct Watch {
    started: Instant,
    ticks: u64,
}

impl Watch {
    fn start() -> Result<Self, Failure> {
        Ok(Self {
            started: Instant::now(),
            ticks: ticks()?,
        })
    }

    fn read(&self) -> Result<String, Failure> {
        let processors = (ticks()? - self.ticks) as f64 / TICKS;
        let clock = self.started.elapsed().as_secs_f64();
        Ok(format!("{clock:.2} s ({processors:.2} s of processor time)"))
    }
}

/// The processor time of the process, in programs and in the kernel.
fn ticks() -> Result<u64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which is in brackets, there are eleven fields before these two.
    let (_, fields) = stat.rsplit_once(')').ok_or("no such field")?;
    let times = fields.split_whitespace().skip(11).take(2);
    times.map(|field| field.parse::<u64>().map_err(Failure::from)).sum()
}
