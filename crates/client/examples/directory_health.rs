//! Directory health: which directories do not sync, and why; exit code 1 if there are any, for a cron job or a probe.
//!
//! ```sh
//! export WORKOS_API_KEY=sk_test_emulator          # with `dsync emulator` running
//! cargo run -p workos-directory-sync --example directory_health -- --base-url http://127.0.0.1:4010
//! ```

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use workos_directory_sync::Client;
use workos_directory_sync::patterns;
use workos_directory_sync::patterns::Unhealthy;

/// Say which directories do not sync
#[derive(Parser)]
struct Arguments {
    /// The address of the API, instead of WORKOS_BASE_URL or the live one
    #[arg(long)]
    base_url: Option<String>,

    /// Only directories of this organization
    #[arg(long)]
    organization: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut builder = Client::builder().from_env()?;
    if let Some(url) = arguments.base_url {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;

    let unhealthy = match arguments.organization {
        None => patterns::unhealthy_directories(&client).try_collect().await?,
        Some(organization) => {
            let directories = patterns::directories_of_organization(&client, organization);
            let directories = directories.try_collect().await?;
            directories.into_iter().filter_map(Unhealthy::of).collect()
        }
    };
    for directory in &unhealthy {
        eprintln!("{directory}");
    }
    if unhealthy.is_empty() {
        println!("all directories are linked");
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}
