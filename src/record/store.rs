//! The recording folder of a running monitor: event folders, the index over them, limits, and what happens when the disk
//! fails.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::{
    age::Age,
    disk::{disk_bytes, free_bytes},
    event_folder::EventFolders,
    folder_options::FolderOptions,
    place::{Found, Place},
    proven::Uptime,
    pulse::Pulse,
    retention::{Limits, make_room},
    trouble::remedy,
};
use crate::{
    archive::{Index, IndexOptions, event::parse_event, files::folder_bytes},
    engine::report::EventReport,
    error::{Error, ErrorKind, Result},
};

pub use super::states::RecordingState;

/// The disk is looked at no more often than this, between events.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The largest trial, in bytes, of whether the disk can be written again.
const MAX_TRIAL: usize = 64 << 20;

/// How events are recorded.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    /// How folders are written.
    pub folders: FolderOptions,
    /// How much is kept.
    pub limits: Limits,
}

/// Records events, keeps within limits, and finds its way back after a failure: each event is a new attempt, and in between
/// the disk is looked at every few seconds.
#[derive(Debug)]
pub struct Store {
    folders: EventFolders,
    index: Index,
    limits: Limits,
    place: Place,
    age: Age,
    pulse: Pulse,
    /// Whether the index has missed something.
    stale: bool,
    state: RecordingState,
    /// Day's folder and length of the last event: if it could not be written, as much is tried there again.
    last: Option<(PathBuf, usize)>,
    looked: Option<Instant>,
}

