//! Remove and retrain (ROAR; Hooker et al., 2019; section 3.4 of the L-MAC paper): the most relevant share of every clip's
//! input is taken out, a fresh classifier learns from what is left, and is tested on clips from which as much was taken. If
//! the explanations pointed at what tells the classes apart, the new classifier is worse than one that learnt from clips with
//! random holes.
//!
//! What is taken out becomes its band's mean over the training clips: a value that says nothing. The classifier learns from
//! the input as it then is, turned around in time and with masks of time and frequency; sounds cannot be mixed any more.

use std::path::Path;

use candle_core::{Device, Tensor};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::adam::{Adam, AdamParams, one_cycle};
use super::augment::AugmentParams;
use super::checkpoint::Checkpoint;
use super::classifier::example_rng;
use super::loss;
use crate::eval::metrics;
use crate::eval::probe::order::most_relevant_first;
use crate::model::manifest::Activation;
use crate::model::vgg::{TrainableVgg, Vgg, VggConfig};
use crate::{Error, ErrorKind, Result};

/// How to retrain.
#[derive(Debug, Clone, PartialEq)]
pub struct Retraining {
    /// Shape of the network.
    pub net: VggConfig,
    /// Sigmoid (multi-label) or softmax (multi-class).
    pub activation: Activation,
    /// Passes over the data.
    pub epochs: usize,
    /// Clips in a batch.
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
}

impl Retraining {
    /// The settings of `train classifier` for a net.
    #[must_use]
    pub fn new(net: VggConfig, activation: Activation, epochs: usize, seed: u64) -> Self {
        Self { net, activation, epochs, batch: 16, learning_rate: 4e-3, weight_decay: 1e-3, seed }
    }
}

/// Targets of absent and present classes.
const SMOOTHING: (f32, f32) = (0.01, 0.96);

/// Inputs of the classifier with their classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// `[n_frames, n_mels]` each, all of one size.
    pub features: Vec<Vec<f32>>,
    /// Classes of each.
    pub targets: Vec<Vec<usize>>,
}

/// Mean of each band over all frames of all inputs, `[n_mels]`; 0 of nothing.
#[must_use]
pub fn band_means(inputs: &[Vec<f32>], n_mels: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; n_mels];
    let mut n = 0_usize;
    for frame in inputs.iter().flat_map(|input| input.chunks_exact(n_mels.max(1))) {
        sums.iter_mut().zip(frame).for_each(|(sum, v)| *sum += f64::from(*v));
        n += 1;
    }
    sums.iter().map(|sum| (sum / n.max(1) as f64) as f32).collect()
}

/// Replaces the most relevant `share` (0…1) of the `item`-th input, `[n_frames, n_mels]`, by `means` (`[n_mels]`). Equal
/// relevance is taken in a random order, which `seed` and `item` decide.
pub fn remove(input: &mut [f32], relevance: &[f32], share: f64, means: &[f32], seed: u64, item: usize) {
    let n = (share.clamp(0.0, 1.0) * input.len() as f64).round() as usize;
    for i in most_relevant_first(relevance, seed, item).into_iter().take(n) {
        if let (Some(value), Some(mean)) = (input.get_mut(i), means.get(i % means.len().max(1))) {
            *value = *mean;
        }
    }
}

