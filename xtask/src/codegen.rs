//! `cargo xtask codegen`: writes the clients' generated code, or with `--check` compares it with what is checked in.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;
use similar::TextDiff;
use workos_directory_codegen::Document;
use workos_directory_codegen::Generated;
use workos_directory_codegen::Target;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; show how the checked-in code differs and fail if it does
    #[arg(long)]
    check: bool,
    /// Generate the client from this document instead, and nothing else
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// The folder of the client's generated code, with `--spec`
    #[arg(long, value_name = "DIR", requires = "spec")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let root = crate::root();
    let Some(spec) = &arguments.spec else {
        return Target::ALL.iter().try_for_each(|target| {
            let spec = root.join(target.document);
            bring_up_to_date(target, &spec, &root.join(target.folder), arguments.check)?;
            let Some(folder) = target.commands else { return Ok(()) };
            let document = Document::read(&spec)?;
            let commands = workos_directory_codegen::generate_commands(&document, target)?;
            write_or_compare(&commands, target.document, folder, &root.join(folder), arguments.check).map(drop)
        });
    };
    let target = &Target::CLIENT;
    let output = arguments.output.clone().unwrap_or_else(|| root.join(target.folder));
    bring_up_to_date(target, spec, &output, arguments.check)
}

/// Writes what the document says, or with `check` compares only.
fn bring_up_to_date(target: &Target, spec: &Path, output: &Path, check: bool) -> Result<()> {
    let name = spec.strip_prefix(crate::root()).unwrap_or(spec).display();
    let document = Document::read(spec).with_context(|| format!("{name}"))?;
    let generated = workos_directory_codegen::generate(&document, target).with_context(|| format!("{name}"))?;
    let name = name.to_string();
    if write_or_compare(&generated, &name, target.folder, output, check)?
        && let Some(summary) = crate::breaking::summary(spec)
    {
        print!("{summary}");
    }
    Ok(())
}

/// Whether something was written.
fn write_or_compare(generated: &Generated, document: &str, folder: &str, output: &Path, check: bool) -> Result<bool> {
    let changes = changes(generated, output)?;
    if changes.is_empty() {
        println!("{folder} is what {document} says");
        return Ok(false);
    }
    if check {
        for change in &changes {
            print!("{}", change.diff(folder));
        }
        bail!(
            "{folder} is not what {document} says ({} files differ): run `cargo xtask codegen`",
            changes.len()
        );
    }
    for change in &changes {
        change.write(output)?;
        println!("{} {folder}/{}", change.verb(), change.path);
    }
    Ok(true)
}

/// A file that is not as it should be.
struct Change {
    path: String,
    old: Option<String>,
    new: Option<String>,
}

impl Change {
    fn verb(&self) -> &'static str {
        match (&self.old, &self.new) {
            (None, _) => "created",
            (_, None) => "removed",
            _ => "updated",
        }
    }

    fn diff(&self, folder: &str) -> String {
        let old = self.old.as_deref().unwrap_or_default();
        let new = self.new.as_deref().unwrap_or_default();
        let checked_in = format!("{folder}/{} (checked in)", self.path);
        let generated = format!("{folder}/{} (generated)", self.path);
        TextDiff::from_lines(old, new)
            .unified_diff()
            .context_radius(3)
            .header(&checked_in, &generated)
            .to_string()
    }

    fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(&self.path);
        let result = match &self.new {
            None => fs::remove_file(&path),
            Some(text) => path
                .parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::write(&path, text)),
        };
        result.with_context(|| format!("cannot write `{}`", path.display()))
    }
}

/// What has to change in the folder, by path; files that nothing generates any more are to be removed.
fn changes(generated: &Generated, folder: &Path) -> Result<Vec<Change>> {
    let mut present = BTreeMap::new();
    read(folder, "", &mut present)?;
    let mut changes = Vec::new();
    for (path, text) in generated.files() {
        let old = present.remove(path);
        if old.as_deref() != Some(text) {
            changes.push(Change {
                path: path.to_owned(),
                old,
                new: Some(text.to_owned()),
            });
        }
    }
    changes.extend(present.into_iter().map(|(path, old)| Change {
        path,
        old: Some(old),
        new: None,
    }));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("cannot list `{}`", folder.display()))?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            read(&path, &format!("{prefix}{name}/"), files)?;
        } else {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            files.insert(format!("{prefix}{name}"), text.replace("\r\n", "\n"));
        }
    }
    Ok(())
}
