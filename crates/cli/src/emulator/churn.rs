//! `dsync emulator churn`: start, stop.

use workos_directory_emulator_client::types::Churn;

use crate::emulator::control::Place;
use crate::emulator::control::show;
use crate::emulator::rate;
use crate::failure::Failure;
use crate::output;
use crate::output::Format;

/// Changes of a running emulator that go on by themselves: start, stop
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Let people come, go, move and change so many times in a second
    #[command(after_help = "Examples:\n  dsync emulator churn start 5/s\n  dsync emulator churn start 0.5/s --seed 7")]
    Start {
        /// How many changes in a second
        #[arg(value_name = "N/s", value_parser = rate)]
        rate: f64,
        /// The same seed makes the same changes
        #[arg(long, value_name = "NUMBER")]
        seed: Option<u64>,
        #[command(flatten)]
        place: Place,
    },
    /// Change nothing any more
    #[command(after_help = "Example:\n  dsync emulator churn stop")]
    Stop {
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Start { rate, seed, place } => {
            let mut churn = Churn::new(*rate);
            churn.seed = *seed;
            let started = place.client()?.put_churn().body(churn).send().await?;
            show(asked, &started.into_inner())
        }
        Verb::Stop { place } => {
            place.client()?.delete_churn().send().await?;
            let told = serde_json::json!({ "stopped": true });
            output::result(asked.unwrap_or_default(), &told, || {
                "nothing changes by itself\n".to_owned()
            })
        }
    }
}
