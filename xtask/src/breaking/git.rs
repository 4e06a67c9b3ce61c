//! The document as it was at a revision.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;

use crate::openapi::Document;

/// What a file held at a revision, with what it referred to then, and the revision's name. Without one: where the branch left `main`, else HEAD.
pub(super) fn document(file: &Path, base: Option<&str>) -> Result<(String, Document)> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .context("the document's name is no text")?;
    let base = match base {
        Some(base) => base.to_owned(),
        None => git(folder, &["merge-base", "main", "HEAD"])
            .map_or_else(|_| "HEAD".to_owned(), |base| base.trim().to_owned()),
    };
    let read = |name: &str| git(folder, &["show", "--end-of-options", &format!("{base}:./{name}")]);
    let document = Document::whole(name, read).with_context(|| format!("at {base}"))?;
    let short = git(folder, &["rev-parse", "--short", "--end-of-options", &base])?;
    let since = short.lines().last().unwrap_or(&base).to_owned();
    Ok((since, document))
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .context("cannot start `git`: install it")?;
    if !output.status.success() {
        bail!(
            "`git {}` says: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`git {}` gives no UTF-8", arguments.join(" ")))
}
