//! What can be typed after `dsync`.

use clap::Parser;
use clap::Subcommand;

use crate::api;
use crate::changes;
use crate::completions;
use crate::config;
use crate::deletions;
use crate::demo;
use crate::diff;
use crate::directories;
use crate::emulator;
use crate::events;
use crate::follow;
use crate::groups;
use crate::health;
use crate::interrupt;
use crate::logs::Verbosity;
use crate::man;
use crate::memberships;
use crate::migrate;
use crate::output::Format;
use crate::purge;
use crate::quarantine;
use crate::sync;
use crate::users;
use crate::verify;
use crate::webhooks;

/// WorkOS Directory Sync for operators
#[derive(Debug, Parser)]
#[command(
    name = "dsync",
    version,
    max_term_width = 100,
    after_help = "\
Exit codes:
  0    done
  1    anything not named here
  2    arguments or settings that cannot be used, a missing key among them
  3    the API refuses the key
  4    the API cannot be reached
  5    what was looked at is not as it should be (verify, health, diff)
  6    done, but something was quarantined or is undecided (sync, quarantine retry), or cannot be read (verify --deep)
  130  ended by Ctrl-C or SIGTERM before it was done

Settings: a flag wins over the environment, that over the profile file (`dsync config`). The API key comes from \
WORKOS_API_KEY, or from a file or a command that the profile names; never from a flag.

Examples:
  dsync demo
  dsync verify
  dsync users list --organization org_01EHZNVPK3SFK441A1RGBFSHRT | jq -r .email
  dsync sync --database sqlite:mirror.sqlite"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// How results are written; unless set, lists are JSON lines in a pipe, and everything else is text
    #[arg(long, global = true, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) output: Option<Format>,

    /// Write tables whole, however narrow the terminal is
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) wide: bool,

    #[command(flatten)]
    pub(crate) verbosity: Verbosity,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Verify(verify::Arguments),
    Health(health::Arguments),
    Directories(directories::Arguments),
    Users(users::Arguments),
    Groups(groups::Arguments),
    Memberships(memberships::Arguments),
    Sync(sync::Arguments),
    Diff(diff::Arguments),
    Follow(follow::Arguments),
    Webhooks(webhooks::Arguments),
    Events(events::Arguments),
    Quarantine(quarantine::Arguments),
    Deletions(deletions::Arguments),
    Changes(changes::Arguments),
    Migrate(migrate::Arguments),
    Purge(purge::Arguments),
    Api(api::Arguments),
    Demo(demo::Arguments),
    Emulator(emulator::Arguments),
    Config(config::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

impl Command {
    /// What the process ends with when it is asked to end before the command has begun with anything.
    pub(crate) fn code_when_asked_to_end(&self) -> u8 {
        // One that goes on until it is asked to end has done what it should.
        let is_endless = match self {
            Self::Follow(_) | Self::Webhooks(_) => true,
            Self::Health(arguments) => arguments.is_endless(),
            Self::Changes(arguments) => arguments.is_endless(),
            Self::Emulator(arguments) => arguments.is_endless(),
            _ => false,
        };
        if is_endless { 0 } else { interrupt::INTERRUPTED }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_go_together() {
        Arguments::command().debug_assert();
    }

    /// A command and everything below it.
    fn all(command: &clap::Command) -> Vec<&clap::Command> {
        let below = command.get_subcommands().flat_map(all);
        std::iter::once(command).chain(below).collect()
    }

    #[test]
    fn every_paragraph_of_the_help_is_one_line_that_the_terminal_breaks() {
        for command in all(&Arguments::command()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<_> = help.lines().collect();
            let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ') && !line.ends_with(':');
            for pair in lines.windows(2) {
                assert!(
                    !(is_prose(pair[0]) && is_prose(pair[1])),
                    "{}: {pair:?}",
                    command.get_name()
                );
            }
        }
    }

    /// The words of a command line, without variables before it and what it is piped to.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        for letter in line.trim().trim_start_matches("$ ").chars() {
            match (letter, quote) {
                ('\'' | '"', None) => quote = Some(letter),
                (letter, Some(end)) if letter == end => quote = None,
                ('|' | '>' | '<' | ';' | '#' | '&', None) => break,
                (' ', None) => words.push(std::mem::take(&mut word)),
                _ => word.push(letter),
            }
        }
        words.push(word);
        let is_first = |word: &String| !word.contains('=') && word != "export";
        let words = words.into_iter().filter(|word| !word.is_empty());
        words.skip_while(|word| !is_first(word)).collect()
    }

    /// The lines between the fences of a page of documentation.
    fn in_fences(page: &str) -> impl Iterator<Item = &str> {
        page.split("```").skip(1).step_by(2).flat_map(str::lines)
    }

    #[test]
    fn every_example_can_be_typed() {
        let whole = Arguments::command();
        let helps = all(&whole).into_iter().filter_map(clap::Command::get_after_help);
        let helps: Vec<_> = helps.map(ToString::to_string).collect();
        let pages = [
            include_str!("../../../README.md"),
            include_str!("../docs/choosing.md"),
            include_str!("../docs/limits.md"),
            include_str!("../docs/moving.md"),
            include_str!("../docs/operating.md"),
            include_str!("../docs/security.md"),
            include_str!("../docs/workers.md"),
        ];
        let lines = helps.iter().flat_map(|help| help.lines());
        let mut count = 0;
        for line in lines.chain(pages.into_iter().flat_map(in_fences)) {
            let words = words(line);
            if words.first().is_some_and(|word| word == "dsync") {
                let typed = Arguments::try_parse_from(&words);
                let is_help = |error: &clap::Error| error.kind() == clap::error::ErrorKind::DisplayHelp;
                assert!(typed.is_ok() || typed.as_ref().is_err_and(is_help), "{line}: {typed:?}");
                count += 1;
            }
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn the_systemd_unit_starts_a_command_that_there_is() {
        let unit = include_str!("../systemd/dsync-follow.service");
        let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart="));
        let arguments = command.map(|command| Arguments::try_parse_from(command.split(' ')));
        assert!(matches!(arguments, Some(Ok(_))), "{arguments:?}");
    }

    #[test]
    fn no_flag_takes_a_secret() {
        for command in all(&Arguments::command()) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                assert!(
                    !["key", "secret", "password", "token"]
                        .iter()
                        .any(|word| name.contains(word)),
                    "{} has {name}",
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn every_command_that_does_something_has_examples() {
        let whole = Arguments::command();
        // Those below `api` are generated from the document; `api` itself has the examples.
        let written = whole.get_subcommands().filter(|command| command.get_name() != "api");
        for command in written.flat_map(all).chain(whole.find_subcommand("api")) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let is_a_noun = command.has_subcommands() && command.get_name() != "api";
            assert!(is_a_noun || help.contains("Example"), "{} has none", command.get_name());
        }
    }
}
