//! `dsync emulator users`: create, update, delete.

use workos_directory_emulator_client::types::Attributes;
use workos_directory_emulator_client::types::DirectoryUserState;
use workos_directory_emulator_client::types::NewUser;
use workos_directory_emulator_client::types::Role;
use workos_directory_emulator_client::types::UserChange;

use crate::emulator::control::Place;
use crate::emulator::control::json;
use crate::emulator::control::show;
use crate::emulator::control::tell;
use crate::failure::Failure;
use crate::output::Format;

/// Users of a running emulator: create, update, delete
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create a user, told by `dsync.user.created`
    #[command(after_help = "\
Example:
  dsync emulator users create --directory directory_01ECAZ4NV9QMV47GW873HDCX74 --email jane@acme.example --first-name Jane")]
    Create {
        #[command(flatten)]
        home: Home,
        /// The id to give it
        #[arg(long)]
        id: Option<String>,
        /// The id at the identity provider
        #[arg(long)]
        idp_id: Option<String>,
        #[command(flatten)]
        fields: Box<Fields>,
        #[command(flatten)]
        place: Place,
    },
    /// Change what the flags name of a user, told by `dsync.user.updated`
    #[command(after_help = "\
Examples:
  dsync emulator users update --directory directory_01ECAZ4NV9QMV47GW873HDCX74 directory_user_01E1JG7J09H96KYP8HM9B0G5SJ \
--last-name Roe
  dsync emulator users update --directory directory_01ECAZ4NV9QMV47GW873HDCX74 directory_user_01E1JG7J09H96KYP8HM9B0G5SJ \
--state suspended")]
    Update {
        /// The user's id
        id: String,
        #[command(flatten)]
        home: Home,
        #[command(flatten)]
        fields: Box<Fields>,
        #[command(flatten)]
        place: Place,
    },
    /// Delete a user, told by `dsync.user.deleted`
    #[command(after_help = "\
Example:
  dsync emulator users delete --directory directory_01ECAZ4NV9QMV47GW873HDCX74 directory_user_01E1JG7J09H96KYP8HM9B0G5SJ")]
    Delete {
        /// The user's id
        id: String,
        #[command(flatten)]
        home: Home,
        #[command(flatten)]
        place: Place,
    },
}

/// Where an object belongs.
#[derive(Debug, clap::Args)]
pub(crate) struct Home {
    /// The directory that it belongs to
    #[arg(long, value_name = "ID")]
    pub(crate) directory: String,
}

/// What is to be known of a user.
#[derive(Debug, clap::Args)]
struct Fields {
    /// The primary email address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The given name
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// The family name
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// The name at the identity provider
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The job title
    #[arg(long, value_name = "TITLE")]
    job_title: Option<String>,
    /// Whether the user may act: active, suspended or inactive
    #[arg(long)]
    state: Option<DirectoryUserState>,
    /// The slug of the user's role
    #[arg(long, value_name = "SLUG")]
    role: Option<String>,
    /// The attributes that the application mapped
    #[arg(long, value_name = "JSON", value_parser = json::<Attributes>)]
    custom_attributes: Option<Attributes>,
    /// What the identity provider says of the user
    #[arg(long, value_name = "JSON", value_parser = json::<Attributes>)]
    raw_attributes: Option<Attributes>,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Create {
            home,
            id,
            idp_id,
            fields,
            place,
        } => {
            let mut new = NewUser::default();
            new.id.clone_from(id);
            new.idp_id.clone_from(idp_id);
            new.email.clone_from(&fields.email);
            new.first_name.clone_from(&fields.first_name);
            new.last_name.clone_from(&fields.last_name);
            new.username.clone_from(&fields.username);
            new.job_title.clone_from(&fields.job_title);
            new.state.clone_from(&fields.state);
            new.role = fields.role.as_deref().map(Role::new);
            new.custom_attributes.clone_from(&fields.custom_attributes);
            new.raw_attributes.clone_from(&fields.raw_attributes);
            let client = place.client()?;
            let create = client.create_user().directory(home.directory.as_str()).body(new);
            show(asked, &create.send().await?.into_inner())
        }
        Verb::Update {
            id,
            home,
            fields,
            place,
        } => {
            let mut change = UserChange::default();
            change.email.clone_from(&fields.email);
            change.first_name.clone_from(&fields.first_name);
            change.last_name.clone_from(&fields.last_name);
            change.username.clone_from(&fields.username);
            change.job_title.clone_from(&fields.job_title);
            change.state.clone_from(&fields.state);
            change.role = fields.role.as_deref().map(Role::new);
            change.custom_attributes.clone_from(&fields.custom_attributes);
            change.raw_attributes.clone_from(&fields.raw_attributes);
            let client = place.client()?;
            let update = client.update_user().directory(home.directory.as_str());
            show(asked, &update.user(id.as_str()).body(change).send().await?.into_inner())
        }
        Verb::Delete { id, home, place } => {
            let client = place.client()?;
            let delete = client.delete_user().directory(home.directory.as_str());
            delete.user(id.as_str()).send().await?;
            tell(asked, "deleted", id)
        }
    }
}
