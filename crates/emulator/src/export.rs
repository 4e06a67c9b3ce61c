//! What a running emulator gives away: its whole state as a file to go on with, or its objects as a seed file.

use std::io;
use std::io::Write;
use std::path::Path;

use crate::loader::ObjectError;
use crate::seed_file::SeedFile;
use crate::seed_file::SeedFileError;
use crate::server::Emulator;
use crate::shelf::Shelf;
use crate::state::State;
use crate::state_file::StateFileError;
use crate::whole_file;

impl Emulator {
    /// Saves everything that it knows, the log of events included, to go on with later:
    /// [`EmulatorBuilder::state_file`](crate::EmulatorBuilder::state_file) loads it. The file appears when it is whole; one
    /// that was there stays until then.
    ///
    /// This writes in the calling thread, and nothing changes meanwhile; a million users take seconds.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use workos_directory_emulator::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// emulator.save("emulator.state")?;
    /// let again = Emulator::builder().state_file("emulator.state").start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), StateFileError> {
        self.app().state().save(path.as_ref())
    }

    /// Writes its objects as a seed file, one in a line; [`SeedFile::read`] reads it. The log of events is not part of it. This
    /// takes no more memory than the emulator has already, and otherwise what [`Emulator::save`] does.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use workos_directory_emulator::Emulator;
    /// use workos_directory_emulator::SeedFile;
    ///
    /// let emulator = Emulator::start().await?;
    /// emulator.export("company.json")?;
    /// let again = Emulator::builder().seed_file(SeedFile::read("company.json")?).start().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn export(&self, path: impl AsRef<Path>) -> Result<(), SeedFileError> {
        let path = path.as_ref();
        let written = whole_file::write(path, |mut to| self.app().state().write_seed_file(&mut to));
        written.map_err(|source| SeedFileError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// Its objects as a seed file, all of them in memory.
    ///
    /// # Errors
    ///
    /// When an object cannot be read back, which is a fault of the emulator.
    pub fn seed_file(&self) -> Result<SeedFile, ObjectError> {
        let mut text = Vec::new();
        let written = self.app().state().write_seed_file(&mut text);
        written
            .and_then(|()| Ok(serde_json::from_slice(&text)?))
            .map_err(|error| ObjectError::Encoding {
                reason: error.to_string(),
            })
    }
}

impl State {
    /// Writes the objects as a seed file.
    pub(crate) fn write_seed_file(&self, to: &mut impl Write) -> io::Result<()> {
        let mut text = Vec::new();
        to.write_all(b"{\"directories\":[")?;
        each(&self.directories, to, |_, row, to| {
            serde_json::to_writer(to, &row.model).map_err(Into::into)
        })?;
        to.write_all(b"\n],\"groups\":[")?;
        each(&self.groups, to, |_, row, to| to.write_all(row.text.as_bytes()))?;
        to.write_all(b"\n],\"users\":[")?;
        each(&self.users, to, |user, _, to| {
            text.clear();
            self.write_user(&mut text, user);
            to.write_all(&text)
        })?;
        to.write_all(b"\n],\"memberships\":[")?;
        let mut comma: &[u8] = b"";
        for user in 0..self.users.end() {
            for group in self.groups_of_user.all(user) {
                text.clear();
                text.extend_from_slice(comma);
                text.extend_from_slice(b"\n{\"user\":\"");
                self.users.write_id(&mut text, user);
                text.extend_from_slice(b"\",\"group\":\"");
                self.groups.write_id(&mut text, group);
                text.extend_from_slice(b"\"}");
                to.write_all(&text)?;
                comma = b",";
            }
        }
        to.write_all(b"\n]}\n")
    }
}

/// Writes each row of a shelf in a line of its own, with commas in between.
fn each<T, W: Write>(
    shelf: &Shelf<T>,
    to: &mut W,
    mut write: impl FnMut(u32, &T, &mut W) -> io::Result<()>,
) -> io::Result<()> {
    let mut line: &[u8] = b"\n";
    for number in 0..shelf.end() {
        if let Some(row) = shelf.get(number) {
            to.write_all(line)?;
            write(number, row, to)?;
            line = b",\n";
        }
    }
    Ok(())
}
