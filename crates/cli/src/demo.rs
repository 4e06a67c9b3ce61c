//! `dsync demo`: the whole line once, on this machine: emulator, client, mirror, database.

use std::path::PathBuf;

use serde_json::json;
use workos_directory_emulator::Emulator;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::RateLimits;

use crate::failure::Failure;
use crate::output;
use crate::output::Format;
use crate::sync;

/// Try everything on this machine: 2 directories, 1,000 users and 40 groups into a SQLite file
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dsync demo\n\nIt needs no account, no key and no network.")]
pub(crate) struct Arguments {
    /// The SQLite file to write
    #[arg(long, value_name = "FILE", default_value = "dsync-demo.sqlite")]
    file: PathBuf,
}

pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let emulator = Emulator::start().await?;
    let file = arguments.file.display().to_string();
    let client = Client::builder()
        .api_key(emulator.api_key())
        .base_url(emulator.base_url())
        .rate_limits(RateLimits::off())
        .build()?;
    let mirror = Mirror::connect(&format!("sqlite:{file}")).await?;
    let summary = sync::watched(mirror.full_sync(&client)).await?;
    mirror.close().await;
    emulator.shutdown().await;
    output::result(format, &json!({ "file": file, "summary": summary }), || {
        format!(
            "An emulated Directory Sync API was mirrored into {file}:\n\n{}\n\
             Look at it:\n  \
             sqlite3 {file} 'SELECT email, state FROM active_users LIMIT 5'\n  \
             sqlite3 {file} 'SELECT group_name, count(*) FROM group_members GROUP BY group_name'\n\n\
             Run it again: everything is unchanged. Against the real API:\n  \
             WORKOS_API_KEY=sk_live_... dsync sync --database sqlite:mirror.sqlite\n",
            sync::summary_text(&summary)
        )
    })
}
