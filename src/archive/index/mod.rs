//! The index over a recording folder: lists of a hundred thousand events at once.
//!
//! It is an SQLite file, `DIR/.index.sqlite`, because that is the embedded store that several processes may read and write
//! at the same time (the monitor adds events while `review` marks them), that is whole after a kill at any moment, answers
//! filters and order without holding all rows in memory, and needs no server. The folders stay the truth: when it is
//! opened, days whose folder has changed are looked into again; what is damaged or of another version is set aside and
//! built again; where it cannot be written, it is built in memory.

mod marks;
mod query;
mod removal;
mod row;
mod scan;
mod schema;
mod tables;

pub use query::{Filter, Judged, Page, Totals};
pub use removal::Removal;
pub use row::Row;
pub use scan::CatchUp;

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::{Connection, params};

use self::{
    scan::{ScanError, catch_up},
    schema::{Unopened, is_damage, open_file, open_memory, set_aside},
};
use super::{
    event::StoredEvent,
    files::event_folder,
    marks::Marks,
    names::{INDEX, key_of, split_key},
};
use crate::error::{Error, Result};

/// How an index is opened.
#[derive(Default)]
pub struct IndexOptions<'a> {
    /// Whether only its owner may read it; without a word, whoever may read the days' folders.
    pub private: Option<bool>,
    /// Told how many of how many new events have been read.
    pub progress: Option<&'a mut dyn FnMut(u64, u64)>,
}

/// All events below one recording folder.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    connection: Connection,
    opened: Instant,
    in_memory: bool,
    /// Device and number of the file, where there is one.
    file: Option<(u64, u64)>,
    caught_up: CatchUp,
}

