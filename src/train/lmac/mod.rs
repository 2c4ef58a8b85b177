//! Training of L-MAC's decoder: masks whose inside the classifier recognises and whose outside it does not, with the
//! classifier frozen (L-MAC paper, section 2.1), and the fine-tuning for listening.

mod asked;
mod data;
mod hear;
mod loss;
mod separate;
mod settings;
mod validate;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor, Var};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::adam::{Adam, AdamParams, one_cycle};
use super::checkpoint::Checkpoint;
use super::classifier::{Clips, TrainingClips, example_rng};
use super::params;
use crate::model::classifier::Network;
use crate::model::lmac::{CLASS_EVIDENCE, LmacConfig, LmacNet};
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;
use crate::{Error, Result};

pub use asked::{Asked, ask};
pub use hear::{MaskedFrontEnd, Part};
pub use loss::{Heard, Losses, losses};
pub use separate::Wanted;
pub use settings::{LmacTraining, Objective};
pub use validate::LmacFigures;

use data::{Batch, hear as hear_sounds, make_batch};

/// What an epoch gave: means over its examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LmacEpoch {
    /// Epochs done.
    pub epoch: usize,
    /// The whole loss.
    pub loss: f64,
    /// Its term for what the mask keeps.
    pub inside: f64,
    /// Its term for the rest.
    pub outside: f64,
    /// Mean of the mask.
    pub mask: f64,
    /// Share of the examples that were guided, or whose part was known.
    pub guided: f64,
    /// Figures on validation clips, if there are any.
    pub figures: Option<LmacFigures>,
    /// Seconds that the epoch's training took.
    pub secs: f64,
}

/// What the caller watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LmacProgress {
    /// A batch of the epoch is done: batches done, batches in all.
    Batch(usize, usize),
    /// An epoch is done.
    Epoch(LmacEpoch),
}

/// Trains the decoder, from `start` where that is given (fine-tuning); see [`super::classifier::train`] for checkpoints and
/// progress.
///
/// # Errors
/// If settings are impossible, clips are missing, or the checkpoint or the start cannot be used.
pub fn train(
    how: &LmacTraining,
    classifier: &dyn Network,
    data: TrainingClips<'_>,
    start: Option<&Arrays>,
    checkpoint: Option<&PathBuf>,
    progress: &mut dyn FnMut(LmacProgress) -> bool,
) -> Result<Arrays> {
    check(how, data.clips)?;
    let TrainingClips { clips, noise, validation } = data;
    let mut settings = format!("{how:?} on {} clips and {} noises", clips.samples.len(), noise.len());
    if start.is_some() {
        settings += ", fine-tuned";
    }
    let adam = Adam::new(AdamParams { weight_decay: how.weight_decay, ..AdamParams::default() });
    let resumed = match checkpoint {
        Some(path) => Checkpoint::load(path, &settings, adam.clone())?,
        None => None,
    };
    let (mut params, mut adam, first) = match (resumed, start) {
        (Some(c), _) => (from_arrays(&how.net, &c.arrays)?, c.adam, c.epoch),
        (None, Some(arrays)) => (from_arrays(&how.net, arrays)?, adam, 0),
        (None, None) => (initial(how, classifier)?, adam, 0),
    };
    let front_end = MaskedFrontEnd::new(&how.front_end, how.objective.scale())?;
    let n_batches = clips.samples.len().div_ceil(how.batch);
    for epoch in first..how.epochs {
        let began = Instant::now();
        let mut order: Vec<usize> = (0..clips.samples.len()).collect();
        order.shuffle(&mut example_rng(how.seed, epoch, usize::MAX));
        let mut totals = [0.0_f64; 5];
        for (i, indices) in order.chunks(how.batch).enumerate() {
            let rng = &mut example_rng(how.seed, epoch, usize::MAX - 1 - i);
            let as_windows = rng.random_bool(how.window_share);
            let batch = make_batch(how, clips, noise, epoch, indices, as_windows)?;
            let parts = step(how, classifier, &front_end, &batch, &mut params, rng)?;
            let done = (epoch * n_batches + i) as f32 / (how.epochs * n_batches) as f32;
            adam.step(one_cycle(how.learning_rate, done), &mut params.iter_mut().collect::<Vec<_>>());
            totals.iter_mut().zip(parts).for_each(|(t, p)| *t += p * indices.len() as f64 / clips.samples.len() as f64);
            if !progress(LmacProgress::Batch(i + 1, n_batches)) {
                return Err(Error::usage("training was interrupted; the same command with --resume goes on"));
            }
        }
        let secs = began.elapsed().as_secs_f64();
        let [loss, inside, outside, mask, guided] = totals;
        if !loss.is_finite() {
            return Err(Error::usage(format!(
                "the loss became infinite in epoch {}; try a smaller learning rate",
                epoch + 1
            )));
        }
        let arrays = to_arrays(&how.net, &params);
        let figures = validate::validate(how, classifier, &front_end, &arrays, validation, noise)?;
        if let Some(path) = checkpoint {
            Checkpoint { epoch: epoch + 1, settings: settings.clone(), arrays, adam: adam.clone() }.save(path)?;
        }
        let report = LmacEpoch { epoch: epoch + 1, loss, inside, outside, mask, guided, figures, secs };
        progress(LmacProgress::Epoch(report));
    }
    Ok(to_arrays(&how.net, &params))
}

