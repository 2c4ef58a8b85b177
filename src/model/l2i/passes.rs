//! What goes through Ψ and Θ, and what comes out.

use candle_core::Tensor;

/// Masks of a training step, each value 0 or 1/(1−p).
#[derive(Debug, Clone)]
pub struct Dropout {
    /// On the two inputs of Θ's attention, `[batch, n_frames, n_components]` each.
    pub attention: (Tensor, Tensor),
    /// On z, `[batch, n_components]`: spreads a decision over the components that carry the sound.
    pub pooled: Tensor,
}

/// What Ψ and Θ make of a batch.
#[derive(Debug, Clone)]
pub struct L2iForward {
    /// H, `[batch, n_frames, n_components]`, at least 0.
    pub activations: Tensor,
    /// Θ's pooling of H, and its weights over time.
    pub pooled: Pooled,
    /// Θ(H) before sigmoid or softmax, `[batch, n_classes]`.
    pub logits: Tensor,
}

/// Θ's pooling of H over time.
#[derive(Debug, Clone)]
pub struct Pooled {
    /// z, `[batch, n_components]`.
    pub pooled: Tensor,
    /// Weights over time that sum to 1, `[batch, n_frames]`; none with max pooling.
    pub attention: Option<Tensor>,
}
