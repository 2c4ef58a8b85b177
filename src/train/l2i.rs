//! Post-hoc training of Listen to Interpret: Ψ and Θ learn to rebuild the input from the dictionary and to repeat the
//! classifier's decision, with the classifier frozen (extended L2I paper, Eq. 1–5).

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::adam::{Adam, AdamParams, one_cycle};
use super::augment::AugmentParams;
use super::checkpoint::Checkpoint;
use super::classifier::{Clips, example_rng};
use super::decisions::Decisions;
use super::loss::fidelity;
use super::params;
use crate::dsp::{FrontEnd, FrontEndParams, Spectrogram, StftParams, log1p_magnitude, stft};
use crate::model::classifier::Network;
use crate::model::l2i::{Dropout, L2iConfig, L2iNet};
use crate::model::manifest::Activation;
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;
use crate::{Error, Result};

/// How to train Ψ and Θ.
#[derive(Debug, Clone, PartialEq)]
pub struct L2iTraining {
    /// Shape of the networks.
    pub net: L2iConfig,
    /// The classifier's front end.
    pub front_end: FrontEndParams,
    /// The classifier's last step.
    pub activation: Activation,
    /// Passes over the data.
    pub epochs: usize,
    /// Clips in a batch.
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule.
    pub learning_rate: f32,
    /// Weight of the reconstruction (α in Eq. 4), on the mean squared error.
    pub reconstruction: f32,
    /// Weight of the fidelity loss (Eq. 1 or 2), on the sum over classes.
    pub fidelity: f32,
    /// Weight of the sparsity (β in Eq. 4), on the mean activation.
    pub sparsity: f32,
    /// Share of Θ's attention inputs that are dropped.
    pub dropout: f32,
    /// Share of z that is dropped: spreads a decision over the components that carry the sound.
    pub pooled_dropout: f32,
    /// Augmentation of the clips; masks are not applied (the spectrogram must stay what the front end saw).
    pub augment: AugmentParams,
    /// Weight of the squared size of Θ's dense layer: spreads a decision over the components that carry the sound, instead
    /// of a few faint ones with large weights.
    pub theta_decay: f32,
    /// Seed of everything random.
    pub seed: u64,
}

/// What an epoch gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct L2iEpoch {
    /// Epochs done.
    pub epoch: usize,
    /// Mean loss.
    pub loss: f64,
    /// Mean squared error of the reconstruction.
    pub reconstruction: f64,
    /// Mean fidelity loss.
    pub fidelity_loss: f64,
    /// Mean loss on the labels; 0 where only the interpreter is trained, post-hoc.
    pub prediction_loss: f64,
    /// What Θ and the classifier say of the validation clips.
    pub decisions: Decisions,
    /// Seconds that the epoch's training took.
    pub secs: f64,
}

/// What the caller watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum L2iProgress {
    /// A batch of the epoch is done: batches done, batches in all.
    Batch(usize, usize),
    /// An epoch is done.
    Epoch(L2iEpoch),
}

/// The frozen parts.
pub struct Frozen<'a> {
    /// The classifier.
    pub classifier: &'a dyn Network,
    /// W, `[n_bins, n_components]`, row-major.
    pub dictionary: &'a [f32],
}

/// One batch: the classifier's input `[batch, n_frames, n_mels]`, ln(1+|X|) `[batch, n_frames, n_bins]`, and 0 or 1 for each
/// class, `[batch, n_classes]`.
pub(super) struct Batch {
    pub(super) features: Tensor,
    pub(super) log_magnitude: Tensor,
    pub(super) targets: Vec<f32>,
}

