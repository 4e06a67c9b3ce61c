//! `dsync users`: list, get, export.

use futures_util::TryStreamExt as _;
use futures_util::future;
use workos_directory_sync::Client;
use workos_directory_sync::builder::ListDirectoryUsers;
use workos_directory_sync::patterns;
use workos_directory_sync::types::DirectoryUser;
use workos_directory_sync::types::DirectoryUserState;

use crate::connection::Connection;
use crate::export;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Everywhere;
use crate::listing::Paging;
use crate::listing::Selected;
use crate::listing::Several;
use crate::listing::Walk;
use crate::output;
use crate::output::Format;

/// Directory users: list, get, export
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Get(Get),
    Export(Export),
}

/// List directory users
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dsync users list --directory directory_01ECAZ4NV9QMV47GW873HDCX74 --state active\n  \
                        dsync users list --organization org_01EHZNVPK3SFK441A1RGBFSHRT --limit 10\n  dsync users list \
                        --directory directory_01ECAZ4NV9QMV47GW873HDCX74 --email jane@acme.example"
)]
struct List {
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    connection: Connection,
}

/// Get one directory user
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dsync users get directory_user_01E1JG7J09H96KYP8HM9B0G5SJ")]
struct Get {
    /// The user's id
    id: String,
    #[command(flatten)]
    connection: Connection,
}

/// Write users to stdout as CSV or as JSON lines
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dsync users export --format csv > users.csv\n  dsync users export --format ndjson \
                        --organization org_01EHZNVPK3SFK441A1RGBFSHRT | gzip > users.ndjson.gz\n\nA cell that a \
                        spreadsheet would take for a formula gets an apostrophe in front; `--keep-formulas` writes it as \
                        it is."
)]
struct Export {
    /// The form of the file
    #[arg(long, value_enum)]
    format: export::FileFormat,
    /// Write cells that a spreadsheet takes for formulas as they are
    #[arg(long)]
    keep_formulas: bool,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    connection: Connection,
}

/// Which users.
#[derive(Debug, clap::Args)]
struct Filters {
    /// Only users of this organization, whether or not the server filters by it
    #[arg(long, value_name = "ID", conflicts_with_all = ["directory", "group"])]
    organization: Option<String>,
    /// Only users of this directory
    #[arg(long, value_name = "ID", conflicts_with = "group")]
    directory: Option<String>,
    /// Only members of this group
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Only users in this state, such as active
    #[arg(long)]
    state: Option<DirectoryUserState>,
    /// Only users with this email address
    #[arg(long, requires = "directory", value_name = "ADDRESS")]
    email: Option<String>,
    /// Only the user whom the identity provider knows by this id
    #[arg(long, requires = "directory", value_name = "ID")]
    idp_id: Option<String>,
    /// Ask for each user's groups, which newer teams of the live API do not get
    #[arg(long, conflicts_with_all = ["organization", "group"])]
    groups: bool,
    #[command(flatten)]
    walk: Walk,
    #[command(flatten)]
    paging: Paging,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(List { filters, connection }) => {
            let client = connection.client()?;
            let (limit, wanted) = (filters.paging.limit, |user: &DirectoryUser| filters.accept(user));
            listing::write(filters.source(&client)?, limit, wanted, asked).await
        }
        Command::Get(get) => {
            let user = get
                .connection
                .client()?
                .get_directory_user()
                .id(get.id.as_str())
                .send()
                .await?
                .into_inner();
            let text = listing::details(&user)?;
            output::result(asked.unwrap_or_default(), &user, || text)
        }
        Command::Export(export) => {
            if asked.is_some() {
                return Err(Failure::usage(
                    "`--format` says how an export is written; leave `--output` out",
                ));
            }
            let filters = &export.filters;
            let client = export.connection.client()?;
            let (limit, wanted) = (filters.paging.limit, |user: &DirectoryUser| filters.accept(user));
            let file = export::File::new(export.format, export.keep_formulas);
            file.write(filters.source(&client)?, limit, wanted).await
        }
    }
}

impl Filters {
    /// Whether the user is one of those asked for, since a server may ignore what it does not know.
    fn accept(&self, user: &DirectoryUser) -> bool {
        self.state.as_ref().is_none_or(|state| *state == user.state)
            && self
                .directory
                .as_ref()
                .is_none_or(|directory| *directory == user.directory_id)
            && self.idp_id.as_ref().is_none_or(|id| Some(id) == user.idp_id.as_ref())
    }

    /// The list, or the lists, that have them. The API refuses one without a scope, so that all users are those of each
    /// directory.
    fn source(&self, client: &Client) -> Result<Selected<ListDirectoryUsers>, Failure> {
        if let Some(organization) = &self.organization {
            self.walk.refuse("--organization")?;
            let users = patterns::users_of_organization(client, organization.as_str());
            return Ok(Selected::Several(Several::new(users)));
        }
        if let Some(group) = &self.group {
            self.walk.refuse("--group")?;
            let users = patterns::users_of_group(client, group.as_str());
            return Ok(Selected::Several(Several::new(users)));
        }
        let mut all = client.list_directory_users();
        if self.groups {
            all = all.groups(true);
        }
        if let Some(order) = self.walk.order() {
            all = all.order(order);
        }
        let Some(directory) = &self.directory else {
            let request = move |directory: &str, after: Option<&str>| match after {
                Some(after) => all.clone().directory(directory).after(after),
                None => all.clone().directory(directory),
            };
            let belongs = |user: &DirectoryUser, directory: &str| user.directory_id == directory;
            let all = Everywhere::new(client, &self.walk, request, belongs)?;
            return Ok(Selected::Everywhere(Box::new(all)));
        };
        let mut request = all.directory(directory.as_str());
        if let Some(email) = &self.email {
            request = request.email(email.as_str());
        }
        if let Some(id) = &self.idp_id {
            request = request.idp_id(id.as_str());
        }
        if let Some(after) = self.walk.after() {
            request = request.after(after);
        }
        Ok(Selected::One(request.stream()))
    }
}

/// The first active user of a directory, and how many were looked at.
pub(crate) async fn first_active(
    client: &Client,
    directory: &str,
) -> Result<(Option<DirectoryUser>, u64), workos_directory_sync::Error> {
    let mut seen = 0;
    let users = client
        .list_directory_users()
        .directory(directory)
        .stream()
        .try_filter(|user| {
            seen += 1;
            future::ready(user.state == DirectoryUserState::Active)
        });
    let found = {
        let mut users = Box::pin(users);
        users.try_next().await?
    };
    Ok((found, seen))
}
