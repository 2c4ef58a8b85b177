//! Event folders: the evidence of one event on disk, whole or not at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::{
    leftovers::{Temporary, remove_leftovers},
    prepared::{CLIP, SPECTROGRAM},
    private::{close_to_others, make_dir, make_dirs, write_file},
    trouble::{io_cause, io_error, remedy},
};
use crate::{
    archive::{
        files::{replace, sync},
        names::{TEMPORARY, temporary},
    },
    engine::report::EventReport,
    error::{Error, Result},
    media::wav::{wav_bytes, write_wav},
};

pub use super::folder_options::FolderOptions;
pub use super::prepared::Prepared;

const EVENT: &str = "event.json";

/// Writes event folders below one folder: `DIR/YYYY-MM-DD/HHMMSSZ-label-ID/`.
///
/// An event folder is made under a temporary name (`.tmp-…`, in the day's folder), its files are forced to disk, and only
/// then it gets its name: whatever happens, a folder without `.tmp-` is complete.
///
/// Several writers, in one process or many, may share `DIR`: each holds a lock on the temporary that it fills, and a new
/// one removes those that nobody holds.
#[derive(Debug)]
pub struct EventFolders {
    dir: PathBuf,
    options: FolderOptions,
    /// The day whose folder is known to be on disk.
    synced_day: Mutex<Option<PathBuf>>,
}

impl EventFolders {
    /// Prepares `dir`: creates it with its parents, checks that it can be written, and removes temporaries that
    /// interrupted runs left.
    ///
    /// # Errors
    /// `Output` when `dir` is not a folder, cannot be created or cannot be written.
    pub fn new(dir: &Path, options: FolderOptions) -> Result<Self> {
        let fail = |e: io::Error| {
            let text = if dir.exists() && !dir.is_dir() {
                format!("cannot record into {}: it is not a folder; choose another place", dir.display())
            } else {
                format!("cannot record into {} ({e}); {}", dir.display(), remedy(&e))
            };
            Error::output(text).with_source(e)
        };
        // Lines and notices name folders by their full path, so that a reader with another working directory finds them.
        let dir_abs = std::path::absolute(dir).map_err(fail)?;
        if make_dirs(&dir_abs, options.private).map_err(fail)?
            && let Some(parent) = dir_abs.parent()
        {
            sync(parent).map_err(fail)?;
        }
        let folders = Self { dir: dir_abs, options, synced_day: Mutex::new(None) };
        remove_leftovers(&folders.dir);
        // Better to fail at the start than at the first event, hours later.
        folders.probe(None, 0).map_err(fail)?;
        Ok(folders)
    }

    /// The folder that holds the days, as a full path.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How folders are written.
    #[must_use]
    pub const fn options(&self) -> &FolderOptions {
        &self.options
    }

    /// Writes folders like this from now on.
    pub fn set_options(&mut self, options: FolderOptions) {
        self.options = options;
    }

