//! `dsync api`: every operation of the API as it is, for scripts. The subcommands are generated from `spec/openapi.yaml`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use workos_directory_sync::pages::Items;
use workos_directory_sync::pages::ListRequest;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::generated::Operation;
use crate::listing;
use crate::output;
use crate::output::Rows;

/// Call one operation of the API and write its answer as JSON
///
/// Every operation of the API has a subcommand, with the parameters that the API documents. Answers are JSON, one document
/// per line, whatever `--output` says. Nothing is asked before a change is sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dsync api list-directories --help
  dsync api get-directory --id directory_01ECAZ4NV9QMV47GW873HDCX74")]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,

    #[command(subcommand)]
    operation: Operation,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let client = arguments.connection.client()?;
    arguments.operation.run(&client).await
}

/// Writes an answer as one line.
pub(crate) fn answer(answer: &impl Serialize) -> Result<(), Failure> {
    let mut line = output::json(answer)?;
    line.push(b'\n');
    output::write(&line)
}

/// Writes the items of a list as they come, one line each.
pub(crate) async fn items<R: ListRequest<Item: Serialize>>(items: Items<R>) -> Result<(), Failure> {
    let mut rows = Rows::new();
    let result = listing::each(items, None, |_| true, |item| rows.push(&output::json(&item)?)).await;
    rows.finish()?;
    result.map(drop)
}

/// Reads a request's body from a flag.
#[allow(dead_code, reason = "no operation of the document has a body yet")]
pub(crate) fn body<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::usage(format!("`--body` cannot be used: {error}")))
}
