//! `dsync man`: a man page for each command.

use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::failure::Failure;
use crate::output;

/// Write the man pages, one for each command
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dsync man | man -l -\n  dsync man --folder /usr/local/share/man/man1")]
pub(crate) struct Arguments {
    /// The folder for all pages; without it, the page of dsync itself goes to stdout
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let command = crate::arguments::Arguments::command();
    let Some(folder) = &arguments.folder else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.map_err(|error| Failure::other(error.to_string()))?;
        return output::write(&page);
    };
    let failed = |error| Failure::other(format!("cannot write man pages to `{}`: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command, folder).map_err(failed)
}
