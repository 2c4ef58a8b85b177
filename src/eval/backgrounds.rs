//! Which sounds of our labels a background holds, as the list of sources says.
//!
//! `ATTRIBUTION.tsv` lies beside the folder of backgrounds. A line begins with the file, as in `ambience/rain.ogg`, and says
//! `[contains: rain, wind]`, or `[contains: none of the labels]`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::checked_file::{self, Links};
use crate::{Error, Result};

const MAX_BYTES: u64 = 16 << 20;

const NOTHING: &str = "none of the labels";

/// What backgrounds hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    by_file: BTreeMap<String, BTreeSet<String>>,
}

impl Contents {
    /// Reads what the list beside the folder `dir` says of the files in it.
    ///
    /// # Errors
    /// Of kind `Input` where there is no list, or it says nothing of any file in `dir`.
    pub fn of(dir: &Path) -> Result<Self> {
        let list = list_beside(dir);
        let text = checked_file::read_text(&list, Links::Follow, MAX_BYTES).map_err(|e| {
            Error::input(format!("cannot read {}, which says what backgrounds hold: {e}; put it there", list.display()))
                .with_source(e)
        })?;
        let folder = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let by_file: BTreeMap<String, BTreeSet<String>> =
            text.lines().filter_map(|line| entry(line, &folder)).collect();
        if by_file.is_empty() {
            return Err(Error::input(format!(
                "{} does not say what any file of {folder}/ holds ([contains: …]); add it",
                list.display()
            )));
        }
        Ok(Self { by_file })
    }

    /// Whether the file called `name` is known to hold none of `labels`.
    #[must_use]
    pub fn is_free_of(&self, name: &str, labels: &BTreeSet<String>) -> bool {
        self.by_file.get(name).is_some_and(|holds| holds.is_disjoint(labels))
    }
}

impl Contents {
    /// As [`Self::of`]; `None` where there is no list.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn if_known(dir: &Path) -> Result<Option<Self>> {
        if list_beside(dir).is_file() { Self::of(dir).map(Some) } else { Ok(None) }
    }

    /// The labels that the file called `name` may hold; none where that is not known.
    pub fn held_by(&self, name: &str) -> impl Iterator<Item = &str> {
        self.by_file.get(name).into_iter().flatten().map(String::as_str)
    }
}

fn list_beside(dir: &Path) -> PathBuf {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new(".")).join("ATTRIBUTION.tsv")
}

/// A line's file, without the folder, and what it holds; `None` of other lines.
fn entry(line: &str, folder: &str) -> Option<(String, BTreeSet<String>)> {
    let name = line.split('\t').next()?.strip_prefix(folder)?.strip_prefix('/')?;
    let (_, rest) = line.split_once("[contains:")?;
    let (holds, _) = rest.split_once(']')?;
    let labels = holds.split(',').map(str::trim).filter(|label| !label.is_empty() && *label != NOTHING);
    Some((name.to_owned(), labels.map(str::to_owned).collect()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_a_background_holds_is_read_and_the_unknown_is_not_taken_for_free() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("ambience");
        std::fs::create_dir(&dir).unwrap();
        assert!(Contents::of(&dir).unwrap_err().to_string().contains("ATTRIBUTION.tsv"));
        let list = "file\ttitle\naudio/1-2-A-3.ogg\tx [contains: dog]\tme\n\
                    ambience/a.ogg\tstreet, at night [contains: car_horn, engine]\tme\tCC0\n\
                    ambience/b.ogg\tcave [contains: none of the labels]\tme\tCC0\n\
                    ambience/c.ogg\tunknown\tme\tCC0\n";
        std::fs::write(root.path().join("ATTRIBUTION.tsv"), list).unwrap();
        let contents = Contents::of(&dir).unwrap();
        let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        assert!(!contents.is_free_of("a.ogg", &labels(&["dog", "engine"])));
        assert!(contents.is_free_of("a.ogg", &labels(&["dog"])));
        assert!(contents.is_free_of("b.ogg", &labels(&["dog", "engine"])));
        assert!(!contents.is_free_of("c.ogg", &labels(&["dog"])), "nobody knows");
        std::fs::write(root.path().join("ATTRIBUTION.tsv"), "file\ttitle\n").unwrap();
        assert!(Contents::of(&dir).is_err());
    }
}
