//! `dsync memberships`: who is in which group.

use futures_util::StreamExt as _;
use futures_util::TryStreamExt as _;
use workos_directory_sync::Client;
use workos_directory_sync::patterns;
use workos_directory_sync::types::DirectoryGroup;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::groups;
use crate::listing;
use crate::listing::Membership;
use crate::listing::Paging;
use crate::listing::Several;
use crate::output;
use crate::output::Format;

/// Memberships: list, get
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

/// List who is in which group, group by group
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dsync memberships list --group directory_group_01E64QTDNS0EGJ0FMCVY9BWGZT\n  dsync \
                        memberships list --user directory_user_01E1JG7J09H96KYP8HM9B0G5SJ\n  dsync memberships list \
                        --directory directory_01ECAZ4NV9QMV47GW873HDCX74 --output json"
)]
#[group(id = "whose", required = true, multiple = false, args = ["organization", "directory", "group", "user"])]
struct List {
    /// Those of this organization
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// Those of this directory
    #[arg(long, value_name = "ID")]
    directory: Option<String>,
    /// Those of this group
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Those of this user
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    connection: Connection,
}

/// Say whether a user is in a group; exit code 1 if not
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dsync memberships get directory_user_01E1JG7J09H96KYP8HM9B0G5SJ \
                        directory_group_01E64QTDNS0EGJ0FMCVY9BWGZT"
)]
struct Get {
    /// The user's id
    user: String,
    /// The group's id
    group: String,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(list) => {
            let client = list.connection.client()?;
            listing::write(list.source(&client).await?, list.paging.limit, |_| true, asked).await
        }
        Command::Get(Get {
            user,
            group,
            connection,
        }) => {
            let client = connection.client()?;
            let mut found = patterns::groups_of_user(&client, user.as_str());
            while let Some(one) = found.next().await.transpose()? {
                if one.id == *group {
                    let user = client.get_directory_user().id(user.as_str()).send().await?.into_inner();
                    let membership = Membership::new(&user, &one);
                    let text = listing::details(&membership)?;
                    return output::result(asked.unwrap_or_default(), &membership, || text);
                }
            }
            Err(Failure::other(format!("`{user}` is not a member of `{group}`")))
        }
    }
}

impl List {
    async fn source(&self, client: &Client) -> Result<Several<Membership>, Failure> {
        if let Some(user) = &self.user {
            let user = client.get_directory_user().id(user.as_str()).send().await?.into_inner();
            let groups = patterns::groups_of_user(client, user.id.as_str());
            return Ok(Several::new(groups.map_ok(move |group| Membership::new(&user, &group))));
        }
        if let Some(group) = &self.group {
            let group = client
                .get_directory_group()
                .id(group.as_str())
                .send()
                .await?
                .into_inner();
            return Ok(Several::new(of_group(client.clone(), group)));
        }
        let client = client.clone();
        let groups = match (&self.organization, &self.directory) {
            (Some(organization), _) => groups::of_organization(&client, organization),
            (None, directory) => Several::new(groups::of_directory(&client, directory.clone().unwrap_or_default())),
        };
        let memberships = groups
            .into_stream()
            .map_ok(move |group| of_group(client.clone(), group));
        Ok(Several::new(memberships.try_flatten().boxed()))
    }
}

fn of_group(
    client: Client,
    group: DirectoryGroup,
) -> impl futures_util::Stream<Item = Result<Membership, workos_directory_sync::Error>> + Send {
    patterns::users_of_group(&client, group.id.as_str()).map_ok(move |user| Membership::new(&user, &group))
}
