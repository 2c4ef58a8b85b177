//! What an interrupted run leaves, and how a later run tells it from another writer's work in progress.
//!
//! A writer holds a lock on the temporary folder that it fills. The system takes the lock away with the process, however
//! it ends; so a temporary without a lock is nobody's. That holds for any number of writers on one recording folder.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::private::make_dir;
use crate::archive::names::{is_day, is_temporary};

/// A temporary file is written at one go, and nobody locks it: one this old is left over.
const OLD: Duration = Duration::from_secs(60);

/// A temporary folder that belongs to this process for as long as this lives.
pub(crate) struct Temporary {
    path: PathBuf,
    /// `None` where the file system has no locks.
    _lock: Option<File>,
}

impl Temporary {
    /// Makes the folder `path`.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn create(path: PathBuf, private: bool) -> io::Result<Self> {
        loop {
            if !make_dir(&path, private)? {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let folder = File::open(&path)?;
            match folder.lock() {
                Ok(()) => {}
                Err(e) => {
                    tracing::debug!("no locks on {} ({e})", path.display());
                    return Ok(Self { path, _lock: None });
                }
            }
            // Between its making and its locking, another process that starts may have taken it for left over.
            let is_there =
                fs::metadata(&path).is_ok_and(|there| folder.metadata().is_ok_and(|it| it.ino() == there.ino()));
            if is_there {
                return Ok(Self { path, _lock: Some(folder) });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes what interrupted runs left in `dir` and in its days, and leaves what anyone is at work on. What cannot be
/// removed is said and left.
pub(crate) fn remove_leftovers(dir: &Path) {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    // `file_type` does not follow links: nothing outside `dir` is ever touched.
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let days = entries(dir).filter(|day| is_folder(day) && is_day(&day.file_name().to_string_lossy()));
    for left in entries(dir).chain(days.flat_map(|day| entries(&day.path()))) {
        let (name, path) = (left.file_name(), left.path());
        if !is_temporary(&name) {
            continue;
        }
        let removed = if is_folder(&left) {
            let Some(_lock) = nobodys(&path) else { continue };
            fs::remove_dir_all(&path)
        } else if left.file_type().is_ok_and(|kind| kind.is_file()) && is_old(&left) {
            fs::remove_file(&path)
        } else {
            continue;
        };
        match removed {
            Ok(()) => tracing::info!(left = %path.display(), "removed what an interrupted run left"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => tracing::warn!(left = %path.display(), "what an interrupted run left stays: {e}"),
        }
    }
}

/// The lock on a temporary folder that nobody is at work on.
fn nobodys(path: &Path) -> Option<File> {
    let folder = File::open(path).ok()?;
    match folder.try_lock() {
        Ok(()) => Some(folder),
        Err(TryLockError::WouldBlock) => {
            tracing::debug!(folder = %path.display(), "another writer is at work on it");
            None
        }
        // Without locks nobody can tell a leftover from work in progress: leave everything.
        Err(TryLockError::Error(e)) => {
            tracing::debug!(folder = %path.display(), "no locks here ({e}); it is not removed");
            None
        }
    }
}

fn is_old(entry: &fs::DirEntry) -> bool {
    let changed = entry.metadata().and_then(|about| about.modified());
    changed.is_ok_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > OLD))
}
