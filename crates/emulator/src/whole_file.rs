//! A file that appears when it is whole, or not at all.

use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

/// How much is written at once, in bytes.
const BUFFER: usize = 1 << 20;

/// Writes a file beside its place and moves it there when it is whole. One that was there stays until then.
pub(crate) fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    let mut buffer = BufWriter::with_capacity(BUFFER, file);
    content(&mut buffer)?;
    let file = buffer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
