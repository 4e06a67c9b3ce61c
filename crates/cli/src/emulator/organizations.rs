//! `dsync emulator organizations`: put, delete.

use workos_directory_emulator_client::types::Organization;

use crate::emulator::control::Place;
use crate::emulator::control::show;
use crate::emulator::control::tell;
use crate::failure::Failure;
use crate::output::Format;

/// Organizations of a running emulator: put, delete
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create an organization, or give it another name
    #[command(after_help = "Example:\n  dsync emulator organizations put org_01EHZNVPK3SFK441A1RGBFSHRT --name Acme")]
    Put {
        /// The organization's id
        id: String,
        /// What people call it
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Delete an organization with its directories
    #[command(after_help = "Example:\n  dsync emulator organizations delete org_01EHZNVPK3SFK441A1RGBFSHRT")]
    Delete {
        /// The organization's id
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Put { id, name, place } => {
            let mut organization = Organization::default();
            organization.name.clone_from(name);
            let client = place.client()?;
            let put = client.put_organization().organization(id.as_str()).body(organization);
            show(asked, &put.send().await?.into_inner())
        }
        Verb::Delete { id, place } => {
            place
                .client()?
                .delete_organization()
                .organization(id.as_str())
                .send()
                .await?;
            tell(asked, "deleted", id)
        }
    }
}
