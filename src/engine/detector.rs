//! From scores to events: one state machine a class, at stride rate.
//!
//! A segment says *that* a class is heard and remembers it for as long as it is long; the evidence inside the segment says
//! *when*. So a stride counts for a class only if its evidence lies behind the last event, onsets and offsets are read off
//! the evidence, and an event ends when its evidence does, though the score may stay high for seconds.

mod class;
mod params;

pub use params::{ClassThresholds, DetectorParams, Localisation};

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
    /// Probability of each class.
    pub probs: &'a [f32],
    /// Evidence of a class for each frame of the segment, at least 0 each; asked only where it matters.
    pub evidence: &'a dyn Fn(ClassId) -> Vec<f32>,
}

/// All classes' state machines.
pub struct Detector {
    classes: Vec<ClassDetector>,
    units: Units,
}

/// The parameters in frames.
#[derive(Debug, Clone, Copy)]
struct Units {
    min_strides: usize,
    of_strides: usize,
    sure: f32,
    min_duration: u64,
    merge_gap: u64,
    linger: u64,
    cooldown: u64,
    max_event: u64,
    frame_secs: f64,
    tuning: Localisation,
}

impl Detector {
    /// A detector at the beginning of a stream whose frames are `frame_secs` apart.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`], naming the parameter that cannot be used.
    pub fn new(params: &DetectorParams, frame_secs: f64) -> Result<Self> {
        params.validate()?;
        if !(frame_secs > 0.0 && frame_secs.is_finite()) {
            return Err(Error::bug(format!("frames {frame_secs} s apart cannot be")));
        }
        let frames = |secs: f64| (secs / frame_secs).round() as u64;
        let units = Units {
            min_strides: params.min_strides,
            of_strides: params.of_strides,
            sure: params.sure,
            min_duration: frames(params.min_duration_secs),
            merge_gap: frames(params.merge_gap_secs),
            linger: frames(params.localisation.linger_secs),
            cooldown: frames(params.cooldown_secs),
            max_event: frames(params.max_event_secs).max(1),
            frame_secs,
            tuning: params.localisation,
        };
        let classes = params.classes.iter().enumerate().map(|(c, t)| ClassDetector::new(ClassId(c), *t));
        Ok(Self { classes: classes.collect(), units })
    }

    /// Takes the next stride and appends the events that are over.
    pub fn stride(&mut self, input: &StrideInput<'_>, over: &mut Vec<Detection>) {
        for (class, prob) in self.classes.iter_mut().zip(input.probs) {
            class.stride(*prob, input, &self.units, over);
        }
    }

    /// Ends the stream: appends the events that are still open.
    pub fn finish(&mut self, over: &mut Vec<Detection>) {
        for class in &mut self.classes {
            class.finish(&self.units, over);
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

    /// The thresholds of a class.
    #[must_use]
    pub fn thresholds(&self, class: ClassId) -> Option<ClassThresholds> {
        self.classes.get(class.0).map(ClassDetector::thresholds)
    }

    /// Whether an event of this class is open.
    #[must_use]
    pub fn is_open(&self, class: ClassId) -> bool {
        self.classes.get(class.0).is_some_and(ClassDetector::is_open)
    }

    /// Why nothing is reported although the score is high; empty otherwise.
    #[must_use]
    pub fn reason(&self, class: ClassId) -> &str {
        self.classes.get(class.0).map_or("", ClassDetector::reason)
    }

    /// Frames that an event may go back behind the newest segment's end when it is handed over: what must be remembered
    /// besides a segment and the pre-roll.
    #[must_use]
    pub const fn reach_frames(&self, stride_frames: usize) -> u64 {
        let strides = 2 * self.units.of_strides as u64 + 2;
        self.units.max_event + self.units.merge_gap + self.units.linger + strides * stride_frames as u64
    }
}
