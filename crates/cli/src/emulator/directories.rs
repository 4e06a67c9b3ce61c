//! `dsync emulator directories`: create, set-state, delete.

use workos_directory_emulator_client::types::DirectoryChange;
use workos_directory_emulator_client::types::DirectoryState;
use workos_directory_emulator_client::types::DirectoryType;
use workos_directory_emulator_client::types::NewDirectory;

use crate::emulator::control::Place;
use crate::emulator::control::show;
use crate::emulator::control::tell;
use crate::failure::Failure;
use crate::output::Format;

/// Directories of a running emulator: create, set-state, delete
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create a directory, told by `dsync.activated` when it is linked
    #[command(after_help = "\
Examples:
  dsync emulator directories create --name Acme
  dsync emulator directories create --name Acme --type 'gsuite directory' --organization org_01EHZNVPK3SFK441A1RGBFSHRT")]
    Create {
        /// What people call it
        #[arg(long)]
        name: String,
        /// The identity provider
        #[arg(long = "type", value_name = "TYPE", default_value = "okta scim v2.0")]
        kind: DirectoryType,
        /// The organization that owns it
        #[arg(long, value_name = "ID")]
        organization: Option<String>,
        /// How the connection is; `linked` unless set
        #[arg(long)]
        state: Option<DirectoryState>,
        /// The customer's domain
        #[arg(long)]
        domain: Option<String>,
        /// The id to give it
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Set the state of a directory
    #[command(
        after_help = "Example:\n  dsync emulator directories set-state directory_01ECAZ4NV9QMV47GW873HDCX74 invalid_credentials"
    )]
    SetState {
        /// The directory's id
        id: String,
        /// How the connection is from now on
        state: DirectoryState,
        #[command(flatten)]
        place: Place,
    },
    /// Delete a directory with everything in it, told by `dsync.deleted`
    #[command(after_help = "Example:\n  dsync emulator directories delete directory_01ECAZ4NV9QMV47GW873HDCX74")]
    Delete {
        /// The directory's id
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Create {
            name,
            kind,
            organization,
            state,
            domain,
            id,
            place,
        } => {
            let mut new = NewDirectory::new(kind.clone(), name.as_str());
            new.organization_id.clone_from(organization);
            new.state.clone_from(state);
            new.domain.clone_from(domain);
            new.id.clone_from(id);
            let created = place.client()?.create_directory().body(new).send().await?;
            show(asked, &created.into_inner())
        }
        Verb::SetState { id, state, place } => {
            let mut change = DirectoryChange::default();
            change.state = Some(state.clone());
            let client = place.client()?;
            let update = client.update_directory().directory(id.as_str()).body(change);
            show(asked, &update.send().await?.into_inner())
        }
        Verb::Delete { id, place } => {
            place.client()?.delete_directory().directory(id.as_str()).send().await?;
            tell(asked, "deleted", id)
        }
    }
}
