//! Training of the classifier from a data set.

use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::adam::{Adam, AdamParams, one_cycle};
use super::augment::AugmentParams;
use super::checkpoint::Checkpoint;
use super::loss;
use super::net::NetConfig;
use crate::dsp::{FrontEnd, FrontEndParams};
use crate::eval::metrics;
use crate::model::manifest::Activation;
use crate::model::tensors::Arrays;
use crate::{Error, Result};

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierTraining {
    /// Shape of the network.
    pub net: NetConfig,
    /// Sigmoid (multi-label) or softmax (multi-class).
    pub activation: Activation,
    /// The front end.
    pub front_end: FrontEndParams,
    /// Frames of a clip.
    pub segment_frames: usize,
    /// Frames of a window, a part of a clip as a monitor hears it.
    pub window_frames: usize,
    /// Share of the batches that are such windows, cut from the clips as a live stream shows them, 0…1.
    pub window_share: f64,
    /// Passes over the data.
    pub epochs: usize,
    /// Clips in a batch.
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Share of pooled features that are dropped.
    pub dropout: f32,
    /// Targets of absent and present classes, as in (0.01, 0.96).
    pub smoothing: (f32, f32),
    /// Augmentation of the clips.
    pub augment: AugmentParams,
    /// Seed of everything random.
    pub seed: u64,
}

/// Clips in memory, at the front end's rate and one segment long.
#[derive(Debug, Clone, Default)]
pub struct Clips {
    /// Samples of each clip.
    pub samples: Vec<Vec<f32>>,
    /// Classes of each clip.
    pub targets: Vec<Vec<usize>>,
}

/// What a training learns from.
#[derive(Debug, Clone, Copy)]
pub struct TrainingClips<'a> {
    /// Clips to train on.
    pub clips: &'a Clips,
    /// Recordings of background; where there are none, it is synthetic.
    pub noise: &'a [Vec<f32>],
    /// Clips to measure on after every epoch.
    pub validation: &'a Clips,
}

/// What an epoch gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// Epochs done.
    pub epoch: usize,
    /// Mean training loss.
    pub loss: f64,
    /// Share of validation clips whose top label is right, if there are any.
    pub accuracy: Option<f64>,
    /// Macro-AUPRC on the validation clips.
    pub macro_auprc: Option<f64>,
    /// Seconds that the epoch's training took, validation not counted.
    pub secs: f64,
}

/// What the caller watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress {
    /// A batch of the epoch is done: batches done, batches in all.
    Batch(usize, usize),
    /// An epoch is done.
    Epoch(EpochReport),
}

