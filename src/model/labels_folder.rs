//! Writes the user's own files beside the settings, and reports what fails.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file by way of `temporary` in the same folder, which is made where it is missing: the file appears whole or not at
/// all.
///
/// # Errors
/// [`unwritable`].
pub(super) fn write_whole(path: &Path, temporary: &str, text: &str) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new(""));
    let temporary = dir.join(temporary);
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&temporary, text))
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|e| unwritable(path, e))
}

/// The error for a file below the folder of the labels that cannot be written, of kind `Output`.
pub fn unwritable(path: &Path, e: io::Error) -> Error {
    Error::output(format!("{} cannot be written ({e}); name a folder that you may write with --labels", path.display()))
        .with_source(e)
}
