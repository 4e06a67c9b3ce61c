//! What goes to stdout: text for people, one JSON document per line for machines.

use std::io::BufWriter;
use std::io::ErrorKind;
use std::io::IsTerminal as _;
use std::io::Write;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::failure::Failure;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For machines, one JSON document per line
    Json,
    /// For CI servers; `verify` only
    Junit,
    /// For monitoring; `health` only
    Prometheus,
}

impl Format {
    /// What a list is written as when nothing was asked for: a table on a terminal, JSON lines in a pipe.
    pub(crate) fn of_lists(asked: Option<Self>) -> Self {
        asked.unwrap_or_else(|| {
            if std::io::stdout().is_terminal() {
                Self::Text
            } else {
                Self::Json
            }
        })
    }

    /// Refuses the formats that only one command has.
    pub(crate) fn general(self) -> Result<Self, Failure> {
        match self {
            Self::Text | Self::Json => Ok(self),
            Self::Junit => Err(Failure::usage("only `dsync verify` writes junit; use text or json")),
            Self::Prometheus => Err(Failure::usage(
                "only `dsync health` writes prometheus; use text or json",
            )),
        }
    }
}

/// Writes a result in the format that was asked for.
pub(crate) fn result<T: Serialize>(format: Format, value: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
    line(format, value, text).map(drop)
}

/// The same of one result among many; `Break` says that nobody reads any more.
pub(crate) fn line<T: Serialize>(
    format: Format,
    value: &T,
    text: impl FnOnce() -> String,
) -> Result<ControlFlow<()>, Failure> {
    let mut bytes = match format.general()? {
        Format::Json => serde_json::to_vec(value).map_err(|error| Failure::other(error.to_string()))?,
        _ => text().into_bytes(),
    };
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    write_or_break(&bytes)
}

/// Writes to stdout. A reader that has gone, such as `head`, is no failure.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    write_or_break(bytes).map(drop)
}

fn write_or_break(bytes: &[u8]) -> Result<ControlFlow<()>, Failure> {
    let mut stdout = anstream::stdout().lock();
    went(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// Rows that go to stdout as they come.
pub(crate) struct Rows {
    stdout: BufWriter<anstream::AutoStream<std::io::Stdout>>,
    is_terminal: bool,
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self {
            stdout: BufWriter::new(anstream::stdout()),
            is_terminal: std::io::stdout().is_terminal(),
        }
    }

    /// Writes a row; `Break` says that nobody reads any more.
    pub(crate) fn push(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Failure> {
        let written = self.stdout.write_all(row).and_then(|()| self.stdout.write_all(b"\n"));
        // A person sees each row when it comes; a program gets them in larger pieces.
        let written = if self.is_terminal {
            written.and_then(|()| self.stdout.flush())
        } else {
            written
        };
        went(written)
    }

    /// Writes what is left.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        went(self.stdout.flush()).map(drop)
    }
}

fn went(written: std::io::Result<()>) -> Result<ControlFlow<()>, Failure> {
    match written {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::other(format!("cannot write to stdout: {error}"))),
    }
}

/// Text from outside on one line of a terminal: what could move the cursor or turn the line around is shown as its code.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let harmless = !character.is_control()
                && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let shown: Box<dyn Iterator<Item = char>> = if harmless {
                Box::new(std::iter::once(character))
            } else {
                Box::new(character.escape_unicode())
            };
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_move_the_cursor_or_turn_the_line_around_is_shown_as_its_code() {
        assert_eq!(plain("Zoë \u{1b}[31m"), "Zoë \\u{1b}[31m");
        assert_eq!(plain("a\u{202e}b\nc"), "a\\u{202e}b\\u{a}c");
    }
}
