//! What an event's folder will hold, made in memory first: so its length is known before anything is written.

use std::path::{Path, PathBuf};

use super::{
    event_file::{ComponentFile, EventFile, FilesJson},
    folder_options::FolderOptions,
    names::safe_part,
    picture::{self, Annotations},
    wire::timestamp,
};
use crate::{
    archive::files::is_folder,
    engine::report::{Clip, Event, EventReport, Explained, part_word},
    error::{Error, Result},
    units::SampleRate,
};

pub(crate) const CLIP: &str = "clip.wav";
pub(crate) const INTERPRETATION: &str = "interpretation.wav";
pub(crate) const SPECTROGRAM: &str = "spectrogram.png";

/// A WAV file is this much longer than its 16-bit samples, in bytes.
const WAV_HEADER_BYTES: u64 = 44;

/// All that an event's folder will hold, ready to be written.
#[derive(Debug)]
pub struct Prepared<'a> {
    pub(super) day: PathBuf,
    pub(super) name: String,
    pub(super) sample_rate: SampleRate,
    pub(super) audio: Vec<(String, &'a [f32])>,
    pub(super) picture: Option<Vec<u8>>,
    pub(super) json: Vec<u8>,
}

impl<'a> Prepared<'a> {
    /// Makes all that the folder of `report` below `dir` will hold. `continues` is the id of the event that it goes on from.
    ///
    /// # Errors
    /// `Output` for a date that no folder can have, `Bug` when the clip's parts are not aligned.
    pub(super) fn of(
        dir: &Path,
        options: &FolderOptions,
        report: &'a EventReport,
        continues: Option<&str>,
    ) -> Result<Self> {
        check_alignment(report)?;
        let EventReport { event, clip } = report;
        let (day, name) = place_of(dir, event).ok_or_else(|| {
            Error::output(format!(
                "event {} cannot be recorded: its date lies outside the years 0 to 9999; set the system's clock",
                event.id
            ))
        })?;
        let target = day.join(&name);
        let word = part_word(&event.method);
        let file_of = |index: usize| format!("{word}-{index:02}.wav");
        let (mut audio, mut picture, mut files) = (Vec::new(), None, FilesJson::without_audio(&target));
        if options.keeps_audio(event) {
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
        let mut json =
            serde_json::to_vec_pretty(&EventFile::new(event, clip, files, continues, options.time_zone.clone()))
                .map_err(|e| Error::bug(format!("event.json could not be made ({e}); please report this")))?;
        json.push(b'\n');
        Ok(Self { day, name, sample_rate: clip.sample_rate, audio, picture, json })
    }
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
