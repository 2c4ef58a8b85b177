//! Files as a record needs them: read within bounds, written whole.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use super::names::split_key;
use crate::checked_file::{self, Links};

/// Most files that are counted in one event folder.
const MAX_FILES: usize = 4096;

/// Opens the regular file `path`, which is at most `most` bytes long, for reading. A link is not followed: a file of a
/// recording folder may have been put there by anyone.
///
/// # Errors
/// As [`checked_file::open`].
pub fn open_regular(path: &Path, most: u64) -> io::Result<File> {
    checked_file::open(path, Links::Refuse, most)
}

/// The bytes of the regular file `path`, at most `most`; it is opened as [`open_regular`] does.
///
/// # Errors
/// As [`open_regular`].
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    checked_file::read(path, Links::Refuse, most)
}

/// Whether `path` itself is a folder; a link to one is not.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_dir())
}

/// The folder of the event with the key `key` (`DAY/NAME`) below `dir`. Neither the day nor the event may be a link: what
/// lies beyond one is not ours to read, mark or remove.
///
/// # Errors
/// The system's (`NotFound` where there is no such event); `InvalidInput` where `key` is no event's key, `NotADirectory`
/// where something else than a folder stands in its way.
pub fn event_folder(dir: &Path, key: &str) -> io::Result<PathBuf> {
    let (day, _) = split_key(key)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("{key:?} is not the key of an event")))?;
    let folder = dir.join(key);
    for part in [&dir.join(day), &folder] {
        if !fs::symlink_metadata(part)?.is_dir() {
            let why = format!("{} is a link or a file, and not a folder", part.display());
            return Err(io::Error::new(io::ErrorKind::NotADirectory, why));
        }
    }
    Ok(folder)
}

/// Reads a JSON object; serde would take an array for one, too.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_object<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err("it is not a JSON object".to_owned());
    }
    serde_json::from_slice(json).map_err(|e| e.to_string())
}

/// Forces a file's or folder's content to disk.
///
/// # Errors
/// The system's.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Puts `bytes` at `path`, whole or not at all, by way of `temporary` on the same disk. The file may be read by those who
/// may read the folder it comes to.
///
/// # Errors
/// The system's; then `path` is as it was, and `temporary` is gone if that was possible.
pub fn replace(path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mode = fs::metadata(folder)?.mode() & 0o666;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(temporary, path)?;
        sync(folder)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(temporary);
    })
}

/// The length of all files in `folder` together, in bytes; folders in it are not looked into.
///
/// # Errors
/// The system's.
pub fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let mut total = 0_u64;
    for entry in fs::read_dir(folder)?.take(MAX_FILES) {
        match entry?.metadata() {
            Ok(about) if about.is_file() => total = total.saturating_add(about.len()),
            // A temporary may just have gone.
            _ => {}
        }
    }
    Ok(total)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{os::unix::fs::symlink, process::Command};

    use super::*;

    #[test]
    fn only_a_regular_file_of_a_possible_length_is_opened_and_nothing_blocks() {
        let tmp = tempfile::tempdir().unwrap();
        let at = |name: &str| tmp.path().join(name);
        fs::write(at("plain"), "12345").unwrap();
        symlink(at("plain"), at("link")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        // Sparse: it takes no room on the disk, and would take it all in memory.
        File::create(at("long")).unwrap().set_len(10 << 30).unwrap();
        assert_eq!(read_bounded(&at("plain"), 5).unwrap(), b"12345");
        assert_eq!(read_bounded(&at("plain"), 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_bounded(&at("long"), 1 << 20).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        for (name, says) in [("link", "link"), ("zero", "link"), ("pipe", "regular"), ("", "regular")] {
            let error = open_regular(&at(name), u64::MAX).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{name}");
            assert!(error.to_string().contains(says), "{name}: {error}");
        }
        assert_eq!(open_regular(&at("nothing"), 1).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn no_part_of_an_events_path_may_be_a_link() {
        let tmp = tempfile::tempdir().unwrap();
        let (dir, outside) = (tmp.path().join("r"), tmp.path().join("outside"));
        fs::create_dir_all(dir.join("2026-11-20/a")).unwrap();
        fs::create_dir_all(outside.join("holiday")).unwrap();
        symlink(&outside, dir.join("2020-01-01")).unwrap();
        symlink(outside.join("holiday"), dir.join("2026-11-20/b")).unwrap();
        fs::write(dir.join("2026-11-20/c"), "").unwrap();
        assert_eq!(event_folder(&dir, "2026-11-20/a").unwrap(), dir.join("2026-11-20/a"));
        for key in ["2020-01-01/holiday", "2026-11-20/b", "2026-11-20/c"] {
            assert_eq!(event_folder(&dir, key).unwrap_err().kind(), io::ErrorKind::NotADirectory, "{key}");
        }
        assert_eq!(event_folder(&dir, "2026-11-20/d").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(event_folder(&dir, "2026-11-20/../x").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        // The recording folder itself may be reached through a link.
        symlink(&dir, tmp.path().join("linked")).unwrap();
        assert!(event_folder(&tmp.path().join("linked"), "2026-11-20/a").is_ok());
    }
}
