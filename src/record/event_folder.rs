//! Event folders: the evidence of one event on disk, whole or not at all.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    leftovers::{TEMPORARY, share_after_cleaning},
    names::safe_part,
    picture::{self, Annotations},
    wire::{EventJson, local_offset, path_text, rfc3339, secs, timestamp},
};
use crate::{
    engine::report::{Clip, Event, EventReport},
    error::{Error, Result},
    media::wav::write_wav,
};

/// Numbers the probes, so that two writers in one process do not meet.
static PROBES: AtomicU64 = AtomicU64::new(0);

const CLIP: &str = "clip.wav";
const INTERPRETATION: &str = "interpretation.wav";
const SPECTROGRAM: &str = "spectrogram.png";
const EVENT: &str = "event.json";

/// How event folders are written.
#[derive(Debug, Clone)]
pub struct FolderOptions {
    /// Where the local offset in `event.json` comes from. Folder names are in UTC whatever this is.
    pub time_zone: TimeZone,
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self { time_zone: TimeZone::system() }
    }
}

/// Writes event folders below one folder: `DIR/YYYY-MM-DD/HHMMSSZ-label-ID/`.
///
/// An event folder is made under a temporary name (`.tmp-…`, in the day's folder), its files are forced to disk, and only
/// then it gets its name: whatever happens, a folder without `.tmp-` is complete.
///
/// Several writers, in one process or many, may share `DIR`: each holds a shared lock on it, and only one that finds
/// itself alone removes what an interrupted run left.
#[derive(Debug)]
pub struct EventFolders {
    dir: PathBuf,
    options: FolderOptions,
    /// Holds the shared lock; `None` where the file system has no locks.
    _lock: Option<File>,
}

impl EventFolders {
    /// Prepares `dir`: creates it with its parents, checks that it can be written, and removes temporaries that an
    /// interrupted run left (unless another writer is at work there).
    ///
    /// # Errors
    /// `Output` when `dir` is not a folder, cannot be created or cannot be written.
    pub fn new(dir: &Path, options: FolderOptions) -> Result<Self> {
        let fail = |e: io::Error| {
            let text = if dir.exists() && !dir.is_dir() {
                format!("cannot record into {}: it is not a folder; choose another with --record", dir.display())
            } else {
                format!("cannot record into {} ({e}); {}", dir.display(), remedy(&e))
            };
            Error::output(text).with_source(e)
        };
        // Lines and notices name folders by their full path, so that a reader with another working directory finds them.
        let dir_abs = std::path::absolute(dir).map_err(fail)?;
        fs::create_dir_all(&dir_abs).map_err(fail)?;
        let lock = File::open(&dir_abs).map_err(fail)?;
        let lock = share_after_cleaning(lock, &dir_abs);
        // Better to fail at the start than at the first event, hours later.
        let probe = dir_abs.join(format!("{TEMPORARY}probe-{}-{}", std::process::id(), PROBES.fetch_add(1, Relaxed)));
        fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)).map_err(fail)?;
        Ok(Self { dir: dir_abs, options, _lock: lock })
    }

    /// The folder that holds the days, as a full path.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes the folder of `report` and returns its full path.
    ///
    /// # Errors
    /// `Output` when it cannot be written; then nothing of it is left. `Bug` when the clip's parts are not aligned.
    pub fn write(&self, report: &EventReport) -> Result<PathBuf> {
        check_alignment(report)?;
        let event = &report.event;
        let onset = timestamp(event.clock.wall(event.onset)).ok_or_else(|| {
            Error::output(format!(
                "event {} cannot be recorded: its date lies outside the years 0 to 9999; set the system's clock",
                event.id
            ))
        })?;
        let day = self.dir.join(onset.strftime("%Y-%m-%d").to_string());
        let name = format!(
            "{}-{}-{}",
            onset.strftime("%H%M%SZ"),
            safe_part(&event.label, "event"),
            safe_part(&event.id, "unnamed")
        );
        let (target, temporary) = (day.join(&name), day.join(format!("{TEMPORARY}{name}")));
        let fail = |e: Error| {
            let why = match io_cause(&e) {
                Some(io) => format!(" ({io}); {}", remedy(io)),
                None => format!(": {e}"),
            };
            Error::new(e.kind(), format!("the event folder {} could not be written{why}", target.display()))
                .with_source(e)
        };

        let day_is_new = !day.is_dir();
        let outcome = fs::create_dir_all(&day)
            .and_then(|()| fs::create_dir(&temporary))
            .map_err(io_error)
            .and_then(|()| self.fill(&temporary, &target, report))
            // Renaming onto an empty folder would succeed: never replace anything.
            .and_then(|()| if target.exists() { Err(io_error(io::ErrorKind::AlreadyExists.into())) } else { Ok(()) })
            .and_then(|()| fs::rename(&temporary, &target).map_err(io_error));
        if let Err(e) = outcome {
            // These may fail because they were never made, or because the disk is gone: a later run cleans up then.
            let _ = fs::remove_dir_all(&temporary);
            if day_is_new {
                // Only succeeds while it is empty.
                let _ = fs::remove_dir(&day);
            }
            return Err(fail(e));
        }
        sync(&day).and_then(|()| if day_is_new { sync(&self.dir) } else { Ok(()) }).map_err(fail)?;
        Ok(target)
    }

    /// Writes the files of `report` into `folder`, which will become `target`, and forces them to disk.
    fn fill(&self, folder: &Path, target: &Path, report: &EventReport) -> Result<()> {
        let EventReport { event, clip } = report;
        let components: Vec<_> = clip
            .components
            .iter()
            .map(|(share, _)| ComponentFile { index: share.index, file: format!("component-{:02}.wav", share.index) })
            .collect();
        write_wav(&folder.join(CLIP), clip.sample_rate, &clip.heard)?;
        write_wav(&folder.join(INTERPRETATION), clip.sample_rate, &clip.interpretation)?;
        for (file, (_, audio)) in components.iter().zip(&clip.components) {
            write_wav(&folder.join(&file.file), clip.sample_rate, audio)?;
        }
        let notes = Annotations {
            label: &event.label,
            score: event.score,
            onset_secs: clip.sample_rate.secs(event.onset.since(clip.start)),
            offset_secs: clip.sample_rate.secs(event.offset.since(clip.start)),
        };
        let png = picture::render(&clip.picture, &notes)?.to_png()?;
        fs::write(folder.join(SPECTROGRAM), png).map_err(io_error)?;
        let mut json = serde_json::to_vec_pretty(&self.describe(event, clip, target, &components))
            .map_err(|e| Error::bug(format!("event.json could not be made ({e}); please report this")))?;
        json.push(b'\n');
        fs::write(folder.join(EVENT), json).map_err(io_error)?;

        for name in [CLIP, INTERPRETATION, SPECTROGRAM, EVENT] {
            sync(&folder.join(name))?;
        }
        for file in &components {
            sync(&folder.join(&file.file))?;
        }
        sync(folder)
    }

    fn describe<'a>(
        &self,
        event: &'a Event,
        clip: &Clip,
        target: &Path,
        components: &'a [ComponentFile],
    ) -> EventFile<'a> {
        let files = FilesJson {
            dir: path_text(target),
            clip: CLIP,
            interpretation: INTERPRETATION,
            components,
            spectrogram: SPECTROGRAM,
        };
        EventFile {
            event: EventJson::new(event, Some(files)),
            local_offset: local_offset(&event.clock, event.onset, &self.options.time_zone),
            clip: ClipJson {
                start_s: secs(event.clock.secs(clip.start)),
                start: rfc3339(&event.clock, clip.start),
                pre_roll_s: secs(clip.sample_rate.secs(event.onset.since(clip.start))),
                duration_s: secs(clip.sample_rate.secs(clip.heard.len() as u64)),
                samples: clip.heard.len(),
                sample_rate_hz: clip.sample_rate.hz(),
            },
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// `event.json`: the event line's object, with more in `files` and more fields at the end.
#[derive(Serialize)]
struct EventFile<'a> {
    #[serde(flatten)]
    event: EventJson<'a, FilesJson<'a>>,
    local_offset: Option<String>,
    clip: ClipJson,
    version: &'static str,
}