/// Trains a fresh network on `train` and gives its accuracy on `test`: the share of the inputs with a class whose top class is
/// one of theirs, `None` without such. With a `checkpoint` path the training goes on where an earlier one of the same `what` and
/// settings stopped; one of another is left behind. `progress` is told epochs done and their number, and returns whether to
/// go on.
///
/// # Errors
/// No inputs or settings that are impossible; a checkpoint that cannot be used; an interrupt.
pub fn retrain(
    how: &Retraining,
    what: &str,
    train: &Inputs,
    test: &Inputs,
    checkpoint: Option<&Path>,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<f64>> {
    if train.features.is_empty() || how.batch == 0 || how.epochs == 0 {
        return Err(Error::usage("retraining needs at least one clip, one epoch and a batch of at least one"));
    }
    let settings = format!("{what}: {how:?} on {} inputs", train.features.len());
    let mut adam = Adam::new(AdamParams { weight_decay: how.weight_decay, ..AdamParams::default() });
    let resumed = match checkpoint {
        // Of another training: it was stopped for good.
        Some(path) => match Checkpoint::load(path, &settings, adam.clone()) {
            Err(e) if e.kind() == ErrorKind::Usage => None,
            loaded => loaded?,
        },
        None => None,
    };
    let mut first = 0;
    let mut net = match resumed {
        Some(saved) => {
            (first, adam) = (saved.epoch, saved.adam);
            TrainableVgg::load(&how.net, &saved.arrays)?
        }
        None => TrainableVgg::new(&how.net, &mut ChaCha8Rng::seed_from_u64(how.seed))?,
    };
    let n_batches = train.features.len().div_ceil(how.batch);
    // What silence looks like, as far as these inputs show it.
    let silence = train.features.iter().flatten().copied().fold(f32::INFINITY, f32::min);
    for epoch in first..how.epochs {
        let mut order: Vec<usize> = (0..train.features.len()).collect();
        order.shuffle(&mut example_rng(how.seed, epoch, usize::MAX));
        for (i, indices) in order.chunks(how.batch).enumerate() {
            // Asked before each batch: an epoch may take a minute.
            if !progress(epoch, how.epochs) {
                return Err(Error::usage("retraining was interrupted; the same command goes on"));
            }
            let (segments, targets) = make_batch(how, train, silence, epoch, indices)?;
            let pass = net.forward(&segments, indices.len(), None)?;
            let loss = match how.activation {
                Activation::Sigmoid => loss::binary_cross_entropy(&pass.logits, &targets)?,
                Activation::Softmax => loss::soft_cross_entropy(&pass.logits, &targets)?,
            };
            net.backward(&pass, &loss)?;
            let now = (epoch * n_batches + i) as f32 / (how.epochs * n_batches) as f32;
            adam.step(one_cycle(how.learning_rate, now), &mut net.params());
        }
        if let Some(path) = checkpoint {
            let (settings, arrays) = (settings.clone(), net.arrays());
            Checkpoint { epoch: epoch + 1, settings, arrays, adam: adam.clone() }.save(path)?;
        }
    }
    progress(how.epochs, how.epochs);
    let arrays = net.arrays();
    accuracy(how, &Vgg::load(&how.net, &arrays)?, test)
}

/// Segments `[batch, n_frames, n_mels]` and targets `[batch, n_classes]`.
fn make_batch(
    how: &Retraining,
    train: &Inputs,
    silence: f32,
    epoch: usize,
    indices: &[usize],
) -> Result<(Vec<f32>, Tensor)> {
    let (n_mels, n_classes) = (how.net.n_mels, how.net.n_classes);
    let augment = AugmentParams::default();
    let example = |&index: &usize| {
        let mut rng = example_rng(how.seed, epoch, index);
        let mut features = train.features[index].clone();
        let n_frames = features.len() / n_mels;
        features.rotate_left(n_mels * rng.random_range(0..n_frames.max(1)));
        augment.mask_features(&mut rng, &mut features, n_mels, silence);
        features
    };
    let segments: Vec<Vec<f32>> = indices.par_iter().map(example).collect();
    let (absent, present) = SMOOTHING;
    let mut targets = vec![absent; indices.len() * n_classes];
    for (row, index) in targets.chunks_exact_mut(n_classes).zip(indices) {
        for class in train.targets[*index].iter().filter(|class| **class < n_classes) {
            row[*class] = present;
        }
    }
    Ok((segments.concat(), Tensor::from_vec(targets, (indices.len(), n_classes), &Device::Cpu)?))
}

fn accuracy(how: &Retraining, net: &Vgg, test: &Inputs) -> Result<Option<f64>> {
    let n_mels = how.net.n_mels;
    let logits = |features: &Vec<f32>| -> Result<Vec<f32>> {
        let x = Tensor::from_slice(features, (1, features.len() / n_mels, n_mels), &Device::Cpu)?;
        Ok(net.forward(&x)?.logits.flatten_all()?.to_vec1::<f32>()?)
    };
    let scores = test.features.iter().map(logits).collect::<Result<Vec<_>>>()?.concat();
    Ok(metrics::accuracy(&scores, how.net.n_classes, &test.targets))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_most_relevant_become_their_bands_mean() {
        let inputs = vec![vec![1.0, 10.0, 3.0, 30.0], vec![5.0, 50.0, 7.0, 70.0]];
        let means = band_means(&inputs, 2);
        assert_eq!(means, [4.0, 40.0]);
        assert_eq!(band_means(&[], 2), [0.0, 0.0]);
        let relevance = [0.1, 0.9, f32::NAN, 0.5];
        let removed = |share: f64| {
            let mut input = inputs[0].clone();
            remove(&mut input, &relevance, share, &means, 1, 0);
            input
        };
        assert_eq!(removed(0.0), inputs[0]);
        assert_eq!(removed(0.5), [1.0, 40.0, 3.0, 40.0]);
        assert_eq!(removed(0.75), [4.0, 40.0, 3.0, 40.0]);
        assert_eq!(removed(1.0), [4.0, 40.0, 4.0, 40.0]);
    }

    /// Three classes that are three bands; the rest is noise.
    fn bands(n: usize, seed: u64) -> Inputs {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut inputs = Inputs::default();
        for i in 0..n {
            let mut features: Vec<f32> = (0..16 * 8).map(|_| rng.random_range(-0.3..0.3)).collect();
            features.iter_mut().skip(2 * (i % 3) + 1).step_by(8).for_each(|v| *v += 1.5);
            inputs.features.push(features);
            inputs.targets.push(vec![i % 3]);
        }
        inputs
    }

    fn how() -> Retraining {
        let net = VggConfig { n_mels: 8, input_pool: 1, widths: vec![4, 6, 8], time_pools: vec![2, 2], n_classes: 3 };
        Retraining { batch: 8, learning_rate: 2e-2, ..Retraining::new(net, Activation::Sigmoid, 25, 3) }
    }

    /// What is left of [`bands`] where the bands of the classes are found relevant, or something else is.
    fn after_removal(inputs: &Inputs, right: bool) -> Inputs {
        let means = band_means(&bands(48, 1).features, 8);
        let mut left = inputs.clone();
        for (i, input) in left.features.iter_mut().enumerate() {
            let wanted = |band: usize| band % 2 == 1 && band < 6;
            let relevance: Vec<f32> =
                (0..input.len()).map(|k| if wanted(k % 8) == right { 1.0 } else { 0.0 }).collect();
            remove(input, &relevance, 3.0 / 8.0, &means, 1, i);
        }
        left
    }

    #[test]
    fn a_classifier_cannot_learn_what_was_removed() {
        let (train, test) = (bands(48, 1), bands(30, 2));
        let accuracy = |right: bool| {
            let (train, test) = (after_removal(&train, right), after_removal(&test, right));
            retrain(&how(), "", &train, &test, None, &mut |_, _| true).unwrap().unwrap()
        };
        let (right, wrong) = (accuracy(true), accuracy(false));
        assert!(right < 0.6 && wrong > 0.9, "{right} where the classes were found, {wrong} elsewhere");
    }

    #[test]
    fn an_interrupted_training_goes_on_to_the_same_end() {
        let (train, test) = (bands(24, 1), bands(12, 2));
        let how = Retraining { epochs: 4, ..how() };
        let dir = tempfile::tempdir().unwrap();
        let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
        let result = retrain(&how, "", &train, &test, Some(&whole), &mut |_, _| true).unwrap();
        let e = retrain(&how, "", &train, &test, Some(&parts), &mut |done, _| done < 2).unwrap_err();
        assert!(e.to_string().contains("goes on"), "{e}");
        let mut epochs = Vec::new();
        let resumed = retrain(&how, "", &train, &test, Some(&parts), &mut |done, _| {
            epochs.push(done);
            true
        });
        assert_eq!((resumed.unwrap(), epochs.first()), (result, Some(&2)));
        // Behind the header, whose words have no order.
        let weights = |path| {
            let bytes = std::fs::read(path).unwrap();
            let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            bytes[8 + header..].to_vec()
        };
        assert!(weights(whole) == weights(parts), "the weights too");
        let none = retrain(&how, "", &Inputs::default(), &test, None, &mut |_, _| true);
        assert_eq!(none.unwrap_err().kind(), crate::ErrorKind::Usage);
    }
}
