//! `dsync emulator settings`: show, set.

use workos_directory_emulator_client::types::InactivePolicy;
use workos_directory_emulator_client::types::Settings;

use crate::emulator::InactiveName;
use crate::emulator::control::Place;
use crate::emulator::control::show;
use crate::failure::Failure;
use crate::output::Format;

/// How a running emulator behaves: show, set
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show the settings
    #[command(after_help = "Example:\n  dsync emulator settings show")]
    Show {
        #[command(flatten)]
        place: Place,
    },
    /// Change the settings
    #[command(after_help = "Example:\n  dsync emulator settings set --inactive keep")]
    Set {
        /// What becomes of users who turn inactive from now on
        #[arg(long, value_enum)]
        inactive: InactiveName,
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    let settings = match &arguments.verb {
        Verb::Show { place } => place.client()?.get_settings().send().await?,
        Verb::Set { inactive, place } => {
            let policy = match inactive {
                InactiveName::Delete => InactivePolicy::Delete,
                InactiveName::Keep => InactivePolicy::Keep,
            };
            place
                .client()?
                .put_settings()
                .body(Settings::new(policy))
                .send()
                .await?
        }
    };
    show(asked, &settings.into_inner())
}
