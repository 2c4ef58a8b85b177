//! Weighting functions. Always periodic (the DFT-even form that `scipy.signal.get_window` and librosa use), never
//! symmetric: a symmetric window shifts every bin a little and does not overlap-add evenly.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// Which raised cosine weights a frame; both are periodic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowKind {
    /// `0.5 - 0.5 cos(2πn/N)`: falls to zero at the edge.
    Hann,
    /// `0.54 - 0.46 cos(2πn/N)`: stays at 0.08 at the edge.
    Hamming,
}

/// The `len` weights of the periodic window of `kind`, computed in double precision; empty for a length of 0.
#[must_use]
pub fn periodic_window(kind: WindowKind, len: usize) -> Vec<f32> {
    let (offset, swing) = match kind {
        WindowKind::Hann => (0.5, 0.5),
        WindowKind::Hamming => (0.54, 0.46),
    };
    (0..len).map(|n| (offset - swing * (2.0 * PI * n as f64 / len as f64).cos()) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_periodic_not_symmetric() {
        assert_eq!(periodic_window(WindowKind::Hann, 4), [0.0, 0.5, 1.0, 0.5]);
        let hamming = periodic_window(WindowKind::Hamming, 4);
        for (got, want) in hamming.iter().zip([0.08, 0.54, 1.0, 0.54]) {
            assert!((got - want).abs() < 1e-7, "{hamming:?}");
        }
        assert!(periodic_window(WindowKind::Hann, 0).is_empty());
    }
}
