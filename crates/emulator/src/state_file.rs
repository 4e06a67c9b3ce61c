//! The state in a file: everything that the emulator knows, with its ids, its order and its log of events.
//!
//! A line is one JSON object with one field, which says what the line is: first `format`, then organizations that were created
//! for themselves, directories, groups, users with their memberships, events, and `end` with the number of lines. An object
//! that was deleted leaves its id, so that cursors keep their place and no id is given twice. A reader needs no more memory
//! than the state itself.

use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;
use workos_directory_sync::types;

use crate::kind::Kind;
use crate::loader::Loader;
use crate::loader::ObjectError;
use crate::loader::parsed;
use crate::log::EventRow;
use crate::shelf::Shelf;
use crate::state::State;
use crate::whole_file;

/// The name of the format.
const NAME: &str = "workos-directory-emulator";

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// How much is read at once, in bytes.
const BUFFER: usize = 1 << 20;

/// Why a state file cannot be written or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateFileError {
    /// The file cannot be read.
    #[error("cannot read the state file `{}`", path.display())]
    Read {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written. What was there before is still there.
    #[error("cannot write the state file `{}`", path.display())]
    Write {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is something else, or of another version.
    #[error("`{}` is no state file of version {VERSION}; a seed file is read by `--data`", path.display())]
    Format {
        /// Where it is.
        path: PathBuf,
    },
    /// A line is not what a state file has there.
    #[error("the state file is wrong in line {line}: {source}")]
    Line {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// An object does not go with the others.
    #[error("the state file is wrong in line {line}: {error}")]
    Object {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong.
        #[source]
        error: ObjectError,
    },
    /// The file ends too early, or goes on after its end.
    #[error("the state file is not whole: its end is missing or wrong in line {line}; save it again")]
    Cut {
        /// The number of the last line.
        line: u64,
    },
}

/// What a line holds, to read.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Format {
        name: String,
        version: u32,
    },
    Organization {
        id: String,
        #[serde(default)]
        name: Option<String>,
    },
    Directory {
        model: Box<types::Directory>,
        #[serde(default)]
        last_sync: Option<i64>,
    },
    Group(Box<types::DirectoryGroup>),
    User {
        model: Box<types::DirectoryUser>,
        #[serde(default)]
        groups: Vec<String>,
    },
    Event {
        organization: Option<String>,
        #[serde(borrow)]
        event: &'a RawValue,
    },
    Removed(String),
    End {
        lines: u64,
    },
}

/// The lines of a line's object that are written through serde.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Written<'a> {
    Format {
        name: &'a str,
        version: u32,
    },
    Organization {
        id: &'a str,
        name: Option<&'a str>,
    },
    Directory {
        model: &'a types::Directory,
        last_sync: Option<i64>,
    },
    Removed(String),
    End {
        lines: u64,
    },
}