impl Index {
    /// Opens the index of the recording folder `dir` and catches up with the folders.
    ///
    /// # Errors
    /// `Input` where `dir` is no folder or cannot be read. An index file that cannot be used is no error.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_with(dir, IndexOptions::default())
    }

    /// As [`Index::open`], with a word on how.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn open_with(dir: &Path, options: IndexOptions<'_>) -> Result<Self> {
        let unreadable = |e: io::Error| {
            let text = format!("cannot look into {} ({e}); name a folder that `monitor --record` wrote", dir.display());
            Error::input(text).with_source(e)
        };
        let dir = std::path::absolute(dir).map_err(unreadable)?;
        fs::read_dir(&dir).map_err(unreadable)?;
        let mut nobody = |_: u64, _: u64| {};
        let progress: &mut dyn FnMut(u64, u64) = match options.progress {
            Some(progress) => progress,
            None => &mut nobody,
        };
        let (mut connection, mut in_memory) = connect(&dir, options.private)?;
        let caught_up = match catch_up(&mut connection, &dir, progress) {
            Ok(found) => found,
            Err(ScanError::Folders(e)) => return Err(unreadable(e)),
            Err(ScanError::Index(e)) if !in_memory => {
                // Close it first: a connection holds the file.
                drop(connection);
                if is_damage(&e) {
                    warn_aside(&dir, &e.to_string());
                    (connection, in_memory) = connect(&dir, options.private)?;
                } else {
                    tracing::warn!("the index of {} cannot be written ({e}); it is built in memory", dir.display());
                    (connection, in_memory) = (open_memory(&dir).map_err(|e| broken(&dir, &e))?, true);
                }
                catch_up(&mut connection, &dir, progress).map_err(|e| scan_error(&dir, e))?
            }
            Err(ScanError::Index(e)) => return Err(broken(&dir, &e)),
        };
        if caught_up.unreadable > 0 {
            tracing::warn!(
                "{} folders in {} hold no readable event; they are left alone",
                caught_up.unreadable,
                dir.display()
            );
        }
        if caught_up.doubtful > 0 {
            tracing::warn!(
                "the marks of {} events in {} cannot be read: check their rights; these events stay until they can be",
                caught_up.doubtful,
                dir.display()
            );
        }
        tracing::debug!(?caught_up, in_memory, "the index of {} is open", dir.display());
        let file = if in_memory { None } else { identity(&dir) };
        Ok(Self { dir, connection, opened: Instant::now(), in_memory, file, caught_up })
    }

    /// Whether the file that this works on is still the one in the recording folder; true of an index in memory.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.in_memory || self.file == identity(&self.dir)
    }

    /// The recording folder, as a full path.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The full path of the event with the key `dir` (see [`Row::dir`]).
    #[must_use]
    pub fn folder(&self, dir: &str) -> PathBuf {
        self.dir.join(dir)
    }

    /// Whether the index lives in memory only, because it cannot be written where it belongs.
    #[must_use]
    pub const fn in_memory(&self) -> bool {
        self.in_memory
    }

    /// What catching up found the last time.
    #[must_use]
    pub const fn caught_up(&self) -> CatchUp {
        self.caught_up
    }

    /// Looks again at the days that have changed.
    ///
    /// # Errors
    /// `Input` where the folders cannot be read, `Output` where the index cannot be written.
    pub fn refresh(&mut self) -> Result<CatchUp> {
        self.caught_up =
            catch_up(&mut self.connection, &self.dir, &mut |_, _| {}).map_err(|e| scan_error(&self.dir, e))?;
        Ok(self.caught_up)
    }

    /// Forgets everything and reads all folders. `progress` is told how many of how many events have been read.
    ///
    /// # Errors
    /// As [`Index::refresh`].
    pub fn rebuild(&mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<CatchUp> {
        let forget = "BEGIN IMMEDIATE; DELETE FROM events; DELETE FROM days; DELETE FROM unreadable; COMMIT;";
        self.connection.execute_batch(forget).map_err(|e| broken(&self.dir, &e))?;
        self.caught_up = catch_up(&mut self.connection, &self.dir, progress).map_err(|e| scan_error(&self.dir, e))?;
        Ok(self.caught_up)
    }

    /// The events that `filter` wants, newest first.
    ///
    /// # Errors
    /// `Output` where the index cannot be read.
    pub fn query(&self, filter: &Filter, page: Page) -> Result<Vec<Row>> {
        query::rows(&self.connection, filter, page).map_err(|e| broken(&self.dir, &e))
    }

    /// How many events `filter` wants.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        query::count(&self.connection, filter).map_err(|e| broken(&self.dir, &e))
    }

    /// How many of the events that `filter` wants have which label; by label.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn labels(&self, filter: &Filter) -> Result<Vec<(String, u64)>> {
        query::counts(&self.connection, "label", filter).map_err(|e| broken(&self.dir, &e))
    }

    /// How many of the events that `filter` wants lie on which day (in UTC); oldest day first.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn days(&self, filter: &Filter) -> Result<Vec<(String, u64)>> {
        query::counts(&self.connection, "day", filter).map_err(|e| broken(&self.dir, &e))
    }

    /// How many of the events that `filter` wants come from which input; by name.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn sources(&self, filter: &Filter) -> Result<Vec<(String, u64)>> {
        query::counts(&self.connection, "source", filter).map_err(|e| broken(&self.dir, &e))
    }

    /// The row of the event with the key `dir`.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn row(&self, dir: &str) -> Result<Option<Row>> {
        query::row(&self.connection, dir).map_err(|e| broken(&self.dir, &e))
    }

    /// Events and bytes, all and starred.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn totals(&self) -> Result<Totals> {
        query::totals(&self.connection).map_err(|e| broken(&self.dir, &e))
    }

    /// Folders that hold no readable event: key and what is wrong. They are left alone.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn unreadable(&self) -> Result<Vec<(String, String)>> {
        query::unreadable(&self.connection).map_err(|e| broken(&self.dir, &e))
    }

    /// Keys and bytes of events that may be removed, those first that are worth least: with `before`, what began before it,
    /// oldest first; without, by score in whole tenths, lowest first, and then oldest first. Starred ones never, and not
    /// those of [`Index::pass_over`].
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn removable(&self, before: Option<Timestamp>, limit: u64) -> Result<Vec<(String, u64)>> {
        query::removable(&self.connection, before, limit, self.now_ms()).map_err(|e| broken(&self.dir, &e))
    }

    /// Leaves the event with the key `dir` out of [`Index::removable`] for so long: it could not be removed, and to try it
    /// again with every new event would take longer and longer. `why` says what the trouble is; "" where there is none. Only
    /// this index knows, not others on the same folder.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn pass_over(&self, dir: &str, period: Duration, why: &str) -> Result<()> {
        let until_ms = self.now_ms().saturating_add(i64::try_from(period.as_millis()).unwrap_or(i64::MAX));
        query::pass_over(&self.connection, dir, until_ms, why).map_err(|e| broken(&self.dir, &e))
    }

    /// How many events are passed over because of some trouble, and the newest of it; none where there are none.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn passed_over(&self) -> Result<Option<(u64, String)>> {
        query::passed_over(&self.connection).map_err(|e| broken(&self.dir, &e))
    }

    /// Milliseconds of this index's own clock.
    fn now_ms(&self) -> i64 {
        i64::try_from(self.opened.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Up to when the clock had proved itself when [`Index::set_proven`] was last called, by any run; without that, when the
    /// newest event began. None where there is neither.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn proven(&self) -> Result<Option<Timestamp>> {
        let text = "SELECT coalesce((SELECT max(ms) FROM proven), (SELECT max(onset_ms) FROM events))";
        let ms: Option<i64> =
            self.connection.query_row(text, [], |row| row.get(0)).map_err(|e| broken(&self.dir, &e))?;
        Ok(ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
    }

    /// Remembers, for later runs, up to when the clock has proved itself.
    ///
    /// # Errors
    /// As [`Index::query`].
    pub fn set_proven(&mut self, at: Timestamp) -> Result<()> {
        let mut set = || {
            let transaction = self.connection.transaction()?;
            transaction.execute("DELETE FROM proven", [])?;
            transaction.execute("INSERT INTO proven (ms) VALUES (?1)", params![at.as_millisecond()])?;
            transaction.commit()
        };
        set().map_err(|e| broken(&self.dir, &e))
    }

    /// Takes in an event that has just been written.
    ///
    /// # Errors
    /// `Output` where the index cannot be written (catching up will find the event); `Bug` where the event does not lie in
    /// this recording folder.
    pub fn add(&mut self, event: &StoredEvent) -> Result<()> {
        let key = key_of(&self.dir, &event.folder).ok_or_else(|| {
            let (folder, dir) = (event.folder.display(), self.dir.display());
            Error::bug(format!("the event folder {folder} is not in {dir}; please report this"))
        })?;
        // One that is there already may have been marked meanwhile.
        let (marks, stamp) = marks::read_marks(&event.folder).unwrap_or((Marks::default(), row::DOUBTFUL));
        let mut add = || {
            let transaction = self.connection.transaction()?;
            row::insert(&transaction, &key, event, &marks, stamp)?;
            transaction.commit()
        };
        add().map_err(|e| broken(&self.dir, &e))
    }

    /// Writes the marks of the event with the key `dir` into its folder, and into the index.
    ///
    /// # Errors
    /// `Output` where the folder cannot be written, and then nothing is changed; `Usage` where the note is too long.
    pub fn set_marks(&mut self, dir: &str, marks: &Marks) -> Result<()> {
        let folder = self.checked(dir)?.map_err(|e| {
            let why = match e.kind() {
                io::ErrorKind::NotFound => "the event is not there any more".to_owned(),
                _ => e.to_string(),
            };
            Error::output(format!("{} cannot be marked: {why}", self.dir.join(dir).display())).with_source(e)
        })?;
        marks.write(&folder)?;
        let stamp = marks::marks_stamp(&folder);
        match row::mark(&self.connection, dir, marks, stamp, marks::bytes_of(&folder)) {
            Ok(_) => Ok(()),
            // They are in the folder, and that is the truth: the next one who opens the index finds them.
            Err(e) => {
                tracing::warn!("{}", broken(&self.dir, &e));
                Ok(())
            }
        }
    }

    /// The folder of the event with the key `dir`, or why there is none.
    fn checked(&self, dir: &str) -> Result<io::Result<PathBuf>> {
        match split_key(dir) {
            Some(_) => Ok(event_folder(&self.dir, dir)),
            None => Err(Error::bug(format!("{dir:?} is no event's folder; please report this"))),
        }
    }
}

/// Device and number of the index file in `dir`.
fn identity(dir: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(dir.join(INDEX)).ok().map(|about| (about.dev(), about.ino()))
}

/// A connection to the index of `dir`, and whether it is one in memory.
fn connect(dir: &Path, private: Option<bool>) -> Result<(Connection, bool)> {
    let why = match open_file(dir, private) {
        Ok(connection) => return Ok((connection, false)),
        Err(Unopened::Unusable(why)) => {
            warn_aside(dir, &why);
            match open_file(dir, private) {
                Ok(connection) => return Ok((connection, false)),
                Err(Unopened::Unusable(why) | Unopened::Impossible(why)) => why,
            }
        }
        Err(Unopened::Impossible(why)) => why,
    };
    tracing::info!("the index of {} is built in memory ({why})", dir.display());
    Ok((open_memory(dir).map_err(|e| broken(dir, &e))?, true))
}

/// Sets an unusable index aside, with a word.
fn warn_aside(dir: &Path, why: &str) {
    match set_aside(dir) {
        Ok(aside) => tracing::warn!(
            "the index of {} cannot be used ({why}); it is set aside as {} and built again",
            dir.display(),
            aside.display()
        ),
        Err(e) => tracing::warn!("the index of {} cannot be used ({why}), nor be set aside ({e})", dir.display()),
    }
}

fn scan_error(dir: &Path, e: ScanError) -> Error {
    match e {
        ScanError::Index(e) => broken(dir, &e),
        ScanError::Folders(e) => {
            Error::input(format!("cannot look into {} ({e}); check the folder and its disk", dir.display()))
                .with_source(e)
        }
    }
}

fn broken(dir: &Path, e: &rusqlite::Error) -> Error {
    let dir = dir.display();
    Error::output(format!(
        "the index of {dir} failed ({e}); check the disk, or remove {dir}/.index.sqlite: it is built again"
    ))
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
