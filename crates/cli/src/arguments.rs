//! What can be typed after `dsync`.

use clap::Parser;
use clap::Subcommand;

use crate::api;
use crate::completions;
use crate::demo;
use crate::emulator;
use crate::output::Format;
use crate::sync;

/// WorkOS Directory Sync for operators
#[derive(Debug, Parser)]
#[command(
    name = "dsync",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 2 wrong usage or settings, 3 refused by the API for lack of a valid key, 4 the API \
                  cannot be reached, 1 anything else.\n\nThe API key comes from WORKOS_API_KEY, never from a flag."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Write results as text for people or as JSON for machines
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Sync(sync::Arguments),
    Api(api::Arguments),
    Demo(demo::Arguments),
    Emulator(emulator::Arguments),
    Completions(completions::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_go_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_flag_takes_a_secret() {
        for command in Arguments::command().get_subcommands() {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                assert!(
                    !["key", "secret", "password", "token"]
                        .iter()
                        .any(|word| name.contains(word)),
                    "{name}"
                );
            }
        }
    }
}
