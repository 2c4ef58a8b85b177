//! Training of the causal classifier: scenes made anew for each step, strong labels, and a teacher that hears the same.

mod dense;
mod ema;
mod heads;
mod pupil;
mod teacher;

pub use ema::average;
pub use heads::{Answers, HeadShape, Heads, Losses};
pub use pupil::{Lesson, LessonShape};
pub use teacher::EfficientAtTeacher;

use std::path::Path;
use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::adam::{Adam, AdamParams, one_cycle};
use super::checkpoint::Checkpoint;
use super::classifier::example_rng;
use super::scene::{Material, SceneShape, scene};
use crate::dsp::{FrontEnd, FrontEndParams};
use crate::model::causal::{CausalConfig, TrainableCausal};
use crate::model::tensors::Arrays;
use crate::{Error, Result};

/// Segments that one core takes as a whole, with a batch norm of their own.
const PART: usize = 16;

/// Scenes from which the spread of a teacher's embedding is taken.
const STANDARDISING_SCENES: usize = 256;

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct CausalTraining {
    /// Shape of the network.
    pub net: CausalConfig,
    /// The front end.
    pub front_end: FrontEndParams,
    /// Input frames of a segment, a multiple of the network's time pooling.
    pub segment_frames: usize,
    /// Steps.
    pub steps: usize,
    /// Segments in a step, a multiple of 16.
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Share of the average of the weights that a step keeps.
    pub ema: f32,
    /// Steps between checkpoints and reports.
    pub report_every: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// Who hears the same as the network and says what it hears.
pub trait Teacher: Sync {
    /// How much it says.
    fn lesson_shape(&self) -> LessonShape;

    /// What it says of a scene.
    ///
    /// # Errors
    /// If it cannot hear scenes of this length.
    fn hear(&self, samples: &[f32]) -> Result<Lesson>;
}

/// What some steps gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Steps done.
    pub step: usize,
    /// Mean losses since the last report.
    pub losses: Losses,
    /// Segments a second since the last report.
    pub segments_per_sec: f64,
}

/// What the caller watches.
#[derive(Debug)]
pub enum Progress<'a> {
    /// So many steps are done.
    Step(usize),
    /// Some steps' figures, with the average of the weights so far.
    Report(Report, &'a Arrays),
}

impl CausalTraining {
    /// How scenes are cut, so that their centred frames are those of a segment; `taught` where a teacher hears them too.
    #[must_use]
    pub fn scene_shape(&self, taught: bool) -> SceneShape {
        SceneShape::of_segment(&self.front_end, self.segment_frames, self.net.time_pooling(), taught)
    }

    fn head_shape(&self) -> HeadShape {
        let scene = self.scene_shape(false);
        HeadShape {
            width: self.net.embedding,
            n_classes: self.net.n_classes,
            n_frames: scene.n_frames,
            lookahead: self.net.lookahead,
            frame_secs: scene.frame_secs(),
        }
    }

    fn check(&self, material: &Material) -> Result<()> {
        self.net.validate()?;
        if material.by_class.len() != self.net.n_classes || material.by_class.iter().any(Vec::is_empty) {
            return Err(Error::usage("training needs at least one recording that is not silent for every label"));
        }
        let pooling = self.net.time_pooling();
        if self.segment_frames / pooling <= self.net.lookahead || !self.segment_frames.is_multiple_of(pooling) {
            return Err(Error::usage(format!(
                "segments of {} frames cannot be trained on; give a multiple of {pooling} of more than {}",
                self.segment_frames,
                pooling * self.net.lookahead
            )));
        }
        if self.batch == 0 || !self.batch.is_multiple_of(PART) || self.steps == 0 || self.report_every == 0 {
            return Err(Error::usage(format!(
                "a batch of {} and {} steps cannot be trained; give a multiple of {PART} and at least one step",
                self.batch, self.steps
            )));
        }
        Ok(())
    }
}

