//! Weighting functions. Periodic (the DFT-even form that `scipy.signal.get_window` and librosa use) wherever there is a
//! choice: a symmetric window does not overlap-add evenly. Networks that were trained on a symmetric one need it.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// Which raised cosine weights a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowKind {
    /// `0.5 - 0.5 cos(2πn/N)`: falls to zero at the edge.
    Hann,
    /// `0.54 - 0.46 cos(2πn/N)`: stays at 0.08 at the edge.
    Hamming,
    /// `0.5 - 0.5 cos(2πn/(N-1))`: symmetric, as `torch.hann_window(N, periodic=False)`.
    #[serde(rename = "symmetric-hann")]
    SymmetricHann,
}

impl WindowKind {
    /// Whether a whole period of the cosine is as long as the window (and not one sample shorter).
    #[must_use]
    pub const fn is_periodic(self) -> bool {
        !matches!(self, Self::SymmetricHann)
    }
}

/// The `len` weights of the window of `kind`, computed in double precision; empty for a length of 0.
#[must_use]
pub fn window_weights(kind: WindowKind, len: usize) -> Vec<f32> {
    let (offset, swing, period) = match kind {
        WindowKind::Hann => (0.5, 0.5, len),
        WindowKind::Hamming => (0.54, 0.46, len),
        WindowKind::SymmetricHann => (0.5, 0.5, len.saturating_sub(1).max(1)),
    };
    (0..len).map(|n| (offset - swing * (2.0 * PI * n as f64 / period as f64).cos()) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_periodic_but_for_the_one_that_says_otherwise() {
        assert_eq!(window_weights(WindowKind::Hann, 4), [0.0, 0.5, 1.0, 0.5]);
        for (got, want) in window_weights(WindowKind::SymmetricHann, 4).iter().zip([0.0, 0.75, 0.75, 0.0]) {
            assert!((got - want).abs() < 1e-7, "torch.hann_window(4, periodic=False)");
        }
        let hamming = window_weights(WindowKind::Hamming, 4);
        for (got, want) in hamming.iter().zip([0.08, 0.54, 1.0, 0.54]) {
            assert!((got - want).abs() < 1e-7, "{hamming:?}");
        }
        assert!(window_weights(WindowKind::Hann, 0).is_empty());
    }
}
