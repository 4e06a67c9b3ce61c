//! A process that ends with the test, and what it is waited for.

use std::io::Read as _;
use std::process::Child;
use std::process::Output;
use std::time::Duration;
use std::time::Instant;

use workos_directory_emulator::Emulator;

/// How long something may take on a slow machine that a test is not about.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// What it wrote to its end, of what is piped.
    pub(crate) fn output(mut self) -> Output {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        if let Some(mut pipe) = self.0.stdout.take() {
            pipe.read_to_end(&mut stdout).unwrap();
        }
        if let Some(mut pipe) = self.0.stderr.take() {
            pipe.read_to_end(&mut stderr).unwrap();
        }
        Output {
            status: self.0.wait().unwrap(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits until so many requests have come.
pub(crate) fn wait_for_requests(emulator: &Emulator, requests: u64) {
    let end = Instant::now() + PATIENCE;
    while emulator.total_requests() < requests {
        assert!(Instant::now() < end, "{} requests came", emulator.total_requests());
        std::thread::sleep(Duration::from_millis(1));
    }
}