impl State {
    /// Writes the file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), StateFileError> {
        let written = whole_file::write(path, |to| self.write(&mut Lines { to, count: 0 }));
        written.map_err(|source| StateFileError::Write {
            path: path.to_owned(),
            source,
        })
    }

    fn write(&self, lines: &mut Lines<impl Write>) -> io::Result<()> {
        lines.written(&Written::Format {
            name: NAME,
            version: VERSION,
        })?;
        for (id, name) in &self.organization_names {
            let name = name.as_deref();
            lines.written(&Written::Organization { id, name })?;
        }
        each(&self.directories, lines, |lines, _, row| {
            lines.written(&Written::Directory {
                model: &row.model,
                last_sync: row.last_sync,
            })
        })?;
        each(&self.groups, lines, |lines, _, row| {
            lines.raw(&[b"{\"group\":", row.text.as_bytes(), b"}"])
        })?;
        let mut text = Vec::new();
        each(&self.users, lines, |lines, user, _| {
            text.clear();
            self.write_user(&mut text, user);
            text.extend_from_slice(b",\"groups\":[");
            for (place, group) in self.groups_of_user.all(user).enumerate() {
                text.extend_from_slice(if place > 0 { b",\"" } else { b"\"" });
                self.groups.write_id(&mut text, group);
                text.push(b'"');
            }
            lines.raw(&[b"{\"user\":{\"model\":", &text, b"]}}"])
        })?;
        each(&self.log, lines, |lines, _, row| {
            let organization = serde_json::to_vec(&row.organization)?;
            let (head, middle) = (b"{\"event\":{\"organization\":", b",\"event\":");
            lines.raw(&[head, &organization, middle, row.text.as_bytes(), b"}}"])
        })?;
        let count = lines.count;
        lines.written(&Written::End { lines: count + 1 })
    }

    /// Reads a file.
    pub(crate) fn load(path: &Path) -> Result<Self, StateFileError> {
        let failed = |source| StateFileError::Read {
            path: path.to_owned(),
            source,
        };
        let mut reader = BufReader::with_capacity(BUFFER, File::open(path).map_err(failed)?);
        let mut loader = Loader::default();
        let (mut text, mut number, mut is_over) = (String::new(), 0_u64, false);
        loop {
            text.clear();
            if reader.read_line(&mut text).map_err(failed)? == 0 {
                break;
            }
            number += 1;
            let line = serde_json::from_str(&text);
            if number == 1 {
                match line {
                    Ok(Line::Format { name, version }) if name == NAME && version == VERSION => continue,
                    _ => return Err(StateFileError::Format { path: path.to_owned() }),
                }
            }
            let line = line.map_err(|source| StateFileError::Line { line: number, source })?;
            match line {
                Line::End { lines } if lines == number && !is_over => is_over = true,
                Line::End { .. } | Line::Format { .. } => return Err(StateFileError::Cut { line: number }),
                _ if is_over => return Err(StateFileError::Cut { line: number }),
                line => {
                    let added = add(&mut loader, line);
                    added.map_err(|error| StateFileError::Object { line: number, error })?;
                }
            }
        }
        if !is_over {
            return Err(StateFileError::Cut { line: number });
        }
        Ok(loader.finish())
    }
}

fn add(loader: &mut Loader, line: Line<'_>) -> Result<(), ObjectError> {
    match line {
        Line::Organization { id, name } => loader.organization(id, name)?,
        Line::Directory { model, last_sync } => {
            let number = loader.directory(*model)?;
            loader.last_sync(number, last_sync);
        }
        Line::Group(model) => drop(loader.group(*model)?),
        Line::User { model, groups } => {
            let id = model.id.clone();
            loader.user(*model)?;
            for group in groups {
                loader.membership(&id, &group)?;
            }
        }
        Line::Event { organization, event } => {
            let model: types::Event = serde_json::from_str(event.get()).map_err(|error| ObjectError::Encoding {
                reason: error.to_string(),
            })?;
            let row = EventRow {
                name: model.event,
                organization,
                text: event.get().into(),
            };
            loader.event(parsed(Kind::Event, &model.id)?, row)?;
        }
        Line::Removed(id) => loader.removed(&id)?,
        Line::Format { .. } | Line::End { .. } => {}
    }
    Ok(())
}

/// Writes each row of a shelf, or the id of one that was removed.
fn each<T, W: Write>(
    shelf: &Shelf<T>,
    lines: &mut Lines<W>,
    mut write: impl FnMut(&mut Lines<W>, u32, &T) -> io::Result<()>,
) -> io::Result<()> {
    for number in 0..shelf.end() {
        match shelf.get(number) {
            Some(row) => write(lines, number, row)?,
            None => lines.written(&Written::Removed(shelf.id(number).unwrap_or_default()))?,
        }
    }
    Ok(())
}

/// Writes lines and counts them.
struct Lines<W> {
    to: W,
    count: u64,
}

impl<W: Write> Lines<W> {
    fn written(&mut self, line: &Written<'_>) -> io::Result<()> {
        let text = serde_json::to_vec(line)?;
        self.raw(&[&text])
    }

    fn raw(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        for part in parts {
            self.to.write_all(part)?;
        }
        self.count += 1;
        self.to.write_all(b"\n")
    }
}
