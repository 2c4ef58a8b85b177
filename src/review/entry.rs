//! An event as a review speaks of it: the record, what people said of it, and where it lies.

use std::path::Path;

use jiff::Timestamp;

use crate::archive::files::event_folder;
use crate::archive::names::key_of;
use crate::archive::{Marks, StoredEvent, read_event};
use crate::error::{Error, Result};

/// An event with its marks.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// `DAY/NAME` below the recording folder.
    pub key: String,
    /// What the program recorded.
    pub event: StoredEvent,
    /// What people said of it.
    pub marks: Marks,
}

impl Entry {
    /// Reads the event in `folder`, which lies below `dir`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where the record or the marks cannot be read, or `folder` is no event folder of `dir`.
    pub fn read(dir: &Path, folder: &Path) -> Result<Self> {
        let key = key_of(dir, folder)
            .ok_or_else(|| Error::input(format!("{} is not an event folder of {}", folder.display(), dir.display())))?;
        let folder = event_folder(dir, &key)
            .map_err(|e| Error::input(format!("{} cannot be read ({e})", folder.display())).with_source(e))?;
        Ok(Self { key, event: read_event(&folder)?, marks: Marks::read(&folder)? })
    }
}

/// RFC 3339 in UTC with milliseconds, as everywhere in files.
pub(super) fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
