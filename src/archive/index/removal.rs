//! How an event is removed.

use std::{fs, io, path::Path};

use super::{Index, broken, marks, row};
use crate::archive::{event::EVENT_FILE, marks::Marks, names::temporary};
use crate::error::{Error, Result};

/// What became of an event that was to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Gone,
    /// It was not there.
    Absent,
    /// Its folder says that it is starred: it stays.
    Starred,
    /// Its marks cannot be read, so that it may be starred: it stays until they can be. The sentence says why.
    Doubtful(String),
}

impl Index {
    /// Removes the event with the key `dir`: its folder gets a temporary name first, so that a kill leaves no half event.
    /// Whether it was there.
    ///
    /// # Errors
    /// `Output` where it cannot be removed.
    pub fn remove(&mut self, dir: &str) -> Result<bool> {
        Ok(self.remove_if(dir, |_| None)? == Removal::Gone)
    }

    /// As [`Index::remove`], unless the folder says that it is starred, whatever the index holds: somebody may have starred
    /// it a moment ago. Marks that cannot be read may be a star.
    ///
    /// # Errors
    /// As [`Index::remove`].
    pub fn remove_unless_starred(&mut self, dir: &str) -> Result<Removal> {
        self.remove_if(dir, |folder| match Marks::read(folder) {
            Ok(marks) => marks.starred.then_some(Removal::Starred),
            Err(e) => Some(Removal::Doubtful(e.to_string())),
        })
    }

    /// Removes an event, unless `stays` says of its folder that it stays.
    fn remove_if(&mut self, dir: &str, stays: impl Fn(&Path) -> Option<Removal>) -> Result<Removal> {
        let folder = match self.checked(dir)? {
            Ok(folder) => folder,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                // There is no such event; what stands in its place is none of ours. Only the row goes.
                return self.forget(dir);
            }
            Err(e) => return Err(unremovable(&self.dir.join(dir), e)),
        };
        let day = folder.parent().map_or_else(|| self.dir.clone(), Path::to_path_buf);
        if let Some(why) = stays(&folder) {
            self.remark(dir, &folder);
            return Ok(why);
        }
        let gone = day.join(temporary("removed"));
        match fs::rename(&folder, &gone) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return self.forget(dir),
            Err(e) => return Err(unremovable(&folder, e)),
        }
        // Under its new name nobody marks it any more: what it says now, it says for good.
        if let Some(why) = stays(&gone) {
            fs::rename(&gone, &folder).map_err(|e| unremovable(&folder, e))?;
            self.remark(dir, &folder);
            return Ok(why);
        }
        match fs::remove_dir_all(&gone) {
            Ok(()) => {}
            // Another process that cleans up may be at it, too.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => {
                // What is still an event stays one: it takes room, and somebody may look at it.
                if gone.join(EVENT_FILE).exists() {
                    let _ = fs::rename(&gone, &folder);
                }
                return Err(unremovable(&folder, e));
            }
        }
        // The last event of a day takes the day with it; a day with anything in it stays.
        let _ = fs::remove_dir(&day);
        // After the folder: where the disk was full, the index has room now.
        self.forget(dir)?;
        Ok(Removal::Gone)
    }

    /// Removes the row of an event.
    fn forget(&mut self, dir: &str) -> Result<Removal> {
        let rows =
            self.connection.execute("DELETE FROM events WHERE dir = ?1", [dir]).map_err(|e| broken(&self.dir, &e))?;
        Ok(if rows > 0 { Removal::Gone } else { Removal::Absent })
    }

    /// Reads the marks of one event again. Those that cannot be read are looked at anew the next time.
    fn remark(&self, dir: &str, folder: &Path) {
        let marked = match marks::read_marks(folder) {
            Ok((marks, stamp)) => row::mark(&self.connection, dir, &marks, stamp, marks::bytes_of(folder)),
            Err(_) => row::doubt(&self.connection, dir),
        };
        if let Err(e) = marked {
            tracing::warn!("{}", broken(&self.dir, &e));
        }
    }
}

fn unremovable(folder: &Path, e: io::Error) -> Error {
    Error::output(format!("{} could not be removed ({e}); check its disk and its rights", folder.display()))
        .with_source(e)
}
