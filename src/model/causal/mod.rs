//! A classifier that hears a stream exactly: a causal MobileNet over log-mel frames.
//!
//! Inverted residual blocks (Sandler et al. 2018) without squeeze-and-excitation, whose mean over time no stream can know.
//! Every layer sees the past alone, so a layer's past is a small state and a chunk of new frames costs what a chunk costs.
//! After the blocks all bands of a frame are joined, and blocks over time alone follow. Each output frame has a probability
//! for each label, of the sound [`CausalConfig::lookahead`] output frames before: that is the delay by which the network
//! may hear on before it decides.

mod ear;
mod gradient;
mod linear;
mod network;
mod plain;
mod reversible;
mod segments;
mod spec;
mod trainable;
mod weights;

pub use ear::Ear;
pub use gradient::DifferentiableCausal;
pub use network::{CausalNet, Frames, StreamState};
pub use plain::PlainCausal;
pub use reversible::ReversibleCausal;
pub use segments::CausalClassifier;
pub use spec::{Block, CausalConfig};
pub use trainable::TrainableCausal;

use super::tensors::Arrays;

/// Added to the variance in batch norm.
pub const BATCH_NORM_EPS: f32 = 1e-3;

/// Puts a batch norm's arrays under PyTorch's names: weight, bias, running mean and running variance.
fn batch_arrays(arrays: &mut Arrays, layer: &str, channels: usize, values: [&Vec<f32>; 4]) {
    for (what, values) in ["weight", "bias", "running_mean", "running_var"].into_iter().zip(values) {
        arrays.insert(format!("{layer}.norm.{what}"), [channels], values.clone());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
