//! Training of APNet (Zinemanas et al. 2021): prototypes from which alone the labels can be told, that are near what was heard,
//! and that can be decoded into sound.

use std::collections::HashMap;

use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;

use super::beside::{Decider, Heard, Lesson, Terms};
use super::loss::{binary_cross_entropy, soft_cross_entropy};
use crate::Result;
use crate::model::apnet::{ApnetConfig, ApnetNet, BANDS, DECISION_BIAS, DECISION_WEIGHT, Likeness, PROTOTYPES};
use crate::model::manifest::{APNET_STEP, Activation};
use crate::model::tensors::Arrays;

/// What a prototype speaks for its class with at first. A similarity is between 0 and 1, and a logit is to reach some way beyond.
const FIRST_WEIGHT: f32 = 10.0;

/// What APNet learns. The weights are those of the paper's sum, L = α L_c + β L_p + γ L_r.
#[derive(Debug, Clone, PartialEq)]
pub struct ApnetLesson {
    /// Shape of the network.
    pub net: ApnetConfig,
    /// The classifier's last step, which is this network's too.
    pub activation: Activation,
    /// Weight of the labels, α: of the cross-entropy, summed over classes.
    pub labels: f32,
    /// Weight of the prototypes, β.
    pub prototypes: f32,
    /// Weight of the reconstruction, γ.
    pub reconstruction: f32,
}

/// The terms of the loss, scalars without their weights.
pub struct ApnetLosses {
    /// What is minimised.
    pub total: Tensor,
    /// L_c: the cross-entropy against the labels.
    pub labels: Tensor,
    /// L_p: the mean distance of a sound to its nearest prototype, plus that of a prototype to its nearest sound.
    pub prototypes: Tensor,
    /// L_r: the mean squared error of the rebuilt input.
    pub reconstruction: Tensor,
}

/// The loss of a batch: what the comparison found, the decision's logits, the rebuilt and the true input
/// `[batch, n_frames, n_mels]` (the rebuilt one may be longer), and the labels `[batch, n_classes]`.
///
/// # Errors
/// If shapes do not fit.
pub fn losses(
    how: &ApnetLesson,
    likeness: &Likeness,
    logits: &Tensor,
    rebuilt: &Tensor,
    features: &Tensor,
    targets: &Tensor,
) -> Result<ApnetLosses> {
    let labels = match how.activation {
        Activation::Sigmoid => (binary_cross_entropy(logits, targets)? * logits.dim(1)? as f64)?,
        Activation::Softmax => soft_cross_entropy(logits, targets)?,
    };
    let nearest = likeness.distances.min(1)?;
    let prototypes = (nearest.min(1)?.mean_all()? + nearest.min(0)?.mean_all()?)?;
    let rebuilt = rebuilt.narrow(1, 0, features.dim(1)?)?;
    let reconstruction = (rebuilt - features)?.sqr()?.mean_all()?;
    let weighted = |term: &Tensor, weight: f32| term * f64::from(weight);
    let total = ((weighted(&labels, how.labels)? + weighted(&prototypes, how.prototypes)?)?
        + weighted(&reconstruction, how.reconstruction)?)?;
    Ok(ApnetLosses { total, labels, prototypes, reconstruction })
}

impl Lesson for ApnetLesson {
    fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        self.net.arrays()
    }

    fn loss(&self, heard: &Heard, tensors: &HashMap<String, Tensor>, _: &mut ChaCha8Rng) -> Result<Terms> {
        let net = ApnetNet::from_tensors(&self.net, tensors)?;
        let map = net.encode(&heard.features)?;
        let likeness = net.compare(&map)?;
        let logits = net.decide(&likeness)?;
        let parts = losses(self, &likeness, &logits, &net.decode(&map)?, &heard.features, &heard.targets)?;
        Ok(Terms {
            total: parts.total,
            parts: vec![
                ("labels", parts.labels),
                ("prototypes", parts.prototypes),
                ("reconstruction", parts.reconstruction),
            ],
        })
    }

    fn deciding(&self) -> &'static str {
        DECISION_WEIGHT
    }

    fn examples_of_each(&self) -> usize {
        self.net.n_prototypes.div_ceil(self.net.n_classes.max(1))
    }

    /// Every prototype begins as the loudest part of an example of its class, speaks for that class alone, and counts evenly in
    /// all bands. The paper begins with the centres of a clustering, and as many of each class.
    fn begin(&self, arrays: &mut Arrays, examples: &[(usize, Tensor)]) -> Result<()> {
        if examples.is_empty() {
            return Ok(());
        }
        let net = ApnetNet::load(&self.net, arrays)?;
        let encoded = |(_, features): &(usize, Tensor)| net.encode(&features.unsqueeze(0)?);
        let maps = examples.iter().map(encoded).collect::<Result<Vec<_>>>()?;
        let (m, bands, n_classes) = (self.net.n_prototypes, self.net.bands(), self.net.n_classes);
        let (mut prototypes, mut decision) = (Vec::new(), vec![0.0; n_classes * m]);
        for (prototype, ((class, features), map)) in examples.iter().zip(&maps).cycle().take(m).enumerate() {
            prototypes.extend(loudest(&self.net, features, map)?);
            decision[class * m + prototype] = FIRST_WEIGHT;
        }
        arrays.insert(PROTOTYPES, vec![m, self.net.channels, self.net.steps(), bands], prototypes);
        arrays.insert(BANDS, vec![m, bands], vec![1.0 / bands as f32; m * bands]);
        arrays.insert(DECISION_WEIGHT, vec![n_classes, m], decision);
        // Sounds of one class are rare: what sounds in general make likely is taken back, so that learning need not begin with it.
        let net = ApnetNet::load(&self.net, arrays)?;
        let mut mean = vec![0.0; n_classes];
        for map in &maps {
            let logits = net.decide(&net.compare(map)?)?.flatten_all()?.to_vec1::<f32>()?;
            mean.iter_mut().zip(logits).for_each(|(sum, logit)| *sum += logit / examples.len() as f32);
        }
        let rare = -(n_classes as f32 - 1.0).max(1.0).ln();
        arrays.insert(DECISION_BIAS, vec![n_classes], mean.iter().map(|logit| rare - logit).collect());
        Ok(())
    }

    fn decider(&self, arrays: &Arrays) -> Result<Decider> {
        let net = ApnetNet::load(&self.net, arrays)?;
        Ok(Box::new(move |features, _| net.decide(&net.compare(&net.encode(features)?)?)))
    }
}

/// The part of a sound's map that is as long as a prototype and has the loudest input, `[channels, steps, bands]`.
fn loudest(net: &ApnetConfig, features: &Tensor, map: &Tensor) -> Result<Vec<f32>> {
    let (steps, n_steps) = (net.steps(), map.dim(1)?);
    let levels: Vec<f32> = features.sum(1)?.to_vec1()?;
    let level = |place: usize| -> f32 { levels.iter().skip(place * APNET_STEP).take(net.frames).sum() };
    let places = 0..(n_steps + 1).saturating_sub(steps).max(1);
    let best = places.max_by(|a, b| level(*a).total_cmp(&level(*b))).unwrap_or(0);
    Ok(map.narrow(1, best, steps)?.squeeze(0)?.permute((2, 0, 1))?.contiguous()?.flatten_all()?.to_vec1()?)
}
