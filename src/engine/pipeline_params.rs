//! What a pipeline has to know besides its model.

use super::detector::DetectorParams;
use super::report::ModelRef;
use crate::units::StreamClock;
use crate::{Error, Result};

/// What a pipeline has to know besides its model.
#[derive(Debug, Clone)]
pub struct PipelineParams {
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// The model that listens.
    pub model: ModelRef,
    /// Ties positions to wall time; its rate must be the model's.
    pub clock: StreamClock,
    /// When scores become an event.
    pub detector: DetectorParams,
    /// Audio kept before the onset, in seconds.
    pub pre_roll_secs: f64,
    /// Audio kept after the offset, in seconds.
    pub post_roll_secs: f64,
    /// Most components of an event that get audio of their own.
    pub max_components: usize,
}

/// Whether a detector and its clips can be had for a model of so many classes.
pub(super) fn check(detector: &DetectorParams, pre_roll_secs: f64, post_roll_secs: f64, n_labels: usize) -> Result<()> {
    if detector.classes.len() != n_labels {
        return Err(Error::usage(format!(
            "thresholds for {} classes were given and the model has {n_labels}",
            detector.classes.len()
        )));
    }
    for (what, secs) in [("pre-roll", pre_roll_secs), ("post-roll", post_roll_secs)] {
        if !(0.0..=600.0).contains(&secs) {
            return Err(Error::usage(format!("a {what} of {secs} s cannot be kept; give 0 to 600 s")));
        }
    }
    Ok(())
}

/// The least probability at which each of the model's classes counts as decided.
pub(super) fn gates(detector: &DetectorParams) -> Vec<f32> {
    detector.classes.iter().map(|class| class.off).collect()
}
