//! Post-hoc training of FLINT (Parekh, Mozharovskyi and d'Alché-Buc 2021): attributes that are enough to repeat the classifier's
//! decision and to rebuild its input, of which a sound has few and the data set many.

use std::collections::HashMap;

use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;

use super::beside::{Decider, Heard, Lesson, Terms};
use super::loss::fidelity;
use crate::Result;
use crate::model::flint::{DECISION_WEIGHT, FlintConfig, FlintForward, FlintNet};
use crate::model::manifest::Activation;
use crate::model::tensors::Arrays;

/// Added to the sum of a segment's attributes before they become shares, and to shares before their logarithm.
const TINY: f64 = 1e-7;

/// What FLINT's networks learn. The weights are those of the paper's sum, L = β L_of + γ L_if + δ L_cd, with the sparsity inside
/// L_cd for itself; its loss on labels is for training by design.
#[derive(Debug, Clone, PartialEq)]
pub struct FlintLesson {
    /// Shape of the networks.
    pub net: FlintConfig,
    /// The classifier's last step.
    pub activation: Activation,
    /// Weight of the output fidelity, on the sum over classes.
    pub fidelity: f32,
    /// Weight of the input fidelity, on the mean squared error.
    pub reconstruction: f32,
    /// Weight of conciseness and diversity.
    pub diversity: f32,
    /// Weight of the mean attribute.
    pub sparsity: f32,
}

/// The terms of the loss, scalars without their weights.
pub struct FlintLosses {
    /// What is minimised.
    pub total: Tensor,
    /// L_of: the cross-entropy of h against the classifier.
    pub fidelity: Tensor,
    /// L_if: mean of (x − d(Φ(x)))².
    pub reconstruction: Tensor,
    /// L_cd without its sparsity: the mean over the batch of the entropy of a segment's attributes (conciseness), less the entropy
    /// of their mean over the batch (diversity). Never above 0, because entropy is concave.
    pub diversity: Tensor,
    /// Mean attribute.
    pub sparsity: Tensor,
}

/// The loss of a batch: what the networks made of it, the rebuilt and the true input, `[batch, n_frames, n_mels]`, and the
/// classifier's logits.
///
/// # Errors
/// If shapes do not fit.
pub fn losses(
    how: &FlintLesson,
    forward: &FlintForward,
    rebuilt: &Tensor,
    features: &Tensor,
    logits: &Tensor,
) -> Result<FlintLosses> {
    let fidelity = fidelity(&forward.logits, logits, how.activation)?;
    let reconstruction = (rebuilt - features)?.sqr()?.mean_all()?;
    let a = &forward.attributes;
    let diversity = (entropies(a)?.mean_all()? - entropies(&a.mean_keepdim(0)?)?.mean_all()?)?;
    let sparsity = a.mean_all()?;
    let weighted = |term: &Tensor, weight: f32| term * f64::from(weight);
    let total = (((weighted(&fidelity, how.fidelity)? + weighted(&reconstruction, how.reconstruction)?)?
        + weighted(&diversity, how.diversity)?)?
        + weighted(&sparsity, how.sparsity)?)?;
    Ok(FlintLosses { total, fidelity, reconstruction, diversity, sparsity })
}

/// Entropy in nats of each row of attributes `[rows, n_attributes]`, taken as shares of their sum.
fn entropies(attributes: &Tensor) -> Result<Tensor> {
    let shares = attributes.broadcast_div(&(attributes.sum_keepdim(1)? + TINY)?)?;
    Ok((&shares * (&shares + TINY)?.log()?)?.sum(1)?.neg()?)
}

impl Lesson for FlintLesson {
    fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        self.net.arrays()
    }

    fn loss(&self, heard: &Heard, tensors: &HashMap<String, Tensor>, _: &mut ChaCha8Rng) -> Result<Terms> {
        let net = FlintNet::from_tensors(&self.net, tensors)?;
        let forward = net.forward(&heard.taps)?;
        let rebuilt = net.rebuild(&forward.maps)?;
        let parts = losses(self, &forward, &rebuilt, &heard.features, &heard.logits)?;
        Ok(Terms {
            total: parts.total,
            parts: vec![
                ("fidelity", parts.fidelity),
                ("reconstruction", parts.reconstruction),
                ("diversity", parts.diversity),
                ("mean attribute", parts.sparsity),
            ],
        })
    }

    fn deciding(&self) -> &'static str {
        DECISION_WEIGHT
    }

    fn decider(&self, arrays: &Arrays) -> Result<Decider> {
        let net = FlintNet::load(&self.net, arrays)?;
        Ok(Box::new(move |_, taps| Ok(net.forward(taps)?.logits)))
    }
}
