//! `kill -9` at any time: what was written stays, nothing is lost, nothing is counted or written twice.

use std::path::Path;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use workos_directory_emulator::Emulator;

use super::ALL;
use super::assert_unchanged;
use super::cluster;
use super::summary;
use super::sync;

/// How long a test goes on with new databases.
const LONG_ENOUGH: Duration = Duration::from_secs(15);

/// A busy machine takes longer to kill as many.
const FEW: u32 = 10;

/// A process lives this long at most before it is killed, in milliseconds. A whole sync takes several times that.
const LONGEST_LIFE: u64 = 250;

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_into_sqlite_that_is_killed_at_random_times_loses_and_doubles_nothing() {
    let emulator = Emulator::start().await.unwrap();
    kill_again_and_again(&emulator, |folder| {
        format!("sqlite:{}", folder.join("mirror.sqlite").display())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_into_postgresql_that_is_killed_at_random_times_loses_and_doubles_nothing() {
    let emulator = Emulator::start().await.unwrap();
    kill_again_and_again(&emulator, |_| cluster::database());
}

fn kill_again_and_again(emulator: &Emulator, database: impl Fn(&Path) -> String) {
    let seed = fastrand::u64(..);
    println!("the lives of the processes come from the seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let start = Instant::now();
    let mut killed = 0;
    while start.elapsed() < LONG_ENOUGH || killed < FEW {
        let folder = tempfile::tempdir().unwrap();
        let address = database(folder.path());
        let first = loop {
            // Now and then one may live: the run ends, however short the others' lives are.
            let life = (random.u32(..20) > 0).then(|| Duration::from_millis(random.u64(..LONGEST_LIFE)));
            match run(emulator, folder.path(), &address, life) {
                Some(output) => break summary(&output),
                None => killed += 1,
            }
        };
        // It is one run, whoever went on with it, and each object came new once. Unless a process had ended it and was killed
        // before it said so: then the next finds everything there.
        let came = if first["run"] == 1 { "inserted" } else { "unchanged" };
        assert!(first["run"] == 1 || first["run"] == 2, "{first}");
        let second = summary(&run(emulator, folder.path(), &address, None).unwrap());
        assert_unchanged(&second);
        for (kind, count) in ALL {
            assert_eq!(
                (&first[kind]["seen"], &first[kind][came]),
                (&count.into(), &count.into()),
                "{kind}"
            );
        }
    }
    println!("{killed} were killed");
}

/// A process that ends by itself, or `None` if it was killed before.
fn run(emulator: &Emulator, folder: &Path, address: &str, life: Option<Duration>) -> Option<Output> {
    let mut process = sync(emulator, folder, address)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Some(life) = life {
        std::thread::sleep(life);
        process.kill().unwrap();
    }
    let output = process.wait_with_output().unwrap();
    // Killed by a signal: it has no code.
    output.status.code().map(|_| output)
}
