//! What a screen wants to know of a pipeline.

use super::detector::Detection;
use super::pipeline::Pipeline;
use super::report::ComponentShare;
use super::rows::Rows;
use super::snapshot::{ClassState, OpenEvent, Waterfall};
use crate::dsp::{Level, level};
use crate::units::ClassId;

impl Pipeline {
    /// Every class with its newest score, in the model's order; any loud sound last, where that is asked for.
    #[must_use]
    pub fn class_states(&self) -> Vec<ClassState> {
        let classes = self.detector.params().all_classes().enumerate();
        classes
            .map(|(index, params)| {
                let class = ClassId(index);
                ClassState {
                    label: self.label(class),
                    group: self.labels.get(index).and_then(|label| label.group.clone()),
                    score: self.view.score(class),
                    on_threshold: params.on,
                    off_threshold: params.off,
                    active: self.detector.is_open(class),
                    since: self.detector.open_since(class).map(|onset| self.origin.plus(self.sample(onset))),
                    reason: self.reason(class).to_string(),
                    enabled: params.enabled,
                    alarm: params.alarm,
                    heard: self.view.heard.of(class),
                    edited: params.edited,
                }
            })
            .collect()
    }

    /// Events that will be reported, and have not been: what is under way, and what waits for the sound after it; strongest first.
    #[must_use]
    pub fn open_events(&self) -> Vec<OpenEvent> {
        let position = |frame: u64| self.origin.plus(self.sample(frame));
        let event = |detection: Detection| {
            let (class, onset) = (detection.class, position(detection.onset));
            self.handling(class, onset)?;
            Some(OpenEvent {
                label: self.label(class),
                score: detection.score,
                onset,
                in_file: self.in_file(onset),
                until: position(detection.offset),
                clock: self.params.clock,
            })
        };
        let mut events: Vec<OpenEvent> =
            self.detector.under_way().chain(self.waiting.iter().cloned()).filter_map(event).collect();
        events.sort_by(|a, b| b.score.total_cmp(&a.score));
        events
    }

    /// Newest probability of each class.
    #[must_use]
    pub fn probs(&self) -> &[f32] {
        self.view.probs()
    }

    /// The class that [`components`](Self::components) explains: the strongest with an open event, else the top score.
    #[must_use]
    pub const fn explained(&self) -> Option<ClassId> {
        self.view.explained
    }

    /// The relevant components of the newest stride, most relevant first.
    #[must_use]
    pub fn components(&self) -> Vec<ComponentShare> {
        let newest = self.history().strides().back().and_then(|stride| stride.explanation.as_ref());
        match (newest, self.view.explained) {
            (Some(explanation), Some(class)) => explanation.components(class),
            _ => Vec::new(),
        }
    }

    /// Length of a stride, in seconds.
    #[must_use]
    pub fn stride_secs(&self) -> f64 {
        let geometry = self.history().geometry();
        self.params.clock.sample_rate.secs((geometry.stride_frames * geometry.stft.hop) as u64)
    }

    /// Level of the last `secs` seconds, as far as they are remembered. A constant offset is no part of the RMS; it is of the
    /// peak, which says how near to full scale the samples come.
    #[must_use]
    pub fn level(&self, secs: f64) -> Level {
        let end = self.stretch_samples();
        let of = |samples: &Rows<f32>| {
            let newest = samples.clamp(end.saturating_sub(self.params.clock.sample_rate.samples(secs))..end);
            level(samples.slice(newest).unwrap_or(&[]))
        };
        Level { rms_dbfs: of(self.history().levelled()).rms_dbfs, ..of(self.history().samples()) }
    }

    /// The last [`WATERFALL_SECS`](super::keep::WATERFALL_SECS) as mel columns. The mask is that of the class that was
    /// explained when it became final; 0 where it is not yet.
    #[must_use]
    pub fn waterfall(&self) -> Waterfall {
        let history = self.history();
        let n_mels = history.geometry().n_mels;
        // Frames of the silence that ends the stretch are none of it.
        let n_frames = history.geometry().stft.n_frames(self.stretch_samples() as usize) as u64;
        let end = history.features().end().min(n_frames);
        let columns = history.features().clamp(end.saturating_sub(self.view.n_frames)..end);
        let features = history.features().slice(columns.clone()).unwrap_or(&[]);
        let mut mask = vec![0.0; features.len()];
        let known = self.view.band_mask.clamp(columns.clone());
        if let Some(bands) = self.view.band_mask.slice(known.clone())
            && known.start >= columns.start
            && known.end <= columns.end
        {
            let at = (known.start - columns.start) as usize * n_mels;
            mask[at..at + bands.len()].copy_from_slice(bands);
        }
        let hop = history.geometry().stft.hop as u64;
        Waterfall {
            n_bands: n_mels,
            first_frame: columns.start + self.origin_frame(),
            frame_secs: self.params.clock.sample_rate.secs(hop),
            level_db: self.clips.levels().levels(features),
            mask,
            centre_hz: self.clips.centre_hz().to_vec(),
        }
    }
}
