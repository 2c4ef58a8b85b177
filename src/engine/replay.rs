//! A recording heard once and judged many times: what a detector needs of it is kept, so that other parameters can be tried
//! without the networks.

use super::detector::{Detection, Detector, DetectorParams, StrideInput};
use super::ears::Ears;
use super::evidence::{LoudnessOf, evidence};
use super::history::{Geometry, Stride};
use super::inference::Inference;
use super::segment_work::{classify, explain};
use crate::units::{ClassId, SampleRate};
use crate::{Error, Result};

/// Below this probability no threshold that makes sense lies, and no evidence is kept.
const LEAST: f32 = 0.04;

/// One stride, as far as a detector looks at it.
struct Kept {
    end: u64,
    probs: Vec<f32>,
    evidence: Vec<(usize, Vec<f32>)>,
}

/// What was heard of a recording.
pub struct Heard {
    strides: Vec<Kept>,
    geometry: Geometry,
    rate: SampleRate,
    secs: f64,
}

/// What the classifier said of one segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StrideScores<'a> {
    /// Where the segment ends, in seconds.
    pub end_s: f64,
    /// 0…1, one a class.
    pub probs: &'a [f32],
}

impl Heard {
    /// Listens to `samples` (mono, at the model's rate) as a monitor does. `progress` is told how many of the samples
    /// have been heard.
    ///
    /// # Errors
    /// Whatever the networks fail with.
    pub fn listen(
        samples: &[f32],
        inference: &mut Inference,
        params: &DetectorParams,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        let classifier = inference.classifier();
        let front_end = *classifier.front_end();
        let geometry = Geometry::new(&front_end, classifier.n_frames(), classifier.stride_frames());
        let mut ears = Ears::new(&front_end, geometry, vec![0.0; classifier.labels().len()], 0.0)?;
        let mut stft = ears.front_end.stft()?;
        let rate = front_end.sample_rate;
        let mut heard = Self { strides: Vec::new(), geometry, rate, secs: rate.secs(samples.len() as u64) };
        let mut done = 0;
        for piece in samples.chunks(geometry.stft.hop) {
            ears.hear(piece, &mut stft);
            done += piece.len();
            while let Some(end) = ears.history.ready_segment() {
                heard.take(end, &mut ears, inference, params)?;
                progress(done);
            }
        }
        // Silence behind the end, as a monitor hears it: the last segments end there.
        let silence = vec![0.0; geometry.stft.hop];
        let last_end = geometry.last_end(samples.len());
        while !samples.is_empty() && ears.history.held_frames().end < last_end {
            ears.hear_end(&silence, &mut stft);
            while let Some(end) = ears.history.ready_segment() {
                heard.take(end, &mut ears, inference, params)?;
            }
        }
        Ok(heard)
    }

    fn take(&mut self, end: u64, ears: &mut Ears, inference: &mut Inference, params: &DetectorParams) -> Result<()> {
        let classified = classify(inference, &mut ears.history, end)?;
        let noteworthy = classified.probs.iter().any(|prob| *prob >= LEAST);
        let explains = noteworthy && inference.explains_strides();
        let explanation = explains.then(|| explain(inference, &ears.history, end, &classified)).transpose()?;
        let geometry = *ears.history.geometry();
        let features = ears.history.segment_features(end)?;
        let n_padded = usize::try_from(-geometry.segment(end).start).unwrap_or(0);
        let segment = LoudnessOf::new(&features, &geometry, n_padded);
        let of = |class: usize| {
            evidence(ClassId(class), classified.frames.as_ref(), explanation.as_deref(), &segment, &params.localisation)
        };
        let classes = (0..classified.probs.len()).filter(|class| classified.probs[*class] >= LEAST);
        let kept = Kept { end, evidence: classes.map(|c| (c, of(c))).collect(), probs: classified.probs };
        drop(features);
        let stride =
            Stride { end, probs: Vec::new(), frames: None, explanation: None, classified: true, lag_secs: 0.0 };
        ears.history.push_stride(stride);
        let from = end.saturating_sub(geometry.segment_frames as u64);
        ears.history.forget_before(from, from);
        self.strides.push(kept);
        Ok(())
    }

    /// The events that a detector with these parameters finds, in the order in which they end.
    ///
    /// # Errors
    /// As [`Detector::new`], and [`crate::ErrorKind::Usage`] for a threshold below 0.04.
    pub fn detect(&self, params: &DetectorParams) -> Result<Vec<Detection>> {
        if let Some(class) = params.classes.iter().find(|class| class.enabled && class.on < LEAST) {
            return Err(Error::usage(format!("a threshold of {} cannot be tried; give at least {LEAST}", class.on)));
        }
        let mut detector = Detector::new(params, self.rate.secs(self.geometry.stft.hop as u64))?;
        let mut over = Vec::new();
        for Kept { end, probs, evidence } in &self.strides {
            // An open event is followed down to its off threshold; where that is lower, there is none to follow.
            let of = |class: ClassId| {
                let kept = evidence.iter().find(|(index, _)| *index == class.0);
                kept.map_or_else(Vec::new, |(_, evidence)| evidence.clone())
            };
            detector.stride(&StrideInput { end: *end, probs, gate_dbfs: None, evidence: &of }, &mut over);
        }
        detector.finish(&mut over);
        Ok(over)
    }

    /// Length of the recording in seconds.
    #[must_use]
    pub const fn secs(&self) -> f64 {
        self.secs
    }

    /// Where a frame lies, in seconds: at its centre, as events are reported.
    #[must_use]
    pub fn at(&self, frame: u64) -> f64 {
        self.rate.secs(self.geometry.centre(frame as i64).unsigned_abs())
    }

    /// What the classifier said at every stride, in order; the last segments end in the silence behind the recording.
    pub fn scores(&self) -> impl Iterator<Item = StrideScores<'_>> {
        self.strides.iter().map(|kept| StrideScores { end_s: self.frames_secs(kept.end), probs: &kept.probs })
    }

    /// Length of a segment in seconds.
    #[must_use]
    pub fn segment_secs(&self) -> f64 {
        self.frames_secs(self.geometry.segment_frames as u64)
    }

    /// From one segment to the next, in seconds.
    #[must_use]
    pub fn stride_secs(&self) -> f64 {
        self.frames_secs(self.geometry.stride_frames as u64)
    }

    fn frames_secs(&self, n_frames: u64) -> f64 {
        self.rate.secs(n_frames * self.geometry.stft.hop as u64)
    }
}