#[derive(Serialize)]
struct FilesJson<'a> {
    dir: String,
    clip: &'static str,
    interpretation: &'static str,
    components: &'a [ComponentFile],
    spectrogram: &'static str,
}

#[derive(Serialize)]
struct ComponentFile {
    index: usize,
    file: String,
}

#[derive(Serialize)]
struct ClipJson {
    start_s: Option<f64>,
    start: Option<String>,
    pre_roll_s: Option<f64>,
    duration_s: Option<f64>,
    samples: usize,
    sample_rate_hz: u32,
}

/// Evidence that is not aligned would mislead whoever listens to it.
fn check_alignment(report: &EventReport) -> Result<()> {
    let Clip { heard, interpretation, components, .. } = &report.clip;
    let aligned = interpretation.len() == heard.len() && components.iter().all(|(_, audio)| audio.len() == heard.len());
    let mut indices: Vec<_> = components.iter().map(|(share, _)| share.index).collect();
    indices.sort_unstable();
    if aligned && indices.windows(2).all(|pair| pair[0] != pair[1]) {
        return Ok(());
    }
    Err(Error::bug(format!(
        "event {} cannot be recorded: its clips differ in length or name a component twice; please report this",
        report.event.id
    )))
}

/// Forces a file or folder to disk.
fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(io_error)
}

fn io_error(e: io::Error) -> Error {
    Error::output(e.to_string()).with_source(e)
}

/// What a person can do about `e`.
fn remedy(e: &io::Error) -> &'static str {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space or record elsewhere",
        io::ErrorKind::PermissionDenied => "give this user write permission there or record elsewhere",
        io::ErrorKind::ReadOnlyFilesystem => "make the disk writable or record elsewhere",
        io::ErrorKind::NotADirectory => "a file stands where a folder should be: move it or record elsewhere",
        io::ErrorKind::AlreadyExists => "something of that name is already there: move it away",
        _ => "check the folder and its disk",
    }
}

/// The operating system's error behind `e`, if there is one.
fn io_cause(e: &Error) -> Option<&io::Error> {
    let mut cause = std::error::Error::source(e);
    while let Some(error) = cause {
        if let Some(hound::Error::IoError(io)) = error.downcast_ref() {
            return Some(io);
        }
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        cause = error.source();
    }
    None
}