impl Store {
    /// Prepares `dir` as [`EventFolders::new`] does, and opens its index.
    ///
    /// # Errors
    /// `Output` when it cannot be recorded there.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self> {
        let folders = EventFolders::new(dir, options.folders)?;
        let fail = |e: io::Error| {
            Error::output(format!("cannot record into {} ({e}); {}", dir.display(), remedy(&e))).with_source(e)
        };
        let place = Place::of(folders.dir()).map_err(fail)?;
        let pulse = Pulse::default();
        let index = open_index(&folders, &pulse)?;
        let mut store = Self {
            folders,
            age: Age::of(&index),
            index,
            limits: options.limits,
            place,
            pulse,
            stale: false,
            state: RecordingState::default(),
            last: None,
            looked: None,
        };
        // The limits may have been lowered since the last run. The age waits for the stream's own clock: the system's may not
        // have been set yet. What is wrong is told at the first look.
        if let Err(e) = store.make_room(0, None) {
            tracing::debug!("{e}");
        }
        store.count();
        tracing::info!("recording into {}: {}", store.dir().display(), store.limits_here().text(&store.limits));
        Ok(store)
    }

    /// Goes by this uptime from now on, instead of the system's.
    pub fn set_uptime(&mut self, uptime: Uptime) {
        self.age.set_uptime(uptime);
    }

    /// Says whether the disk answers while this works.
    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// The recording folder, as a full path.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folders.dir()
    }

    /// Records like this from now on. The folder stays the same.
    pub fn set_options(&mut self, options: StoreOptions) {
        self.folders.set_options(options.folders);
        self.limits = options.limits;
    }

    /// How recording goes, as of the last event or look.
    #[must_use]
    pub const fn state(&self) -> &RecordingState {
        &self.state
    }

    /// Records an event; `continues` is the id of the event that it goes on from. Its folder's full path.
    ///
    /// # Errors
    /// `Output` where it cannot be recorded now; `Bug` where the report is not sound. The next one is tried again.
    pub fn record(&mut self, report: &EventReport, continues: Option<&str>) -> Result<PathBuf> {
        let recorded = self.try_record(report, continues);
        // An index that had to be in memory, because the disk failed, can be on the disk now.
        self.stale |= recorded.is_ok() && self.state.error.is_some() && self.index.in_memory();
        // A report that is not sound says nothing about the disk.
        if !recorded.as_ref().is_err_and(|e| e.kind() == ErrorKind::Bug) {
            self.state.error = recorded.as_ref().err().map(ToString::to_string);
        }
        self.count();
        recorded
    }

    /// Puts an event's explanation into the folder that it was recorded in; `continues` as in [`Store::record`]. The
    /// folder's full path, or `None` where it is gone or was never there.
    ///
    /// # Errors
    /// As [`Store::record`]; the event stays as it was recorded.
    pub fn attach(&mut self, report: &EventReport, continues: Option<&str>) -> Result<Option<PathBuf>> {
        let prepared = self.folders.prepare(report, continues)?;
        let target = prepared.target();
        if !prepared.is_there() {
            return Ok(None);
        }
        let bytes = prepared.bytes();
        self.make_room(bytes, Some(report.event.clock.wall(report.event.offset)))?;
        if !self.folders.attach(&prepared)? {
            return Ok(None);
        }
        let stored = parse_event(prepared.json(), &target, folder_bytes(&target).unwrap_or(bytes));
        if let Err(e) = stored.and_then(|event| self.index.add(&event)) {
            tracing::warn!("{e}");
            self.stale = true;
        }
        self.count();
        Ok(Some(target))
    }

    /// Looks at the disk between events, if that was not done in the last seconds, and at what has become too old by `now`.
    /// What it found is the [`Store::state`], and given where the disk cannot be written.
    ///
    /// # Errors
    /// As [`Store::record`].
    pub fn look(&mut self, now: SystemTime) -> Result<()> {
        if self.looked.is_some_and(|last| last.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        self.look_now(now)
    }

    /// As [`Store::look`], at once.
    pub(super) fn look_now(&mut self, now: SystemTime) -> Result<()> {
        self.looked = Some(Instant::now());
        let failed = self.state.error.is_some();
        let looked = self.ready().and_then(|()| {
            // Nothing is written while all is well.
            let Some((day, bytes)) = self.last.clone().filter(|_| failed) else { return self.make_room(0, Some(now)) };
            self.make_room(bytes as u64, Some(now))?;
            self.folders.probe(Some(&day), bytes).map_err(|e| self.unwritable(e))
        });
        self.state.error = looked.as_ref().err().map(ToString::to_string);
        self.count();
        looked
    }

    fn try_record(&mut self, report: &EventReport, continues: Option<&str>) -> Result<PathBuf> {
        let prepared = self.folders.prepare(report, continues)?;
        let bytes = prepared.bytes();
        self.last = Some((prepared.day().to_owned(), usize::try_from(bytes).unwrap_or(MAX_TRIAL).min(MAX_TRIAL)));
        self.ready()?;
        self.make_room(bytes, Some(report.event.clock.wall(report.event.offset)))?;
        let written = self.folders.commit(&prepared);
        // It may be there all the same, if only the last step failed.
        self.stale |= written.is_err() && prepared.target().exists();
        let folder = written?;
        let stored = parse_event(prepared.json(), &folder, bytes);
        if let Err(e) = stored.and_then(|event| self.index.add(&event)) {
            tracing::warn!("{e}");
            self.stale = true;
        }
        Ok(folder)
    }

    /// Makes sure that the folder is there, on its disk, and that the index is its index.
    fn ready(&mut self) -> Result<()> {
        let found = self.place.look().map_err(|e| self.unwritable(e))?;
        match found {
            Found::Same if !self.stale && self.index.is_in_place() => return Ok(()),
            Found::Same | Found::Another => {}
            Found::Missing if self.state.error.is_some() => {}
            Found::Missing => tracing::warn!("{} has gone; it is made again", self.dir().display()),
            Found::Unmounted(mount) => {
                return Err(Error::output(format!(
                    "cannot record into {}: nothing is mounted on {} any more; mount it again",
                    self.dir().display(),
                    mount.display()
                )));
            }
        }
        if found != Found::Same {
            self.folders = EventFolders::new(self.folders.dir(), self.folders.options().clone())?;
            self.place = Place::of(self.folders.dir()).map_err(|e| self.unwritable(e))?;
        }
        self.index = open_index(&self.folders, &self.pulse)?;
        self.stale = false;
        Ok(())
    }

    fn make_room(&mut self, need: u64, now: Option<SystemTime>) -> Result<()> {
        let dir = self.folders.dir().to_owned();
        let limits = self.limits_here();
        let now = now.and_then(|now| self.age.trusted(now, self.limits.max_age_days, &mut self.index));
        let pulse = self.pulse.clone();
        let (removed, done) = make_room(&mut self.index, &limits, need, now, &|| free_bytes(&dir), &|| pulse.beat());
        self.state.removed += removed.events;
        done.map_err(|e| Error::new(e.kind(), format!("cannot record into {}: {e}", dir.display())).with_source(e))
    }

    /// The limits, with shares of the disk in bytes.
    fn limits_here(&self) -> Limits {
        self.limits.on_disk(disk_bytes(self.folders.dir()).ok())
    }

    /// Brings the figures up to date; those that are not known stay as they were.
    fn count(&mut self) {
        match self.index.totals() {
            Ok(totals) => (self.state.events, self.state.bytes) = (totals.events, totals.bytes),
            Err(e) => {
                tracing::debug!("{e}");
                self.stale = true;
            }
        }
        self.state.free_bytes = free_bytes(self.folders.dir()).ok();
    }

    fn unwritable(&self, e: io::Error) -> Error {
        let text = format!("cannot record into {} ({e}); {}", self.folders.dir().display(), remedy(&e));
        Error::output(text).with_source(e)
    }
}

fn open_index(folders: &EventFolders, pulse: &Pulse) -> Result<Index> {
    let mut told = 0;
    let mut progress = |done: u64, total: u64| {
        pulse.beat();
        if total >= 10_000 && done * 10 / total > told {
            told = done * 10 / total;
            tracing::info!("the index is being built: {done} of {total} events");
        }
    };
    let private = folders.options().private.then_some(true);
    Index::open_with(folders.dir(), IndexOptions { private, progress: Some(&mut progress) })
        .map_err(|e| Error::output(e.to_string()).with_source(e))
}
