//! What the worker remembers of a stream: samples, features, and what was made of each segment. Everything is under its index
//! in the stream, at the model's rate, and the oldest is forgotten.
//!
//! Frames are not kept: they take twelve times the room of the samples that they come from, and hardly any is looked at
//! again. They are transformed anew, to the same bits, where a segment is explained or an event rendered.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

pub use super::geometry::Geometry;
use super::rows::Rows;
use crate::dsp::{Complex32, FrontEnd, HighPass, MaskScale, OffsetFilter, StftParams, StreamingStft, log1p_magnitude};
use crate::interpret::Explanation;
use crate::model::causal::Ear;
use crate::model::classifier::Classifier;
use crate::model::frame_probs::FrameProbs;
use crate::units::{ClassId, SampleRate};
use crate::{Error, Result};

/// What was made of one segment.
#[derive(Clone)]
pub struct Stride {
    /// One past the segment's last frame.
    pub end: u64,
    /// Probability of each class.
    pub probs: Vec<f32>,
    /// Probabilities frame by frame, of networks that say when; the newest stride alone keeps them.
    pub frames: Option<FrameProbs>,
    /// What the method said, where it was asked.
    pub explanation: Option<Arc<dyn Explanation>>,
    /// Whether the classifier was asked. Under overload it may not be: `probs` are then those of the stride before.
    pub classified: bool,
    /// Seconds that the worker was behind the capture then.
    pub lag_secs: f64,
}

impl Stride {
    /// Keeps of the explanation what the classes that are decided here need in these frames, and no more: it stays for as
    /// long as an event may last.
    fn shrink(&mut self, gates: &[f32], frames: Range<usize>) {
        let Some(explanation) = &self.explanation else { return };
        let classes = self.probs.iter().zip(gates).enumerate();
        let decided = classes.filter(|(_, (prob, gate))| prob >= gate).map(|(class, _)| ClassId(class));
        if let Some(less) = explanation.shrunk(&decided.collect::<Vec<_>>(), frames) {
            self.explanation = Some(less);
        }
    }
}

/// The memory.
pub struct History {
    geometry: Geometry,
    /// Below its gate a class was not decided, and a segment's mask for it counts as 0.
    gates: Vec<f32>,
    samples: Rows<f32>,
    /// The same without a constant offset and without rumble: what levels are taken of.
    levelled: Rows<f32>,
    offset: OffsetFilter,
    rumble: Option<HighPass>,
    sample_rate: SampleRate,
    /// Frames so far, and the first that is not forgotten.
    n_frames: u64,
    first_frame: u64,
    /// Makes frames again: at the beginning of a stream that is not centred.
    stft: StreamingStft,
    features: Rows<f32>,
    /// The feature column of silence.
    silence: Vec<f32>,
    strides: VecDeque<Stride>,
    /// End of the next segment.
    next_end: u64,
    features_row: Vec<f32>,
    /// Of a network that hears streams: what it remembers of this one.
    ear: Option<Ear>,
}

impl History {
    /// An empty memory. `gates` has the least probability at which a class counts as decided, one a class; `front_end`
    /// makes the column of silence, and must have as many bands as the geometry says.
    ///
    /// # Errors
    /// As [`StftParams::validate`].
    pub fn new(geometry: Geometry, gates: Vec<f32>, front_end: &mut FrontEnd) -> Result<Self> {
        let n_bins = geometry.stft.n_bins();
        let mut silence = vec![0.0; geometry.n_mels];
        front_end.column(&vec![Complex32::default(); n_bins], &mut silence);
        Ok(Self {
            gates,
            samples: Rows::new(1),
            levelled: Rows::new(1),
            offset: OffsetFilter::new(front_end.params().sample_rate),
            rumble: None,
            sample_rate: front_end.params().sample_rate,
            n_frames: 0,
            first_frame: 0,
            stft: StreamingStft::new(&StftParams { centred: false, ..geometry.stft })?,
            features: Rows::new(geometry.n_mels),
            silence,
            strides: VecDeque::new(),
            next_end: geometry.first_end,
            features_row: vec![0.0; geometry.n_mels],
            ear: None,
            geometry,
        })
    }

    /// How the stream is cut up.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The samples held.
    #[must_use]
    pub const fn samples(&self) -> &Rows<f32> {
        &self.samples
    }

    /// The samples held, without a constant offset and without rumble.
    #[must_use]
    pub const fn levelled(&self) -> &Rows<f32> {
        &self.levelled
    }

    /// The frames whose samples are held.
    #[must_use]
    pub const fn held_frames(&self) -> Range<u64> {
        self.first_frame..self.n_frames
    }

