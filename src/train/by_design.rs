//! By-design training of Listen to Interpret: the classifier's layers and the interpreter learn together, and the
//! interpreter decides (extended L2I paper, section III-C).
//!
//! What is minimised is `prediction · L_f + fidelity · L_FID + reconstruction · L_NMF + sparsity · mean |H|`, and the last
//! three flow through the hidden layers into the classifier. In L_FID the classifier's answer is a constant: it would else be
//! drawn to answers that are easy to repeat.

use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::adam::{Adam, AdamParams, one_cycle};
use super::checkpoint::Checkpoint;
use super::classifier::{Clips, example_rng};
use super::l2i::{
    Batch, L2iEpoch, L2iProgress, L2iTraining, Learner, decisions, dropout, dropout_mask, from_arrays, initial, losses,
    make_batch, scalar, to_arrays,
};
use super::loss;
use crate::model::l2i::L2iNet;
use crate::model::manifest::Activation;
use crate::model::tensors::Arrays;
use crate::model::vgg::{Param, Reach, TrainableVgg, Vgg, VggConfig};
use crate::{Error, Result};

/// Where the labels teach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PredictionOn {
    /// On the classifier's answer f(x); the interpreter repeats that answer (the paper's choice).
    Classifier,
    /// On the interpreter's answer g(x) alone, without fidelity (the paper's variant NoPred). The classifier's dense layer
    /// still learns from the labels, so that it has an answer, but nothing of that reaches the layers below.
    Interpreter,
}

/// How to train classifier and interpreter together.
#[derive(Debug, Clone, PartialEq)]
pub struct ByDesignTraining {
    /// The interpreter, its losses, the data and the schedule.
    pub l2i: L2iTraining,
    /// Shape of the classifier.
    pub net: VggConfig,
    /// Where the labels teach.
    pub prediction_on: PredictionOn,
    /// Weight of the loss on the labels, on the sum over classes.
    pub prediction: f32,
    /// Targets of absent and present classes, as in (0.01, 0.96).
    pub smoothing: (f32, f32),
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Share of the classifier's pooled features that are dropped.
    pub dropout: f32,
}

/// What training gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Joint {
    /// The classifier, by PyTorch's names.
    pub classifier: Arrays,
    /// Ψ and Θ.
    pub interpreter: Arrays,
}

/// Classifier, Ψ and Θ while they learn.
struct Learners {
    classifier: TrainableVgg,
    interpreter: Vec<Param>,
}

impl Learners {
    /// The arrays of both; their names differ.
    fn joint(&self, how: &ByDesignTraining) -> Joint {
        Joint { classifier: self.classifier.arrays(), interpreter: to_arrays(&how.l2i.net, &self.interpreter) }
    }
}

/// Trains the classifier (from the weights `start` or from random ones), Ψ and Θ (from random ones) on the dictionary
/// `[n_bins, n_components]`; see [`super::classifier::train`] for checkpoints and progress.
///
/// # Errors
/// If settings are impossible, clips are missing, or the checkpoint cannot be used.
#[allow(clippy::too_many_arguments)]
pub fn train(
    how: &ByDesignTraining,
    dictionary: &[f32],
    start: Option<&Arrays>,
    clips: &Clips,
    noise: &[Vec<f32>],
    validation: &Clips,
    checkpoint: Option<&PathBuf>,
    progress: &mut dyn FnMut(L2iProgress) -> bool,
) -> Result<Joint> {
    let l2i = &how.l2i;
    if clips.samples.is_empty() || l2i.batch == 0 || l2i.epochs == 0 {
        return Err(Error::usage("training needs at least one clip, one epoch and a batch of at least one"));
    }
    let mut settings = format!("{how:?} on {} clips and {} noises", clips.samples.len(), noise.len());
    if start.is_some() {
        settings += ", begun with other weights";
    }
    let adam = Adam::new(AdamParams { weight_decay: how.weight_decay, ..AdamParams::default() });
    let resumed = match checkpoint {
        Some(path) => Checkpoint::load(path, &settings, adam.clone())?,
        None => None,
    };
    let (mut learners, mut adam, first) = match resumed {
        Some(c) => (
            Learners {
                classifier: TrainableVgg::load(&how.net, &c.arrays)?,
                interpreter: from_arrays(&l2i.net, &c.arrays)?,
            },
            c.adam,
            c.epoch,
        ),
        None => (fresh(how, start)?, adam, 0),
    };
    let (n_bins, k) = (l2i.front_end.stft.n_bins(), l2i.net.n_components);
    let w_t = Tensor::from_slice(dictionary, (n_bins, k), &Device::Cpu)?.t()?.contiguous()?;
    let n_batches = clips.samples.len().div_ceil(l2i.batch);
    for epoch in first..l2i.epochs {
        let began = Instant::now();
        let mut order: Vec<usize> = (0..clips.samples.len()).collect();
        order.shuffle(&mut example_rng(l2i.seed, epoch, usize::MAX));
        let mut totals = [0.0_f64; 4];
        for (i, indices) in order.chunks(l2i.batch).enumerate() {
            let batch = make_batch(l2i, clips, noise, epoch, indices)?;
            let rng = &mut example_rng(l2i.seed, epoch, usize::MAX - 1 - i);
            let parts = step(how, &w_t, &batch, &mut learners, rng)?;
            let done = (epoch * n_batches + i) as f32 / (l2i.epochs * n_batches) as f32;
            let mut params = learners.classifier.params();
            params.extend(&mut learners.interpreter);
            adam.step(one_cycle(l2i.learning_rate, done), &mut params);
            totals.iter_mut().zip(parts).for_each(|(t, p)| *t += p * indices.len() as f64 / clips.samples.len() as f64);
            if !progress(L2iProgress::Batch(i + 1, n_batches)) {
                return Err(Error::usage("training was interrupted; the same command with --resume goes on"));
            }
        }
        let secs = began.elapsed().as_secs_f64();
        let [loss, reconstruction, fidelity_loss, prediction_loss] = totals;
        if !loss.is_finite() {
            return Err(Error::usage(format!(
                "the loss became infinite in epoch {}; try a smaller learning rate",
                epoch + 1
            )));
        }
        let Joint { classifier, interpreter } = learners.joint(how);
        let listening = Vgg::load(&how.net, &classifier)?;
        let decisions = decisions(l2i, &listening, &L2iNet::load(&l2i.net, &interpreter)?, validation)?;
        if let Some(path) = checkpoint {
            let mut arrays = classifier;
            arrays.0.extend(interpreter.0);
            Checkpoint { epoch: epoch + 1, settings: settings.clone(), arrays, adam: adam.clone() }.save(path)?;
        }
        let report =
            L2iEpoch { epoch: epoch + 1, loss, reconstruction, fidelity_loss, prediction_loss, decisions, secs };
        progress(L2iProgress::Epoch(report));
    }
    Ok(learners.joint(how))
}

