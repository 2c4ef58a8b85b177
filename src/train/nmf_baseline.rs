//! Decisions by a dictionary alone, without a network: the two NMF baselines of Table VIII of the extended L2I paper.
//!
//! - *Unsupervised*: W by sparse NMF on the training spectra; the activations of a clip on that W, averaged over time; a
//!   linear classifier on them.
//! - *Task-driven*: from there on, W and the classifier learn together from the labels (Mairal, Bach, Ponce 2012; for sound
//!   Bisot et al. 2017). The gradient goes through the coding of every frame by implicit differentiation
//!   ([`super::sparse_code`]); after each step W is brought back to W ≥ 0 and columns of length 1.

use std::path::PathBuf;
use std::time::Instant;

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::adam::{Adam, AdamParams, one_cycle};
use super::checkpoint::Checkpoint;
use super::classifier::{Clips, example_rng};
use super::linear::Linear;
use super::nmf::{NmfParams, fit_frames};
use super::nmf_steps::{Frames, normalise_columns};
use super::sparse_code::{Coder, Penalty};
use crate::dsp::{FrontEnd, FrontEndParams, SpectrumPower, log1p_magnitude, stft};
use crate::eval::decisions::across_clips;
use crate::eval::metrics;
use crate::model::manifest::Activation;
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;
use crate::{Error, Result};

/// Makes codes unique, and the gradient through them finite where patterns are alike.
const RIDGE: f64 = 1e-2;

/// What W is learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spectrum {
    /// ln(1 + |X|), as the L2I dictionary.
    LogMagnitude,
    /// The square root of mel bands of |X|².
    Mel,
}

/// How to train a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct NmfTraining {
    /// What W is learnt from.
    pub spectrum: Spectrum,
    /// The front end whose transform (and mel bands) are used.
    pub front_end: FrontEndParams,
    /// Frames averaged into one, at least 1.
    pub group_frames: usize,
    /// Columns of W.
    pub n_components: usize,
    /// As [`NmfParams::sparsity`], in learning W and in coding.
    pub sparsity: f32,
    /// As [`NmfParams::max_iters`].
    pub max_iters: usize,
    /// Weight of half the squared size of the classifier's weights, on the mean loss.
    pub penalty: f32,
    /// Passes over the data in which W and the classifier learn together; 0 for the unsupervised baseline.
    pub epochs: usize,
    /// Clips in a batch of those.
    pub batch: usize,
    /// Highest learning rate of their one-cycle schedule, for W relative to the size of its entries.
    pub learning_rate: f32,
    /// Classes.
    pub n_classes: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// What an epoch gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NmfEpoch {
    /// Epochs done; 0 is the unsupervised baseline.
    pub epoch: usize,
    /// Mean loss on the labels, penalty included.
    pub loss: f64,
    /// Share of validation clips whose top label is right, if there are any.
    pub accuracy: Option<f64>,
    /// Macro-AUPRC on the validation clips.
    pub macro_auprc: Option<f64>,
    /// Seconds that the epoch's training took.
    pub secs: f64,
}

/// What the caller watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NmfProgress {
    /// An update of the unsupervised dictionary is done: updates done, updates at most.
    Update(usize, usize),
    /// A batch of the epoch is done: batches done, batches in all.
    Batch(usize, usize),
    /// An epoch is done.
    Epoch(NmfEpoch),
}

/// A dictionary and a linear classifier of what it finds.
#[derive(Debug, Clone)]
pub struct NmfBaseline {
    /// `[n_bins, n_components]`, columns of length 1.
    pub w: Vec<f32>,
    /// On the mean activations.
    pub linear: Linear,
    n_bins: usize,
    penalty: Penalty,
}

impl NmfBaseline {
    /// Scores `[n, n_classes]` of clips, each as spectra `[n_frames, n_bins]`, from [`spectra`]: logits as [`across_clips`]
    /// makes them comparable.
    #[must_use]
    pub fn scores(&self, clips: &[Vec<f32>]) -> Vec<f32> {
        across_clips(self.linear.logits(&self.pooled(clips)), self.linear.bias.values.len(), self.linear.activation)
    }

