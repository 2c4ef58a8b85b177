//! From scores to events: one state machine a class, at stride rate.
//!
//! A segment says *that* a class is heard and remembers it for as long as it is long; the evidence inside the segment says
//! *when*. So a stride counts for a class only if its evidence lies behind the last event, onsets and offsets are read off
//! the evidence, and an event ends when its evidence does, though the score may stay high for seconds.

mod class;
mod edit;
mod evident;
mod params;
mod reason;

pub use edit::Edit;
pub use params::{
    ANY_LOUD, ClassParams, DetectorParams, LOUD_HYSTERESIS_DB, LOW_CUT_HZ, Localisation, MAX_LOW_CUT_HZ, RIVAL_MARGIN,
};
pub use reason::Reason;

use class::ClassDetector;

use crate::units::ClassId;
use crate::{Error, Result};

/// An event that is over. Frames are the stream's.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The class.
    pub class: ClassId,
    /// First frame.
    pub onset: u64,
    /// One past the last frame.
    pub offset: u64,
    /// Highest probability.
    pub score: f32,
    /// End of the segment that had it.
    pub peak_end: u64,
    /// End of the segment at which the detector was sure.
    pub sure_end: u64,
}

/// An event that has just begun: the detector is sure of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opening {
    /// The class.
    pub class: ClassId,
    /// First frame.
    pub onset: u64,
    /// Probability at this stride, or the highest that led here.
    pub score: f32,
}

/// What one stride brings.
pub struct StrideInput<'a> {
    /// One past the segment's last frame.
    pub end: u64,
    /// Probability of each class; where any loud sound counts, its score last.
    pub probs: &'a [f32],
    /// The gate's level, where the stride is quieter: then it speaks for no class.
    pub gate_dbfs: Option<f32>,
    /// Evidence of a class for each frame of the segment, at least 0 each; asked only where it matters.
    pub evidence: &'a dyn Fn(ClassId) -> Vec<f32>,
}

/// A class whose score pauses while its sound goes on would be reported twice: what begins so soon behind an event of the same
/// class, and within the merge gap, is part of it.
const NEAR_SECS: f64 = 0.3;

/// All classes' state machines.
pub struct Detector {
    classes: Vec<ClassDetector>,
    params: DetectorParams,
    frame_secs: f64,
}

/// The parameters of one class, in frames.
#[derive(Debug, Clone, Copy)]
struct Units {
    on: f32,
    off: f32,
    enabled: bool,
    /// Whether it is reported, and not only shown.
    alarm: bool,
    /// Whether the level gate holds for it.
    gated: bool,
    min_strides: usize,
    of_strides: usize,
    sure: f32,
    min_duration: u64,
    merge_gap: u64,
    /// A second report that begins so soon behind the first is part of it.
    near: u64,
    linger: u64,
    cooldown: u64,
    max_event: u64,
    frame_secs: f64,
    tuning: Localisation,
}

impl Units {
    fn new(params: &DetectorParams, class: &ClassParams, is_loud: bool, frame_secs: f64) -> Self {
        let frames = |secs: f64| (secs / frame_secs).round() as u64;
        Self {
            on: class.on,
            off: class.off,
            enabled: class.enabled,
            alarm: class.alarm,
            // A level is what it is: one stride is enough, and it has a threshold of its own.
            gated: !is_loud,
            min_strides: if is_loud { 1 } else { params.min_strides },
            of_strides: params.of_strides,
            sure: class.sure.map_or(params.sure, |sure| sure.min(params.sure)),
            min_duration: frames(class.min_duration_secs.unwrap_or(params.min_duration_secs)),
            merge_gap: frames(params.merge_gap_secs),
            near: frames(params.merge_gap_secs.min(NEAR_SECS)),
            linger: frames(params.localisation.linger_secs),
            cooldown: frames(class.cooldown_secs.unwrap_or(params.cooldown_secs)),
            max_event: frames(class.max_event_secs.unwrap_or(params.max_event_secs)).max(1),
            frame_secs,
            tuning: params.localisation,
        }
    }
}

impl Detector {
    /// A detector at the beginning of a stream whose frames are `frame_secs` apart.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`], naming the parameter that cannot be used.
    pub fn new(params: &DetectorParams, frame_secs: f64) -> Result<Self> {
        if !(frame_secs > 0.0 && frame_secs.is_finite()) {
            return Err(Error::bug(format!("frames {frame_secs} s apart cannot be")));
        }
        let mut detector = Self { classes: Vec::new(), params: params.clone(), frame_secs };
        detector.reconfigure(params, &mut Vec::new())?;
        Ok(detector)
    }

