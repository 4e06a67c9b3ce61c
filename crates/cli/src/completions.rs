//! `dsync completions`: what a shell needs to complete the commands.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dsync completions bash > ~/.local/share/bash-completion/completions/dsync")]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut crate::arguments::Arguments::command(),
        "dsync",
        &mut script,
    );
    output::write(&script)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// clap_complete's script for fish knows the flags of commands with one or two words, not of `emulator users create`.
    const FISH_WORDS: usize = 2;

    fn check(script: &str, shell: Shell, command: &clap::Command, words: usize) {
        assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        for flag in flags.filter(|_| shell != Shell::Fish || words <= FISH_WORDS) {
            assert!(script.contains(flag), "{shell}: --{flag} of {}", command.get_name());
        }
        for below in command.get_subcommands() {
            check(script, shell, below, words + 1);
        }
    }

    #[test]
    fn each_shell_completes_every_command_and_every_flag() {
        let whole = crate::arguments::Arguments::command();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut whole.clone(), "dsync", &mut script);
            check(&String::from_utf8(script).unwrap(), shell, &whole, 0);
        }
    }
}
