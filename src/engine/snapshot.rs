//! The latest state of the engine, as plain data for a screen. A new snapshot replaces the one before (latest wins).

use std::sync::{Arc, Mutex, PoisonError};

use super::report::{ComponentShare, Event, Totals};
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
    /// Every class with its newest score, in the model's order.
    pub classes: Vec<ClassState>,
    /// The class that `components` explains: the strongest active one, else the top score.
    pub explained: Option<ClassId>,
    /// The most relevant components of the newest stride, most relevant first.
    pub components: Vec<ComponentShare>,
    /// The last seconds as mel columns.
    pub waterfall: Arc<Waterfall>,
    /// The newest events, newest first (a bounded number).
    pub events: Vec<Arc<EventSummary>>,
    /// Processing time ÷ stride time, smoothed.
    pub load: f64,
    /// Latency of the last event in seconds of audio, if there was one.
    pub latency_secs: Option<f64>,
    /// Counters.
    pub totals: Totals,
    /// What is being shed under overload, as in `interpretation`; empty when all is well.
    pub shed: Vec<String>,
    /// Where events are recorded, if they are.
    pub record_dir: Option<String>,
    /// Whether the stream runs.
    pub phase: Phase,
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
}

/// One class as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassState {
    /// Its label.
    pub label: String,
    /// Newest probability.
    pub score: f32,
    /// An event starts at this score.
    pub on_threshold: f32,
    /// An event ends below this score.
    pub off_threshold: f32,
    /// Whether an event of this class is open.
    pub active: bool,
    /// Why nothing is reported although the score is high, as in `1 of 2 strides`; empty otherwise.
    pub reason: String,
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

/// A latest-wins slot: the worker publishes, screens take the newest. Neither side is a real-time callback.
#[derive(Debug, Default)]
pub struct SnapshotSlot(Mutex<Option<Arc<Snapshot>>>);

impl SnapshotSlot {
    /// Replaces what was there.
    pub fn publish(&self, snapshot: Snapshot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(snapshot));
    }

    /// The newest snapshot, if there was one yet.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
