//! The marks of events in the index: when they are read again, and what holds while they cannot be.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
};

use rusqlite::{Connection, TransactionBehavior};

use super::row::{DOUBTFUL, doubt, mark};
use crate::{
    archive::{
        files::{event_folder, folder_bytes},
        marks::{MARKS_FILE, Marks},
    },
    error::Result,
};

/// The marks of an event, and their stamp.
///
/// # Errors
/// `Input` where they cannot be read.
pub(super) fn read_marks(folder: &Path) -> Result<(Marks, i64)> {
    // The stamp before the marks, so that a change in between is seen next time.
    let stamp = marks_stamp(folder);
    let marks = Marks::read(folder)?;
    Ok((marks, stamp))
}

/// Changes when the marks of an event folder do; 0 where there are none, and [`DOUBTFUL`] where that cannot be told.
pub(super) fn marks_stamp(folder: &Path) -> i64 {
    match fs::symlink_metadata(folder.join(MARKS_FILE)) {
        Ok(about) => stamp(&about).max(1),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => 0,
        Err(_) => DOUBTFUL,
    }
}

/// Length of the files in `folder`, in bytes, if that can be known.
pub(super) fn bytes_of(folder: &Path) -> Option<u64> {
    folder_bytes(folder).ok()
}

/// Changes when a file or folder is changed, or replaced by another.
pub(super) fn stamp(about: &Metadata) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec(), about.ino() as i64] {
        for byte in part.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    // Positive, so that 0 and less can mean that there is none.
    (hash >> 1) as i64
}

/// Decides anew on events whose marks could not be read; of how many they can be now.
pub(super) fn settle_doubts(connection: &mut Connection, dir: &Path) -> rusqlite::Result<u64> {
    let doubtful: Vec<String> = {
        let mut statement = connection.prepare("SELECT dir FROM events WHERE marks_stamp < 0")?;
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
    };
    let folder = |key: &String| event_folder(dir, key).ok();
    let all: Vec<Changed> =
        doubtful.into_iter().filter_map(|key| folder(&key).map(|folder| Changed::read(key, &folder))).collect();
    if all.iter().all(|changed| changed.marks.is_none()) {
        return Ok(0);
    }
    let mut n = 0;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for changed in all.iter().filter(|changed| changed.marks.is_some()) {
        n += u64::from(changed.put_into(&transaction)?);
    }
    transaction.commit()?;
    Ok(n)
}

/// Events whose marks cannot be read.
pub(super) fn count_doubts(connection: &Connection) -> rusqlite::Result<u64> {
    let count: i64 = connection.query_row("SELECT count(*) FROM events WHERE marks_stamp < 0", [], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// An event whose marks have changed, or can no longer be read.
pub(super) struct Changed {
    key: String,
    /// Marks, their stamp and the folder's length; none where they cannot be read.
    marks: Option<(Marks, i64, Option<u64>)>,
}

impl Changed {
    /// Reads the marks of the event `key` in `folder`.
    pub(super) fn read(key: String, folder: &Path) -> Self {
        let marks = match read_marks(folder) {
            Ok((marks, stamp)) => Some((marks, stamp, bytes_of(folder))),
            Err(e) => {
                tracing::debug!("{e}");
                None
            }
        };
        Self { key, marks }
    }

    /// Puts them into the row; whether they are known.
    pub(super) fn put_into(&self, connection: &Connection) -> rusqlite::Result<bool> {
        match &self.marks {
            Some((marks, stamp, bytes)) => mark(connection, &self.key, marks, *stamp, *bytes).map(|_| true),
            None => doubt(connection, &self.key).map(|_| false),
        }
    }
}