    /// Whether `bytes` can be written into the folder now; where `day` is given, into that day of it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn probe(&self, day: Option<&Path>, bytes: usize) -> io::Result<()> {
        let private = self.options.private;
        let is_new = day.map_or(Ok(false), |day| make_dir(day, private))?;
        let probe = Temporary::create(day.unwrap_or(&self.dir).join(temporary("probe")), private)?;
        let write = || {
            if bytes == 0 {
                return Ok(());
            }
            let file = probe.path().join("probe");
            write_file(&file, &vec![0x5a; bytes], true)?;
            sync(&file)
        };
        let written = write();
        fs::remove_dir_all(probe.path())?;
        if let Some(day) = day.filter(|_| is_new) {
            // Only succeeds while it is empty.
            let _ = fs::remove_dir(day);
        }
        written
    }

    /// Writes the folder of `report` and returns its full path.
    ///
    /// # Errors
    /// `Output` when it cannot be written; then nothing of it is left. `Bug` when the clip's parts are not aligned.
    pub fn write(&self, report: &EventReport) -> Result<PathBuf> {
        self.commit(&self.prepare(report, None)?)
    }

    /// Makes all that the folder of `report` will hold. `continues` is the id of the event that it goes on from.
    ///
    /// # Errors
    /// As [`EventFolders::write`].
    pub fn prepare<'a>(&self, report: &'a EventReport, continues: Option<&str>) -> Result<Prepared<'a>> {
        Prepared::of(&self.dir, &self.options, report, continues)
    }

    /// Writes what was prepared and returns the folder's full path.
    ///
    /// # Errors
    /// `Output` when it cannot be written; then nothing of it is left.
    pub fn commit(&self, prepared: &Prepared<'_>) -> Result<PathBuf> {
        let target = prepared.target();
        self.try_commit(prepared, &target).map_err(|e| {
            let why = match io_cause(&e) {
                Some(io) => format!(" ({io}); {}", remedy(io)),
                None => format!(": {e}"),
            };
            Error::new(e.kind(), format!("the event folder {} could not be written{why}", target.display()))
                .with_source(e)
        })?;
        Ok(target)
    }

    /// Puts what was prepared into the event's folder that is there already, in place of what was known before. Each file
    /// is there whole or not at all, and `event.json` comes last: it names no file that is not there. Whether there was such
    /// a folder.
    ///
    /// # Errors
    /// As [`EventFolders::commit`]; what `event.json` names is as it was then.
    pub fn attach(&self, prepared: &Prepared<'_>) -> Result<bool> {
        let target = prepared.target();
        if !prepared.is_there() {
            return Ok(false);
        }
        // Temporaries lie in the day's folder, where a later start looks for what was left.
        let put =
            |name: &str, bytes: &[u8]| replace(&target.join(name), &prepared.day.join(temporary("attached")), bytes);
        let attach = || -> Result<()> {
            for (name, samples) in prepared.audio.iter().filter(|(name, _)| name != CLIP) {
                put(name, &wav_bytes(prepared.sample_rate, samples)?).map_err(io_error)?;
            }
            if let Some(picture) = &prepared.picture {
                put(SPECTROGRAM, picture).map_err(io_error)?;
            }
            put(EVENT, &prepared.json).map_err(io_error)
        };
        attach().map_err(|e| {
            let why = io_cause(&e).map_or_else(|| format!(": {e}"), |io| format!(" ({io}); {}", remedy(io)));
            Error::new(e.kind(), format!("the explanation could not be put into {}{why}", target.display()))
                .with_source(e)
        })?;
        Ok(true)
    }

    fn try_commit(&self, prepared: &Prepared<'_>, target: &Path) -> Result<()> {
        let day = &prepared.day;
        let temporary = self.make_temporary(prepared).map_err(io_error)?;
        let written = self
            .fill(temporary.path(), prepared)
            // Renaming onto an empty folder would succeed: never replace anything.
            .and_then(|()| if target.exists() { Err(io_error(io::ErrorKind::AlreadyExists.into())) } else { Ok(()) })
            .and_then(|()| fs::rename(temporary.path(), target).map_err(io_error));
        if let Err(e) = written {
            // These may fail because the disk is gone: a later run cleans up then.
            let _ = fs::remove_dir_all(temporary.path());
            // Only succeeds while it is empty.
            let _ = fs::remove_dir(day);
            return Err(e);
        }
        sync(day).map_err(io_error)?;
        let mut synced = self.synced_day.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if synced.as_ref() != Some(day) {
            sync(&self.dir).map_err(io_error)?;
            *synced = Some(day.clone());
        }
        Ok(())
    }

    fn make_temporary(&self, prepared: &Prepared<'_>) -> io::Result<Temporary> {
        let private = self.options.private;
        let mut tries = 0;
        loop {
            if !self.dir.is_dir() {
                make_dirs(&self.dir, private)?;
            }
            if make_dir(&prepared.day, private)? {
                *self.synced_day.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
            }
            tries += 1;
            match Temporary::create(prepared.day.join(format!("{TEMPORARY}{}", prepared.name)), private) {
                // Whoever removes the last event of a day removes the day: here it came between.
                Err(e) if e.kind() == io::ErrorKind::NotFound && tries < 5 => {}
                // What a run of this very event left.
                made => return made,
            }
        }
    }

    /// Writes the files into `folder` and forces them to disk.
    fn fill(&self, folder: &Path, prepared: &Prepared<'_>) -> Result<()> {
        let private = self.options.private;
        for (name, samples) in &prepared.audio {
            let path = folder.join(name);
            write_wav(&path, prepared.sample_rate, samples)?;
            if private {
                close_to_others(&path).map_err(io_error)?;
            }
            sync(&path).map_err(io_error)?;
        }
        let picture = prepared.picture.as_deref().map(|png| (SPECTROGRAM, png));
        for (name, bytes) in picture.into_iter().chain([(EVENT, prepared.json.as_slice())]) {
            let path = folder.join(name);
            write_file(&path, bytes, private).and_then(|()| sync(&path)).map_err(io_error)?;
        }
        sync(folder).map_err(io_error)
    }
}
