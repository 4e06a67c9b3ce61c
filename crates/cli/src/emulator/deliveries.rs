//! `dsync emulator deliveries`: list, replay.

use workos_directory_emulator_client::types::Delivery;

use crate::emulator::control::Place;
use crate::emulator::control::show;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Paging;
use crate::listing::Row;
use crate::output::Format;
use crate::output::plain;

/// Deliveries of a running emulator: list, replay
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List deliveries, the oldest first
    #[command(after_help = "\
Examples:
  dsync emulator deliveries list
  dsync emulator deliveries list --output json | jq 'select(.state == \"failed\")'")]
    List {
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        place: Place,
    },
    /// Deliver an event to the same endpoint again
    #[command(after_help = "Example:\n  dsync emulator deliveries replay delivery_01ECAZ4NV9QMV47GW873HDCX74")]
    Replay {
        /// The delivery's id
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::List { paging, place } => {
            let all = place.client()?.list_deliveries().limit(100).stream();
            listing::write(all, paging.limit, |_| true, asked).await
        }
        Verb::Replay { id, place } => {
            let replay = place.client()?.replay_delivery().delivery(id.as_str()).send().await?;
            show(asked, &replay.into_inner())
        }
    }
}

impl Row for Delivery {
    fn header() -> String {
        format!(
            "{:<35}  {:<9}  {:<9}  {:>5}  {:<25}  EVENT",
            "ID", "STATE", "KIND", "TRIES", "NAME"
        )
    }

    fn line(&self) -> String {
        let (id, state, kind) = (plain(&self.id), plain(self.state.as_str()), plain(self.kind.as_str()));
        let (tries, name) = (self.attempts.len(), plain(self.name.as_str()));
        format!(
            "{id:<35}  {state:<9}  {kind:<9}  {tries:>5}  {name:<25}  {}",
            plain(&self.event)
        )
    }
}
