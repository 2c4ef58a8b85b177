//! What is remembered of a stream for screens alone.

use super::clips::ClipMaker;
use super::detector::Detector;
use super::heard::AllHeard;
use super::history::{Geometry, History};
use super::masking::{Through, mask_frames};
use super::rows::Rows;
use crate::units::{ClassId, SamplePos, StreamClock};

/// A stride's scores, and how far it was heard.
pub(super) struct Scored<'a> {
    /// Probability of each of the model's classes.
    pub(super) probs: Vec<f32>,
    /// Score of any loud sound, where that is asked for.
    pub(super) loud: Option<f32>,
    /// End of the segment.
    pub(super) end: SamplePos,
    /// The stream's clock.
    pub(super) clock: &'a StreamClock,
}

/// What is kept of the newest strides for screens alone.
pub(super) struct View {
    /// Newest probabilities.
    probs: Vec<f32>,
    /// Newest score of any loud sound, where that is asked for.
    loud: Option<f32>,
    pub(super) heard: AllHeard,
    pub(super) explained: Option<ClassId>,
    /// Mask over the bands, of the class that was explained at the time; up to the frame from which on it may change.
    pub(super) band_mask: Rows<f32>,
    n_bins: usize,
    n_mels: usize,
    pub(super) n_frames: u64,
    n_classes: usize,
}

impl View {
    pub(super) fn new(geometry: &Geometry, n_classes: usize, n_frames: u64) -> Self {
        Self {
            probs: vec![0.0; n_classes],
            loud: None,
            heard: AllHeard::default(),
            explained: None,
            band_mask: Rows::new(geometry.n_mels),
            n_bins: geometry.stft.n_bins(),
            n_mels: geometry.n_mels,
            n_frames,
            n_classes,
        }
    }

    pub(super) fn restart(&mut self) {
        self.probs = vec![0.0; self.n_classes];
        self.loud = None;
        self.heard.restart();
        self.explained = None;
        self.band_mask = Rows::new(self.n_mels);
    }

    /// Newest probability of each of the model's classes.
    pub(super) fn probs(&self) -> &[f32] {
        &self.probs
    }

    /// Newest score of a class, or of any loud sound.
    pub(super) fn score(&self, class: ClassId) -> f32 {
        self.probs.get(class.0).copied().or(self.loud).unwrap_or(0.0)
    }

    /// Takes a stride. Where a screen shows the input, `clips` brings masks over to bands; otherwise nobody
    /// sees them, and they count as 0.
    pub(super) fn stride(
        &mut self,
        scored: Scored<'_>,
        history: &History,
        detector: &Detector,
        clips: Option<&ClipMaker>,
    ) {
        let Scored { probs, loud, end, clock } = scored;
        self.loud = loud;
        self.heard.stride(probs.iter().copied().chain(loud), detector, end, clock);
        let strongest = |open: bool| {
            let classes = (0..probs.len()).filter(|c| !open || detector.is_open(ClassId(*c)));
            classes.max_by(|a, b| probs[*a].total_cmp(&probs[*b])).map(ClassId)
        };
        self.explained = strongest(true).or_else(|| strongest(false));
        self.probs = probs;
        let frames = self.band_mask.end()..history.mask_end();
        if let Some(class) = self.explained
            && !frames.is_empty()
        {
            let n_frames = (frames.end - frames.start) as usize;
            let mut bands = vec![0.0; n_frames * self.n_mels];
            if let Some(clips) = clips {
                let mask = mask_frames(history, Through::Class(class), frames);
                debug_assert_eq!(mask.len(), n_frames * self.n_bins);
                clips.band_mask(&mask, &mut bands);
            }
            self.band_mask.push(&bands);
            // The stretch may end up to a stride before the last mask.
            let keep = self.n_frames + history.geometry().stride_frames as u64;
            self.band_mask.forget_before(self.band_mask.end().saturating_sub(keep));
        }
    }
}
