//! Masks on complex frames: the one place where a method's mask changes a spectrum.

use serde::{Deserialize, Serialize};

use super::Complex32;

/// What a mask's values, 0…1 each, do to a magnitude.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskScale {
    /// They scale its logarithm, ln(1 + |X|) (L2I, Algorithm 1: |X'| = exp(mask · ln(1 + |X|)) − 1).
    #[default]
    Log,
    /// They scale the magnitude itself: |X'| = mask · |X|.
    Gain,
}

impl MaskScale {
    /// The masked magnitude.
    #[must_use]
    pub fn apply(self, magnitude: f32, mask: f32) -> f32 {
        match self {
            Self::Log => (mask * magnitude.ln_1p()).exp_m1(),
            Self::Gain => mask * magnitude,
        }
    }

    /// Whether this is the default scale.
    #[must_use]
    pub fn is_log(&self) -> bool {
        *self == Self::Log
    }
}

/// Lays a mask on a frame's magnitudes and keeps the phase. Stops at the shortest slice.
pub fn apply_mask(frame: &[Complex32], mask: &[f32], scale: MaskScale, out: &mut [Complex32]) {
    for ((out, x), mask) in out.iter_mut().zip(frame).zip(mask) {
        *out = match scale {
            _ if *mask >= 1.0 => *x,
            MaskScale::Gain => x * mask.max(0.0),
            MaskScale::Log => {
                let magnitude = x.norm_sqr().sqrt();
                if *mask <= 0.0 || magnitude <= 0.0 {
                    Complex32::default()
                } else {
                    x * (scale.apply(magnitude, *mask) / magnitude)
                }
            }
        };
    }
}
