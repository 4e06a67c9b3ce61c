//! `dsync verify`: the four verification steps of the Directory Sync reference as one command, and whether whole lists can be
//! read.

mod check;
mod deep;
mod report;

use clap::Args;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::output;
use crate::output::Format;

/// Check an integration: does the key work, are directories linked, do users arrive, are they in groups?
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dsync verify
  dsync verify --organization org_01EHZNVPK3SFK441A1RGBFSHRT
  dsync verify --directory directory_01ECAZ4NV9QMV47GW873HDCX74 --output junit > verify.xml
  dsync verify --deep

`--deep` takes the calls of a full sync without memberships, and writes nothing.

Exit codes: 0 when nothing failed, 3 when the key is refused, 4 when the API cannot be reached, 5 when a check failed, 6 when \
`--deep` found something that cannot be read and nothing else failed.")]
pub(crate) struct Arguments {
    /// Only the directories of this organization
    #[arg(long, value_name = "ID", conflicts_with = "directory")]
    organization: Option<String>,

    /// Only this directory; may be repeated
    #[arg(long, value_name = "ID")]
    directory: Vec<String>,

    /// Read the lists of directories, groups and users to their ends, and name each object and field that cannot be read
    #[arg(long)]
    deep: bool,

    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    let format = asked.unwrap_or_default();
    if format == Format::Prometheus {
        return Err(Failure::usage(
            "only `dsync health` writes prometheus; use text, json or junit",
        ));
    }
    let client = arguments.connection.client()?;
    let organization = arguments.organization.as_deref();
    let (checks, failure) = check::all(&client, organization, &arguments.directory, arguments.deep).await;
    match format {
        Format::Junit => output::write(&report::junit(&checks)?)?,
        _ => output::result(format, &report::Document::of(&checks), || report::text(&checks))?,
    }
    failure.map_or(Ok(()), Err)
}