    /// Goes on under other parameters, from the next stride on: events that are open stay open. An event of any loud sound
    /// that is open and no longer wanted is appended to `over`.
    ///
    /// # Errors
    /// As [`Self::new`]; nothing has changed then.
    pub fn reconfigure(&mut self, params: &DetectorParams, over: &mut Vec<Detection>) -> Result<()> {
        params.validate()?;
        for mut gone in self.classes.drain(params.n_classes().min(self.classes.len())..) {
            gone.finish(over);
        }
        for (index, class) in params.all_classes().enumerate() {
            let units = Units::new(params, class, index >= params.classes.len(), self.frame_secs);
            match self.classes.get_mut(index) {
                Some(detector) => detector.set_units(units),
                None => self.classes.push(ClassDetector::new(ClassId(index), units)),
            }
        }
        self.params = params.clone();
        Ok(())
    }

    /// What it goes by.
    #[must_use]
    pub const fn params(&self) -> &DetectorParams {
        &self.params
    }

    /// Takes the next stride and appends the events that are over. An event that goes on, though it had been over, is taken out
    /// of `over` where it is still there, and comes again; see [`Self::resumed`] for those that are not.
    pub fn stride(&mut self, input: &StrideInput<'_>, over: &mut Vec<Detection>) {
        for (class, prob) in self.classes.iter_mut().zip(input.probs) {
            class.stride(*prob, input, over);
            if let Some(onset) = class.resumed()
                && let Some(at) = over.iter().rposition(|d| (d.class, d.onset) == (class.class(), onset))
            {
                over.remove(at);
                class.is_called_back();
            }
        }
    }

    /// Class and first frame of the events that the last stride took up again, and that were no longer in `over`.
    #[must_use]
    pub fn resumed(&self) -> Vec<(ClassId, u64)> {
        self.classes.iter().filter_map(|class| Some((class.class(), class.resumed()?))).collect()
    }

    /// What was taken up again has been reported by now: it is not handed over again.
    pub fn is_told(&mut self, class: ClassId) {
        if let Some(class) = self.classes.get_mut(class.0) {
            class.is_told();
        }
    }

    /// The last event of a class that was handed over was not reported, and why.
    pub fn not_reported(&mut self, class: ClassId, why: Reason) {
        if let Some(class) = self.classes.get_mut(class.0) {
            class.not_reported(why);
        }
    }

    /// The event of a class that is open, as it would be handed over now; none where it would not be.
    #[must_use]
    pub fn so_far(&self, class: ClassId) -> Option<Detection> {
        self.classes.get(class.0).and_then(ClassDetector::so_far)
    }

    /// Ends the stream: appends the events that are still open.
    pub fn finish(&mut self, over: &mut Vec<Detection>) {
        for class in &mut self.classes {
            class.finish(over);
        }
    }

    /// The events that the last stride opened. One that turns out too short is not reported later.
    #[must_use]
    pub fn openings(&self) -> Vec<Opening> {
        self.classes.iter().filter_map(ClassDetector::opening).collect()
    }

    /// Forgets the stream.
    pub fn reset(&mut self) {
        self.classes.iter_mut().for_each(ClassDetector::reset);
    }

    /// Whether an event of this class is open.
    #[must_use]
    pub fn is_open(&self, class: ClassId) -> bool {
        self.classes.get(class.0).is_some_and(ClassDetector::is_open)
    }

    /// First frame of the open event of this class.
    #[must_use]
    pub fn open_since(&self, class: ClassId) -> Option<u64> {
        self.classes.get(class.0).and_then(ClassDetector::open_since)
    }

    /// The events that are open, as they would be handed over now.
    pub fn under_way(&self) -> impl Iterator<Item = Detection> {
        self.classes.iter().filter_map(ClassDetector::so_far)
    }

    /// Why nothing is reported although the score is noteworthy.
    #[must_use]
    pub fn reason(&self, class: ClassId) -> Reason {
        self.classes.get(class.0).map_or(Reason::None, ClassDetector::reason)
    }

    /// Frames that an event may go back behind the newest segment's end when it is handed over: what must be remembered
    /// besides a segment and the pre-roll.
    #[must_use]
    pub fn reach_frames(&self, stride_frames: usize) -> u64 {
        let frames = |secs: f64| (secs / self.frame_secs).round() as u64;
        let longest = self.params.all_classes().filter_map(|class| class.max_event_secs);
        let longest = longest.fold(self.params.max_event_secs, f64::max);
        let strides = 2 * self.params.of_strides as u64 + 2;
        frames(longest).max(1)
            + frames(self.params.merge_gap_secs)
            + frames(self.params.localisation.linger_secs)
            + strides * stride_frames as u64
    }
}
