//! Means with their intervals.

use serde::Serialize;

use super::metrics;

/// Samples drawn for an interval, and the share of them that lies inside it.
const BOOTSTRAP_DRAWS: usize = 1000;
const BOOTSTRAP_LEVEL: f64 = 0.95;

/// A mean with its 95 % bootstrap interval (sounds resampled with replacement).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Mean {
    /// The mean of values with its interval; `None` of nothing.
    #[must_use]
    pub fn of(values: &[f64], seed: u64) -> Option<Self> {
        let mean = metrics::mean(values)?;
        let (low, high) = metrics::bootstrap_interval(values, metrics::mean, BOOTSTRAP_LEVEL, BOOTSTRAP_DRAWS, seed)?;
        Some(Self { mean, low, high })
    }
}
