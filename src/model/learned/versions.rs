//! The folder that holds the versions of what marks have taught a model: `LABELS/learned/MODEL/0007.toml`. The one with the
//! largest number is in force.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::Learned;
use crate::checked_file::{self, Links};
use crate::error::{Error, Result};
use crate::model::labels_folder::{unwritable, write_whole};

/// Versions that are kept.
pub const KEPT: usize = 5;
/// Longest file, in bytes: the most marks of a wide embedding have less.
const MAX_BYTES: u64 = 64 << 20;
/// Digits of a version's number in its file's name.
const DIGITS: usize = 4;

/// The versions for one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    dir: PathBuf,
    /// Numbers of the versions that are there, oldest first.
    numbers: Vec<u32>,
}

impl Versions {
    /// The versions for `model` beside the labels of the user's own in `labels`; where there is no folder, there are none.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] where the folder cannot be read.
    pub fn open(labels: &Path, model: &str) -> Result<Self> {
        let dir = labels.join("learned").join(model);
        let mut numbers = Vec::new();
        match fs::read_dir(&dir) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(|e| unreadable(&dir, e))?.file_name();
                    numbers.extend(name.to_str().and_then(number));
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(unreadable(&dir, e)),
        }
        numbers.sort_unstable();
        Ok(Self { dir, numbers })
    }

    /// Numbers of the versions that are there, oldest first.
    #[must_use]
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// The version in force, if there is one.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn newest(&self) -> Result<Option<Learned>> {
        self.numbers.last().map(|number| self.read(*number)).transpose()
    }

    /// The version of this number.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`], naming the file, where it cannot be read or used.
    pub fn read(&self, number: u32) -> Result<Learned> {
        let path = self.path(number);
        let text = checked_file::read_text(&path, Links::Follow, MAX_BYTES).map_err(|e| unreadable(&path, e))?;
        Learned::parse(&text, &path.display().to_string())
    }

    /// Adds a version, which is in force from now on, and removes the oldest so that [`KEPT`] stay. The file appears whole or not
    /// at all. Returns its number.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] where a value cannot be used, [`crate::ErrorKind::Output`] where a file cannot be written.
    pub fn add(&mut self, learned: &Learned) -> Result<u32> {
        let text = learned.to_toml()?;
        let number = self.numbers.last().map_or(1, |last| last.saturating_add(1));
        write_whole(&self.path(number), "new.part", &text)?;
        self.numbers.push(number);
        while self.numbers.len() > KEPT {
            let oldest = self.path(self.numbers[0]);
            fs::remove_file(&oldest).map_err(|e| unwritable(&oldest, e))?;
            self.numbers.remove(0);
        }
        Ok(number)
    }

    /// Removes the version in force, so that the one before it is; `None` where there is none. Returns its number.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Output`] where the file cannot be removed.
    pub fn undo(&mut self) -> Result<Option<u32>> {
        let Some(newest) = self.numbers.last().copied() else { return Ok(None) };
        let path = self.path(newest);
        fs::remove_file(&path).map_err(|e| unwritable(&path, e))?;
        self.numbers.pop();
        Ok(Some(newest))
    }

    /// The file of a version.
    #[must_use]
    pub fn path(&self, number: u32) -> PathBuf {
        self.dir.join(format!("{number:0DIGITS$}.toml"))
    }
}

/// The number of the version that a file holds, by its name.
fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".toml")?;
    if digits.len() < DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn unreadable(path: &Path, e: io::Error) -> Error {
    Error::model(format!(
        "what marks have taught cannot be read: {} ({e}); mend or remove it, or name another folder with --labels",
        path.display()
    ))
    .with_source(e)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::file::tests::learned;
    use super::*;

    #[test]
    fn the_newest_is_in_force_five_are_kept_and_the_newest_can_be_taken_back() {
        let tmp = tempfile::tempdir().unwrap();
        let mut versions = Versions::open(tmp.path(), "small").unwrap();
        assert_eq!((versions.newest().unwrap(), versions.undo().unwrap()), (None, None));
        for day in 10..17 {
            versions.add(&Learned { date: format!("2026-11-{day}"), ..learned() }).unwrap();
        }
        fs::write(tmp.path().join("learned/small/notes.toml"), "no version").unwrap();
        assert_eq!(versions, Versions::open(tmp.path(), "small").unwrap());
        assert_eq!(versions.numbers(), [3, 4, 5, 6, 7]);
        assert_eq!(versions.newest().unwrap().unwrap().date, "2026-11-16");
        assert_eq!(versions.undo().unwrap(), Some(7));
        assert_eq!(versions.newest().unwrap().unwrap().date, "2026-11-15");
        assert!(Versions::open(tmp.path(), "another").unwrap().numbers().is_empty());
        fs::write(versions.path(6), "no = \"version\"").unwrap();
        assert!(versions.newest().unwrap_err().to_string().contains("0006.toml"));
    }
}
