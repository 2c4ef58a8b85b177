//! What a detector can be told.

use crate::engine::quiet::Quiet;
use crate::engine::report::RecordWhat;
use crate::engine::stride_level::level_score;
use crate::model::manifest::Label;
use crate::units::ClassId;
use crate::{Error, Result};

/// Rumble of wind, traffic and handling is below this, in Hz; what people call loud is above.
pub const LOW_CUT_HZ: f64 = 30.0;

/// Highest low cut, in Hz.
pub const MAX_LOW_CUT_HZ: f64 = 1000.0;

/// The label of the pseudo-class that any loud sound belongs to.
pub const ANY_LOUD: &str = "any_loud";

/// An event of [`ANY_LOUD`] ends so many dB below the level at which it begins.
pub const LOUD_HYSTERESIS_DB: f32 = 6.0;

/// Default of [`DetectorParams::rival_margin`].
pub const RIVAL_MARGIN: f32 = 0.15;

/// Longest event that can be asked for: it is kept in memory, with its spectra, until it is over.
const MAX_EVENT_SECS: f64 = 600.0;

/// A day: a longer silence is taken for a slip.
const MAX_COOLDOWN_SECS: f64 = 86_400.0;

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
    /// Of two classes of one rival group that are heard over nearly the same span, the one whose score is lower by at least this
    /// is not reported; above 0, at most 1, and 1 reports both.
    pub rival_margin: f32,
    /// After an event, its class stays silent for so long.
    pub cooldown_secs: f64,
    /// A longer event is reported in pieces of this length, 1 to 600 s.
    pub max_event_secs: f64,
    /// A stride speaks for no class where it and the `of_strides` − 1 before it all have a lower RMS than this, in dBFS: a
    /// sound that has passed the gate has as many strides to be recognised as it may need.
    pub gate_dbfs: Option<f32>,
    /// Levels are taken of what is above this frequency, in Hz: rumble is not loud. 0 takes away a constant offset alone.
    pub low_cut_hz: f64,
    /// The classes, in the model's order.
    pub classes: Vec<ClassParams>,
    /// Any loud sound, behind the model's classes. Its thresholds are scores that stand for levels, see
    /// [`ClassParams::any_loud`]; one stride is enough.
    pub any_loud: Option<ClassParams>,
    /// The classes that are speech, where audio that holds speech is not to be kept; empty keeps it.
    pub dropped_speech: Vec<ClassId>,
    /// Hours in which no alarms are wanted.
    pub quiet: Option<Quiet>,
    /// How evidence becomes onset and offset.
    pub localisation: Localisation,
}

/// What is wanted of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassParams {
    /// Probability from which on a stride speaks for the class.
    pub on: f32,
    /// Probability below which it speaks against it; at most `on`.
    pub off: f32,
    /// Probability from which on one stride is enough, where it has its own.
    pub sure: Option<f32>,
    /// Whether the class is listened for at all.
    pub enabled: bool,
    /// Whether it is reported; otherwise it is only shown.
    pub alarm: bool,
    /// Its own least duration, if it has one.
    pub min_duration_secs: Option<f64>,
    /// Its own cooldown, if it has one.
    pub cooldown_secs: Option<f64>,
    /// Its own longest event, if it has one.
    pub max_event_secs: Option<f64>,
    /// What a recorder keeps of its events.
    pub record: RecordWhat,
    /// The groups it belongs to.
    pub groups: Vec<String>,
    /// The group that the model puts it into, whose members exclude each other where one is clearly surer.
    pub rivals: Option<String>,
    /// Whether the quiet hours hold for it.
    pub obeys_quiet: bool,
    /// Whether a person has changed it since the settings were read.
    pub edited: bool,
}

impl ClassParams {
    /// A class of these two thresholds for which all else is as for every class.
    #[must_use]
    pub const fn new(on: f32, off: f32) -> Self {
        Self {
            on,
            off,
            sure: None,
            enabled: true,
            alarm: true,
            min_duration_secs: None,
            cooldown_secs: None,
            max_event_secs: None,
            record: RecordWhat::Full,
            groups: Vec::new(),
            rivals: None,
            obeys_quiet: true,
            edited: false,
        }
    }

    /// Whether events of the class are reported.
    #[must_use]
    pub const fn is_reported(&self) -> bool {
        self.enabled && self.alarm
    }