    /// As much of a range of frames as is [held](Self::held_frames).
    #[must_use]
    pub fn clamp_frames(&self, range: &Range<u64>) -> Range<u64> {
        let start = range.start.clamp(self.first_frame, self.n_frames);
        start..range.end.clamp(start, self.n_frames)
    }

    /// The complex frames of a range, one after the other, where all of them are [held](Self::held_frames): the same bits as
    /// when they came.
    #[must_use]
    pub fn frames(&self, range: &Range<u64>) -> Option<Vec<Complex32>> {
        if range.start < self.first_frame || range.end > self.n_frames || range.start > range.end {
            return None;
        }
        let n_frames = usize::try_from(range.end - range.start).ok()?;
        let mut frames = Vec::with_capacity(n_frames * self.geometry.stft.n_bins());
        if n_frames > 0 {
            let samples = self.samples_or_silence(&self.geometry.span(&(range.start as i64..range.end as i64)));
            self.stft.clone().push(&samples, |frame| frames.extend_from_slice(frame));
        }
        Some(frames)
    }

    /// The feature columns held.
    #[must_use]
    pub const fn features(&self) -> &Rows<f32> {
        &self.features
    }

    /// What the explanations' masks do to magnitudes.
    #[must_use]
    pub fn mask_scale(&self) -> MaskScale {
        let newest = self.strides.iter().rev().find_map(|stride| stride.explanation.as_ref());
        newest.map_or(MaskScale::Log, |explanation| explanation.mask_scale())
    }

    /// What was made of the segments held, oldest first.
    #[must_use]
    pub const fn strides(&self) -> &VecDeque<Stride> {
        &self.strides
    }

    /// The feature column of silence.
    #[must_use]
    pub fn silence(&self) -> &[f32] {
        &self.silence
    }

    /// Samples of any range: zeros where they are not held.
    #[must_use]
    pub fn samples_or_silence(&self, range: &Range<i64>) -> Vec<f32> {
        or_silence(&self.samples, range)
    }

    /// The same without a constant offset.
    #[must_use]
    pub fn levelled_or_silence(&self, range: &Range<i64>) -> Vec<f32> {
        or_silence(&self.levelled, range)
    }

    /// Whether `class` counts as decided with this probability.
    #[must_use]
    pub fn decided(&self, class: ClassId, prob: f32) -> bool {
        self.gates.get(class.0).is_some_and(|gate| prob >= *gate)
    }

    /// Whether `class` is one of the model's: others have no mask and no components.
    #[must_use]
    pub const fn is_of_model(&self, class: ClassId) -> bool {
        class.0 < self.gates.len()
    }

    /// Replaces the least probabilities at which a class counts as decided.
    pub fn set_gates(&mut self, gates: Vec<f32>) {
        self.gates = gates;
    }

    /// Takes levels of what is above `hz` from the next sample on; 0 takes away a constant offset alone.
    pub fn set_low_cut(&mut self, hz: f64) {
        self.rumble = (hz > 0.0).then(|| HighPass::new(hz, self.sample_rate));
    }

    /// Appends samples.
    pub fn push_samples(&mut self, samples: &[f32]) {
        self.samples.push(samples);
        let mut block = [0.0; 64];
        for piece in samples.chunks(block.len()) {
            block.iter_mut().zip(piece).for_each(|(out, sample)| *out = self.offset.next(*sample));
            if let Some(rumble) = &mut self.rumble {
                rumble.filter(&mut block[..piece.len()]);
            }
            self.levelled.push(&block[..piece.len()]);
        }
    }

    /// Appends the silence behind a stream's end, which is silence also where the stream had an offset.
    pub fn push_end(&mut self, silence: &[f32]) {
        self.samples.push(silence);
        self.levelled.push(silence);
    }

    /// Appends the next frame and its feature column.
    pub fn push_frame(&mut self, frame: &[Complex32], front_end: &mut FrontEnd) {
        front_end.column(frame, &mut self.features_row);
        self.features.push(&self.features_row);
        self.n_frames += 1;
    }

    /// End of the next segment, once all its frames are there.
    #[must_use]
    pub fn ready_segment(&self) -> Option<u64> {
        (self.n_frames >= self.next_end).then_some(self.next_end)
    }

    /// Appends what was made of the next segment, and lets go of what the one before does not need any more.
    pub fn push_stride(&mut self, stride: Stride) {
        let part = self.strides.back().map(|last| self.part(last.end));
        if let (Some(last), Some(part)) = (self.strides.back_mut(), part) {
            last.frames = None;
            last.shrink(&self.gates, part);
        }
        self.next_end = stride.end + self.geometry.stride_frames as u64;
        self.strides.push_back(stride);
    }

