//! `dsync groups`: list, get.

use futures_util::TryStreamExt as _;
use futures_util::future;
use workos_directory_sync::Client;
use workos_directory_sync::builder::ListDirectoryGroups;
use workos_directory_sync::patterns;
use workos_directory_sync::types::DirectoryGroup;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Everywhere;
use crate::listing::Paging;
use crate::listing::Selected;
use crate::listing::Several;
use crate::listing::Walk;
use crate::output;
use crate::output::Format;

/// Directory groups: list, get
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Get(Get),
}

/// List directory groups
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dsync groups list --directory directory_01ECAZ4NV9QMV47GW873HDCX74\n  dsync groups list \
                        --user directory_user_01E1JG7J09H96KYP8HM9B0G5SJ"
)]
struct List {
    /// Only groups of this organization, whether or not the server filters by it
    #[arg(long, value_name = "ID", conflicts_with_all = ["directory", "user"])]
    organization: Option<String>,
    /// Only groups of this directory
    #[arg(long, value_name = "ID", conflicts_with = "user")]
    directory: Option<String>,
    /// Only groups that this user is a member of
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Ask for each group's members, which the live API does not give
    #[arg(long, conflicts_with_all = ["organization", "user"])]
    members: bool,
    #[command(flatten)]
    walk: Walk,
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    connection: Connection,
}

/// Get one directory group
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dsync groups get directory_group_01E64QTDNS0EGJ0FMCVY9BWGZT")]
struct Get {
    /// The group's id
    id: String,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(list) => list.run(asked).await,
        Command::Get(get) => {
            let group = get
                .connection
                .client()?
                .get_directory_group()
                .id(get.id.as_str())
                .send()
                .await?
                .into_inner();
            let text = listing::details(&group)?;
            output::result(asked.unwrap_or_default(), &group, || text)
        }
    }
}

impl List {
    async fn run(&self, asked: Option<Format>) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let wanted = |group: &DirectoryGroup| self.directory.as_ref().is_none_or(|id| *id == group.directory_id);
        listing::write(self.source(&client)?, self.paging.limit, wanted, asked).await
    }

    /// The list, or the lists, that have them. The API refuses one without a scope, so that all groups are those of each
    /// directory.
    fn source(&self, client: &Client) -> Result<Selected<ListDirectoryGroups>, Failure> {
        if let Some(organization) = &self.organization {
            self.walk.refuse("--organization")?;
            return Ok(Selected::Several(of_organization(client, organization)));
        }
        if let Some(user) = &self.user {
            self.walk.refuse("--user")?;
            let groups = patterns::groups_of_user(client, user.as_str());
            return Ok(Selected::Several(Several::new(groups)));
        }
        let mut all = client.list_directory_groups();
        if self.members {
            all = all.members(true);
        }
        if let Some(order) = self.walk.order() {
            all = all.order(order);
        }
        let Some(directory) = &self.directory else {
            let request = move |directory: &str, after: Option<&str>| match after {
                Some(after) => all.clone().directory(directory).after(after),
                None => all.clone().directory(directory),
            };
            let belongs = |group: &DirectoryGroup, directory: &str| group.directory_id == directory;
            let all = Everywhere::new(client, &self.walk, request, belongs)?;
            return Ok(Selected::Everywhere(Box::new(all)));
        };
        let mut request = all.directory(directory.as_str());
        if let Some(after) = self.walk.after() {
            request = request.after(after);
        }
        Ok(Selected::One(request.stream()))
    }
}

/// The groups of an organization, one directory after the other: no server documents a filter for that.
pub(crate) fn of_organization(client: &Client, organization: &str) -> Several<DirectoryGroup> {
    let directories = patterns::directories_of_organization(client, organization);
    let client = client.clone();
    Several::new(
        directories
            .map_ok(move |directory| of_directory(&client, directory.id))
            .try_flatten(),
    )
}

/// The groups of a directory, and no others.
pub(crate) fn of_directory(
    client: &Client,
    directory: String,
) -> impl futures_util::Stream<Item = Result<DirectoryGroup, workos_directory_sync::Error>> + Send + use<> {
    let groups = client.list_directory_groups().directory(directory.as_str()).stream();
    groups.try_filter(move |group| future::ready(group.directory_id == directory))
}
