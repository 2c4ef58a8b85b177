//! Training of VIBI (Bang et al. 2021): chunks that are enough to repeat the classifier's decision, chosen as evenly as that
//! allows.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::beside::{Decider, Heard, Lesson, Terms};
use super::loss::fidelity;
use crate::Result;
use crate::model::manifest::Activation;
use crate::model::tensors::Arrays;
use crate::model::vibi::{DECISION_WEIGHT, VibiConfig, VibiNet};

/// What VIBI's networks learn.
#[derive(Debug, Clone, PartialEq)]
pub struct VibiLesson {
    /// Shape of the networks.
    pub net: VibiConfig,
    /// The classifier's last step.
    pub activation: Activation,
    /// Weight of the bottleneck, β: of the chosen chunks' divergence from an even choice.
    pub bottleneck: f32,
    /// Temperature of the relaxed choice, above 0.
    pub temperature: f32,
}

/// The relaxed choice of `k` chunks by logits `[batch, n_chunks]`: for each chunk the maximum over k draws of the softmax of
/// (log p + Gumbel noise) / temperature. `noise` is `[batch, k, n_chunks]`; gives `[batch, n_chunks]`, each 0…1.
///
/// # Errors
/// If shapes do not fit.
pub fn relaxed_choice(logits: &Tensor, noise: &Tensor, temperature: f32) -> Result<Tensor> {
    let scores = (noise.broadcast_add(&logits.unsqueeze(1)?)? / f64::from(temperature))?;
    let exp = scores.broadcast_sub(&scores.max_keepdim(2)?.detach())?.exp()?;
    let draws = exp.broadcast_div(&exp.sum_keepdim(2)?)?;
    Ok(draws.max(1)?)
}

/// What the choice of one chunk by logits `[batch, n_chunks]` says beyond an even one: KL(p ‖ 1/n) in nats, mean over the batch.
///
/// # Errors
/// If the shape does not fit.
pub fn divergence(logits: &Tensor) -> Result<Tensor> {
    let n_chunks = logits.dim(1)? as f64;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    let log_p = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?)?;
    Ok(((log_p.exp()? * log_p)?.sum(1)? + n_chunks.ln())?.mean_all()?)
}

impl Lesson for VibiLesson {
    fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        self.net.arrays()
    }

    fn loss(&self, heard: &Heard, tensors: &HashMap<String, Tensor>, rng: &mut ChaCha8Rng) -> Result<Terms> {
        let net = VibiNet::from_tensors(&self.net, tensors)?;
        let choice = net.explain(&heard.features)?;
        let (batch, n_chunks) = choice.dims2()?;
        let k = self.net.n_chosen(n_chunks);
        let noise = Tensor::from_vec(gumbel(batch * k * n_chunks, rng), (batch, k, n_chunks), &Device::Cpu)?;
        let kept = relaxed_choice(&choice, &noise, self.temperature)?;
        let fidelity = fidelity(&net.approximate(&heard.features, &kept)?, &heard.logits, self.activation)?;
        let divergence = (divergence(&choice)? * k as f64)?;
        let total = (&fidelity + (&divergence * f64::from(self.bottleneck))?)?;
        Ok(Terms { total, parts: vec![("fidelity", fidelity), ("bottleneck", divergence)] })
    }

    fn deciding(&self) -> &'static str {
        DECISION_WEIGHT
    }

    /// From the likeliest chunks, each whole.
    fn decider(&self, arrays: &Arrays) -> Result<Decider> {
        let net = VibiNet::load(&self.net, arrays)?;
        Ok(Box::new(move |features, _| {
            let choice = net.explain(features)?;
            net.approximate(features, &net.likeliest(&choice)?)
        }))
    }
}

/// Gumbel noise: −ln(−ln u), u uniform above 0 and below 1.
fn gumbel(n: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let one = || {
        let u = f64::from(rng.random::<f32>()).clamp(1e-9, 1.0 - 1e-9);
        -(-u.ln()).ln() as f32
    };
    std::iter::repeat_with(one).take(n).collect()
}