    /// The frames of the segment that ends at `end` in which its mask counts, once another one has followed: its block, and
    /// where it fades into the next one's. The stream's first segment also has what is before its block.
    fn part(&self, end: u64) -> Range<usize> {
        let Geometry { segment_frames, stride_frames, lookahead_frames, fade_frames, .. } = self.geometry;
        let until = (segment_frames - lookahead_frames + fade_frames).min(segment_frames);
        let from = if end <= self.geometry.first_end {
            0
        } else {
            segment_frames - (stride_frames + lookahead_frames).min(segment_frames)
        };
        from..until
    }

    /// Adds what classifier and method say to a stride at which they were not asked.
    pub fn complete(&mut self, end: u64, probs: Vec<f32>, explanation: Arc<dyn Explanation>) {
        let part = self.part(end);
        let newest = self.strides.back().is_some_and(|stride| stride.end == end);
        if let Some(stride) = self.strides.iter_mut().find(|stride| stride.end == end) {
            (stride.probs, stride.explanation, stride.classified) = (probs, Some(explanation), true);
            if !newest {
                stride.shrink(&self.gates, part);
            }
        }
    }

    /// The feature columns of the segment that ends at `end`, `[segment_frames, n_mels]`.
    ///
    /// # Errors
    /// A bug where the segment is no longer, or not yet, held.
    pub fn segment_features(&self, end: u64) -> Result<Cow<'_, [f32]>> {
        let (n_missing, held) = self.segment_held(end);
        let held = self.features.slice(held).ok_or_else(|| self.not_held(end))?;
        if n_missing == 0 {
            return Ok(Cow::Borrowed(held));
        }
        // A monitor hears from its first stride on: what is before the stream is silence.
        let mut padded = self.silence.repeat(n_missing);
        padded.extend_from_slice(held);
        Ok(Cow::Owned(padded))
    }

    /// The ear that hears this stream, to hear on up to frame `end`; `None` where the classifier hears no streams, or the ear
    /// is past `end` already.
    pub(super) fn take_ear(&mut self, classifier: &Classifier, end: u64) -> Option<Ear> {
        match self.ear.take() {
            Some(ear) if ear.position() > end => {
                self.ear = Some(ear);
                None
            }
            Some(ear) if ear.position() >= self.features.first() => Some(ear),
            // At the beginning; also where so much was passed over that the ear has lost the thread.
            _ => {
                let at_once = classifier.frames_at_once() as u64;
                let behind = (end - self.features.first().min(end)) / at_once * at_once;
                classifier.ear(end - behind)
            }
        }
    }

    /// Gives the ear back.
    pub(super) fn put_ear(&mut self, ear: Ear) {
        self.ear = Some(ear);
    }

    /// The feature columns that an ear has not heard before frame `end`.
    ///
    /// # Errors
    /// A bug where they are no longer, or not yet, held.
    pub(super) fn unheard(&self, ear: &Ear, end: u64) -> Result<&[f32]> {
        self.features.slice(ear.position()..end).ok_or_else(|| self.not_held(end))
    }

    /// ln(1 + |X|) of the segment that ends at `end`, `[segment_frames, n_bins]`.
    ///
    /// # Errors
    /// As [`Self::segment_features`].
    pub fn segment_log_magnitude(&self, end: u64) -> Result<Vec<f32>> {
        let frames = self.segment_frames(end)?;
        let mut log_magnitude = vec![0.0; frames.len()];
        log1p_magnitude(&frames, &mut log_magnitude);
        Ok(log_magnitude)
    }

    /// The complex frames of the same segment, `[segment_frames, n_bins]`; zeros before the stream.
    ///
    /// # Errors
    /// As [`Self::segment_features`].
    pub fn segment_frames(&self, end: u64) -> Result<Vec<Complex32>> {
        let (n_missing, held) = self.segment_held(end);
        let held = self.frames(&held).ok_or_else(|| self.not_held(end))?;
        if n_missing == 0 {
            return Ok(held);
        }
        let mut frames = vec![Complex32::default(); n_missing * self.geometry.stft.n_bins()];
        frames.extend(held);
        Ok(frames)
    }

    /// How many frames of the segment that ends at `end` are before the stream, and those that are in it.
    fn segment_held(&self, end: u64) -> (usize, Range<u64>) {
        let n_frames = self.geometry.segment_frames as u64;
        (n_frames.saturating_sub(end) as usize, end.saturating_sub(n_frames)..end)
    }

    fn not_held(&self, end: u64) -> Error {
        let Range { start, end: last } = self.held_frames();
        Error::bug(format!(
            "the segment that ends at frame {end} is not in memory (frames {start}..{last}); please report this"
        ))
    }

    /// Index (among [`strides`](Self::strides)) of the segment that gives frame `t` its mask; at the stream's two ends,
    /// where there is none that looks ahead as far as it should, the nearest. `None` while there are no segments.
    #[must_use]
    pub fn stride_for(&self, t: u64) -> Option<usize> {
        let first = self.strides.front()?.end;
        let ahead = t + self.geometry.lookahead_frames as u64;
        let index = match ahead.checked_sub(first) {
            None => 0,
            Some(past) => past as usize / self.geometry.stride_frames + 1,
        };
        Some(index.min(self.strides.len() - 1))
    }

    /// The frames before this one have their final mask.
    #[must_use]
    pub fn mask_end(&self) -> u64 {
        self.strides.back().map_or(0, |last| last.end.saturating_sub(self.geometry.lookahead_frames as u64))
    }

    /// Forgets what lies before frame `t`, but for what the frames from there on need.
    ///
    /// Feature columns are remembered from frame `columns_from` on, where that is earlier.
    pub fn forget_before(&mut self, t: u64, columns_from: u64) {
        self.first_frame = self.first_frame.max(t.min(self.n_frames));
        self.features.forget_before(t.min(columns_from));
        self.samples.forget_before(self.geometry.frame_start(t as i64).max(0) as u64);
        // Levels are taken of the newest segment at most.
        let (newest, end) = (self.geometry.segment_frames as i64, self.n_frames as i64);
        self.levelled.forget_before(self.geometry.frame_start((t as i64).max(end - newest)).max(0) as u64);
        // The mask of frame t fades in from the segment before its own, which ends behind it.
        while self.strides.len() > 1 && self.strides.front().is_some_and(|stride| stride.end <= t) {
            self.strides.pop_front();
        }
    }
}

