//! What goes to stdout: text for people, one JSON document per line for machines.
//!
//! Data from outside is made harmless before it is written, and what is written is not filtered afterwards: a filter for
//! colour codes would alter the data that has some.

use std::io::BufWriter;
use std::io::ErrorKind;
use std::io::IsTerminal as _;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use anstyle::Style;
use serde::Serialize;
use terminal_size::Width;

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
        Format::Json => json(value)?,
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
    let mut stdout = std::io::stdout().lock();
    went(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// Rows that go to stdout as they come.
pub(crate) struct Rows {
    stdout: BufWriter<std::io::Stdout>,
    is_terminal: bool,
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self {
            stdout: BufWriter::new(std::io::stdout()),
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

    /// Writes rows.
    pub(crate) fn all(&mut self, rows: &[String]) -> Result<ControlFlow<()>, Failure> {
        for row in rows {
            if self.push(row.as_bytes())?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
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

/// Whether tables are written whole however wide the terminal is.
static WIDE: AtomicBool = AtomicBool::new(false);

/// Says once whether tables are written whole.
pub(crate) fn set_wide(wide: bool) {
    WIDE.store(wide, Ordering::Relaxed);
}

/// How wide a line of stdout may be; `None` where nothing limits it.
pub(crate) fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    if WIDE.load(Ordering::Relaxed) || !stdout.is_terminal() {
        return None;
    }
    let (Width(width), _) = terminal_size::terminal_size_of(&stdout)?;
    // A terminal that does not know its width says 0.
    (width > 0).then_some(usize::from(width))
}

/// The style where stdout shows colours, and none elsewhere.
pub(crate) fn painted(style: Style) -> Style {
    match anstream::AutoStream::choice(&std::io::stdout()) {
        anstream::ColorChoice::AlwaysAnsi => style,
        // An old console of Windows needs other means than codes.
        anstream::ColorChoice::Always if !cfg!(windows) => style,
        _ => Style::new(),
    }
}

/// A document as one line, in which nothing moves a terminal's cursor or turns its line around: such characters are
/// written as `\u` and their number, which means the same.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::other(error.to_string()))?;
    if !text.chars().any(is_unsafe) {
        return Ok(text.into_bytes());
    }
    let mut line = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            // Between the parts of JSON that was kept as it came: within a string it would be escaped.
            '\0'..=' ' => line.push(' '),
            character if is_unsafe(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    line.push_str(&format!("\\u{unit:04x}"));
                }
            }
            character => line.push(character),
        }
    }
    Ok(line.into_bytes())
}

/// Text from outside on one line of a terminal: what could move the cursor, turn the line around or hide in it is shown as
/// its code.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match is_unsafe(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    shown
}

/// Whether a character does something to a terminal instead of being shown: controls (C0, DEL, C1), marks and overrides of
/// the writing direction, line separators, and what takes no place at all. Joiners stay, which names and emoji need.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_could_move_the_cursor_or_turn_the_line_around_is_shown_as_its_code() {
        assert_eq!(plain("Zoë \u{1b}[31m"), "Zoë \\u{1b}[31m");
        assert_eq!(plain("a\u{202e}b\nc"), "a\\u{202e}b\\u{a}c");
        assert_eq!(plain("\u{9b}2J\u{2028}"), "\\u{9b}2J\\u{2028}");
        assert_eq!(plain("Zoë 田中 👩\u{200d}🚀"), "Zoë 田中 👩\u{200d}🚀");
    }

    #[test]
    fn json_is_one_harmless_line_that_means_the_same() {
        let name = "a\u{1b}[2J\u{7f}\u{9b}1m\u{202e}\u{e0041}ë";
        let line = String::from_utf8(json(&name).unwrap()).unwrap();
        assert!(!line.chars().any(is_unsafe), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), name);
        let raw = serde_json::value::RawValue::from_string("{\"a\":\n\t\"\u{9b}\"}".to_owned()).unwrap();
        let line = String::from_utf8(json(&raw).unwrap()).unwrap();
        assert_eq!(line, "{\"a\":  \"\\u009b\"}");
    }
}
