//! The files that `dsync emulator` starts with and leaves behind.

use std::path::Path;
use std::path::PathBuf;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::EmulatorBuilder;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::SeedFile;

use crate::failure::Failure;

/// Where objects and faults come from, and where the state goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Files {
    /// Begin with the objects of a JSON or YAML file instead of making some up
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "directories", "users", "groups", "memberships"])]
    data: Option<PathBuf>,

    /// Go on with the state that `--save-on-exit` has written: objects, ids and events
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "seed", "directories", "users", "groups", "memberships"])]
    load: Option<PathBuf>,

    /// Write the whole state to a file when Ctrl-C ends it
    #[arg(long, value_name = "FILE")]
    save_on_exit: Option<PathBuf>,

    /// Write the objects as a JSON file for `--data` when Ctrl-C ends it
    #[arg(long, value_name = "FILE")]
    export_on_exit: Option<PathBuf>,

    /// Let things go wrong as the rules in a JSON file say, a list of `{"fault": {"kind": …}}`
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,

    /// Which requests are hit by chance: the same seed and the same rules hit the same ones
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    fault_seed: u64,
}

impl Files {
    /// Whether the objects come from a file.
    pub(crate) fn has_objects(&self) -> bool {
        self.data.is_some() || self.load.is_some()
    }

    /// Says what the files say.
    pub(crate) fn apply(&self, mut builder: EmulatorBuilder) -> Result<EmulatorBuilder, Failure> {
        if let Some(path) = &self.data {
            let file = SeedFile::read(path).map_err(|error| Failure::usage(error.to_string()))?;
            builder = builder.seed_file(file);
        }
        if let Some(path) = &self.load {
            builder = builder.state_file(path);
        }
        builder = builder.fault_seed(self.fault_seed);
        if let Some(path) = &self.faults {
            for rule in rules(path)? {
                builder = builder.fault(rule);
            }
        }
        Ok(builder)
    }

    /// Writes what is to be left behind, and tells where.
    pub(crate) fn leave(&self, emulator: &Emulator) -> Result<(), Failure> {
        if let Some(path) = &self.save_on_exit {
            let saved = emulator.save(path);
            saved.map_err(|error| Failure::chained(&error))?;
            crate::notice::say(&format!("saved the state in {}", path.display()));
        }
        if let Some(path) = &self.export_on_exit {
            let exported = emulator.export(path);
            exported.map_err(|error| Failure::chained(&error))?;
            crate::notice::say(&format!("wrote the objects to {}", path.display()));
        }
        Ok(())
    }
}

fn rules(path: &Path) -> Result<Vec<FaultRule>, Failure> {
    let wrong = |reason: String| Failure::usage(format!("the faults in {} cannot be used: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
}
