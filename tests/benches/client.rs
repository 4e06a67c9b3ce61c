//! How fast the client is: decoding against crate `workos`, and requests under the emulator's rate limits.
//!
//! `cargo bench -p workspace-tests --bench client` prints tables for `crates/client/BENCHMARKS.md`; without `--bench` (as
//! `cargo test` calls it) it only checks that both crates read the page alike and that both limits let requests through.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;
mod throughput;

use std::hint::black_box;
use std::time::Duration;
use std::time::Instant;

/// How often the two decoders take turns.
const ROUNDS: usize = 101;

/// How long a decoder's turn is, roughly.
const TURN: Duration = Duration::from_millis(20);

fn main() {
    let measures = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    if measures {
        decoding();
        runtime.block_on(throughput::measure());
    } else {
        for (attributes, _) in page::SIZES {
            page::checked(attributes);
        }
        runtime.block_on(throughput::smoke());
    }
}

fn decoding() {
    println!("| Raw attributes per user | Page | Ours | workos 3.5.0 | Ratio (quartiles) | Aim |");
    println!("|---|---|---|---|---|---|");
    for (attributes, aim) in page::SIZES {
        let page = page::checked(attributes);
        let once = time(1, || page::official(&page));
        let times = (TURN.as_nanos() / once.as_nanos().max(1)).clamp(1, 1_000);
        let times = u32::try_from(times).expect("at most 1,000");
        let (mut ours, mut official, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            // Who goes first changes too.
            let (a, b) = if round % 2 == 0 {
                let a = time(times, || page::ours(&page));
                (a, time(times, || page::official(&page)))
            } else {
                let b = time(times, || page::official(&page));
                (time(times, || page::ours(&page)), b)
            };
            ours.push(a.as_secs_f64() * 1e3);
            official.push(b.as_secs_f64() * 1e3);
            ratios.push(a.as_secs_f64() / b.as_secs_f64());
        }
        println!(
            "| {} KB | {:.0} KB | {:.2} ms | {:.2} ms | {:.2} ({:.2}–{:.2}) | ≤ {aim} |",
            attributes / 1_024,
            page.len() as f64 / 1_024.0,
            quantile(&mut ours, 0.5),
            quantile(&mut official, 0.5),
            quantile(&mut ratios, 0.5),
            quantile(&mut ratios, 0.25),
            quantile(&mut ratios, 0.75),
        );
    }
    println!();
}

/// The mean time of a decoding; dropping what was decoded does not count.
fn time<T>(times: u32, decode: impl Fn() -> T) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..times {
        let start = Instant::now();
        let list = black_box(decode());
        spent += start.elapsed();
        drop(list);
    }
    spent / times
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let index = ((values.len() - 1) as f64 * share).round() as usize;
    values[index]
}
