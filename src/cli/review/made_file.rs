//! Files that are made of recordings: what goes into them, who may read them, and that they are whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::archive::Index;
use crate::archive::unnamed::Unnamed;
use crate::cli::output;
use crate::error::{Error, Result};
use crate::review::entry::Entry;

/// The event with the key `key`; one that cannot be read is left out with a word.
pub(super) fn entry(index: &Index, key: &str) -> Option<Entry> {
    Entry::read(index.dir(), &index.folder(key)).inspect_err(|e| output::note(&format!("left out: {e}"))).ok()
}

/// The rights of a file that is made of recordings: whoever may not read the recording folder, or the newest event in it, may
/// not read what was made of them.
pub(super) fn readers(index: &Index, newest: Option<&str>) -> u32 {
    let mode = |folder: &Path| folder.metadata().map_or(0o600, |about| about.mode());
    newest.map_or(0o666, |key| mode(&index.folder(key))) & mode(index.dir()) & 0o666
}

/// Writes `file` with the rights `mode`, so that it is whole or not there; gives its length in bytes.
pub(in crate::cli) fn write_whole(
    mode: u32,
    file: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<()>,
) -> Result<u64> {
    let failed = |e: std::io::Error| {
        Error::output(format!("{} could not be written ({e}); check its folder and its disk", file.display()))
            .with_source(e)
    };
    let mut unnamed = Unnamed::create(file, mode).map_err(failed)?;
    let mut out = BufWriter::new(unnamed.file());
    write(&mut out)?;
    out.flush().map_err(failed)?;
    drop(out);
    unnamed.keep().map_err(failed)
}
