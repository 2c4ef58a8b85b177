//! The sigmoid, binary cross-entropy behind it, and how a stream's probabilities become a segment's.

/// −t·ln σ(z) − (1−t)·ln(1−σ(z)), in the form that does not overflow.
pub(super) fn cross_entropy(z: f32, t: f32) -> f32 {
    z.max(0.0) - z * t + (-z.abs()).exp().ln_1p()
}

pub(super) fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}

/// Probabilities of frames pooled by linear softmax, Σp²/Σp; 0 where there are none.
pub(super) fn linear_softmax(probs: impl IntoIterator<Item = f32>) -> f32 {
    let (sum, squares) = probs.into_iter().fold((0.0_f32, 0.0), |(sum, squares), p| (sum + p, squares + p * p));
    squares / sum.max(f32::MIN_POSITIVE)
}