    /// Mean activations `[n, n_components]`.
    fn pooled(&self, clips: &[Vec<f32>]) -> Vec<f32> {
        let coder = Coder::new(&self.w, self.n_bins, self.penalty);
        let k = self.linear.shift.len();
        let rows: Vec<Vec<f32>> = clips.par_iter().map(|clip| mean_rows(&coder.encode(clip), k)).collect();
        rows.concat()
    }

    fn arrays(&self) -> Arrays {
        let (k, c) = (self.linear.shift.len(), self.linear.bias.values.len());
        let mut arrays = Arrays::default();
        arrays.insert("W", [self.n_bins, k], self.w.clone());
        arrays.insert("linear.weight", [c, k], self.linear.weight.values.clone());
        arrays.insert("linear.bias", [c], self.linear.bias.values.clone());
        arrays.insert("shift", [k], self.linear.shift.clone());
        arrays.insert("scale", [k], self.linear.scale.clone());
        arrays
    }
}

/// Spectra of clips, averaged in groups of frames: `[n, n_bins]` each.
///
/// # Errors
/// If the front end cannot be built.
pub fn spectra(how: &NmfTraining, clips: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
    // Mel bands of power whatever the model takes, because their root is taken here.
    let params = FrontEndParams { power: SpectrumPower::Power, ..how.front_end };
    let one = |samples: &Vec<f32>| -> Result<Vec<f32>> {
        let mut front_end = FrontEnd::new(&params)?;
        let n_out = n_bins(how);
        let spectrogram = match how.spectrum {
            Spectrum::LogMagnitude => stft(&params.stft, samples)?,
            Spectrum::Mel => front_end.frames(samples)?,
        };
        let (mut out, mut column) = (Vec::new(), vec![0.0; n_out]);
        for group in spectrogram.frames.chunks(spectrogram.n_bins * how.group_frames) {
            let mut sum = vec![0.0; n_out];
            for frame in group.chunks_exact(spectrogram.n_bins) {
                match how.spectrum {
                    Spectrum::LogMagnitude => log1p_magnitude(frame, &mut column),
                    Spectrum::Mel => {
                        front_end.mel(frame, &mut column);
                        column.iter_mut().for_each(|v| *v = v.max(0.0).sqrt());
                    }
                }
                sum.iter_mut().zip(&column).for_each(|(s, v)| *s += v);
            }
            let n = (group.len() / spectrogram.n_bins) as f32;
            out.extend(sum.iter().map(|s| s / n));
        }
        Ok(out)
    };
    clips.par_iter().map(one).collect()
}

/// Values of a spectrum.
fn n_bins(how: &NmfTraining) -> usize {
    match how.spectrum {
        Spectrum::LogMagnitude => how.front_end.stft.n_bins(),
        Spectrum::Mel => how.front_end.mel.n_mels,
    }
}

/// Trains on `clips` and measures on `validation`, both as spectra with their classes; see
/// [`super::classifier::train`] for checkpoints and progress.
///
/// # Errors
/// If settings are impossible, clips are missing, or the checkpoint cannot be used.
pub fn train(
    how: &NmfTraining,
    clips: &Clips,
    validation: &Clips,
    checkpoint: Option<&PathBuf>,
    progress: &mut dyn FnMut(NmfProgress) -> bool,
) -> Result<NmfBaseline> {
    if clips.samples.is_empty() || how.batch == 0 || how.n_components == 0 || how.group_frames == 0 {
        return Err(Error::usage(
            "a baseline needs at least one clip, component, frame in a group and clip in a batch",
        ));
    }
    let mut run = Run {
        how,
        clips,
        validation,
        targets: targets(clips, how),
        settings: format!("{how:?} on {} clips", clips.samples.len()),
        checkpoint,
        progress,
    };
    let adam = Adam::new(AdamParams::default());
    let resumed = match checkpoint {
        Some(path) => Checkpoint::load(path, &run.settings, adam.clone())?,
        None => None,
    };
    let (mut baseline, mut adam, first) = match resumed {
        Some(c) => (from_arrays(how, activation(clips), &c.arrays)?, c.adam, c.epoch),
        None => {
            let began = Instant::now();
            let (baseline, loss) = run.unsupervised()?;
            run.report(&baseline, 0, loss, began, &adam)?;
            (baseline, adam, 0)
        }
    };
    for epoch in first..how.epochs {
        let began = Instant::now();
        let loss = run.epoch(epoch, &mut baseline, &mut adam)?;
        run.report(&baseline, epoch + 1, loss, began, &adam)?;
    }
    Ok(baseline)
}

