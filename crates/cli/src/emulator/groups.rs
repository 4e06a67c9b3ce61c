//! `dsync emulator groups`: create, update, delete.

use workos_directory_emulator_client::types::Attributes;
use workos_directory_emulator_client::types::GroupChange;
use workos_directory_emulator_client::types::NewGroup;

use crate::emulator::control::Place;
use crate::emulator::control::json;
use crate::emulator::control::show;
use crate::emulator::control::tell;
use crate::emulator::users::Home;
use crate::failure::Failure;
use crate::output::Format;

/// Groups of a running emulator: create, update, delete
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create a group, told by `dsync.group.created`
    #[command(
        after_help = "Example:\n  dsync emulator groups create --directory directory_01ECAZ4NV9QMV47GW873HDCX74 --name Engineering"
    )]
    Create {
        #[command(flatten)]
        home: Home,
        /// What people call it
        #[arg(long)]
        name: String,
        /// The id to give it
        #[arg(long)]
        id: Option<String>,
        /// The id at the identity provider
        #[arg(long)]
        idp_id: Option<String>,
        /// What the identity provider says of the group
        #[arg(long, value_name = "JSON", value_parser = json::<Attributes>)]
        raw_attributes: Option<Attributes>,
        #[command(flatten)]
        place: Place,
    },
    /// Change what the flags name of a group, told by `dsync.group.updated`
    #[command(after_help = "\
Example:
  dsync emulator groups update --directory directory_01ECAZ4NV9QMV47GW873HDCX74 directory_group_01E1JJS84MFPPQ3G655FHTKX6Z \
--name Product")]
    Update {
        /// The group's id
        id: String,
        #[command(flatten)]
        home: Home,
        /// What people call it
        #[arg(long)]
        name: Option<String>,
        /// What the identity provider says of the group
        #[arg(long, value_name = "JSON", value_parser = json::<Attributes>)]
        raw_attributes: Option<Attributes>,
        #[command(flatten)]
        place: Place,
    },
    /// Delete a group, told by `dsync.group.deleted`
    #[command(after_help = "\
Example:
  dsync emulator groups delete --directory directory_01ECAZ4NV9QMV47GW873HDCX74 directory_group_01E1JJS84MFPPQ3G655FHTKX6Z")]
    Delete {
        /// The group's id
        id: String,
        #[command(flatten)]
        home: Home,
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Create {
            home,
            name,
            id,
            idp_id,
            raw_attributes,
            place,
        } => {
            let mut new = NewGroup::new(name.as_str());
            new.id.clone_from(id);
            new.idp_id.clone_from(idp_id);
            new.raw_attributes.clone_from(raw_attributes);
            let client = place.client()?;
            let create = client.create_group().directory(home.directory.as_str()).body(new);
            show(asked, &create.send().await?.into_inner())
        }
        Verb::Update {
            id,
            home,
            name,
            raw_attributes,
            place,
        } => {
            let mut change = GroupChange::default();
            change.name.clone_from(name);
            change.raw_attributes.clone_from(raw_attributes);
            let client = place.client()?;
            let update = client.update_group().directory(home.directory.as_str());
            show(
                asked,
                &update.group(id.as_str()).body(change).send().await?.into_inner(),
            )
        }
        Verb::Delete { id, home, place } => {
            let client = place.client()?;
            let delete = client.delete_group().directory(home.directory.as_str());
            delete.group(id.as_str()).send().await?;
            tell(asked, "deleted", id)
        }
    }
}
