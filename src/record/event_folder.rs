//! Event folders: the evidence of one event on disk, whole or not at all.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    leftovers::{Temporary, remove_leftovers},
    names::safe_part,
    picture::{self, Annotations},
    private::{close_to_others, make_dir, make_dirs, write_file},
    wire::{EventJson, local_offset, path_text, rfc3339, secs, timestamp},
};
use crate::{
    archive::{
        files::{is_folder, replace, sync},
        names::{TEMPORARY, temporary},
    },
    engine::report::{Clip, Event, EventReport, Explained, RecordWhat, part_word},
    error::{Error, Result},
    local_zone::local_zone,
    media::wav::{wav_bytes, write_wav},
    units::SampleRate,
};

const CLIP: &str = "clip.wav";
const INTERPRETATION: &str = "interpretation.wav";
const SPECTROGRAM: &str = "spectrogram.png";
const EVENT: &str = "event.json";

/// A WAV file is this much longer than its 16-bit samples, in bytes.
const WAV_HEADER_BYTES: u64 = 44;

/// How event folders are written.
#[derive(Debug, Clone)]
pub struct FolderOptions {
    /// Where the local offset in `event.json` comes from; `None`: the system's zone at that time. Folder names are in UTC
    /// whatever this is.
    pub time_zone: Option<TimeZone>,
    /// Whether audio and picture are kept; without them an event is its figures.
    pub clips: bool,
    /// Labels and groups whose audio and picture are never written.
    pub no_audio: BTreeSet<String>,
    /// Whether folders and files are for their owner alone (0700, 0600); otherwise the umask decides.
    pub private: bool,
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self { time_zone: None, clips: true, no_audio: BTreeSet::new(), private: true }
    }
}

impl FolderOptions {
    fn keeps_audio(&self, event: &Event) -> bool {
        let named = std::iter::once(&event.label).chain(&event.handling.groups);
        self.clips && event.handling.record == RecordWhat::Full && !named.into_iter().any(|n| self.no_audio.contains(n))
    }
}

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

/// All that an event's folder will hold, ready to be written.
#[derive(Debug)]
pub struct Prepared<'a> {
    day: PathBuf,
    name: String,
    sample_rate: SampleRate,
    audio: Vec<(String, &'a [f32])>,
    picture: Option<Vec<u8>>,
    json: Vec<u8>,
}