/// Trains on scenes of `material`, from the weights `start` (the network's arrays and the dense layer `label`; what reads a
/// teacher begins anew) or from random ones. With a `checkpoint` path the run goes on where an earlier one stopped, and saves at each
/// report. Returns the average of the weights after the last step: the network's arrays and the dense layer `label`.
///
/// # Errors
/// If settings are impossible, recordings are missing, or the checkpoint cannot be used.
pub fn train(
    how: &CausalTraining,
    start: Option<&Arrays>,
    material: &Material,
    teacher: Option<&dyn Teacher>,
    checkpoint: Option<&Path>,
    progress: &mut dyn FnMut(Progress<'_>) -> bool,
) -> Result<Arrays> {
    how.check(material)?;
    let n_sounds: usize = material.by_class.iter().map(Vec::len).sum();
    let mut settings = format!(
        "{how:?} on {n_sounds} sounds, {} others, {} backgrounds, {} rooms, teacher {:?}",
        material.other.len(),
        material.backgrounds.len(),
        material.rooms.len(),
        teacher.map(Teacher::lesson_shape)
    );
    if start.is_some() {
        settings += ", begun with other weights";
    }
    let mut run = Run::begin(how, start, material, teacher, checkpoint, &settings)?;
    let (mut losses, mut since, mut began) = (Losses::default(), 0, Instant::now());
    for step in run.first..how.steps {
        let made = examples(how, material, teacher, step)?;
        let found = run.step(how, &made, step)?;
        if !found.total().is_finite() {
            return Err(Error::usage(format!("the loss became infinite in step {step}; try a smaller learning rate")));
        }
        losses.add(&found, 1.0);
        since += 1;
        let done = step + 1;
        let mut go_on = progress(Progress::Step(done));
        if done.is_multiple_of(how.report_every) || done == how.steps || !go_on {
            if let Some(path) = checkpoint {
                run.save(path, &settings, done)?;
            }
            let mut mean = Losses::default();
            mean.add(&losses, 1.0 / f64::from(since));
            let segments_per_sec = f64::from(since) * how.batch as f64 / began.elapsed().as_secs_f64();
            go_on &= progress(Progress::Report(Report { step: done, losses: mean, segments_per_sec }, &run.average));
            (losses, since, began) = (Losses::default(), 0, Instant::now());
        }
        if !go_on {
            return Err(Error::usage("training was interrupted; the same command with --resume goes on"));
        }
    }
    Ok(run.average)
}

/// A training between two steps.
struct Run {
    net: TrainableCausal,
    heads: Heads,
    adam: Adam,
    average: Arrays,
    first: usize,
}

impl Run {
    fn begin(
        how: &CausalTraining,
        start: Option<&Arrays>,
        material: &Material,
        teacher: Option<&dyn Teacher>,
        checkpoint: Option<&Path>,
        settings: &str,
    ) -> Result<Self> {
        let rng = &mut ChaCha8Rng::seed_from_u64(how.seed);
        let net = &how.net;
        let mut heads = Heads::new(how.head_shape(), teacher.map(Teacher::lesson_shape), rng);
        let adam = Adam::new(AdamParams { weight_decay: how.weight_decay, ..AdamParams::default() });
        let resumed = match checkpoint {
            Some(path) => Checkpoint::load(path, settings, adam.clone())?,
            None => None,
        };
        let Some(saved) = resumed else {
            if teacher.is_some() {
                heads.standardise(some_answers(how, material, teacher)?.iter());
            }
            let net = match start {
                Some(weights) => {
                    heads.load_label(weights)?;
                    TrainableCausal::load(net, weights)?
                }
                None => TrainableCausal::new(net, rng)?,
            };
            return Ok(Self { net, heads, adam, average: Arrays::default(), first: 0 });
        };
        let (mut newest, mut average) = (Arrays::default(), Arrays::default());
        for (name, array) in saved.arrays.0 {
            match name.strip_prefix("average.") {
                Some(name) => average.0.insert(name.to_string(), array),
                None => newest.0.insert(name, array),
            };
        }
        heads.load(&newest)?;
        let net = TrainableCausal::load(net, &newest)?;
        Ok(Self { net, heads, adam: saved.adam, average, first: saved.epoch })
    }

    fn step(&mut self, how: &CausalTraining, made: &[(Vec<f32>, Answers)], step: usize) -> Result<Losses> {
        let segments: Vec<f32> = made.iter().flat_map(|(x, _)| x.iter().copied()).collect();
        let answers: Vec<Answers> = made.iter().map(|(_, a)| a.clone()).collect();
        let heads = &self.heads;
        let parts = self.net.step(&segments, how.segment_frames, PART, |part, embeddings, grad| {
            heads.part(&answers[part * PART..][..PART], embeddings, grad)
        })?;
        let losses = self.heads.gather(&parts)?;
        let mut params = self.net.params();
        params.extend(self.heads.params());
        self.adam.step(one_cycle(how.learning_rate, step as f32 / how.steps as f32), &mut params);
        let newest = self.arrays();
        average(&mut self.average, &newest, how.ema, step as u64);
        Ok(losses)
    }

    fn arrays(&self) -> Arrays {
        let mut arrays = self.net.arrays();
        arrays.0.extend(self.heads.arrays().0);
        arrays
    }

    fn save(&self, path: &Path, settings: &str, done: usize) -> Result<()> {
        let mut arrays = self.arrays();
        arrays.0.extend(self.average.0.iter().map(|(name, array)| (format!("average.{name}"), array.clone())));
        Checkpoint { epoch: done, settings: settings.to_string(), arrays, adam: self.adam.clone() }.save(path)
    }
}

/// Answers to scenes that no step makes.
fn some_answers(how: &CausalTraining, material: &Material, teacher: Option<&dyn Teacher>) -> Result<Vec<Answers>> {
    let mut answers = Vec::new();
    for batch in 0..STANDARDISING_SCENES.div_ceil(how.batch) {
        answers.extend(examples(how, material, teacher, how.steps + batch)?.into_iter().map(|(_, answer)| answer));
    }
    Ok(answers)
}

/// The segments of one step, `[n_frames, n_mels]` each, with their answers.
fn examples(
    how: &CausalTraining,
    material: &Material,
    teacher: Option<&dyn Teacher>,
    step: usize,
) -> Result<Vec<(Vec<f32>, Answers)>> {
    let shape = how.scene_shape(teacher.is_some());
    let one = |front_end: &mut Result<FrontEnd>, i: usize| {
        let mut rng = example_rng(how.seed, step, i);
        let made = scene(&mut rng, material, &shape);
        let front_end = front_end.as_mut().map_err(|e| Error::new(e.kind(), e.to_string()))?;
        let mut columns = front_end.batch(&made.samples)?;
        columns.truncate(how.segment_frames * how.net.n_mels);
        let lesson = teacher.map(|t| t.hear(&made.samples)).transpose()?;
        Ok((columns, Answers { targets: made.targets, weights: made.weights, lesson }))
    };
    (0..how.batch).into_par_iter().map_init(|| FrontEnd::new(&how.front_end), one).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
