//! Batch norm folded into the convolution before it, for networks that listen and do not learn.

use super::tensors::Arrays;
use crate::Result;

/// A convolution with its batch norm folded: weights in PyTorch's layout, and one bias an output channel.
pub(crate) struct Folded {
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// Folds `NAME.0` (a convolution with weights of `shape`, `[c_out, …]`) and `NAME.1` (batch norm) into one:
/// w·γ/√(σ²+ε), (b−μ)·γ/√(σ²+ε)+β.
///
/// # Errors
/// A model error that names the array which is missing or does not fit.
pub(crate) fn fold(arrays: &Arrays, name: &str, shape: &[usize], eps: f32) -> Result<Folded> {
    let c_out = shape.first().copied().unwrap_or(0);
    let mut weights = arrays.get(&format!("{name}.0.weight"), shape)?.to_vec();
    let conv_bias = arrays.get_optional(&format!("{name}.0.bias"), &[c_out])?;
    let norm = |what: &str| arrays.get(&format!("{name}.1.{what}"), &[c_out]);
    let (gamma, beta, mean, var) = (norm("weight")?, norm("bias")?, norm("running_mean")?, norm("running_var")?);
    let per_channel = weights.len() / c_out.max(1);
    let mut bias = Vec::with_capacity(c_out);
    for o in 0..c_out {
        let scale = gamma[o] / (var[o] + eps).sqrt();
        weights[o * per_channel..][..per_channel].iter_mut().for_each(|w| *w *= scale);
        bias.push((conv_bias.map_or(0.0, |b| b[o]) - mean[o]) * scale + beta[o]);
    }
    Ok(Folded { weights, bias })
}
