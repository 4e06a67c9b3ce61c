//! `dsync emulator deliveries`: list, replay.

use workos_directory_emulator_client::types::Delivery;

use crate::emulator::control::Place;
use crate::emulator::control::show;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Cell;
use crate::listing::Column;
use crate::listing::Paging;
use crate::listing::Row;
use crate::output::Format;

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
    const COLUMNS: &'static [Column] = &[
        Column::key("ID", 35),
        Column::new("STATE", 9),
        Column::new("KIND", 9),
        Column::number("TRIES", 5),
        Column::new("NAME", 25),
        Column::new("EVENT", 5),
    ];

    fn cells(&self) -> Vec<Cell> {
        vec![
            (&self.id).into(),
            self.state.as_str().into(),
            self.kind.as_str().into(),
            self.attempts.len().to_string().into(),
            self.name.as_str().into(),
            (&self.event).into(),
        ]
    }
}
