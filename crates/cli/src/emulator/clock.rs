//! `dsync emulator clock`: show, set, advance.

use std::time::Duration;

use workos_directory_emulator_client::types::Clock;
use workos_directory_emulator_client::types::ClockAdvance;

use crate::emulator::control::Place;
use crate::emulator::control::show;
use crate::failure::Failure;
use crate::output::Format;

/// The time of a running emulator: show, set, advance
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Tell the time
    #[command(after_help = "Example:\n  dsync emulator clock show")]
    Show {
        #[command(flatten)]
        place: Place,
    },
    /// Stop the clock at a time, which is not past
    #[command(after_help = "Example:\n  dsync emulator clock set 2030-01-01T00:00:00Z")]
    Set {
        /// The time
        time: jiff::Timestamp,
        #[command(flatten)]
        place: Place,
    },
    /// Move the clock forward; what is due by then happens
    #[command(after_help = "Examples:\n  dsync emulator clock advance 90\n  dsync emulator clock advance 0.5")]
    Advance {
        /// How many seconds
        #[arg(value_parser = seconds)]
        seconds: Duration,
        #[command(flatten)]
        place: Place,
    },
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "a number of seconds is needed".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    let clock = match &arguments.verb {
        Verb::Show { place } => place.client()?.get_clock().send().await?,
        Verb::Set { time, place } => place.client()?.put_clock().body(Clock::new(*time)).send().await?,
        Verb::Advance { seconds, place } => {
            let milliseconds = u64::try_from(seconds.as_millis()).unwrap_or(u64::MAX);
            let advance = place.client()?.advance_clock().body(ClockAdvance::new(milliseconds));
            advance.send().await?
        }
    };
    show(asked, &clock.into_inner())
}
