//! `event.json`.

use std::path::Path;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::wire::{EventJson, local_offset, path_text, rfc3339, secs};
use crate::{
    engine::report::{Clip, Event},
    local_zone::local_zone,
};

/// `event.json`: the event line's object, with more in `files` and more fields at the end.
#[derive(Serialize)]
pub(super) struct EventFile<'a> {
    #[serde(flatten)]
    event: EventJson<'a, FilesJson>,
    local_offset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clip: Option<ClipJson>,
    version: &'static str,
}

impl<'a> EventFile<'a> {
    /// `event` with its `clip`; the local offset is that of `time_zone`, or else of the system's zone.
    pub(super) fn new(
        event: &'a Event,
        clip: &Clip,
        files: FilesJson,
        continues: Option<&'a str>,
        time_zone: Option<TimeZone>,
    ) -> Self {
        let clip = files.clip.is_some().then(|| ClipJson {
            start_s: secs(event.clock.secs(clip.start)),
            start: rfc3339(&event.clock, clip.start),
            pre_roll_s: secs(clip.sample_rate.secs(event.onset.since(clip.start))),
            duration_s: secs(clip.sample_rate.secs(clip.heard.len() as u64)),
            samples: clip.heard.len(),
            sample_rate_hz: clip.sample_rate.hz(),
        });
        let zone = time_zone.unwrap_or_else(local_zone);
        Self {
            event: EventJson::new(event, Some(files), continues),
            local_offset: local_offset(&event.clock, event.onset, &zone),
            clip,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Where no audio is kept, only `dir` is there.
#[derive(Serialize)]
pub(super) struct FilesJson {
    pub(super) dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clip: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interpretation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) components: Option<Vec<ComponentFile>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spectrogram: Option<&'static str>,
}

impl FilesJson {
    pub(super) fn without_audio(target: &Path) -> Self {
        Self { dir: path_text(target), clip: None, interpretation: None, components: None, spectrogram: None }
    }
}

#[derive(Serialize)]
pub(super) struct ComponentFile {
    pub(super) index: usize,
    pub(super) file: String,
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