fn check(how: &LmacTraining, clips: &Clips) -> Result<()> {
    if clips.samples.is_empty() || how.batch == 0 || how.epochs == 0 {
        return Err(Error::usage("training needs at least one clip, one epoch and a batch of at least one"));
    }
    let pooling = how.net.net.time_pooling;
    let lengths = [how.clip_frames, how.window_frames];
    if !(0.0..=1.0).contains(&how.absent) {
        return Err(Error::usage(format!("a share of {} of absent classes is not possible; give 0 to 1", how.absent)));
    }
    if !(0.0..=1.0).contains(&how.window_share) || lengths.iter().any(|n| *n == 0 || !n.is_multiple_of(pooling)) {
        return Err(Error::usage(format!(
            "a share of {} of batches of {} frames beside {} cannot be trained on; give 0 to 1, and multiples of {pooling} frames",
            how.window_share, how.window_frames, how.clip_frames
        )));
    }
    Ok(())
}

/// Computes the loss and fills the gradients. Returns loss, inside, outside, the mask's mean and the share that was guided.
fn step(
    how: &LmacTraining,
    classifier: &dyn Network,
    front_end: &MaskedFrontEnd,
    batch: &Batch,
    params: &mut [Param],
    rng: &mut ChaCha8Rng,
) -> Result<[f64; 5]> {
    let decision = classifier.forward(&batch.features)?;
    let rows = decision.logits.to_vec2::<f32>()?;
    let asked = batch.examples.iter().zip(&rows);
    let asked: Vec<Asked> = asked.map(|(example, row)| ask(how, row, &example.classes(), rng)).collect();
    let classes: Vec<usize> = asked.iter().map(|asked| asked.class).collect();
    let clean = if how.guide > 0.0 {
        let sounds: Vec<Vec<f32>> = batch.examples.iter().zip(&classes).map(|(e, class)| e.clean(*class)).collect();
        let sounds: Vec<&[f32]> = sounds.iter().map(Vec::as_slice).collect();
        Some(hear_sounds(how, &sounds, batch.features.dim(1)?)?.1)
    } else {
        None
    };
    let wanted = match how.objective {
        Objective::Mask => None,
        Objective::Separate { .. } => Some(Wanted::of(how, &batch.examples, &asked, batch.features.dim(1)?)?),
    };
    let mut vars = HashMap::new();
    for (param, (name, shape)) in params.iter().zip(how.net.arrays()) {
        vars.insert(name, Var::from_slice(&param.values, shape, &Device::Cpu)?);
    }
    let tensors: HashMap<String, Tensor> = vars.iter().map(|(n, v)| (n.clone(), v.as_tensor().clone())).collect();
    let mask = LmacNet::from_tensors(&how.net, &tensors)?.forward(&decision.taps, &batch.features, &classes)?;
    let heard = Heard {
        front_end,
        classifier,
        log_magnitude: &batch.log_magnitude,
        clean: clean.as_ref(),
        wanted: wanted.as_ref(),
        asked: &asked,
    };
    let parts = losses(how, &mask, &heard)?;
    let store = parts.total.backward()?;
    for param in params.iter_mut() {
        let grad = vars.get(&param.name).and_then(|var| store.get(var));
        let grad = grad.ok_or_else(|| Error::bug(format!("the loss does not depend on '{}'", param.name)))?;
        param.grad = grad.flatten_all()?.to_vec1()?;
    }
    let scalar = |t: &Tensor| -> Result<f64> { Ok(f64::from(t.to_scalar::<f32>()?)) };
    Ok([scalar(&parts.total)?, scalar(&parts.inside)?, scalar(&parts.outside)?, scalar(&parts.size)?, parts.guided])
}

/// Fresh arrays: uniform within ±√(6/fan-in) for kernels, which keeps the size of what passes ReLUs, the classifier's own
/// weights for what its last map says for a class, and zeros for biases and the rest of the classes' arrays.
fn initial(how: &LmacTraining, classifier: &dyn Network) -> Result<Vec<Param>> {
    let rng = &mut ChaCha8Rng::seed_from_u64(how.seed);
    let one = |(name, shape): (String, Vec<usize>)| {
        let n = shape.iter().product();
        let decays = name.ends_with(".weight");
        let bound = (6.0 / shape[1..].iter().product::<usize>() as f32).sqrt();
        let values = if decays {
            (0..n).map(|_| rng.random_range(-bound..bound)).collect()
        } else if name == CLASS_EVIDENCE {
            of_size_one(classifier.class_weights()?)
        } else {
            vec![0.0; n]
        };
        Ok(Param::new(name, values, decays))
    };
    how.net.arrays().into_iter().map(one).collect()
}

/// Values whose mean square is 1.
fn of_size_one(values: Vec<f32>) -> Vec<f32> {
    let size = (values.iter().map(|v| v * v).sum::<f32>() / values.len().max(1) as f32).sqrt();
    values.into_iter().map(|v| v / size.max(f32::MIN_POSITIVE)).collect()
}

fn from_arrays(config: &LmacConfig, arrays: &Arrays) -> Result<Vec<Param>> {
    params::from_arrays(config.arrays(), arrays, |name, _| name.ends_with(".weight"))
}

fn to_arrays(config: &LmacConfig, params: &[Param]) -> Arrays {
    params::to_arrays(config.arrays(), params)
}

#[cfg(test)]
mod tests;
