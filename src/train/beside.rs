//! What trainings share whose networks learn beside a frozen classifier, from what it hears, its hidden layers and its decision.

use std::collections::HashMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Instant;

use candle_core::{Device, Tensor, Var};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::adam::{Adam, AdamParams, one_cycle};
use super::augment::AugmentParams;
use super::checkpoint::Checkpoint;
use super::classifier::{TrainingClips, example_rng, segment_features};
use super::decisions::{Decisions, decisions};
use super::params;
use crate::dsp::{FrontEnd, FrontEndParams};
use crate::model::classifier::Network;
use crate::model::manifest::Activation;
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;
use crate::{Error, Result};

/// How to train, whatever is learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The classifier's front end.
    pub front_end: FrontEndParams,
    /// The classifier's last step.
    pub activation: Activation,
    /// Frames of a clip.
    pub n_frames: usize,
    /// Classes of the classifier.
    pub n_classes: usize,
    /// Passes over the data.
    pub epochs: usize,
    /// Clips in a batch.
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule.
    pub learning_rate: f32,
    /// Augmentation of the clips; masks are not applied.
    pub augment: AugmentParams,
    /// Seed of everything random.
    pub seed: u64,
}

/// What a frozen classifier makes of a batch.
pub struct Heard {
    /// Its input, `[batch, n_frames, n_mels]`.
    pub features: Tensor,
    /// Its hidden layers, earliest first, `[batch, time, freq, channels]` each.
    pub taps: Vec<Tensor>,
    /// Its logits, `[batch, n_classes]`.
    pub logits: Tensor,
    /// 1 for each class that is heard, else 0, `[batch, n_classes]`.
    pub targets: Tensor,
}

/// A loss and what it is made of, scalars.
pub struct Terms {
    /// What is minimised.
    pub total: Tensor,
    /// The terms by the names that progress shows, without their weights.
    pub parts: Vec<(&'static str, Tensor)>,
}

/// An interpreter's logits, from the classifier's input `[batch, n_frames, n_mels]` and its taps, earliest first.
pub type Decider = Box<dyn Fn(&Tensor, &[Tensor]) -> Result<Tensor>>;

/// What is learned. Its [`Debug`] form is what tells apart the settings of two runs.
pub trait Lesson: Debug {
    /// Names and PyTorch shapes of all arrays, in a fixed order.
    fn arrays(&self) -> Vec<(String, Vec<usize>)>;

    /// The loss on a batch of networks on `tensors`; random draws come from `rng`.
    ///
    /// # Errors
    /// If shapes do not fit.
    fn loss(&self, heard: &Heard, tensors: &HashMap<String, Tensor>, rng: &mut ChaCha8Rng) -> Result<Terms>;

    /// The weights of the layer that decides. It begins with zeros: a loss that sums over labels would otherwise be spent on
    /// taking back what chance decided.
    fn deciding(&self) -> &'static str;

    /// How many examples of each class [`Lesson::begin`] wants to hear.
    fn examples_of_each(&self) -> usize {
        0
    }

    /// Changes the arrays that a training begins with, knowing examples: their class and the classifier's input,
    /// `[n_frames, n_mels]`. There are fewer where the data set has fewer.
    ///
    /// # Errors
    /// If shapes do not fit.
    fn begin(&self, _arrays: &mut Arrays, _examples: &[(usize, Tensor)]) -> Result<()> {
        Ok(())
    }

