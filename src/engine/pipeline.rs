//! From samples to events, without threads or clocks: what the worker runs, and what a test can run.
//!
//! Any chunking of the same samples gives the same events, scores and audio. Work happens at fixed places of the stream:
//! a frame is computed when its last sample is there, a segment is classified when its last frame is there, and an event is
//! handed over at the first stride at which everything that belongs to it is known.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use super::begun::Begun;
use super::clips::ClipMaker;
use super::detector::{Detection, Detector, DetectorParams, Edit};
use super::ears::Ears;
use super::event_ids::EventIds;
use super::history::{Geometry, History, Stride};
use super::inference::Inference;
use super::keep::{Keep, WATERFALL_SECS};
use super::pipeline_params::{check, gates};
use super::reasons::Reasons;
use super::report::EventReport;
use super::segment_work::{classify, detect, explain};
use super::told::Told;
use super::view::{Scored, View};
use crate::dsp::StreamingStft;
use crate::interpret::Explanation;
use crate::model::classifier::Classified;
use crate::model::manifest::Label;
use crate::units::{ClassId, SamplePos};
use crate::{Error, Result};

pub use super::pipeline_params::PipelineParams;

/// A segment that waits to be classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// One past its last frame.
    pub end: u64,
    /// Whether it is to be explained, too, where that is [wanted](Pipeline::wants_explanation).
    pub explain: bool,
}

/// What overload leaves out.
struct Shed {
    /// Whether strides go without an explanation.
    explanations: bool,
    /// How many strides go by from one classification to the next.
    every: u64,
    /// Strides of which work was left out.
    n_strides: u64,
}

/// The core of a monitor, for one input. The networks, which all inputs share, are lent to it.
pub struct Pipeline {
    pub(super) params: PipelineParams,
    pub(super) labels: Vec<Label>,
    method: String,
    pub(super) explains_strides: bool,
    stft: StreamingStft,
    pub(super) ears: Ears,
    pub(super) detector: Detector,
    pub(super) clips: ClipMaker,
    pub(super) begun: Begun,
    pub(super) reasons: Reasons,
    /// Events that are over and wait for what follows them.
    pub(super) waiting: VecDeque<Detection>,
    pub(super) over: Vec<Detection>,
    /// What was reported last.
    pub(super) told: Told,
    pub(super) view: View,
    /// Position of the stretch's first sample in the stream.
    pub(super) origin: SamplePos,
    /// Samples of this stretch, without the silence that ends it.
    pub(super) n_samples: u64,
    keep: Keep,
    shed: Shed,
    /// Whether a screen shows this input: then every stride is explained, also one at which nothing is decided.
    shown: bool,
    /// Whether the stream is a recording.
    recorded: bool,
}

impl Pipeline {
    /// A pipeline at the beginning of a stream.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] for parameters that cannot be used, thresholds for another number of classes than the
    /// model has, or a clock at another rate than the model's.
    pub fn new(params: PipelineParams, inference: &Inference) -> Result<Self> {
        let classifier = inference.classifier();
        let front_end = *classifier.front_end();
        let rate = front_end.sample_rate;
        if params.clock.sample_rate != rate {
            return Err(Error::usage(format!(
                "the pipeline's clock counts at {} Hz and its model hears at {} Hz; resample the input first",
                params.clock.sample_rate.hz(),
                rate.hz()
            )));
        }
        check(&params.detector, params.pre_roll_secs, params.post_roll_secs, classifier.labels().len())?;
        let geometry = Geometry::new(&front_end, classifier.n_frames(), classifier.stride_frames());
        let ears = Ears::new(&front_end, geometry, gates(&params.detector), params.detector.low_cut_hz)?;
        let frame_secs = rate.secs(front_end.stft.hop as u64);
        let detector = Detector::new(&params.detector, frame_secs)?;
        let clips = ClipMaker::new(&front_end, &ears.history, params.max_components)?;
        let view_frames = (WATERFALL_SECS / frame_secs).ceil() as u64;
        Ok(Self {
            stft: ears.front_end.stft()?,
            begun: Begun::new(EventIds::new(params.clock.start, &params.source)),
            view: View::new(&geometry, classifier.labels().len(), view_frames),
            keep: Keep::new(&geometry, &detector, frame_secs, params.pre_roll_secs + params.post_roll_secs),
            params,
            labels: classifier.labels().to_vec(),
            method: inference.method().to_owned(),
            explains_strides: inference.explains_strides(),
            ears,
            detector,
            clips,
            reasons: Reasons::default(),
            waiting: VecDeque::new(),
            over: Vec::new(),
            told: Told::default(),
            origin: SamplePos(0),
            n_samples: 0,
            shed: Shed { explanations: false, every: 1, n_strides: 0 },
            shown: false,
            recorded: false,
        })
    }