    /// Any sound of at least this RMS in dBFS, above −114 and below 0.
    #[must_use]
    pub fn any_loud(dbfs: f32) -> Self {
        Self::new(level_score(dbfs), level_score(dbfs - LOUD_HYSTERESIS_DB))
    }
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
        let class = |l: &Label| ClassParams {
            alarm: l.alarm,
            sure: l.sure_threshold,
            rivals: l.group.clone(),
            ..ClassParams::new(l.on_threshold, l.off_threshold)
        };
        Self {
            min_strides: 2,
            of_strides: 3,
            sure: 1.0,
            min_duration_secs: 0.1,
            merge_gap_secs: 2.0,
            rival_margin: RIVAL_MARGIN,
            cooldown_secs: 0.0,
            max_event_secs: 20.0,
            gate_dbfs: None,
            low_cut_hz: LOW_CUT_HZ,
            classes: labels.iter().map(class).collect(),
            any_loud: None,
            dropped_speech: Vec::new(),
            quiet: None,
            localisation: Localisation::default(),
        }
    }

    /// All classes, that of any loud sound last.
    pub fn all_classes(&self) -> impl Iterator<Item = &ClassParams> {
        self.classes.iter().chain(&self.any_loud)
    }

    /// How many there are.
    #[must_use]
    pub fn n_classes(&self) -> usize {
        self.classes.len() + usize::from(self.any_loud.is_some())
    }

    /// What is wanted of a class.
    #[must_use]
    pub fn class(&self, class: ClassId) -> Option<&ClassParams> {
        self.all_classes().nth(class.0)
    }

    pub(super) fn class_mut(&mut self, class: ClassId) -> Option<&mut ClassParams> {
        self.classes.iter_mut().chain(&mut self.any_loud).nth(class.0)
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
        if !(self.rival_margin > 0.0 && self.rival_margin <= 1.0) {
            return Err(Error::usage(format!(
                "a margin of {} between labels of a group cannot be; give more than 0, at most 1",
                self.rival_margin
            )));
        }
        let tuning = &self.localisation;
        check_spans(&[
            ("minimum duration", self.min_duration_secs, 0.0, MAX_EVENT_SECS),
            ("merge gap", self.merge_gap_secs, 0.0, MAX_EVENT_SECS),
            ("cooldown", self.cooldown_secs, 0.0, MAX_COOLDOWN_SECS),
            ("longest event", self.max_event_secs, 1.0, MAX_EVENT_SECS),
            ("time that evidence may be gone", tuning.linger_secs, 0.0, MAX_EVENT_SECS),
        ])?;
        let shares = [tuning.evident_share, tuning.strong_share, tuning.new_share];
        if shares.iter().any(|share| !(*share > 0.0 && *share <= 1.0)) {
            return Err(Error::usage(format!(
                "the detector's shares of evidence {shares:?} must be above 0 and at most 1"
            )));
        }
        if !(0.0..=MAX_LOW_CUT_HZ).contains(&self.low_cut_hz) {
            return Err(Error::usage(format!(
                "levels cannot be taken above {} Hz; give 0 to {MAX_LOW_CUT_HZ} Hz",
                self.low_cut_hz
            )));
        }
        if let Some(gate) = self.gate_dbfs.filter(|gate| !gate.is_finite()) {
            return Err(Error::usage(format!("a level gate of {gate} dBFS cannot be; give a finite level")));
        }
        self.all_classes().enumerate().try_for_each(|(index, class)| class.validate(index))
    }
}

impl ClassParams {
    fn validate(&self, class: usize) -> Result<()> {
        let Self { on, off, .. } = *self;
        if !(off > 0.0 && off <= on && on < 1.0) {
            return Err(Error::usage(format!(
                "the thresholds {on} (on) and {off} (off) of class {class} cannot be used; give 0 < off <= on < 1"
            )));
        }
        check_spans(&[
            ("minimum duration of a class", self.min_duration_secs.unwrap_or(0.0), 0.0, MAX_EVENT_SECS),
            ("cooldown of a class", self.cooldown_secs.unwrap_or(0.0), 0.0, MAX_COOLDOWN_SECS),
            ("longest event of a class", self.max_event_secs.unwrap_or(1.0), 1.0, MAX_EVENT_SECS),
        ])
    }
}

/// Names the span that lies outside its limits: what it is, its seconds, least and most.
fn check_spans(spans: &[(&str, f64, f64, f64)]) -> Result<()> {
    for (what, secs, least, most) in spans {
        if !(least..=most).contains(&secs) {
            return Err(Error::usage(format!("the detector's {what} is {secs} s; give {least} to {most} s")));
        }
    }
    Ok(())
}
