//! The latest state of the engine, as plain data for a screen. A new snapshot replaces the one before (latest wins).

use std::sync::Arc;

use super::health::Health;
pub use super::heard::Heard;
use super::report::{ComponentShare, Event, Latency, Totals};
use crate::units::{ClassId, SamplePos, StreamClock};

/// Immutable picture of the engine.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// The model's name.
    pub model: String,
    /// The method that explains, as in `l2i`.
    pub method: String,
    /// Where the stream is.
    pub position: SamplePos,
    /// Ties positions to wall time.
    pub clock: StreamClock,
    /// RMS level of the last moments in dB full scale (−120 for digital silence).
    pub level_dbfs: f32,
    /// Highest sample magnitude of the last moments in dB full scale.
    pub peak_dbfs: f32,
    /// Every class with its newest score, in the model's order; any loud sound last, where that is asked for.
    pub classes: Vec<ClassState>,
    /// The class that `components` explains: the strongest active one, else the top score.
    pub explained: Option<ClassId>,
    /// The most relevant components of the newest stride, most relevant first.
    pub components: Vec<ComponentShare>,
    /// The last seconds as mel columns.
    pub waterfall: Arc<Waterfall>,
    /// The newest events (a bounded number), the one that began last first.
    pub events: Vec<Arc<EventSummary>>,
    /// Processing time ÷ stride time, smoothed, of all inputs together.
    pub load: f64,
    /// Seconds that the worker is behind the capture of this input; 0 where the source waits for it.
    pub lag_secs: f64,
    /// Time from sound to event, of the newest events.
    pub latency: Option<Latency>,
    /// Counters.
    pub totals: Totals,
    /// What is being shed under overload, as in `interpretation`; empty when all is well.
    pub shed: &'static [&'static str],
    /// What the input is able to hear.
    pub health: Health,
    /// What is wrong with the input or its device, as a sentence to show in a banner; none when all is well.
    pub trouble: Option<String>,
    /// All inputs, in order.
    pub inputs: Vec<InputSummary>,
    /// Which of them this snapshot shows.
    pub focus: usize,
    /// Where the interpretation is played live, if it is.
    pub listen: Option<ListenSummary>,
    /// Where the networks run, as in `cpu` or `cuda:0`.
    pub device: String,
    /// Where events are recorded, if they are.
    pub record_dir: Option<String>,
    /// Why events that should be recorded cannot be, as a sentence; none when they are.
    pub recording_fails: Option<String>,
    /// Whether the stream runs.
    pub phase: Phase,
}

/// An input as a list of them shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSummary {
    /// Its name, as in `device:alsa:hw:CARD=USB#1`.
    pub source: String,
    /// RMS level of the last moments in dB full scale (−120 for digital silence).
    pub level_dbfs: f32,
    /// Highest sample magnitude of the last moments in dB full scale.
    pub peak_dbfs: f32,
    /// What it is able to hear.
    pub health: Health,
    /// Whether it runs.
    pub phase: Phase,
    /// Events that have begun and were not reported yet, strongest first.
    pub open: Vec<OpenEvent>,
    /// Counters.
    pub totals: Totals,
}

/// An event that has begun and was not reported yet.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenEvent {
    /// Its label.
    pub label: String,
    /// Highest probability so far.
    pub score: f32,
    /// Where it began.
    pub onset: SamplePos,
    /// The onset's place in the recording, for an input that is one.
    pub in_file: Option<SamplePos>,
    /// Where it was heard last.
    pub until: SamplePos,
    /// Ties positions to wall time.
    pub clock: StreamClock,
}

/// Live playing of the interpretation.
#[derive(Debug, Clone, PartialEq)]
pub struct ListenSummary {
    /// Where to, as in `device` or `jack`.
    pub output: String,
    /// What is played: `interpretation`, `input` or `silence`.
    pub mode: &'static str,
    /// From a sound to its being heard, in seconds; constant.
    pub delay_secs: f64,
    /// How often there was nothing to play.
    pub underruns: u64,
    /// What is wrong with the output, as a sentence; none when all is well.
    pub trouble: Option<String>,
}

/// Whether a stream runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Samples arrive.
    Running,
    /// The stream has ended for the reason given.
    Ended(String),
    /// The stream broke, with the sentence to show.
    Failed(String),
    /// It is not open yet: nothing has been written into the pipe.
    Waiting,
}

/// One class as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassState {
    /// Its label.
    pub label: String,
    /// The group that the model puts it into.
    pub group: Option<String>,
    /// Newest probability.
    pub score: f32,
    /// An event starts at this score.
    pub on_threshold: f32,
    /// An event ends below this score.
    pub off_threshold: f32,
    /// Whether an event of this class is open.
    pub active: bool,
    /// Since when, if one is.
    pub since: Option<SamplePos>,
    /// Why nothing is reported although the score is noteworthy, as in `1 of 2 strides`; empty otherwise.
    pub reason: String,
    /// Whether it is listened for.
    pub enabled: bool,
    /// Whether it is reported, and not only shown.
    pub alarm: bool,
    /// When it was heard.
    pub heard: Heard,
    /// Whether a person has changed it for this run.
    pub edited: bool,
}

/// The last seconds as mel columns, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Waterfall {
    /// Bands per column, lowest first.
    pub n_bands: usize,
    /// Stream frame index of the first column.
    pub first_frame: u64,
    /// Seconds from one column to the next.
    pub frame_secs: f64,
    /// Level in dB (full-scale sine = 0), `[n_columns, n_bands]`.
    pub level_db: Vec<f32>,
    /// Mask of the explained class in 0…1, same layout; 0 where it is not known yet.
    pub mask: Vec<f32>,
    /// Centre frequency of each band in Hz.
    pub centre_hz: Vec<f32>,
}

impl Waterfall {
    /// Number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.level_db.len().checked_div(self.n_bands).unwrap_or(0)
    }
}

/// An event as a list shows it.
#[derive(Debug, Clone)]
pub struct EventSummary {
    /// The detection.
    pub event: Event,
    /// Folder it was written to, once it was.
    pub dir: Option<String>,
}