    /// Goes on under other parameters, from the next stride on: what is under way goes on too.
    ///
    /// # Errors
    /// As [`Self::new`]; nothing has changed then.
    pub fn reconfigure(&mut self, detector: &DetectorParams, pre_roll_secs: f64, post_roll_secs: f64) -> Result<()> {
        check(detector, pre_roll_secs, post_roll_secs, self.labels.len())?;
        self.detector.reconfigure(detector, &mut self.over)?;
        if detector.low_cut_hz != self.params.detector.low_cut_hz {
            self.ears.history.set_low_cut(detector.low_cut_hz);
        }
        self.params.detector = detector.clone();
        (self.params.pre_roll_secs, self.params.post_roll_secs) = (pre_roll_secs, post_roll_secs);
        self.ears.history.set_gates(gates(detector));
        let geometry = self.ears.history.geometry();
        let frame_secs = self.params.clock.sample_rate.secs(geometry.stft.hop as u64);
        self.keep = Keep::new(geometry, &self.detector, frame_secs, pre_roll_secs + post_roll_secs);
        Ok(())
    }

    /// Changes a class as a person at the screen asks, from the next stride on.
    pub fn edit(&mut self, edit: Edit) {
        let mut params = self.params.detector.clone();
        params.edit(edit);
        if let Err(e) = self.reconfigure(&params, self.params.pre_roll_secs, self.params.post_roll_secs) {
            tracing::warn!("{e}");
        }
    }

    /// What it was made with, or reconfigured to.
    #[must_use]
    pub const fn params(&self) -> &PipelineParams {
        &self.params
    }

    /// Events are explained elsewhere, by this method.
    pub fn set_method(&mut self, method: &str) {
        method.clone_into(&mut self.method);
    }

