//! A look at a folder without an index, which would leave a file in it.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::event::EVENT_FILE;
use super::files::is_folder;
use super::names::{is_day, is_event};

/// Whether any event lies below the folder `dir`, as far as names tell. Nothing is read, and nothing left there.
///
/// # Errors
/// The system's, where `dir` cannot be read.
pub fn holds_events(dir: &Path) -> io::Result<bool> {
    let holds = |day: &PathBuf| {
        let events = named(day, is_event).unwrap_or_default();
        events.iter().any(|event| fs::symlink_metadata(event.join(EVENT_FILE)).is_ok())
    };
    Ok(named(dir, is_day)?.iter().any(holds))
}

/// The folders in `dir` with a fitting name.
fn named(dir: &Path, fits: fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let fitting = fs::read_dir(dir)?.flatten().filter(|entry| entry.file_name().to_str().is_some_and(fits));
    Ok(fitting.map(|entry| entry.path()).filter(|path| is_folder(path)).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_event_folder_holds_is_an_event() {
        let dir = tempfile::TempDir::new().unwrap();
        let holds = || holds_events(dir.path()).unwrap();
        assert!(!holds());
        fs::create_dir_all(dir.path().join("2026-11-20/holiday")).unwrap();
        fs::create_dir_all(dir.path().join("pictures/x")).unwrap();
        fs::write(dir.path().join("pictures/x/event.json"), "{}").unwrap();
        fs::create_dir_all(dir.path().join("2026-11-20/.tmp-x")).unwrap();
        fs::write(dir.path().join("2026-11-20/.tmp-x/event.json"), "{}").unwrap();
        assert!(!holds());
        fs::write(dir.path().join("2026-11-20/holiday/event.json"), "{}").unwrap();
        assert!(holds());
        assert!(holds_events(&dir.path().join("gone")).is_err());
    }
}