fn fresh(how: &ByDesignTraining, start: Option<&Arrays>) -> Result<Learners> {
    let mut rng = ChaCha8Rng::seed_from_u64(how.l2i.seed);
    let classifier = match start {
        Some(weights) => TrainableVgg::load(&how.net, weights)?,
        None => TrainableVgg::new(&how.net, &mut rng)?,
    };
    Ok(Learners { classifier, interpreter: initial(&how.l2i.net, &mut rng) })
}

/// Computes the loss and fills all gradients. Returns loss, reconstruction, fidelity and loss on the labels.
fn step(
    how: &ByDesignTraining,
    w_t: &Tensor,
    batch: &Batch,
    learners: &mut Learners,
    rng: &mut ChaCha8Rng,
) -> Result<[f64; 4]> {
    let l2i = &how.l2i;
    let n = batch.features.dim(0)?;
    let features: Vec<f32> = batch.features.flatten_all()?.to_vec1()?;
    let reach = match how.prediction_on {
        PredictionOn::Classifier => Reach::All,
        PredictionOn::Interpreter => Reach::DenseLayer,
    };
    let mask = pooled_mask(how, n, rng)?;
    let pass = learners.classifier.forward_with_taps(&features, n, mask, reach)?;
    let taps: Vec<Tensor> = pass.taps.iter().map(|tap| tap.as_tensor().clone()).collect();
    let learner = Learner::new(l2i, &learners.interpreter)?;
    let forward = learner.net.forward(&taps, dropout(l2i, n, rng)?.as_ref())?;
    let (absent, present) = how.smoothing;
    let targets = batch.targets.iter().map(|t| absent + t * (present - absent)).collect();
    let targets = Tensor::from_vec(targets, (n, l2i.net.n_classes), &Device::Cpu)?;
    let on_labels = |logits: &Tensor| -> Result<Tensor> {
        Ok(match l2i.activation {
            Activation::Sigmoid => (loss::binary_cross_entropy(logits, &targets)? * l2i.net.n_classes as f64)?,
            Activation::Softmax => loss::soft_cross_entropy(logits, &targets)?,
        })
    };
    let of_classifier = on_labels(&pass.logits)?;
    let (prediction, beside, fidelity) = match how.prediction_on {
        PredictionOn::Classifier => (of_classifier, None, l2i.fidelity),
        PredictionOn::Interpreter => (on_labels(&forward.logits)?, Some(of_classifier), 0.0),
    };
    let parts = losses(&L2iTraining { fidelity, ..l2i.clone() }, &forward, &pass.logits, w_t, &batch.log_magnitude)?;
    let mut total = (&parts.total + learner.theta_penalty(l2i)?)?;
    for term in beside.iter().chain([&prediction]) {
        total = (total + (term * f64::from(how.prediction))?)?;
    }
    let store = total.backward()?;
    learners.classifier.backward_from(&pass, &store)?;
    learner.fill(&mut learners.interpreter, &store)?;
    Ok([scalar(&total)?, scalar(&parts.reconstruction)?, scalar(&parts.fidelity)?, scalar(&prediction)?])
}

/// 0 with probability `dropout`, else 1/(1 − dropout), for the classifier's pooled features.
fn pooled_mask(how: &ByDesignTraining, batch: usize, rng: &mut ChaCha8Rng) -> Result<Option<Tensor>> {
    if how.dropout <= 0.0 {
        return Ok(None);
    }
    Ok(Some(dropout_mask(how.dropout, &[batch, how.net.embedding()], rng)?))
}

#[cfg(test)]
#[path = "by_design_tests.rs"]
mod tests;
