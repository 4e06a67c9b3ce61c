//! `dsync emulator requests`: what an emulator was asked.

use workos_directory_emulator_client::types::ReceivedRequest;

use crate::emulator::control::Place;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Paging;
use crate::listing::Row;
use crate::output::Format;
use crate::output::plain;

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
    fn header() -> String {
        format!(
            "{:>8}  {:<6}  {:<22}  {:<6}  TARGET",
            "ID", "STATUS", "OPERATION", "METHOD"
        )
    }

    fn line(&self) -> String {
        let operation = plain(self.operation.as_deref().unwrap_or("-"));
        let (id, status, method) = (plain(&self.id), self.status, plain(&self.method));
        format!(
            "{id:>8}  {status:<6}  {operation:<22}  {method:<6}  {}",
            plain(&self.target)
        )
    }
}
