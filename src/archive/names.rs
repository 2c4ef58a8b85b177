//! Names of days, event folders and temporaries below a recording folder.

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Begins the name of what is not complete, or about to be removed. Only such names are ever cleaned up.
pub const TEMPORARY: &str = ".tmp-";

/// The index's name in a recording folder.
pub const INDEX: &str = ".index.sqlite";

/// Numbers the temporaries, so that two writers in one process do not meet.
static TEMPORARIES: AtomicU64 = AtomicU64::new(0);

/// Whether `name` is a day's folder: `YYYY-MM-DD`.
#[must_use]
pub fn is_day(name: &str) -> bool {
    name.len() == 10
        && name.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
}

/// Whether `name` may be an event's folder: one part of a path, and not hidden.
#[must_use]
pub fn is_event(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

/// Whether `name` says of itself that it is not complete.
#[must_use]
pub fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
}

/// A name for a temporary that no other writer has.
#[must_use]
pub fn temporary(purpose: &str) -> String {
    format!("{TEMPORARY}{purpose}-{}-{}", std::process::id(), TEMPORARIES.fetch_add(1, Relaxed))
}

/// Splits the key of an event, `DAY/NAME`, into its parts; `None` for anything that could lead elsewhere.
#[must_use]
pub fn split_key(key: &str) -> Option<(&str, &str)> {
    let (day, name) = key.split_once('/')?;
    (is_day(day) && is_event(name)).then_some((day, name))
}

/// Whether `name` is a plain file name: what a record says of its files must not lead out of its folder.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let plain = matches!(parts.next(), Some(Component::Normal(part)) if part == OsStr::new(name));
    plain && parts.next().is_none() && !name.contains('\0') && name.len() <= 255
}

/// The key of the event folder `folder` below `dir`, if it is one.
#[must_use]
pub fn key_of(dir: &Path, folder: &Path) -> Option<String> {
    let relative: PathBuf = folder.strip_prefix(dir).ok()?.to_path_buf();
    let key = relative.to_str()?;
    split_key(key).map(|_| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_and_names_below_them_are_keys() {
        assert_eq!(split_key("2026-11-20/150012Z-dog-01JD"), Some(("2026-11-20", "150012Z-dog-01JD")));
        for key in
            ["", "2026-11-20", "2026-11-20/", "2026-11-20/..", "2026-11-20/.tmp-x", "2026-11-20/a/b", "/a", "../a/b"]
        {
            assert_eq!(split_key(key), None, "{key}");
        }
        assert!(is_day("2026-11-20") && !is_day("2026-11-2x") && !is_day("20261120"));
        assert_eq!(key_of(Path::new("/r"), Path::new("/r/2026-11-20/a")).as_deref(), Some("2026-11-20/a"));
        assert_eq!(key_of(Path::new("/r"), Path::new("/q/2026-11-20/a")), None);
    }

    #[test]
    fn a_file_of_a_record_is_a_plain_name() {
        assert!(is_plain("clip.wav") && is_plain("component-04.wav"));
        for name in ["", ".", "..", "/etc/passwd", "a/b", "../x", "a/", "a\0b", "./a"] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