    /// How the networks decide once they have learned.
    ///
    /// # Errors
    /// If an array is missing or does not fit.
    fn decider(&self, arrays: &Arrays) -> Result<Decider>;
}

/// What an epoch gave.
#[derive(Debug, Clone, PartialEq)]
pub struct LessonEpoch {
    /// Epochs done.
    pub epoch: usize,
    /// Mean loss.
    pub loss: f64,
    /// Means of its terms.
    pub parts: Vec<(&'static str, f64)>,
    /// What the interpreter and the classifier say of the validation clips.
    pub decisions: Decisions,
    /// Seconds that the epoch's training took.
    pub secs: f64,
}

/// What the caller watches.
#[derive(Debug, Clone, PartialEq)]
pub enum LessonProgress {
    /// A batch of the epoch is done: batches done, batches in all.
    Batch(usize, usize),
    /// An epoch is done.
    Epoch(LessonEpoch),
}

/// Teaches a lesson; see [`super::classifier::train`] for checkpoints and progress.
///
/// # Errors
/// If settings are impossible, clips are missing, or the checkpoint cannot be used.
pub fn teach(
    how: &Schedule,
    lesson: &dyn Lesson,
    classifier: &dyn Network,
    data: TrainingClips<'_>,
    checkpoint: Option<&PathBuf>,
    progress: &mut dyn FnMut(LessonProgress) -> bool,
) -> Result<Arrays> {
    if data.clips.samples.is_empty() || how.batch == 0 || how.epochs == 0 {
        return Err(Error::usage("training needs at least one clip, one epoch and a batch of at least one"));
    }
    let settings =
        format!("{lesson:?} by {how:?} on {} clips and {} noises", data.clips.samples.len(), data.noise.len());
    let adam = Adam::new(AdamParams::default());
    let resumed = match checkpoint {
        Some(path) => Checkpoint::load(path, &settings, adam.clone())?,
        None => None,
    };
    let (mut pupil, first) = match resumed {
        Some(c) => (Pupil { params: params::from_arrays(lesson.arrays(), &c.arrays, decays)?, adam: c.adam }, c.epoch),
        None => (Pupil { params: begin(how, lesson, data)?, adam }, 0),
    };
    for epoch in first..how.epochs {
        let began = Instant::now();
        let (loss, parts) = pupil.epoch(how, lesson, classifier, data, epoch, progress)?;
        let secs = began.elapsed().as_secs_f64();
        let arrays = params::to_arrays(lesson.arrays(), &pupil.params);
        let decider = lesson.decider(&arrays)?;
        let decisions = decisions(&how.front_end, how.n_frames, classifier, &*decider, data.validation)?;
        if let Some(path) = checkpoint {
            let adam = pupil.adam.clone();
            Checkpoint { epoch: epoch + 1, settings: settings.clone(), arrays, adam }.save(path)?;
        }
        progress(LessonProgress::Epoch(LessonEpoch { epoch: epoch + 1, loss, parts, decisions, secs }));
    }
    Ok(params::to_arrays(lesson.arrays(), &pupil.params))
}

/// Networks while they learn.
struct Pupil {
    params: Vec<Param>,
    adam: Adam,
}

impl Pupil {
    /// One pass over the data: the mean loss and its terms.
    fn epoch(
        &mut self,
        how: &Schedule,
        lesson: &dyn Lesson,
        classifier: &dyn Network,
        data: TrainingClips<'_>,
        epoch: usize,
        progress: &mut dyn FnMut(LessonProgress) -> bool,
    ) -> Result<(f64, Vec<(&'static str, f64)>)> {
        let n = data.clips.samples.len();
        let n_batches = n.div_ceil(how.batch);
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut example_rng(how.seed, epoch, usize::MAX));
        let (mut loss, mut parts) = (0.0, Vec::<(&'static str, f64)>::new());
        for (i, indices) in order.chunks(how.batch).enumerate() {
            let (features, targets) = make_batch(how, data, epoch, indices)?;
            let decision = classifier.forward(&features)?;
            let heard = Heard { features, taps: decision.taps, logits: decision.logits, targets };
            let rng = &mut example_rng(how.seed, epoch, usize::MAX - 1 - i);
            let terms = self.step(lesson, &heard, rng)?;
            let done = (epoch * n_batches + i) as f32 / (how.epochs * n_batches) as f32;
            self.adam.step(one_cycle(how.learning_rate, done), &mut self.params.iter_mut().collect::<Vec<_>>());
            let share = indices.len() as f64 / n as f64;
            loss += share * scalar(&terms.total)?;
            parts.resize(terms.parts.len(), ("", 0.0));
            for (sum, (name, value)) in parts.iter_mut().zip(&terms.parts) {
                *sum = (name, sum.1 + share * scalar(value)?);
            }
            if !progress(LessonProgress::Batch(i + 1, n_batches)) {
                return Err(Error::usage("training was interrupted; the same command with --resume goes on"));
            }
        }
        if !loss.is_finite() {
            return Err(Error::usage(format!(
                "the loss became infinite in epoch {}; try a smaller learning rate",
                epoch + 1
            )));
        }
        Ok((loss, parts))
    }

    /// Computes the loss and fills the gradients.
    fn step(&mut self, lesson: &dyn Lesson, heard: &Heard, rng: &mut ChaCha8Rng) -> Result<Terms> {
        let mut vars = HashMap::new();
        for (param, (name, shape)) in self.params.iter().zip(lesson.arrays()) {
            vars.insert(name, Var::from_slice(&param.values, shape, &Device::Cpu)?);
        }
        let tensors: HashMap<String, Tensor> = vars.iter().map(|(n, v)| (n.clone(), v.as_tensor().clone())).collect();
        let terms = lesson.loss(heard, &tensors, rng)?;
        let store = terms.total.backward()?;
        for param in &mut self.params {
            let grad = vars.get(&param.name).and_then(|var| store.get(var));
            let grad = grad.ok_or_else(|| Error::bug(format!("the loss does not depend on '{}'", param.name)))?;
            param.grad = grad.flatten_all()?.to_vec1()?;
        }
        Ok(terms)
    }
}

/// Makes the clips of a batch anew, and the classifier's input and the classes of them.
fn make_batch(how: &Schedule, data: TrainingClips<'_>, epoch: usize, indices: &[usize]) -> Result<(Tensor, Tensor)> {
    let clips = data.clips;
    let one = |front_end: &mut Result<FrontEnd>, &index: &usize| {
        let rng = &mut example_rng(how.seed, epoch, index);
        let example = how.augment.example(rng, &clips.samples, &clips.targets, data.noise, index, how.n_classes);
        let front_end = front_end.as_mut().map_err(|e| Error::new(e.kind(), e.to_string()))?;
        Ok((segment_features(front_end, &example.samples, how.n_frames)?, example.targets))
    };
    let made: Vec<Result<_>> = indices.par_iter().map_init(|| FrontEnd::new(&how.front_end), one).collect();
    let (mut features, mut targets) = (Vec::new(), Vec::new());
    for example in made {
        let (columns, classes) = example?;
        features.extend(columns);
        targets.extend(classes);
    }
    let n = indices.len();
    let features = Tensor::from_vec(features, (n, how.n_frames, how.front_end.mel.n_mels), &Device::Cpu)?;
    Ok((features, Tensor::from_vec(targets, (n, how.n_classes), &Device::Cpu)?))
}

/// What a training begins with.
fn begin(how: &Schedule, lesson: &dyn Lesson, data: TrainingClips<'_>) -> Result<Vec<Param>> {
    let mut arrays = params::to_arrays(lesson.arrays(), &initial(lesson, how.seed));
    lesson.begin(&mut arrays, &examples(how, lesson.examples_of_each(), data)?)?;
    params::from_arrays(lesson.arrays(), &arrays, decays)
}

/// Clips of one class alone, as they are: up to `n` of each class, one of every class after the other.
fn examples(how: &Schedule, n: usize, data: TrainingClips<'_>) -> Result<Vec<(usize, Tensor)>> {
    let mut order: Vec<usize> = (0..data.clips.samples.len()).collect();
    order.shuffle(&mut example_rng(how.seed, usize::MAX, usize::MAX));
    let of = |class: usize| order.iter().copied().filter(move |i| data.clips.targets[*i] == [class]);
    let chosen = (0..n).flat_map(|k| (0..how.n_classes).filter_map(move |class| Some((class, of(class).nth(k)?))));
    let mut front_end = FrontEnd::new(&how.front_end)?;
    let mut one = |(class, clip): (usize, usize)| {
        let columns = segment_features(&mut front_end, &data.clips.samples[clip], how.n_frames)?;
        let shape = (how.n_frames, how.front_end.mel.n_mels);
        Ok((class, Tensor::from_vec(columns, shape, &Device::Cpu)?))
    };
    chosen.map(&mut one).collect()
}

/// Fresh arrays: kernels uniform within ±√(6/fan-in), which keeps the size of what passes ReLUs, and zeros for biases and for
/// the layer that decides.
fn initial(lesson: &dyn Lesson, seed: u64) -> Vec<Param> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let one = |(name, shape): (String, Vec<usize>)| {
        let n = shape.iter().product();
        let decays = decays(&name, &shape);
        let bound = (6.0 / shape[1..].iter().product::<usize>() as f32).sqrt();
        let draws = decays && name != lesson.deciding();
        let values = (0..n).map(|_| if draws { rng.random_range(-bound..bound) } else { 0.0 }).collect();
        Param::new(name, values, decays)
    };
    lesson.arrays().into_iter().map(one).collect()
}

/// Whether an array is a weight, and not a bias.
fn decays(name: &str, _: &[usize]) -> bool {
    name.ends_with(".weight")
}

fn scalar(t: &Tensor) -> Result<f64> {
    Ok(f64::from(t.to_scalar::<f32>()?))
}