/// Trains on `clips`, from the weights `start` or from random ones, and validates on `validation` after each epoch. With a `checkpoint` path the run goes on where an
/// earlier one stopped, and saves after each epoch. Returns the last epoch's arrays (never the best on the validation
/// clips: that would make the score a training result).
///
/// # Errors
/// If settings are impossible, clips are missing, or the checkpoint cannot be used.
pub fn train(
    how: &ClassifierTraining,
    start: Option<&Arrays>,
    clips: &Clips,
    noise: &[Vec<f32>],
    validation: &Clips,
    checkpoint: Option<&PathBuf>,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Arrays> {
    if clips.samples.is_empty() || how.batch == 0 || how.epochs == 0 {
        return Err(Error::usage("training needs at least one clip, one epoch and a batch of at least one"));
    }
    if !(0.0..=1.0).contains(&how.window_share) || how.window_frames == 0 {
        return Err(Error::usage(format!(
            "a share of {} of batches of {} frames cannot be trained on; give 0 to 1, and at least one frame",
            how.window_share, how.window_frames
        )));
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
    let mut rng = ChaCha8Rng::seed_from_u64(how.seed);
    let (mut net, mut adam, first) = match resumed {
        Some(c) => (how.net.learner(Some(&c.arrays), &mut rng)?, c.adam, c.epoch),
        None => (how.net.learner(start, &mut rng)?, adam, 0),
    };
    let validation_features = features(how, &validation.samples)?;
    let n_batches = clips.samples.len().div_ceil(how.batch);
    let n_window = how.window_frames.saturating_sub(1) * how.front_end.stft.hop + 1;
    let windows = ClassifierTraining {
        segment_frames: how.window_frames,
        augment: how.augment.for_windows(n_window),
        ..how.clone()
    };
    for epoch in first..how.epochs {
        let began = Instant::now();
        let mut order: Vec<usize> = (0..clips.samples.len()).collect();
        order.shuffle(&mut example_rng(how.seed, epoch, usize::MAX));
        let mut total = 0.0;
        for (i, indices) in order.chunks(how.batch).enumerate() {
            let kind = &mut example_rng(how.seed, epoch, usize::MAX / 2 - i);
            let (segments, targets) = if kind.random_bool(how.window_share) {
                make_batch(&windows, clips, noise, epoch, indices)?
            } else {
                make_batch(how, clips, noise, epoch, indices)?
            };
            let progress_now = (epoch * n_batches + i) as f32 / (how.epochs * n_batches) as f32;
            let dropout = &mut example_rng(how.seed, epoch, usize::MAX - 1 - i);
            let on_logits = |logits: &Tensor| match how.activation {
                Activation::Sigmoid => loss::binary_cross_entropy(logits, &targets),
                Activation::Softmax => loss::soft_cross_entropy(logits, &targets),
            };
            let loss = net.learn(&segments, indices.len(), how.dropout, dropout, &on_logits)?;
            adam.step(one_cycle(how.learning_rate, progress_now), &mut net.params());
            total += f64::from(loss) * indices.len() as f64;
            if !progress(Progress::Batch(i + 1, n_batches)) {
                return Err(Error::usage("training was interrupted; the same command with --resume goes on"));
            }
        }
        let secs = began.elapsed().as_secs_f64();
        if !total.is_finite() {
            return Err(Error::usage(format!(
                "the loss became infinite in epoch {}; try a smaller learning rate",
                epoch + 1
            )));
        }
        let arrays = net.arrays();
        let (accuracy, macro_auprc) = validate(how, &arrays, &validation_features, &validation.targets)?;
        if let Some(path) = checkpoint {
            Checkpoint { epoch: epoch + 1, settings: settings.clone(), arrays, adam: adam.clone() }.save(path)?;
        }
        let loss = total / clips.samples.len() as f64;
        progress(Progress::Epoch(EpochReport { epoch: epoch + 1, loss, accuracy, macro_auprc, secs }));
    }
    Ok(net.arrays())
}

/// A generator of its own for each example of each epoch: results do not depend on the number of threads.
pub(crate) fn example_rng(seed: u64, epoch: usize, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((epoch as u64) << 32 ^ (index as u64 & 0xffff_ffff));
    rng
}

/// Segments `[batch, n_frames, n_mels]` and targets `[batch, n_classes]`.
fn make_batch(
    how: &ClassifierTraining,
    clips: &Clips,
    noise: &[Vec<f32>],
    epoch: usize,
    indices: &[usize],
) -> Result<(Vec<f32>, Tensor)> {
    let n_classes = how.net.n_classes();
    let fill = how.front_end.compression.silence();
    let one = |front_end: &mut Result<FrontEnd>, &index: &usize| -> Result<(Vec<f32>, Vec<f32>)> {
        let mut rng = example_rng(how.seed, epoch, index);
        let example = how.augment.example(&mut rng, &clips.samples, &clips.targets, noise, index, n_classes);
        let front_end = front_end.as_mut().map_err(|e| Error::new(e.kind(), e.to_string()))?;
        let mut columns = segment_features(front_end, &example.samples, how.segment_frames)?;
        how.augment.mask_features(&mut rng, &mut columns, how.net.n_mels(), fill);
        let (absent, present) = how.smoothing;
        let targets = example.targets.iter().map(|t| absent + t * (present - absent)).collect();
        Ok((columns, targets))
    };
    let made: Vec<Result<(Vec<f32>, Vec<f32>)>> =
        indices.par_iter().map_init(|| FrontEnd::new(&how.front_end), one).collect();
    let (mut segments, mut targets) = (Vec::new(), Vec::new());
    for example in made {
        let (s, t) = example?;
        segments.extend(s);
        targets.extend(t);
    }
    Ok((segments, Tensor::from_vec(targets, (indices.len(), n_classes), &Device::Cpu)?))
}

/// Columns of a clip, cut or filled with silence to `n_frames`.
///
/// # Errors
/// As [`FrontEnd::batch`].
pub fn segment_features(front_end: &mut FrontEnd, samples: &[f32], n_frames: usize) -> Result<Vec<f32>> {
    let fill = front_end.params().compression.silence();
    let mut columns = front_end.batch(samples)?;
    columns.resize(n_frames * front_end.n_mels(), fill);
    Ok(columns)
}

/// Segments of clips as they are.
fn features(how: &ClassifierTraining, samples: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
    samples
        .par_iter()
        .map(|samples| segment_features(&mut FrontEnd::new(&how.front_end)?, samples, how.segment_frames))
        .collect()
}

/// Accuracy and macro-AUPRC of the network as it would listen.
fn validate(
    how: &ClassifierTraining,
    arrays: &Arrays,
    segments: &[Vec<f32>],
    targets: &[Vec<usize>],
) -> Result<(Option<f64>, Option<f64>)> {
    let net = how.net.listening(arrays)?;
    let mut scores = Vec::with_capacity(segments.len() * how.net.n_classes());
    for segment in segments {
        let x = Tensor::from_slice(segment, (1, how.segment_frames, how.net.n_mels()), &Device::Cpu)?;
        scores.extend(net.forward(&x)?.logits.flatten_all()?.to_vec1::<f32>()?);
    }
    let n = how.net.n_classes();
    Ok((metrics::accuracy(&scores, n, targets), metrics::macro_auprc(&scores, n, targets)))
}
