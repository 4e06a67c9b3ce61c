//! What goes to stdout: text for people, one JSON document per line for machines.

use std::io::ErrorKind;
use std::io::Write as _;

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
}

/// Writes a result in the format that was asked for.
pub(crate) fn result<T: Serialize>(format: Format, value: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
    let mut bytes = match format {
        Format::Text => text().into_bytes(),
        Format::Json => serde_json::to_vec(value).map_err(|error| Failure::other(error.to_string()))?,
    };
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    write(&bytes)
}

/// Writes to stdout. A reader that has gone, such as `head`, is no failure.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::other(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
