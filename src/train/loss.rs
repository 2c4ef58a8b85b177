//! Losses on logits, in candle operations whose gradients are right (see the tests).

use candle_core::{Device, Result, Tensor};

use crate::model::classifier::probabilities;
use crate::model::manifest::Activation;

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

/// What an interpreter that repeats a decision pays for its own logits `[batch, n_classes]`: the cross-entropy against the
/// classifier's probabilities (from `decided`, its logits), summed over classes, mean over the batch (Eq. 1 and 2 of the extended
/// L2I paper). The classifier's answer is a constant.
///
/// # Errors
/// If shapes differ.
pub fn fidelity(logits: &Tensor, decided: &Tensor, activation: Activation) -> Result<Tensor> {
    let (batch, n_classes) = decided.dims2()?;
    let rows = decided.to_vec2::<f32>()?;
    let targets: Vec<f32> = rows.iter().flat_map(|row| probabilities(row, activation)).collect();
    let targets = Tensor::from_vec(targets, (batch, n_classes), &Device::Cpu)?;
    match activation {
        Activation::Sigmoid => binary_cross_entropy(logits, &targets)? * n_classes as f64,
        Activation::Softmax => soft_cross_entropy(logits, &targets),
    }
}
