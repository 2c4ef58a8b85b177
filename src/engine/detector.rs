//! From scores to events: one state machine a class, at stride rate.
//!
//! A segment says *that* a class is heard and remembers it for as long as it is long; the evidence inside the segment says
//! *when*. So a stride counts for a class only if its evidence lies behind the last event, onsets and offsets are read off
//! the evidence, and an event ends when its evidence does, though the score may stay high for seconds.

mod class;
mod detection;
mod edit;
mod evident;
mod params;
mod reason;
mod units;

pub use detection::{Detection, Opening, StrideInput};
pub use edit::Edit;
pub use params::{
    ANY_LOUD, ClassParams, DetectorParams, LOUD_HYSTERESIS_DB, LOW_CUT_HZ, Localisation, MAX_LOW_CUT_HZ, RIVAL_MARGIN,
};
pub use reason::Reason;

use class::ClassDetector;
use units::Units;

use crate::units::ClassId;
use crate::{Error, Result};

/// All classes' state machines.
pub struct Detector {
    classes: Vec<ClassDetector>,
    params: DetectorParams,
    frame_secs: f64,
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