/// A training under way.
struct Run<'a> {
    how: &'a NmfTraining,
    clips: &'a Clips,
    validation: &'a Clips,
    /// `[n_classes]` for each clip.
    targets: Vec<Vec<f32>>,
    settings: String,
    checkpoint: Option<&'a PathBuf>,
    progress: &'a mut dyn FnMut(NmfProgress) -> bool,
}

impl Run<'_> {
    /// Learns W from the spectra alone and a classifier on what it finds; also gives the loss.
    fn unsupervised(&mut self) -> Result<(NmfBaseline, f64)> {
        let how = self.how;
        let n_bins = n_bins(how);
        let sounding = |frame: &&[f32]| frame.iter().any(|v| *v > 0.0);
        let frames: Vec<f32> = self
            .clips
            .samples
            .iter()
            .flat_map(|c| c.chunks_exact(n_bins))
            .filter(sounding)
            .flatten()
            .copied()
            .collect();
        if frames.is_empty() {
            return Err(Error::input("nothing sounds in the clips to learn from; check them"));
        }
        let params = NmfParams {
            n_components: how.n_components,
            sparsity: how.sparsity,
            max_iters: how.max_iters,
            seed: how.seed,
            ..NmfParams::default()
        };
        let mut interrupted = false;
        let (fitted, _) = fit_frames(&Frames::new(frames, n_bins)?, &params, &[], &mut |done, _| {
            interrupted |= !(self.progress)(NmfProgress::Update(done, how.max_iters));
        })?;
        go_on(!interrupted)?;
        let linear = Linear::new(how.n_classes, how.n_components, activation(self.clips));
        let mut baseline = NmfBaseline { w: fitted.w, linear, n_bins, penalty: penalty(how) };
        let pooled = baseline.pooled(&self.clips.samples);
        baseline.linear.standardise(&pooled);
        let loss = baseline.linear.fit(&pooled, &self.targets.concat(), how.penalty);
        Ok((baseline, loss))
    }

    /// One pass in which W and the classifier learn together; gives the mean loss.
    fn epoch(&mut self, epoch: usize, baseline: &mut NmfBaseline, adam: &mut Adam) -> Result<f64> {
        let how = self.how;
        let mut order: Vec<usize> = (0..self.clips.samples.len()).collect();
        order.shuffle(&mut example_rng(how.seed, epoch, usize::MAX));
        let n_batches = order.len().div_ceil(how.batch);
        let mut total = 0.0;
        for (i, indices) in order.chunks(how.batch).enumerate() {
            let done = (epoch * n_batches + i) as f32 / (how.epochs * n_batches) as f32;
            let clips: Vec<&[f32]> = indices.iter().map(|&i| self.clips.samples[i].as_slice()).collect();
            let targets: Vec<f32> = indices.iter().flat_map(|&i| &self.targets[i]).copied().collect();
            let (loss, grad) = gradients(baseline, &clips, &targets, how.penalty);
            total += loss * indices.len() as f64 / order.len() as f64;
            // Entries of W are of the size 1/√bins; a step is measured by that.
            let size = (baseline.n_bins as f32).sqrt();
            let mut w = Param::new("W".into(), baseline.w.iter().map(|w| w * size).collect(), false);
            w.grad = grad.iter().map(|g| g / size).collect();
            let linear = &mut baseline.linear;
            adam.step(one_cycle(how.learning_rate, done), &mut [&mut w, &mut linear.weight, &mut linear.bias]);
            baseline.w = w.values.iter().map(|w| (w / size).max(0.0)).collect();
            normalise_columns(&mut baseline.w, how.n_components, 0);
            go_on((self.progress)(NmfProgress::Batch(i + 1, n_batches)))?;
        }
        Ok(total)
    }

    /// Saves, measures and tells.
    fn report(&mut self, baseline: &NmfBaseline, epoch: usize, loss: f64, began: Instant, adam: &Adam) -> Result<()> {
        let secs = began.elapsed().as_secs_f64();
        if !loss.is_finite() {
            return Err(Error::usage(format!(
                "the loss became infinite in epoch {epoch}; try a smaller learning rate"
            )));
        }
        if let Some(path) = self.checkpoint {
            let (settings, arrays) = (self.settings.clone(), baseline.arrays());
            Checkpoint { epoch, settings, arrays, adam: adam.clone() }.save(path)?;
        }
        let scores = baseline.scores(&self.validation.samples);
        let accuracy = metrics::accuracy(&scores, self.how.n_classes, &self.validation.targets);
        let macro_auprc = metrics::macro_auprc(&scores, self.how.n_classes, &self.validation.targets);
        go_on((self.progress)(NmfProgress::Epoch(NmfEpoch { epoch, loss, accuracy, macro_auprc, secs })))
    }
}

