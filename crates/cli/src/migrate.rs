//! `dsync migrate`: brings the tables of a database to this version's form.

use serde::Serialize;
use workos_directory_mirror::Error;
use workos_directory_mirror::Mirror;

use crate::connection::Place;
use crate::failure::Failure;
use crate::output;
use crate::output::Format;

/// Bring the tables of a database to the form that this dsync knows, and make them where they are missing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dsync migrate --database sqlite:mirror.sqlite
  dsync migrate --database postgres://owner@localhost/mirror

`sync`, `follow`, `webhooks serve` and `purge` do the same when they begin; commands that only read never do.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Migrated {
    /// The number of the last migration before; 0 without tables.
    from: i64,
    /// And now.
    to: i64,
}

pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let format = format.general()?;
    let address = arguments.place.address()?;
    let from = match Mirror::open_read_only(&address).await {
        Ok(mirror) => {
            let found = mirror.schema().found;
            mirror.close().await;
            found
        }
        Err(Error::Missing { .. } | Error::NoTables { .. }) => 0,
        Err(error) => return Err(error.into()),
    };
    let mirror = Mirror::connect(&address).await?;
    let to = mirror.schema().found;
    mirror.close().await;
    output::result(format, &Migrated { from, to }, || match from == to {
        true => format!("the tables are up to date at version {to}\n"),
        false => format!("the tables went from version {from} to {to}\n"),
    })
}
