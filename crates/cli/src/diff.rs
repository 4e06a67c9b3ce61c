//! `dsync diff`: what `dsync sync` would change.

use std::fmt::Write as _;

use workos_directory_mirror::Diff;

use crate::connection;
use crate::connection::Connection;
use crate::connection::Database;
use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::output::Format;

/// Show what a sync would change, without changing it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  export WORKOS_API_KEY=sk_live_...
  dsync diff --database sqlite:mirror.sqlite
  dsync diff --database sqlite:mirror.sqlite --output json | jq -r '.differences[] | select(.change == \"delete\").id'

It takes the calls of a full sync. Exit code 5 says that there are differences.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let format = format.general()?;
    let chosen = arguments.connection.chosen()?;
    let address = arguments.database.required(&chosen)?;
    let client = arguments.connection.client_of(&chosen)?;
    let mirror = connection::read_beside_workers(&address).await?;
    let asked = interrupt::listen();
    let compared = tokio::select! {
        compared = mirror.diff(&client) => compared.map_err(Failure::from),
        () = asked => Err(Failure::interrupted("interrupted; nothing was changed")),
    };
    mirror.close().await;
    let diff = compared?;
    output::result(format, &diff, || text(&diff))?;
    if diff.is_empty() {
        return Ok(());
    }
    Err(Failure::unhealthy(
        "the database is not equal to the source: `dsync sync` makes it so",
    ))
}

fn text(diff: &Diff) -> String {
    let mut text = String::new();
    for difference in &diff.differences {
        let _ = write!(
            text,
            "{:<8} {:<12} {}",
            difference.change.as_str(),
            difference.kind.as_str(),
            output::plain(&difference.id)
        );
        if let Some(group) = &difference.group_id {
            let _ = write!(text, " {}", output::plain(group));
        }
        text.push('\n');
    }
    for (counts, what) in [
        (&diff.directories, "directories"),
        (&diff.groups, "groups"),
        (&diff.users, "users"),
        (&diff.memberships, "memberships"),
    ] {
        let _ = writeln!(
            text,
            "{what}: {} to insert, {} to update, {} to restore, {} to delete, {} the same",
            counts.inserted, counts.updated, counts.restored, counts.deleted, counts.unchanged
        );
    }
    text
}
