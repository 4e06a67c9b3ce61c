//! Verification: does the key work, are the directories linked, do users arrive, are they in groups?
//!
//! ```sh
//! export WORKOS_API_KEY=sk_test_emulator          # with `dsync emulator` running
//! cargo run -p workos-directory-sync --example verification -- --base-url http://127.0.0.1:4010
//! ```

use std::process::ExitCode;

use clap::Parser;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::patterns;
use workos_directory_sync::retry::RetryPolicy;

/// Check an integration step by step
#[derive(Parser)]
struct Arguments {
    /// The address of the API, instead of WORKOS_BASE_URL or the live one
    #[arg(long)]
    base_url: Option<String>,

    /// The organization whose directories are looked at; all if none is given
    #[arg(long)]
    organization: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match verify(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FAILED  {error}\n        {}", error.help());
            ExitCode::FAILURE
        }
    }
}

async fn verify(arguments: Arguments) -> Result<(), Error> {
    let mut builder = Client::builder().from_env()?;
    if let Some(url) = arguments.base_url {
        builder = builder.base_url(url);
    }
    // A check should fail at once instead of waiting for better times.
    let client = builder.retry(RetryPolicy::off()).build()?;

    let page = client.list_directories().limit(1).send().await?;
    println!("ok      authentication: HTTP {}", page.status());

    let directories = match arguments.organization {
        Some(organization) => {
            let directories = patterns::directories_of_organization(&client, organization);
            directories.try_collect().await?
        }
        None => client.list_directories().stream().try_collect().await?,
    };
    for directory in &directories {
        println!(
            "ok      directory {} `{}` is {}",
            directory.id, directory.name, directory.state
        );
    }

    for directory in &directories {
        let users = client.list_directory_users().directory(directory.id.as_str()).limit(1);
        let Some(user) = users.send().await?.into_inner().data.into_iter().next() else {
            println!("empty   {} has no users: is it syncing?", directory.id);
            continue;
        };
        let groups = patterns::groups_of_user(&client, user.id.as_str())
            .try_collect()
            .await?;
        println!("ok      {} is {} and in {} groups", user.id, user.state, groups.len());
    }
    Ok(())
}