/// Samples of any range: zeros where they are not held.
fn or_silence(rows: &Rows<f32>, range: &Range<i64>) -> Vec<f32> {
    let len = usize::try_from(range.end - range.start).unwrap_or(0);
    let mut out = vec![0.0; len];
    let held = rows.clamp(range.start.max(0) as u64..range.end.max(0) as u64);
    if let Some(samples) = rows.slice(held.clone())
        && !samples.is_empty()
    {
        let at = (held.start as i64 - range.start) as usize;
        out[at..at + samples.len()].copy_from_slice(samples);
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, WindowKind, level};
    use crate::units::SampleRate;

    fn history() -> History {
        let params = FrontEndParams {
            sample_rate: SampleRate::new(8000).unwrap(),
            stft: StftParams { n_fft: 256, hop: 100, win_length: 256, window: WindowKind::Hann, centred: true },
            mel: MelParams { n_mels: 8, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4000.0 },
            pre_emphasis: 0.0,
            power: SpectrumPower::Power,
            compression: Compression::Log1p,
        };
        let mut front_end = FrontEnd::new(&params).unwrap();
        History::new(Geometry::new(&params, 20, 5), vec![0.5], &mut front_end).unwrap()
    }

    #[test]
    fn samples_without_their_offset_are_the_same_whatever_the_chunks_and_end_in_silence() {
        let samples: Vec<f32> =
            (0..8000_u16).map(|i| 0.25 + if i < 4000 { 0.0 } else { f32::from(i % 20) / 100.0 }).collect();
        let mut whole = history();
        whole.push_samples(&samples);
        whole.push_end(&[0.0; 500]);
        for len in [1, 63, 64, 65, 999] {
            let mut pieces = history();
            samples.chunks(len).for_each(|chunk| pieces.push_samples(chunk));
            pieces.push_end(&[0.0; 500]);
            assert_eq!(pieces.levelled().slice(0..8500), whole.levelled().slice(0..8500), "chunks of {len}");
            assert_eq!(pieces.samples().slice(0..8500), whole.samples().slice(0..8500), "chunks of {len}");
        }
        let levelled = whole.levelled_or_silence(&(0..8500));
        assert_eq!(level(&levelled[..4000]).rms_dbfs, -120.0);
        assert!(level(&levelled[4000..8000]).rms_dbfs > -30.0);
        assert_eq!(level(&levelled[8000..]).rms_dbfs, -120.0, "the end is no step");
        assert_eq!(whole.samples_or_silence(&(0..8000)), samples);
    }
}
