//! What a detector can be told.

use crate::model::manifest::Label;
use crate::{Error, Result};

/// Longest event that can be asked for: it is kept in memory, with its spectra, until it is over.
const MAX_EVENT_SECS: f64 = 600.0;

/// When scores become an event.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorParams {
    /// At least so many …
    pub min_strides: usize,
    /// … of so many successive strides must speak for a class.
    pub of_strides: usize,
    /// From this probability on a single stride is enough; 1 asks for all strides always.
    pub sure: f32,
    /// Shorter events are not reported.
    pub min_duration_secs: f64,
    /// Evidence with no longer gaps than this is one event.
    pub merge_gap_secs: f64,
    /// After an event, its class stays silent for so long.
    pub cooldown_secs: f64,
    /// A longer event is reported in pieces of this length, 1 to 600 s.
    pub max_event_secs: f64,
    /// The classes, in the model's order.
    pub classes: Vec<ClassThresholds>,
    /// How evidence becomes onset and offset.
    pub localisation: Localisation,
}

/// One class's thresholds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassThresholds {
    /// Probability from which on a stride speaks for the class.
    pub on: f32,
    /// Probability below which it speaks against it; at most `on`.
    pub off: f32,
    /// Whether the class is reported at all.
    pub enabled: bool,
}

/// How evidence becomes onset and offset; found by measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Localisation {
    /// Evidence is averaged over so many frames.
    pub smooth_frames: usize,
    /// Evidence whose largest value is less than so many times its mean tells no time; the loudness is taken instead.
    pub flat_ratio: f32,
    /// A frame belongs to the event from this share of the largest evidence on.
    pub evident_share: f32,
    /// The walk back to the onset begins at the newest frame with this share of the largest evidence.
    pub strong_share: f32,
    /// Behind the last event, a stride counts only with this share of the segment's largest evidence: what is left of the
    /// last event's own evidence must not start another.
    pub new_share: f32,
    /// An event is over when its evidence has been gone for so long, and the merge gap, though the score be high still.
    pub linger_secs: f64,
}

impl Default for Localisation {
    fn default() -> Self {
        Self {
            smooth_frames: 5,
            flat_ratio: 0.0,
            evident_share: 0.2,
            strong_share: 0.5,
            new_share: 0.3,
            linger_secs: 1.0,
        }
    }
}

impl DetectorParams {
    /// The default parameters with the labels' own thresholds.
    #[must_use]
    pub fn from_labels(labels: &[Label]) -> Self {
        let thresholds = |l: &Label| ClassThresholds { on: l.on_threshold, off: l.off_threshold, enabled: true };
        Self {
            min_strides: 2,
            of_strides: 3,
            sure: 1.0,
            min_duration_secs: 0.1,
            merge_gap_secs: 2.0,
            cooldown_secs: 0.0,
            max_event_secs: 20.0,
            classes: labels.iter().map(thresholds).collect(),
            localisation: Localisation::default(),
        }
    }

    /// Checks the values.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`], naming the one that cannot be used.
    pub fn validate(&self) -> Result<()> {
        if !(1..=self.of_strides).contains(&self.min_strides) || self.of_strides > 100 {
            return Err(Error::usage(format!(
                "an event after {} of {} strides cannot be; give 1 to 100 strides, the first number not above the second",
                self.min_strides, self.of_strides
            )));
        }
        if !(self.sure > 0.0 && self.sure <= 1.0) {
            return Err(Error::usage(format!(
                "a probability of {} from which on one stride is enough cannot be; give more than 0, at most 1",
                self.sure
            )));
        }
        let tuning = &self.localisation;
        let spans = [
            ("minimum duration", self.min_duration_secs, 0.0, MAX_EVENT_SECS),
            ("merge gap", self.merge_gap_secs, 0.0, MAX_EVENT_SECS),
            ("cooldown", self.cooldown_secs, 0.0, 86_400.0),
            ("longest event", self.max_event_secs, 1.0, MAX_EVENT_SECS),
            ("time that evidence may be gone", tuning.linger_secs, 0.0, MAX_EVENT_SECS),
        ];
        for (what, secs, least, most) in spans {
            if !(least..=most).contains(&secs) {
                return Err(Error::usage(format!("the detector's {what} is {secs} s; give {least} to {most} s")));
            }
        }
        let shares = [tuning.evident_share, tuning.strong_share, tuning.new_share];
        if shares.iter().any(|share| !(*share > 0.0 && *share <= 1.0)) {
            return Err(Error::usage(format!(
                "the detector's shares of evidence {shares:?} must be above 0 and at most 1"
            )));
        }
        let wrong = self.classes.iter().position(|t| !(t.off > 0.0 && t.off <= t.on && t.on < 1.0));
        wrong.map_or(Ok(()), |class| {
            let ClassThresholds { on, off, .. } = self.classes[class];
            Err(Error::usage(format!(
                "the thresholds {on} (on) and {off} (off) of class {class} cannot be used; give 0 < off <= on < 1"
            )))
        })
    }
}
