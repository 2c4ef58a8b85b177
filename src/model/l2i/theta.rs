//! Θ: activations to the decision (extended L2I paper, section III-D). Pooling over time, then one dense layer, so that
//! each component's part in a decision can be read off.

use candle_core::Tensor;

use super::L2iNet;
use super::passes::{Dropout, Pooled};
use crate::Result;
use crate::model::manifest::Pooling;
use crate::model::ops::matmul;

impl L2iNet {
    /// Gated attention (Ilse et al. 2018) or max pooling over time of H `[batch, n_frames, n_components]`.
    ///
    /// The gate is a sigmoid as in that paper; the authors' program has a ReLU there.
    pub(super) fn pool(&self, h: &Tensor, dropout: Option<&Dropout>) -> Result<Pooled> {
        if self.config.pooling == Pooling::Max {
            return Ok(Pooled { pooled: h.max(1)?, attention: None });
        }
        let (batch, frames, components) = h.dims3()?;
        let (for_v, for_u) = match dropout {
            Some(Dropout { attention: (v, u), .. }) => ((h * v)?, (h * u)?),
            None => (h.clone(), h.clone()),
        };
        let dense = |x: &Tensor, weight: &'static str, bias: &'static str| -> Result<Tensor> {
            Ok(matmul(x, self.tensor(weight)?)?.broadcast_add(self.tensor(bias)?)?)
        };
        let flat = |x: Tensor| x.reshape((batch * frames, components));
        let v = dense(&flat(for_v)?, "attention_V.0.weight", "attention_V.0.bias")?.tanh()?;
        let u = sigmoid(&dense(&flat(for_u)?, "attention_U.0.weight", "attention_U.0.bias")?)?;
        let scores =
            dense(&(v * u)?, "attention_weights.weight", "attention_weights.bias")?.reshape((batch, frames))?;
        let attention = softmax_rows(&scores)?;
        let pooled = attention.unsqueeze(1)?.matmul(h)?.squeeze(1)?;
        Ok(Pooled { pooled, attention: Some(attention) })
    }
}

fn sigmoid(x: &Tensor) -> candle_core::Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// Softmax over the last dimension, in operations that have a gradient.
fn softmax_rows(x: &Tensor) -> candle_core::Result<Tensor> {
    let exp = x.broadcast_sub(&x.max_keepdim(1)?.detach())?.exp()?;
    exp.broadcast_div(&exp.sum_keepdim(1)?)
}