/// Trains Ψ and Θ; see [`super::classifier::train`] for checkpoints and progress.
///
/// # Errors
/// If settings are impossible, clips are missing, or the checkpoint cannot be used.
pub fn train(
    how: &L2iTraining,
    frozen: &Frozen<'_>,
    clips: &Clips,
    noise: &[Vec<f32>],
    validation: &Clips,
    checkpoint: Option<&PathBuf>,
    progress: &mut dyn FnMut(L2iProgress) -> bool,
) -> Result<Arrays> {
    if clips.samples.is_empty() || how.batch == 0 || how.epochs == 0 {
        return Err(Error::usage("training needs at least one clip, one epoch and a batch of at least one"));
    }
    let settings = format!("{how:?} on {} clips and {} noises", clips.samples.len(), noise.len());
    let adam = Adam::new(AdamParams::default());
    let resumed = match checkpoint {
        Some(path) => Checkpoint::load(path, &settings, adam.clone())?,
        None => None,
    };
    let (mut params, mut adam, start) = match resumed {
        Some(c) => (from_arrays(&how.net, &c.arrays)?, c.adam, c.epoch),
        None => (initial(&how.net, &mut ChaCha8Rng::seed_from_u64(how.seed)), adam, 0),
    };
    let (n_bins, k) = (how.front_end.stft.n_bins(), how.net.n_components);
    let w_t = Tensor::from_slice(frozen.dictionary, (n_bins, k), &Device::Cpu)?.t()?.contiguous()?;
    let n_batches = clips.samples.len().div_ceil(how.batch);
    for epoch in start..how.epochs {
        let began = Instant::now();
        let mut order: Vec<usize> = (0..clips.samples.len()).collect();
        order.shuffle(&mut example_rng(how.seed, epoch, usize::MAX));
        let mut totals = [0.0_f64; 3];
        for (i, indices) in order.chunks(how.batch).enumerate() {
            let batch = make_batch(how, clips, noise, epoch, indices)?;
            let rng = &mut example_rng(how.seed, epoch, usize::MAX - 1 - i);
            let parts = step(how, frozen, &w_t, &batch, &mut params, rng)?;
            let done = (epoch * n_batches + i) as f32 / (how.epochs * n_batches) as f32;
            adam.step(one_cycle(how.learning_rate, done), &mut params.iter_mut().collect::<Vec<_>>());
            totals.iter_mut().zip(parts).for_each(|(t, p)| *t += p * indices.len() as f64 / clips.samples.len() as f64);
            if !progress(L2iProgress::Batch(i + 1, n_batches)) {
                return Err(Error::usage("training was interrupted; the same command with --resume goes on"));
            }
        }
        let secs = began.elapsed().as_secs_f64();
        let [loss, reconstruction, fidelity_loss] = totals;
        if !loss.is_finite() {
            return Err(Error::usage(format!(
                "the loss became infinite in epoch {}; try a smaller learning rate",
                epoch + 1
            )));
        }
        let arrays = to_arrays(&how.net, &params);
        let decisions = decisions(how, frozen.classifier, &L2iNet::load(&how.net, &arrays)?, validation)?;
        if let Some(path) = checkpoint {
            Checkpoint { epoch: epoch + 1, settings: settings.clone(), arrays, adam: adam.clone() }.save(path)?;
        }
        let report =
            L2iEpoch { epoch: epoch + 1, loss, reconstruction, fidelity_loss, prediction_loss: 0.0, decisions, secs };
        progress(L2iProgress::Epoch(report));
    }
    Ok(to_arrays(&how.net, &params))
}

/// Computes the loss and fills the gradients. Returns loss, reconstruction and fidelity.
fn step(
    how: &L2iTraining,
    frozen: &Frozen<'_>,
    w_t: &Tensor,
    batch: &Batch,
    params: &mut [Param],
    rng: &mut ChaCha8Rng,
) -> Result<[f64; 3]> {
    let decision = frozen.classifier.forward(&batch.features)?;
    let learner = Learner::new(how, params)?;
    let dropout = dropout(how, batch.features.dim(0)?, rng)?;
    let forward = learner.net.forward(&decision.taps, dropout.as_ref())?;
    let parts = losses(how, &forward, &decision.logits, w_t, &batch.log_magnitude)?;
    let total = (&parts.total + learner.theta_penalty(how)?)?;
    learner.fill(params, &total.backward()?)?;
    Ok([scalar(&total)?, scalar(&parts.reconstruction)?, scalar(&parts.fidelity)?])
}

/// Ψ and Θ of one training step, on variables.
pub(super) struct Learner {
    vars: Vec<(&'static str, Var)>,
    pub(super) net: L2iNet,
}

impl Learner {
    pub(super) fn new(how: &L2iTraining, params: &[Param]) -> Result<Self> {
        let mut vars = Vec::with_capacity(params.len());
        for (param, (name, shape)) in params.iter().zip(how.net.arrays()) {
            vars.push((name, Var::from_slice(&param.values, shape, &Device::Cpu)?));
        }
        let tensors: HashMap<&'static str, Tensor> = vars.iter().map(|(n, v)| (*n, v.as_tensor().clone())).collect();
        let net = L2iNet::from_tensors(&how.net, &tensors)?;
        Ok(Self { vars, net })
    }

