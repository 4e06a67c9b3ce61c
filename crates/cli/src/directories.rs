//! `dsync directories`: list, get, delete, sync.

use std::io::BufRead as _;
use std::io::IsTerminal as _;

use futures_util::TryStreamExt as _;
use serde_json::json;
use workos_directory_sync::Client;
use workos_directory_sync::patterns;
use workos_directory_sync::types::Directory;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Paging;
use crate::listing::Several;
use crate::listing::Walk;
use crate::output;
use crate::output::Format;
use crate::output::plain;

/// Directories: list, get, delete, sync
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Get(Get),
    Delete(Delete),
    Sync(Sync),
}

/// List directories
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dsync directories list\n  dsync directories list --organization \
                        org_01EHZNVPK3SFK441A1RGBFSHRT\n  dsync directories list --search acme --output json | jq -r .id"
)]
struct List {
    /// Only those of this organization, whether or not the server filters by it
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// Only those whose name has this in it
    #[arg(long, value_name = "TEXT", conflicts_with = "organization")]
    search: Option<String>,
    /// Only those of this domain
    #[arg(long, value_name = "DOMAIN", conflicts_with = "organization")]
    domain: Option<String>,
    #[command(flatten)]
    walk: Walk,
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    connection: Connection,
}

/// Get one directory
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dsync directories get directory_01ECAZ4NV9QMV47GW873HDCX74")]
struct Get {
    /// The directory's id
    id: String,
    #[command(flatten)]
    connection: Connection,
}

/// Delete a directory with its users and groups; the identity provider keeps its own
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dsync directories delete directory_01ECAZ4NV9QMV47GW873HDCX74\n  dsync directories delete \
                        directory_01ECAZ4NV9QMV47GW873HDCX74 --yes"
)]
struct Delete {
    /// The directory's id
    id: String,
    /// Do not ask for the directory's name
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Ask WorkOS to read the identity provider now (Google Workspace only, once in five minutes)
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dsync directories sync directory_01ECAZ4NV9QMV47GW873HDCX74\n\nIt changes no database: \
                        that is `dsync sync`."
)]
struct Sync {
    /// The directory's id
    id: String,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    let format = asked.unwrap_or_default();
    match &arguments.command {
        Command::List(list) => list.run(asked).await,
        Command::Get(get) => {
            let directory = get
                .connection
                .client()?
                .get_directory()
                .id(get.id.as_str())
                .send()
                .await?
                .into_inner();
            let text = listing::details(&directory)?;
            output::result(format, &directory, || text)
        }
        Command::Delete(delete) => delete.run(format).await,
        Command::Sync(sync) => {
            let answer = sync
                .connection
                .client()?
                .sync_directory()
                .id(sync.id.as_str())
                .send()
                .await?
                .into_inner();
            output::result(format, &answer, || {
                format!("{}: {}\n", plain(&sync.id), plain(answer.status.as_str()))
            })
        }
    }
}

impl List {
    async fn run(&self, asked: Option<Format>) -> Result<(), Failure> {
        let client = self.connection.client()?;
        if let Some(organization) = &self.organization {
            self.walk.refuse("--organization")?;
            let found = Several::new(patterns::directories_of_organization(&client, organization.as_str()));
            return listing::write(found, self.paging.limit, |_| true, asked).await;
        }
        let mut request = client.list_directories();
        if let Some(search) = &self.search {
            request = request.search(search.as_str());
        }
        if let Some(domain) = &self.domain {
            request = request.domain(domain.as_str());
        }
        if let Some(order) = self.walk.order() {
            request = request.order(order);
        }
        if let Some(after) = self.walk.after() {
            request = request.after(after);
        }
        listing::write(request.stream(), self.paging.limit, |_| true, asked).await
    }
}

impl Delete {
    async fn run(&self, format: Format) -> Result<(), Failure> {
        let format = format.general()?;
        let stdin = std::io::stdin();
        if !self.yes && !stdin.is_terminal() {
            return Err(Failure::usage(
                "nobody can be asked for the directory's name here; `--yes` deletes without asking",
            ));
        }
        let client = self.connection.client()?;
        let directory = client.get_directory().id(self.id.as_str()).send().await?.into_inner();
        if !self.yes {
            let name = plain(&directory.name);
            anstream::eprint!(
                "This deletes `{name}` ({}) with its users and groups.\nIts name, to confirm: ",
                self.id
            );
            let mut answer = String::new();
            let read = stdin.lock().read_line(&mut answer);
            read.map_err(|error| Failure::other(format!("cannot read the answer: {error}")))?;
            if !confirms(&answer, &directory.name) {
                return Err(Failure::other("that is not its name; nothing was deleted"));
            }
        }
        client.delete_directory().id(self.id.as_str()).send().await?;
        output::result(
            format,
            &json!({ "id": directory.id, "name": directory.name, "deleted": true }),
            || format!("deleted {} `{}`\n", plain(&directory.id), plain(&directory.name)),
        )
    }
}

/// Whether the answer is the name, as it is or as it was shown. An empty name cannot be confirmed by Enter alone.
fn confirms(answer: &str, name: &str) -> bool {
    let answer = answer.trim();
    !answer.is_empty() && (answer == name.trim() || answer == plain(name).trim())
}

/// The directories that `--organization` and `--directory` name; all of them without.
pub(crate) fn chosen(client: &Client, organization: Option<&str>, directories: &[String]) -> Several<Directory> {
    if let Some(organization) = organization {
        return Several::new(patterns::directories_of_organization(client, organization));
    }
    if directories.is_empty() {
        return Several::new(client.list_directories().stream());
    }
    let client = client.clone();
    let ids: Vec<_> = directories.iter().cloned().map(Ok).collect();
    Several::new(futures_util::stream::iter(ids).and_then(move |id| {
        let request = client.get_directory().id(id);
        async move { Ok(request.send().await?.into_inner()) }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_confirms() {
        assert!(confirms("Acme Corp\n", "Acme Corp"));
        for answer in ["", "\n", "y", "acme corp"] {
            assert!(!confirms(answer, "Acme Corp"), "{answer}");
        }
        assert!(!confirms("\n", ""));
    }
}
