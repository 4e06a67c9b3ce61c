//! Batch sync: every user of a directory, a hundred per request, into a store of one's own.
//!
//! ```sh
//! export WORKOS_API_KEY=sk_test_emulator          # with `dsync emulator` running
//! cargo run -p workos-directory-sync --example batch_sync -- --base-url http://127.0.0.1:4010
//! ```

use std::collections::BTreeMap;
use std::error::Error;

use clap::Parser;
use workos_directory_sync::Client;
use workos_directory_sync::types::DirectoryUser;

/// Read all users of a directory, or of all directories
#[derive(Parser)]
struct Arguments {
    /// The address of the API, instead of WORKOS_BASE_URL or the live one
    #[arg(long)]
    base_url: Option<String>,

    /// The directory; all of them if none is given
    #[arg(long)]
    directory: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut builder = Client::builder().from_env()?;
    if let Some(url) = arguments.base_url {
        builder = builder.base_url(url);
    }
    let client = builder.build()?;

    let directories = match arguments.directory {
        Some(id) => vec![id],
        None => {
            let all = client.list_directories().stream().try_collect().await?;
            all.into_iter().map(|directory| directory.id).collect()
        }
    };
    let mut store: BTreeMap<String, DirectoryUser> = BTreeMap::new();
    for directory in directories {
        let mut users = client.list_directory_users().directory(directory.as_str()).stream();
        while let Some(user) = users.next().await {
            match user {
                Ok(user) => {
                    store.insert(user.id.clone(), user);
                }
                Err(error) => {
                    // What was read stays; the cursor says where to go on.
                    if let Some(cursor) = users.cursor() {
                        eprintln!(
                            "{directory}: stopped; go on with `.after(\"{cursor}\")`: {}",
                            error.help()
                        );
                    }
                    return Err(error.into());
                }
            }
        }
        println!("{directory}: {} users so far", store.len());
    }
    Ok(())
}
