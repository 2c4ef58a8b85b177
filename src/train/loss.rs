//! Losses on logits, in candle operations whose gradients are right (see the tests).

use candle_core::{Result, Tensor};

/// Mean over batch and classes of −t·log σ(l) − (1−t)·log(1−σ(l)), in the form that does not overflow.
///
/// # Errors
/// If shapes differ.
pub fn binary_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let softplus = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    ((logits.relu()? - (logits * targets)?)? + softplus)?.mean_all()
}

/// Mean over the batch of −Σ t·log softmax(l); rows of `targets` need not sum to 1.
///
/// # Errors
/// If shapes differ.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    let log_softmax = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?)?;
    (log_softmax * targets)?.sum(1)?.mean_all()?.neg()
}
