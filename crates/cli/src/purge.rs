//! `dsync purge`: deletes what has been over for long.

use std::fmt::Write as _;
use std::time::Duration;

use workos_directory_mirror::Purged;

use crate::connection::Place;
use crate::failure::Failure;
use crate::output;
use crate::output::Format;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// Delete for good what has been gone or done with for long
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dsync purge --database sqlite:mirror.sqlite --older-than 90
  dsync purge --database sqlite:mirror.sqlite --older-than 365 --output json

Nothing else ever deletes a row. What goes are objects that were marked as deleted, events that were applied, and changes \
that every consumer has seen. Less than 30 days are refused: old events can come that long, and would bring back what was \
forgotten.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,

    /// What has been over for so many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(30..=36_500))]
    older_than: u64,
}

pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let format = format.general()?;
    let mirror = arguments.place.existing().await?;
    let purged = mirror
        .purge_after(Duration::from_secs(arguments.older_than * SECONDS_PER_DAY))
        .await;
    mirror.close().await;
    let purged = purged?;
    output::result(format, &purged, || text(&purged))
}

fn text(purged: &Purged) -> String {
    let mut text = String::new();
    for (count, what) in [
        (purged.directories, "directories"),
        (purged.users, "users"),
        (purged.groups, "groups"),
        (purged.memberships, "memberships"),
        (purged.events, "events"),
        (purged.changes, "changes"),
    ] {
        let _ = writeln!(text, "{what:<12} {count:>9} deleted");
    }
    text
}