    /// The method's name, with its options; `none` without one.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// What is remembered of the stream.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.ears.history
    }

    pub(super) const fn history_mut(&mut self) -> &mut History {
        &mut self.ears.history
    }

    /// Moves the stream's beginning to another wall time. Only before the first samples: events say when they were.
    pub fn set_start(&mut self, start: SystemTime) {
        self.params.clock.start = start;
        self.begun.ids = EventIds::new(start, &self.params.source);
    }

    /// As [`set_start`](Self::set_start), for a recording, which is heard `now`: heard again, or a copy of it, its events are
    /// others.
    pub fn set_recorded(&mut self, start: SystemTime, now: SystemTime) {
        self.set_start(start);
        self.begun.ids = EventIds::new(now, &self.params.source);
        self.recorded = true;
    }

    /// Where a position lies in the recording; `None` for what is heard while it happens.
    #[must_use]
    pub fn in_file(&self, position: SamplePos) -> Option<SamplePos> {
        self.recorded.then_some(position)
    }

    /// Corrects the wall time of the stream's beginning, for the events that follow.
    pub const fn correct_start(&mut self, start: SystemTime) {
        self.params.clock.start = start;
    }

    /// Where this stretch begins in the stream.
    #[must_use]
    pub const fn origin(&self) -> SamplePos {
        self.origin
    }

    /// The classes with an open event, likeliest first.
    #[must_use]
    pub fn open_classes(&self) -> Vec<ClassId> {
        let probs = self.view.probs();
        let mut open: Vec<ClassId> = (0..probs.len()).map(ClassId).filter(|c| self.detector.is_open(*c)).collect();
        open.sort_by(|a, b| probs[b.0].total_cmp(&probs[a.0]));
        open
    }

    /// Where the stream is: the position of the next sample.
    #[must_use]
    pub const fn position(&self) -> SamplePos {
        self.origin.plus(self.n_samples)
    }

    /// Samples of this stretch, without the silence that ends it.
    pub(super) const fn stretch_samples(&self) -> u64 {
        self.n_samples
    }

    /// Frames of the stream before this stretch.
    pub(super) fn origin_frame(&self) -> u64 {
        self.origin.0 / self.stft.params().hop as u64
    }

    /// Strides of which work was left out because of [`shed`](Self::shed).
    #[must_use]
    pub const fn n_shed(&self) -> u64 {
        self.shed.n_strides
    }

    /// Under overload: whether strides are explained, or only what an event needs; and how many strides go by from one
    /// classification to the next (1 is all). Without explanations the evidence of events is the loudness, so onsets are less
    /// exact; their audio is the same.
    pub fn shed(&mut self, explain: bool, every: usize) {
        self.shed.explanations = !explain;
        self.shed.every = every.max(1) as u64;
    }

    /// Says whether a screen shows this input.
    pub const fn set_shown(&mut self, shown: bool) {
        self.shown = shown;
    }

    /// Whether anyone looks at an explanation of a segment with these probabilities. A class below its off threshold has
    /// neither evidence nor a mask, so that a quiet input costs a classification and no more.
    #[must_use]
    pub fn wants_explanation(&self, probs: &[f32]) -> bool {
        let mut classes = self.params.detector.classes.iter().zip(probs);
        self.shown || classes.any(|(class, prob)| class.is_reported() && *prob >= class.off)
    }

    /// Takes the stream's next samples (mono, at the model's rate, any number) and appends the events that are complete.
    ///
    /// # Errors
    /// Whatever the classifier or the method fails with; only a defect can make them.
    pub fn push(&mut self, inference: &mut Inference, samples: &[f32], events: &mut Vec<EventReport>) -> Result<()> {
        let mut rest = samples;
        while !rest.is_empty() {
            rest = &rest[self.feed(rest)..];
            self.resolve_alone(inference, events)?;
        }
        Ok(())
    }

    /// Takes samples up to where a segment is due, and says how many. While one is due nothing is taken.
    pub fn feed(&mut self, samples: &[f32]) -> usize {
        let mut taken = 0;
        // A hop at a time: no more than one new frame, so every stride sees the same memory whatever the chunking.
        for piece in samples.chunks(self.stft.params().hop) {
            if self.due().is_some() {
                break;
            }
            self.n_samples += piece.len() as u64;
            taken += piece.len();
            self.advance(piece);
        }
        taken
    }

    /// The segment that waits to be classified.
    #[must_use]
    pub fn due(&self) -> Option<Due> {
        let explain = self.explains_strides && !self.shed.explanations;
        self.ears.history.ready_segment().map(|end| Due { end, explain })
    }

    /// Ends the stream: whatever is open is closed and handed over. What lies behind the end counts as silence.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(&mut self, inference: &mut Inference, events: &mut Vec<EventReport>) -> Result<()> {
        self.resolve_alone(inference, events)?;
        if self.n_samples > 0 {
            let geometry = *self.ears.history.geometry();
            let silence = vec![0.0; geometry.stft.hop];
            let last_end = geometry.last_end(self.n_samples as usize);
            while self.ears.history.held_frames().end < last_end {
                self.ears.hear_end(&silence, &mut self.stft);
                self.pass_over_strides();
                self.resolve_alone(inference, events)?;
            }
        }
        self.detector.finish(&mut self.over);
        self.waiting.extend(self.over.drain(..));
        while let Some(detection) = self.waiting.pop_front() {
            self.hand_over(inference, &detection, events)?;
        }
        Ok(())
    }

    /// After [`finish`](Self::finish): begins anew at a later position of the same stream, as after a long gap.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn restart(&mut self, origin: SamplePos) -> Result<()> {
        let geometry = *self.ears.history.geometry();
        let detector = &self.params.detector;
        self.ears = Ears::new(self.ears.front_end.params(), geometry, gates(detector), detector.low_cut_hz)?;
        self.stft.reset();
        self.detector.reset();
        self.begun.open.clear();
        self.told.clear();
        self.reasons.reset();
        self.view.restart();
        self.origin = origin;
        self.n_samples = 0;
        Ok(())
    }

    fn advance(&mut self, piece: &[f32]) {
        self.ears.hear(piece, &mut self.stft);
        self.pass_over_strides();
    }

    /// Under overload, not every segment that is ready becomes due.
    fn pass_over_strides(&mut self) {
        while let Some(end) = self.ears.history.ready_segment() {
            let stride = self.ears.history.geometry().stride_frames as u64;
            if (end / stride).is_multiple_of(self.shed.every) {
                break;
            }
            self.pass_over(end);
        }
    }

    /// A stride that is not classified: what was heard last is taken to go on. If an event turns out to need it, it is
    /// classified then.
    fn pass_over(&mut self, end: u64) {
        let probs = self.view.probs().to_vec();
        self.ears.history.push_stride(Stride {
            end,
            probs,
            frames: None,
            explanation: None,
            classified: false,
            lag_secs: 0.0,
        });
        self.shed.n_strides += 1;
    }

    /// Classifies and explains the segment that is due, if there is one, in a batch of its own.
    fn resolve_alone(&mut self, inference: &mut Inference, events: &mut Vec<EventReport>) -> Result<()> {
        while let Some(due) = self.due() {
            let classified = classify(inference, &mut self.ears.history, due.end)?;
            let wanted = due.explain && self.wants_explanation(&classified.probs);
            let explanation =
                if wanted { Some(explain(inference, &self.ears.history, due.end, &classified)?) } else { None };
            self.resolve(inference, classified, explanation, 0.0, events)?;
        }
        Ok(())
    }

    /// Takes what was made of the segment that is [`due`](Self::due), and appends the events that are complete with it.
    /// `lag_secs` is how far behind the capture this came.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn resolve(
        &mut self,
        inference: &mut Inference,
        classified: Classified,
        explanation: Option<Arc<dyn Explanation>>,
        lag_secs: f64,
        events: &mut Vec<EventReport>,
    ) -> Result<()> {
        let Some(Due { end, .. }) = self.due() else { return Ok(()) };
        let Classified { probs, frames, .. } = classified;
        if self.explains_strides && self.shed.explanations && self.wants_explanation(&probs) {
            self.shed.n_strides += 1;
        }
        let stride = Stride { end, probs: probs.clone(), frames, explanation, classified: true, lag_secs };
        let loud = detect(&mut self.detector, &self.ears.history, &stride, &mut self.over)?;
        self.ears.history.push_stride(stride);
        self.take_up_again();
        self.begin_events(end, lag_secs);
        self.waiting.extend(self.over.drain(..));
        while let Some(detection) = self.waiting.front() {
            if self.needed_end(detection) > self.ears.history.mask_end() {
                break;
            }
            if let Some(detection) = self.waiting.pop_front() {
                self.hand_over(inference, &detection, events)?;
            }
        }
        let heard_to = self.origin.plus(self.sample(end));
        let clips = self.shown.then_some(&self.clips);
        let scored = Scored { probs, loud, end: heard_to, clock: &self.params.clock };
        self.view.stride(scored, &self.ears.history, &self.detector, clips);
        self.note_reasons(end);
        self.forget(end);
        Ok(())
    }
}

impl Pipeline {
    /// Forgets what neither an event that is under way needs, nor one that may begin with the next stride, nor a screen.
    fn forget(&mut self, end: u64) {
        let detector = &self.detector;
        let open = (0..detector.params().n_classes()).filter_map(|class| detector.open_since(ClassId(class)));
        let begun = open.chain(self.waiting.iter().map(|detection| detection.onset)).min().unwrap_or(end);
        // The segment that was surest of an event may have begun before it.
        let from = begun.min(end).saturating_sub(self.keep.before_event);
        let t = from.clamp(end.saturating_sub(self.keep.most), end);
        self.ears.history.forget_before(t, end.saturating_sub(self.keep.columns));
    }
}
