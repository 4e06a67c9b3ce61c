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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The names of the pages of a command and of everything below it.
    fn pages(command: &clap::Command, above: &str) -> Vec<String> {
        let name = format!("{above}{}", command.get_name());
        let below = command
            .get_subcommands()
            .flat_map(|below| pages(below, &format!("{name}-")));
        std::iter::once(format!("{name}.1")).chain(below).collect()
    }

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = Arguments {
            folder: Some(folder.path().to_owned()),
        };
        assert!(run(&arguments).is_ok());
        let pages = pages(&crate::arguments::Arguments::command(), "");
        assert!(pages.len() > 40, "{pages:?}");
        for page in pages {
            let text = std::fs::read_to_string(folder.path().join(&page));
            assert!(text.is_ok(), "{page} is missing");
        }
        let page = std::fs::read_to_string(folder.path().join("dsync-purge.1")).unwrap();
        assert!(page.contains("older\\-than 90"), "{page}");
    }
}
