//! The folder that holds a user's labels, one file each.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::OwnLabel;
use crate::checked_file::{self, Links};
use crate::error::{Error, Result};
use crate::model::labels_folder::{unwritable, write_whole};

/// Longest file of a label, in bytes: the widest embedding and the most examples have less.
const MAX_BYTES: u64 = 2 << 20;
/// Most labels of one's own.
const MAX_LABELS: usize = 200;
/// What a label's file ends with.
const ENDING: &str = "toml";

/// The labels in a folder, by name; a folder that does not exist holds none.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnLabels {
    dir: PathBuf,
    labels: Vec<OwnLabel>,
}

impl OwnLabels {
    /// Reads all labels in `dir`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`], naming the file: one that cannot be read or used ([`OwnLabel::parse`]), or is not named
    /// for its label; more than 200.
    pub fn read(dir: &Path) -> Result<Self> {
        let mut labels = Vec::new();
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self { dir: dir.to_path_buf(), labels }),
            Err(e) => return Err(unreadable(dir, e)),
        };
        for entry in entries {
            let path = entry.map_err(|e| unreadable(dir, e))?.path();
            if path.extension().is_none_or(|ending| ending != ENDING) {
                continue;
            }
            if labels.len() == MAX_LABELS {
                return Err(Error::model(format!(
                    "{} holds more than {MAX_LABELS} labels; remove some with `earwitness enroll --remove NAME`",
                    dir.display()
                )));
            }
            let name = path.display().to_string();
            let text = checked_file::read_text(&path, Links::Follow, MAX_BYTES).map_err(|e| unreadable(&path, e))?;
            let label = OwnLabel::parse(&text, &name)?;
            if path.file_stem().is_none_or(|stem| stem != label.name.as_str()) {
                return Err(Error::model(format!(
                    "{name} holds the label '{}'; name the file {}.{ENDING}, or remove it",
                    label.name, label.name
                )));
            }
            labels.push(label);
        }
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { dir: dir.to_path_buf(), labels })
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The labels, by name.
    #[must_use]
    pub fn labels(&self) -> &[OwnLabel] {
        &self.labels
    }

    /// The label of this name.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`], naming those that there are.
    pub fn get(&self, name: &str) -> Result<&OwnLabel> {
        self.labels.iter().find(|label| label.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.labels.iter().map(|label| label.name.as_str()).collect();
            let known = if known.is_empty() { "there is none yet".to_owned() } else { known.join(", ") };
            Error::usage(format!(
                "there is no label '{name}' of your own in {}; name one of these: {known}",
                self.dir.display()
            ))
        })
    }

    /// Adds or replaces a label, and its file, which appears whole or not at all. Returns the file.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] where a value cannot be used, [`crate::ErrorKind::Output`] where the file cannot be written.
    pub fn put(&mut self, label: OwnLabel) -> Result<PathBuf> {
        let text = label.to_toml()?;
        let path = self.path(&label.name);
        write_whole(&path, &format!("{}.part", label.name), &text)?;
        self.labels.retain(|known| known.name != label.name);
        self.labels.push(label);
        self.labels.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(path)
    }

    /// Removes a label and its file.
    ///
    /// # Errors
    /// As [`Self::get`]; [`crate::ErrorKind::Output`] where the file cannot be removed.
    pub fn remove(&mut self, name: &str) -> Result<OwnLabel> {
        let label = self.get(name)?.clone();
        let path = self.path(name);
        fs::remove_file(&path).map_err(|e| unwritable(&path, e))?;
        self.labels.retain(|known| known.name != name);
        Ok(label)
    }

    /// Gives a label another name.
    ///
    /// # Errors
    /// As [`Self::get`], [`Self::put`] and [`Self::remove`]; [`crate::ErrorKind::Usage`] where the new name is taken.
    pub fn rename(&mut self, old: &str, new: &str) -> Result<PathBuf> {
        let label = self.get(old)?.clone();
        if self.labels.iter().any(|known| known.name == new) {
            return Err(Error::usage(format!(
                "there is a label '{new}' of your own already; choose another name, or remove that one first"
            )));
        }
        let path = self.put(OwnLabel { name: new.to_owned(), ..label })?;
        self.remove(old)?;
        Ok(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.{ENDING}"))
    }
}

fn unreadable(path: &Path, e: io::Error) -> Error {
    Error::model(format!(
        "the labels of your own cannot be read: {} ({e}); mend or remove it, or name another folder with EARWITNESS_LABELS",
        path.display()
    ))
    .with_source(e)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::file::tests::label;
    use super::*;

    #[test]
    fn labels_are_kept_listed_renamed_and_removed() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("labels");
        let mut labels = OwnLabels::read(&dir).unwrap();
        assert!(labels.labels().is_empty());
        labels.put(label("gate")).unwrap();
        labels.put(label("bell")).unwrap();
        labels.put(OwnLabel { bias: -2.0, ..label("gate") }).unwrap();
        let names = |labels: &OwnLabels| labels.labels().iter().map(|l| l.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&labels), ["bell", "gate"]);
        assert_eq!(OwnLabels::read(&dir).unwrap(), labels);
        assert_eq!(labels.get("gate").unwrap().bias, -2.0);
        assert!(labels.rename("gate", "bell").unwrap_err().to_string().contains("already"));
        labels.rename("gate", "door").unwrap();
        assert!(labels.rename("door", "../door").is_err());
        labels.remove("bell").unwrap();
        let e = labels.remove("bell").unwrap_err().to_string();
        assert!(
            e.starts_with("there is no label 'bell' of your own in ") && e.ends_with("name one of these: door"),
            "{e}"
        );
        assert_eq!(OwnLabels::read(&dir).unwrap(), labels);
        let files: Vec<_> = fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(files, ["door.toml"]);
    }

    #[test]
    fn what_is_no_label_is_refused_with_its_name() {
        let tmp = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(tmp.path().join(name), text).unwrap();
        write("gate.txt", "no label, and none is looked for");
        assert!(OwnLabels::read(tmp.path()).unwrap().labels().is_empty());
        write("gate.toml", "no = \"label\"");
        assert!(OwnLabels::read(tmp.path()).unwrap_err().to_string().contains("gate.toml"));
        write("gate.toml", &label("bell").to_toml().unwrap());
        assert!(OwnLabels::read(tmp.path()).unwrap_err().to_string().contains("name the file bell.toml"));
        fs::remove_file(tmp.path().join("gate.toml")).unwrap();
        fs::create_dir(tmp.path().join("gate.toml")).unwrap();
        assert!(OwnLabels::read(tmp.path()).unwrap_err().to_string().contains("mend or remove it"));
    }
}
