//! The recordings of a folder, as they lie on a recorder's card.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use super::sniff::EXTENSIONS;
use crate::error::{Error, Result};

/// Deeper folders hold nothing that a recorder put there.
const MAX_DEPTH: usize = 32;

/// What makes a folder the evidence of an event: its sounds are cut from a recording, or made of one.
const EVENT_FILE: &str = "event.json";

/// The recordings of a folder.
#[derive(Debug, Default)]
pub struct FolderOfRecordings {
    /// In order: the files of a folder by name, a folder's own before and among those of the folders below as their names
    /// sort.
    pub files: Vec<PathBuf>,
    /// Folders below that could not be read, and why.
    pub unreadable: Vec<Error>,
    /// Folders below that hold the evidence of an event, and were left out.
    pub events: usize,
}

impl FolderOfRecordings {
    /// Lists the recordings in `dir` and below, by their names' endings, sorted by path. Files are not opened. Hidden files
    /// and folders are left out, as are folders of recorded events and links to folders.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where `dir` cannot be read or nothing in it is a recording.
    pub fn list(dir: &Path) -> Result<Self> {
        let mut found = Self::default();
        found.walk(dir, 0)?;
        found.files.sort();
        if found.files.is_empty() {
            return Err(nothing(dir, &found));
        }
        Ok(found)
    }

    fn walk(&mut self, dir: &Path, depth: usize) -> Result<()> {
        let entries = fs::read_dir(dir).and_then(Iterator::collect::<std::io::Result<Vec<DirEntry>>>).map_err(|e| {
            Error::input(format!("cannot read the folder {}: {e}; check its permissions", dir.display())).with_source(e)
        })?;
        if entries.iter().any(|entry| entry.file_name() == EVENT_FILE) {
            self.events += 1;
            return Ok(());
        }
        for entry in entries {
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth < MAX_DEPTH {
                if let Err(e) = self.walk(&path, depth + 1) {
                    self.unreadable.push(e);
                }
            } else if !is_folder && has_ending(&path) && path.is_file() {
                self.files.push(path);
            }
        }
        Ok(())
    }
}

/// Whether the name ends as those of recordings do.
fn has_ending(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

fn nothing(dir: &Path, found: &FolderOfRecordings) -> Error {
    let name = dir.display();
    if found.events > 0 {
        return Error::input(format!(
            "the folder {name} holds recorded events and no other recording; browse them with `earwitness review`, or name one \
             event's clip.wav"
        ));
    }
    Error::input(format!("the folder {name} holds no recording ({}); name another folder", EXTENSIONS.join(", ")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn touch(root: &Path, name: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"x").unwrap();
    }

    fn names(root: &Path) -> Vec<String> {
        let found = FolderOfRecordings::list(root).unwrap();
        found.files.iter().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn recordings_are_found_below_too_in_the_order_of_their_paths() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.wav", "a.FLAC", "2026-05-02/0100.mp3", "2026-05-01/0200.ogg", "2026-05-01/0100.wav"] {
            touch(dir.path(), name);
        }
        // Not these.
        for name in ["notes.txt", ".hidden.wav", ".trash/x.wav", "noext", "2026-05-01/0100.wav.part"] {
            touch(dir.path(), name);
        }
        assert_eq!(
            names(dir.path()),
            ["2026-05-01/0100.wav", "2026-05-01/0200.ogg", "2026-05-02/0100.mp3", "a.FLAC", "b.wav"]
        );
    }

    #[test]
    fn what_a_monitor_recorded_is_no_recording() {
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), "yard.wav");
        for file in ["clip.wav", "interpretation.wav", "component-04.wav", "event.json"] {
            touch(dir.path(), &format!("events/2026-05-01/101010Z-dog-1/{file}"));
        }
        // An event that was being written when the power went.
        touch(dir.path(), "events/2026-05-01/.tmp-101010Z-dog-2/clip.wav");
        assert_eq!(names(dir.path()), ["yard.wav"]);
        assert_eq!(FolderOfRecordings::list(dir.path()).unwrap().events, 1);
        let error = FolderOfRecordings::list(&dir.path().join("events")).unwrap_err();
        assert!(error.to_string().contains("earwitness review"), "{error}");
    }

    #[test]
    fn a_folder_without_recordings_and_one_that_is_not_there_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), "readme.txt");
        let error = FolderOfRecordings::list(dir.path()).unwrap_err().to_string();
        assert!(error.contains("holds no recording (wav, "), "{error}");
        let error = FolderOfRecordings::list(&dir.path().join("nowhere")).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Input);
        assert!(error.to_string().contains("nowhere"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_to_recordings_count_and_links_to_folders_do_not() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), "card/a.wav");
        symlink(dir.path(), dir.path().join("card/up")).unwrap();
        symlink(dir.path().join("card/a.wav"), dir.path().join("card/b.wav")).unwrap();
        symlink(dir.path().join("nowhere"), dir.path().join("card/c.wav")).unwrap();
        assert_eq!(names(&dir.path().join("card")), ["a.wav", "b.wav"]);
    }
}