    /// The weighted squared size of Θ's dense layer.
    pub(super) fn theta_penalty(&self, how: &L2iTraining) -> Result<Tensor> {
        let theta = self.vars.iter().find(|(name, _)| *name == "fc1.weight");
        let (_, theta) = theta.ok_or_else(|| Error::bug("Θ lost its dense layer"))?;
        Ok((theta.sqr()?.sum_all()? * f64::from(how.theta_decay))?)
    }

    /// Puts the gradients of a loss into the parameters that the variables came from.
    pub(super) fn fill(&self, params: &mut [Param], store: &GradStore) -> Result<()> {
        for (param, (name, var)) in params.iter_mut().zip(&self.vars) {
            let grad = store.get(var).ok_or_else(|| Error::bug(format!("the loss does not depend on '{name}'")))?;
            param.grad = grad.flatten_all()?.to_vec1()?;
        }
        Ok(())
    }
}

pub(super) fn scalar(t: &Tensor) -> Result<f64> {
    Ok(f64::from(t.to_scalar::<f32>()?))
}

/// The terms of Eq. 4.
pub struct Losses {
    /// What is minimised.
    pub total: Tensor,
    /// Mean of (X − W·H)² (Eq. 3).
    pub reconstruction: Tensor,
    /// Eq. 1 or 2: sum over classes, mean over the batch.
    pub fidelity: Tensor,
}

/// Eq. 4 for a batch: `logits` are the classifier's, `w_t` the dictionary `[n_components, n_bins]`, `log_magnitude` the input
/// `[batch, n_frames, n_bins]`.
///
/// # Errors
/// If shapes do not fit.
pub fn losses(
    how: &L2iTraining,
    forward: &crate::model::l2i::L2iForward,
    logits: &Tensor,
    w_t: &Tensor,
    log_magnitude: &Tensor,
) -> Result<Losses> {
    let h = &forward.activations;
    let (batch, frames, k) = h.dims3()?;
    let rebuilt = h.reshape((batch * frames, k))?.matmul(w_t)?;
    let reconstruction = (rebuilt - log_magnitude.reshape((batch * frames, ()))?)?.sqr()?.mean_all()?;
    let fidelity = fidelity(&forward.logits, logits, how.activation)?;
    let total = ((&reconstruction * f64::from(how.reconstruction))?
        + (&fidelity * f64::from(how.fidelity))?
        + (h.mean_all()? * f64::from(how.sparsity))?)?;
    Ok(Losses { total, reconstruction, fidelity })
}

/// The masks of one step.
pub(super) fn dropout(how: &L2iTraining, batch: usize, rng: &mut ChaCha8Rng) -> Result<Option<Dropout>> {
    if how.dropout <= 0.0 && how.pooled_dropout <= 0.0 {
        return Ok(None);
    }
    let mut mask = |share: f32, shape: &[usize]| dropout_mask(share, shape, rng);
    let (t, k) = (how.net.n_frames, how.net.n_components);
    Ok(Some(Dropout {
        attention: (mask(how.dropout, &[batch, t, k])?, mask(how.dropout, &[batch, t, k])?),
        pooled: mask(how.pooled_dropout, &[batch, k])?,
    }))
}

/// 0 with probability `share`, else 1/(1 − share).
pub(super) fn dropout_mask(share: f32, shape: &[usize], rng: &mut ChaCha8Rng) -> Result<Tensor> {
    let keep = 1.0 - share;
    let draw = |_| if rng.random::<f32>() < keep { 1.0 / keep } else { 0.0 };
    let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(draw).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// Makes the clips of a batch anew and their spectra.
pub(super) fn make_batch(
    how: &L2iTraining,
    clips: &Clips,
    noise: &[Vec<f32>],
    epoch: usize,
    indices: &[usize],
) -> Result<Batch> {
    let examples = indices.par_iter().map_init(
        || FrontEnd::new(&how.front_end),
        |front_end, &index| {
            let mut rng = example_rng(how.seed, epoch, index);
            let n = how.net.n_classes;
            let example = how.augment.example(&mut rng, &clips.samples, &clips.targets, noise, index, n);
            let front_end = front_end.as_mut().map_err(|e| Error::new(e.kind(), e.to_string()))?;
            let (features, log_magnitude) = spectra(front_end, &example.samples, how.net.n_frames)?;
            Ok((features, log_magnitude, example.targets))
        },
    );
    let examples: Vec<Result<_>> = examples.collect();
    let (mut features, mut log_magnitude, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    for example in examples {
        let (f, l, t): (Vec<f32>, Vec<f32>, Vec<f32>) = example?;
        features.extend(f);
        log_magnitude.extend(l);
        targets.extend(t);
    }
    let (b, t) = (indices.len(), how.net.n_frames);
    Ok(Batch {
        features: Tensor::from_vec(features, (b, t, how.front_end.mel.n_mels), &Device::Cpu)?,
        log_magnitude: Tensor::from_vec(log_magnitude, (b, t, how.front_end.stft.n_bins()), &Device::Cpu)?,
        targets,
    })
}

/// A clip cut or filled with silence, so that it has at least `n_frames` frames: those past its end are silent.
fn filled(params: &StftParams, samples: &[f32], n_frames: usize) -> Vec<f32> {
    let mut samples = samples.to_vec();
    samples.resize((n_frames + 1) * params.hop + params.n_fft, 0.0);
    samples
}

/// The complex STFT of a clip, cut or filled with silence to `n_frames`.
///
/// # Errors
/// As [`stft`].
pub fn segment_stft(params: &StftParams, samples: &[f32], n_frames: usize) -> Result<Spectrogram> {
    let mut spectrogram = stft(params, &filled(params, samples, n_frames))?;
    spectrogram.frames.truncate(n_frames * params.n_bins());
    Ok(spectrogram)
}

/// Mel columns and ln(1+|X|) of a clip, cut or filled with silence to `n_frames`.
///
/// # Errors
/// As [`stft`].
pub fn spectra(front_end: &mut FrontEnd, samples: &[f32], n_frames: usize) -> Result<(Vec<f32>, Vec<f32>)> {
    let params = *front_end.params();
    let (n_mels, n_bins) = (params.mel.n_mels, params.stft.n_bins());
    let samples = filled(&params.stft, samples, n_frames);
    let spectrogram = stft(&params.stft, &samples)?;
    let mut columns = front_end.batch(&samples)?;
    columns.truncate(n_frames * n_mels);
    let mut log = vec![0.0; n_frames * n_bins];
    for (i, log) in log.chunks_exact_mut(n_bins).enumerate() {
        log1p_magnitude(spectrogram.frame(i), log);
    }
    Ok((columns, log))
}

/// What Θ and the classifier say of clips as they are.
///
/// # Errors
/// If the networks do not fit the front end.
pub fn decisions(how: &L2iTraining, classifier: &dyn Network, net: &L2iNet, clips: &Clips) -> Result<Decisions> {
    let answer = |_: &Tensor, taps: &[Tensor]| Ok(net.forward(taps, None)?.logits);
    super::decisions::decisions(&how.front_end, how.net.n_frames, classifier, &answer, clips)
}

/// Fresh arrays: uniform within ±1/√fan-in, as PyTorch's default.
pub(super) fn initial(config: &L2iConfig, rng: &mut ChaCha8Rng) -> Vec<Param> {
    let mut fan_in = 1;
    let arrays = config.arrays().into_iter();
    arrays
        .map(|(name, shape)| {
            // A bias follows its weight and shares its bound.
            if shape.len() > 1 {
                fan_in = shape[1..].iter().product::<usize>();
            }
            let bound = 1.0 / (fan_in as f32).sqrt();
            let values = (0..shape.iter().product()).map(|_| rng.random_range(-bound..bound)).collect();
            Param::new(name.to_string(), values, shape.len() > 1)
        })
        .collect()
}

pub(super) fn from_arrays(config: &L2iConfig, arrays: &Arrays) -> Result<Vec<Param>> {
    params::from_arrays(config.arrays(), arrays, |_, shape| shape.len() > 1)
}

pub(super) fn to_arrays(config: &L2iConfig, params: &[Param]) -> Arrays {
    params::to_arrays(config.arrays(), params)
}
