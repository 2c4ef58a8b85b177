//! What an interrupted run leaves, and how a later run tells it from another writer's work in progress.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

/// Begins the name of a folder that is not complete. Only such folders are ever removed.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// Removes leftovers below `dir` if no other writer holds it, then holds it. `lock` is `dir`, opened.
pub(crate) fn share_after_cleaning(lock: File, dir: &Path) -> Option<File> {
    match lock.try_lock() {
        Ok(()) => {
            remove_temporaries(dir);
            // From exclusive to shared with nothing written between: another writer may clean here first, harmlessly.
            lock.unlock().ok()?;
        }
        Err(TryLockError::WouldBlock) => tracing::debug!(dir = %dir.display(), "another writer records here"),
        // Without locks nobody can tell a leftover from work in progress: leave everything.
        Err(TryLockError::Error(e)) => {
            tracing::debug!(dir = %dir.display(), "no locks here ({e}); leftovers are not removed");
            return None;
        }
    }
    lock.lock_shared().ok()?;
    Some(lock)
}

/// Removes the folders `.tmp-*` of `dir` and of its days. What cannot be removed is said and left.
fn remove_temporaries(dir: &Path) {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    // `file_type` does not follow links: nothing outside `dir` is ever touched.
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let days = entries(dir).filter(|day| is_folder(day) && is_date(&day.file_name().to_string_lossy()));
    for left in entries(dir).chain(days.flat_map(|day| entries(&day.path()))).filter(is_folder) {
        if !left.file_name().to_string_lossy().starts_with(TEMPORARY) {
            continue;
        }
        match fs::remove_dir_all(left.path()) {
            Ok(()) => tracing::info!(folder = %left.path().display(), "removed what an interrupted run left"),
            Err(e) => tracing::warn!(folder = %left.path().display(), "what an interrupted run left stays: {e}"),
        }
    }
}

/// Whether `name` is a day's folder: `YYYY-MM-DD`.
fn is_date(name: &str) -> bool {
    name.len() == 10
        && name.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
}
