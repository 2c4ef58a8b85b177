//! A file that has no name until it is whole.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, OFlags, linkat};

use super::names::temporary;

/// A file on its way to its place. It gets there whole; whatever ends the program before leaves nothing, where the file
/// system knows files without a name. Elsewhere it has a temporary one, which goes with this.
#[derive(Debug)]
pub struct Unnamed {
    file: File,
    path: PathBuf,
    /// The name beside its place that it has for now, or gets on the way.
    beside: PathBuf,
    has_name: bool,
}

impl Unnamed {
    /// Begins the file that is to be at `path`, with the rights `mode` as far as the umask lets it have them.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path, mode: u32) -> io::Result<Self> {
        if path.file_name().is_none() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let beside = folder.join(temporary("file"));
        let flags = OFlags::TMPFILE.bits() as i32;
        // Its name is made by way of this file system.
        let unnamed = if Path::new("/proc/self/fd").exists() {
            OpenOptions::new().write(true).mode(mode).custom_flags(flags).open(folder)
        } else {
            Err(io::ErrorKind::Unsupported.into())
        };
        let (file, has_name) = match unnamed {
            Ok(file) => (file, false),
            Err(_) => (OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?, true),
        };
        Ok(Self { file, path: path.to_owned(), beside, has_name })
    }

    /// What to write into.
    pub const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Puts the file into its place, instead of what is there; its length in bytes.
    ///
    /// # Errors
    /// The system's; then what is there stays.
    pub fn keep(mut self) -> io::Result<u64> {
        let bytes = self.file.metadata()?.size();
        if !self.has_name {
            let open = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            linkat(CWD, open, CWD, &self.beside, AtFlags::SYMLINK_FOLLOW)?;
            self.has_name = true;
        }
        fs::rename(&self.beside, &self.path)?;
        self.has_name = false;
        Ok(bytes)
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        if self.has_name {
            let _ = fs::remove_file(&self.beside);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{io::Write, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("page.html");
        let count = || fs::read_dir(tmp.path()).unwrap().count();
        let mut given_up = Unnamed::create(&path, 0o600).unwrap();
        given_up.file().write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(given_up);
        assert_eq!(count(), 0);
        for text in ["one", "another"] {
            let mut file = Unnamed::create(&path, 0o600).unwrap();
            file.file().write_all(text.as_bytes()).unwrap();
            assert_eq!(file.keep().unwrap(), text.len() as u64);
            assert_eq!((fs::read_to_string(&path).unwrap().as_str(), count()), (text, 1));
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(Unnamed::create(&tmp.path().join("nothing/page.html"), 0o600).is_err());
        // A folder in its place stays, and nothing is left beside it.
        fs::create_dir(tmp.path().join("folder")).unwrap();
        assert!(Unnamed::create(&tmp.path().join("folder"), 0o600).unwrap().keep().is_err());
        assert_eq!(count(), 2);
    }
}
