//! `dsync emulator requests`: what an emulator was asked.

use workos_directory_emulator_client::types::ReceivedRequest;

use crate::emulator::control::Place;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Cell;
use crate::listing::Column;
use crate::listing::Paging;
use crate::listing::Row;
use crate::output::Format;

/// List what a running emulator was asked, the oldest first: the last thousand requests
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dsync emulator requests
  dsync emulator requests --output json | jq -r .operation | sort | uniq -c")]
pub(crate) struct Arguments {
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    let all = arguments.place.client()?.list_requests().limit(100).stream();
    listing::write(all, arguments.paging.limit, |_| true, asked).await
}

impl Row for ReceivedRequest {
    const COLUMNS: &'static [Column] = &[
        Column::number("ID", 8),
        Column::new("STATUS", 6),
        Column::new("OPERATION", 22),
        Column::new("METHOD", 6),
        Column::new("TARGET", 6),
    ];

    fn cells(&self) -> Vec<Cell> {
        vec![
            (&self.id).into(),
            self.status.to_string().into(),
            self.operation.as_deref().unwrap_or("-").into(),
            (&self.method).into(),
            (&self.target).into(),
        ]
    }
}
