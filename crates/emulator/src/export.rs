//! What a running emulator gives away: its whole state as a file to go on with, or its objects as a seed file.

use std::path::Path;

use crate::loader::ObjectError;
use crate::seed_file::SeedFile;
use crate::seed_file::SeedMembership;
use crate::server::Emulator;
use crate::state::State;
use crate::state_file::StateFileError;

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

    /// Its objects as a seed file. The log of events is not part of it.
    ///
    /// # Errors
    ///
    /// When an object cannot be read back, which is a fault of the emulator.
    pub fn seed_file(&self) -> Result<SeedFile, ObjectError> {
        self.app().state().seed_file()
    }
}

impl State {
    pub(crate) fn seed_file(&self) -> Result<SeedFile, ObjectError> {
        let mut file = SeedFile::default();
        let directories = (0..self.directories.end()).filter_map(|number| self.directories.get(number));
        file.directories = directories.map(|row| row.model.clone()).collect();
        for group in (0..self.groups.end()).filter(|&number| self.groups.get(number).is_some()) {
            file.groups.push(self.group(group)?);
        }
        for user in (0..self.users.end()).filter(|&number| self.users.get(number).is_some()) {
            let model = self.user(user)?;
            for group in self.groups_of_user.all(user) {
                file.memberships.push(SeedMembership {
                    user: model.id.clone(),
                    group: self.groups.id(group).unwrap_or_default(),
                });
            }
            file.users.push(model);
        }
        Ok(file)
    }
}
