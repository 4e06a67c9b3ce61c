//! `dsync emulator state`: save, load, export.

use std::path::Path;
use std::path::PathBuf;

use serde_json::json;
use workos_directory_emulator::SeedFile;
use workos_directory_emulator_client::types::State;

use crate::emulator::control::Place;
use crate::failure::Failure;
use crate::output;
use crate::output::Format;

/// Everything that a running emulator holds: save, load, export
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write all objects to a file, for `state load` or `dsync emulator --data`
    #[command(after_help = "Example:\n  dsync emulator state save company.json")]
    Save {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Replace all objects by those of a file; no events tell of it
    #[command(after_help = "Example:\n  dsync emulator state load company.json")]
    Load {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Write all objects to stdout as JSON
    #[command(after_help = "Example:\n  dsync emulator state export | jq '.users | length'")]
    Export {
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Save { file, place } => {
            let state = place.client()?.get_state().send().await?.into_inner();
            let failed = |error: std::io::Error| Failure::other(format!("cannot write `{}`: {error}", file.display()));
            let mut text = serde_json::to_vec_pretty(&state).map_err(|error| failed(error.into()))?;
            text.push(b'\n');
            std::fs::write(file, text).map_err(failed)?;
            tell(asked, "saved", &state, file)
        }
        Verb::Load { file, place } => {
            let unusable = |reason: String| Failure::usage(format!("cannot use `{}`: {reason}", file.display()));
            let data = SeedFile::read(file).map_err(|error| unusable(error.to_string()))?;
            // The same objects, as the admin API takes them.
            let state = serde_json::to_vec(&data).and_then(|text| serde_json::from_slice::<State>(&text));
            let state = state.map_err(|error| unusable(error.to_string()))?;
            place.client()?.put_state().body(state.clone()).send().await?;
            tell(asked, "loaded", &state, file)
        }
        Verb::Export { place } => {
            let state = place.client()?.get_state().send().await?.into_inner();
            let mut text = serde_json::to_vec(&state).map_err(|error| Failure::other(error.to_string()))?;
            text.push(b'\n');
            output::write(&text)
        }
    }
}

/// Says how much was saved or loaded.
fn tell(asked: Option<Format>, done: &str, state: &State, file: &Path) -> Result<(), Failure> {
    let file = file.display().to_string();
    let (directories, users, groups) = (state.directories.len(), state.users.len(), state.groups.len());
    let memberships = state.memberships.len();
    let mut told = json!({
        "directories": directories, "users": users, "groups": groups, "memberships": memberships,
    });
    told[done] = file.as_str().into();
    output::result(asked.unwrap_or_default(), &told, || {
        format!(
            "{done} {}: {directories} directories, {users} users, {groups} groups, {memberships} memberships\n",
            output::plain(&file)
        )
    })
}
