//! The sigmoid, and binary cross-entropy behind it.

/// −t·ln σ(z) − (1−t)·ln(1−σ(z)), in the form that does not overflow.
pub(super) fn cross_entropy(z: f32, t: f32) -> f32 {
    z.max(0.0) - z * t + (-z.abs()).exp().ln_1p()
}

pub(super) fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}
