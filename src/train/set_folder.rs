//! Data set folders that a command makes. The tables come last, under the name `meta/`, so that what was interrupted is no
//! data set.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Where tables are written until the set is complete.
const UNFINISHED: &str = "meta.new";
/// Where they are then.
const META: &str = "meta";

/// A data set folder that is being made.
pub(super) struct SetFolder<'a> {
    dir: &'a Path,
}

impl<'a> SetFolder<'a> {
    /// Makes `folders` in `dir` for the recordings.
    ///
    /// # Errors
    /// A usage error where `dir` holds a data set; an output error where a folder cannot be made.
    pub(super) fn begin(dir: &'a Path, folders: &[&str]) -> Result<Self> {
        if dir.join(META).exists() {
            return Err(Error::usage(format!("{} holds a data set; choose another folder", dir.display())));
        }
        for folder in folders.iter().chain([&UNFINISHED]) {
            let folder = dir.join(folder);
            fs::create_dir_all(&folder).map_err(|e| unwritable(&folder, e))?;
        }
        Ok(Self { dir })
    }

    /// The path of a recording.
    pub(super) fn recording(&self, folder: &str, name: &str) -> PathBuf {
        self.dir.join(folder).join(name)
    }

    /// Writes the tables, by name, and so makes the folder a data set.
    ///
    /// # Errors
    /// An output error that names what cannot be written.
    pub(super) fn finish(self, tables: &[(&str, String)]) -> Result<()> {
        for (name, text) in tables {
            let path = self.dir.join(UNFINISHED).join(name);
            fs::write(&path, text).map_err(|e| unwritable(&path, e))?;
        }
        let meta = self.dir.join(META);
        fs::rename(self.dir.join(UNFINISHED), &meta).map_err(|e| unwritable(&meta, e))
    }
}

fn unwritable(path: &Path, e: std::io::Error) -> Error {
    Error::output(format!("cannot write {}: {e}; check the folder and the free space", path.display())).with_source(e)
}