impl Prepared<'_> {
    /// Length of the files together, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let audio: u64 = self.audio.iter().map(|(_, samples)| WAV_HEADER_BYTES + 2 * samples.len() as u64).sum();
        audio + self.picture.as_ref().map_or(0, Vec::len) as u64 + self.json.len() as u64
    }

    /// The folder of its day.
    #[must_use]
    pub fn day(&self) -> &Path {
        &self.day
    }

    /// Where it will lie.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.day.join(&self.name)
    }

    /// Whether its folder is there already; what is reached through a link is not.
    #[must_use]
    pub fn is_there(&self) -> bool {
        is_folder(&self.day) && is_folder(&self.target())
    }

    /// What `event.json` will hold.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }
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
        check_alignment(report)?;
        let EventReport { event, clip } = report;
        let (day, name) = place_of(&self.dir, event).ok_or_else(|| {
            Error::output(format!(
                "event {} cannot be recorded: its date lies outside the years 0 to 9999; set the system's clock",
                event.id
            ))
        })?;
        let target = day.join(&name);
        let word = part_word(&event.method);
        let file_of = |index: usize| format!("{word}-{index:02}.wav");
        let (mut audio, mut picture, mut files) = (Vec::new(), None, FilesJson::without_audio(&target));
        if self.options.keeps_audio(event) {
            let explained = event.explanation == Explained::Done;
            audio.push((CLIP.to_owned(), clip.heard.as_slice()));
            if explained {
                audio.push((INTERPRETATION.to_owned(), clip.interpretation.as_slice()));
            }
            audio.extend(clip.components.iter().map(|(share, samples)| (file_of(share.index), samples.as_slice())));
            let notes = Annotations {
                label: &event.label,
                score: event.score,
                onset_secs: clip.sample_rate.secs(event.onset.since(clip.start)),
                offset_secs: clip.sample_rate.secs(event.offset.since(clip.start)),
            };
            picture = Some(picture::render(&clip.picture, &notes)?.to_png()?);
            let component = |index: usize| ComponentFile { index, file: file_of(index) };
            files = FilesJson {
                clip: Some(CLIP),
                interpretation: explained.then_some(INTERPRETATION),
                components: Some(clip.components.iter().map(|(share, _)| component(share.index)).collect()),
                spectrogram: Some(SPECTROGRAM),
                ..files
            };
        }
        let mut json = serde_json::to_vec_pretty(&self.describe(event, clip, files, continues))
            .map_err(|e| Error::bug(format!("event.json could not be made ({e}); please report this")))?;
        json.push(b'\n');
        Ok(Prepared { day, name, sample_rate: clip.sample_rate, audio, picture, json })
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

    fn describe<'a>(
        &self,
        event: &'a Event,
        clip: &Clip,
        files: FilesJson,
        continues: Option<&'a str>,
    ) -> EventFile<'a> {
        let clip = files.clip.is_some().then(|| ClipJson {
            start_s: secs(event.clock.secs(clip.start)),
            start: rfc3339(&event.clock, clip.start),
            pre_roll_s: secs(clip.sample_rate.secs(event.onset.since(clip.start))),
            duration_s: secs(clip.sample_rate.secs(clip.heard.len() as u64)),
            samples: clip.heard.len(),
            sample_rate_hz: clip.sample_rate.hz(),
        });
        let zone = self.options.time_zone.clone().unwrap_or_else(local_zone);
        EventFile {
            event: EventJson::new(event, Some(files), continues),
            local_offset: local_offset(&event.clock, event.onset, &zone),
            clip,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// The folder that `event` gets below `dir`, known before anything is written; none where its date is none that a folder can
/// have.
pub(super) fn planned(dir: &Path, event: &Event) -> Option<PathBuf> {
    place_of(dir, event).map(|(day, name)| day.join(name))
}

/// The day's folder of `event` below `dir`, and the name of its own in it.
fn place_of(dir: &Path, event: &Event) -> Option<(PathBuf, String)> {
    let onset = timestamp(event.clock.wall(event.onset))?;
    let day = dir.join(onset.strftime("%Y-%m-%d").to_string());
    let (label, id) = (safe_part(&event.label, "event"), safe_part(&event.id, "unnamed"));
    Some((day, format!("{}-{label}-{id}", onset.strftime("%H%M%SZ"))))
}

/// `event.json`: the event line's object, with more in `files` and more fields at the end.
#[derive(Serialize)]
struct EventFile<'a> {
    #[serde(flatten)]
    event: EventJson<'a, FilesJson>,
    local_offset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clip: Option<ClipJson>,
    version: &'static str,
}

/// Where no audio is kept, only `dir` is there.
#[derive(Serialize)]
struct FilesJson {
    dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    clip: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interpretation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<ComponentFile>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spectrogram: Option<&'static str>,
}

impl FilesJson {
    fn without_audio(target: &Path) -> Self {
        Self { dir: path_text(target), clip: None, interpretation: None, components: None, spectrogram: None }
    }
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

fn io_error(e: io::Error) -> Error {
    Error::output(e.to_string()).with_source(e)
}

/// What a person can do about `e`.
pub(super) fn remedy(e: &io::Error) -> &'static str {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space or record elsewhere",
        io::ErrorKind::PermissionDenied => "give this user write permission there or record elsewhere",
        io::ErrorKind::ReadOnlyFilesystem => "make the disk writable or record elsewhere",
        io::ErrorKind::NotADirectory => {
            "a file stands where a folder should be, or a link: move it away or record elsewhere"
        }
        io::ErrorKind::FileTooLarge => "raise the limit on the length of files (ulimit -f)",
        io::ErrorKind::AlreadyExists => "something of that name is already there: move it away",
        _ => "check the folder and its disk",
    }
}

/// The operating system's error behind `e`, if there is one.
pub(super) fn io_cause(e: &Error) -> Option<&io::Error> {
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