/// Loss of a batch of clips with targets `[n, n_classes]`, and its gradient by W; those of the classifier are filled.
fn gradients(baseline: &mut NmfBaseline, clips: &[&[f32]], targets: &[f32], penalty: f32) -> (f64, Vec<f32>) {
    let coder = Coder::new(&baseline.w, baseline.n_bins, baseline.penalty);
    let k = baseline.linear.shift.len();
    let codes: Vec<Vec<f64>> = clips.par_iter().map(|clip| coder.encode(clip)).collect();
    let pooled: Vec<f32> = codes.iter().flat_map(|codes| mean_rows(codes, k)).collect();
    let (loss, by_pooled) = baseline.linear.step(&pooled, targets, penalty);
    let parts: Vec<Vec<f32>> = clips
        .par_iter()
        .zip(&codes)
        .zip(by_pooled.par_chunks_exact(k))
        .map(|((clip, codes), grad)| {
            // Of the mean, every frame has the same share.
            let n_frames = (codes.len() / k).max(1) as f64;
            let grad: Vec<f64> = grad.iter().map(|g| f64::from(*g) / n_frames).collect();
            coder.gradient(clip, codes, &grad)
        })
        .collect();
    // Added in order, so that threads do not matter.
    let mut sum = vec![0.0; baseline.w.len()];
    for part in &parts {
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
    }
    (loss, sum)
}

/// Mean of rows `[n, k]`.
fn mean_rows(rows: &[f64], k: usize) -> Vec<f32> {
    let n = (rows.len() / k).max(1) as f64;
    (0..k).map(|j| (rows.iter().skip(j).step_by(k).sum::<f64>() / n) as f32).collect()
}

/// The factorisation minimises ‖v − Wh‖² + sparsity · Σh, coding half of that.
fn penalty(how: &NmfTraining) -> Penalty {
    Penalty { l1: 0.5 * f64::from(how.sparsity), l2: RIDGE }
}

/// One of the classes where every clip has one, else each class for itself.
fn activation(clips: &Clips) -> Activation {
    if clips.targets.iter().all(|t| t.len() == 1) { Activation::Softmax } else { Activation::Sigmoid }
}

/// 0 or 1 for each class, for each clip.
fn targets(clips: &Clips, how: &NmfTraining) -> Vec<Vec<f32>> {
    let row = |classes: &Vec<usize>| (0..how.n_classes).map(|c| f32::from(u8::from(classes.contains(&c)))).collect();
    clips.targets.iter().map(row).collect()
}

fn from_arrays(how: &NmfTraining, activation: Activation, arrays: &Arrays) -> Result<NmfBaseline> {
    let (c, k, n_bins) = (how.n_classes, how.n_components, n_bins(how));
    let mut linear = Linear::new(c, k, activation);
    linear.weight.values = arrays.get("linear.weight", &[c, k])?.to_vec();
    linear.bias.values = arrays.get("linear.bias", &[c])?.to_vec();
    linear.shift = arrays.get("shift", &[k])?.to_vec();
    linear.scale = arrays.get("scale", &[k])?.to_vec();
    Ok(NmfBaseline { w: arrays.get("W", &[n_bins, k])?.to_vec(), linear, n_bins, penalty: penalty(how) })
}

fn go_on(wanted: bool) -> Result<()> {
    if wanted { Ok(()) } else { Err(Error::usage("training was interrupted; the same command with --resume goes on")) }
}

#[cfg(test)]
#[path = "nmf_baseline_tests.rs"]
mod tests;
