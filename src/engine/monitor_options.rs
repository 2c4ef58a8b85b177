//! What a monitor can be told when it is put together.

use super::detector::DetectorParams;
use super::report::ModelRef;

/// What a monitor can be told.
#[derive(Debug, Clone)]
pub struct MonitorOptions {
    /// The model that listens, for events.
    pub model: ModelRef,
    /// When scores become an event.
    pub detector: DetectorParams,
    /// Audio kept before the onset, in seconds.
    pub pre_roll_secs: f64,
    /// Audio kept after the offset, in seconds.
    pub post_roll_secs: f64,
    /// Most components of an event that get audio of their own.
    pub max_components: usize,
    /// Whether the sources deliver as quickly as they are read: then nothing is shed, and a request to stop is obeyed without
    /// reading what is left.
    pub fast: bool,
    /// Length of the inputs' rings, in seconds: how much sound may wait.
    pub ring_secs: f64,
    /// Stop after so many seconds of audio.
    pub duration_secs: Option<f64>,
    /// Whether the beginning of an event is reported, too, before it is over.
    pub onsets: bool,
    /// Whether it is reported why a class with a noteworthy score is not.
    pub reasons: bool,
    /// Where events are recorded, for screens.
    pub record_dir: Option<String>,
    /// Whether anyone looks at snapshots.
    pub snapshots: bool,
}
