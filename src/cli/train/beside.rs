//! What the trainings share whose networks learn beside a frozen classifier.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;

use super::data::{self, Bar, DataArgs};
use crate::cli::output::note;
use crate::cli::parse::{count, positive};
use crate::error::Result;
use crate::model::classifier::frozen;
use crate::model::manifest::{Manifest, Training};
use crate::model::package::Package;
use crate::train::augment::AugmentParams;
use crate::train::beside::{Lesson, LessonEpoch, LessonProgress, Schedule, teach};
use crate::train::classifier::TrainingClips;

/// What to learn from, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub struct BesideArgs {
    /// The data set.
    #[command(flatten)]
    pub set: DataArgs,
    /// Folder of the package, with a classifier
    #[arg(long, value_name = "DIR", env = "EARWITNESS_MODEL")]
    pub model: PathBuf,
    /// Passes over the data
    #[arg(long, value_name = "N", env = "EARWITNESS_EPOCHS", default_value_t = 40, value_parser = count)]
    pub epochs: usize,
    /// Clips in a batch
    #[arg(long, value_name = "N", env = "EARWITNESS_BATCH", default_value_t = 16, value_parser = count)]
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule
    #[arg(long, value_name = "RATE", env = "EARWITNESS_LR", default_value_t = 2e-3, value_parser = positive)]
    pub lr: f64,
    /// Seed of the weights, the order, the augmentation and every draw
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Go on with an interrupted training in --model
    #[arg(long, env = "EARWITNESS_RESUME", value_parser = FalseyValueParser::new())]
    pub resume: bool,
}

/// What becomes part of a package: the file of the weights, and how the manifest describes them.
pub(super) struct Added<'a> {
    /// What it is, in checkpoints and files.
    pub(super) name: &'static str,
    /// What a person calls the networks, as in `the attributes`.
    pub(super) what: &'static str,
    /// Writes the table that describes the weights in the file of this name.
    pub(super) describe: &'a dyn Fn(&mut Manifest, String),
}

/// Teaches `lesson` and adds what was learned to the package.
pub(super) fn run(args: &BesideArgs, package: &Package, lesson: &dyn Lesson, added: &Added<'_>) -> Result<()> {
    let mut manifest = package.manifest().clone();
    let classifier = frozen(package)?;
    let how = Schedule {
        front_end: manifest.front_end.params()?,
        activation: manifest.classifier.activation,
        n_frames: manifest.segment.clip_frames.unwrap_or(manifest.segment.n_frames),
        n_classes: manifest.labels.len(),
        epochs: args.epochs,
        batch: args.batch,
        learning_rate: args.lr as f32,
        augment: AugmentParams::default(),
        seed: args.seed,
    };
    let length = manifest.segment.clip_samples(how.front_end.stft.hop);
    let loaded = args.set.load(how.front_end.sample_rate, length)?.for_model(&manifest, &args.set.data)?;
    let checkpoint = data::checkpoint(&args.model, added.name, args.resume)?;
    let mut bar = Bar::new(how.epochs)?;
    let sounds = TrainingClips { clips: &loaded.train, noise: &loaded.noise, validation: &loaded.validation };
    let arrays = teach(&how, lesson, classifier.as_ref(), sounds, Some(&checkpoint), &mut |p| match p {
        LessonProgress::Batch(done, all) => bar.batch(done, all),
        LessonProgress::Epoch(e) => bar.epoch(e.epoch, &line(&e)),
    })?;
    bar.finish();
    let file = format!("{}.safetensors", added.name);
    (added.describe)(&mut manifest, file.clone());
    manifest.training.get_or_insert_with(Training::default).commands.push(data::command_line());
    Package::write(&args.model, manifest, &BTreeMap::from([(file, arrays)]))?;
    data::discard(&checkpoint);
    note(&format!("{} are in {}", added.what, args.model.display()));
    Ok(())
}

fn line(e: &LessonEpoch) -> String {
    let parts: Vec<String> = e.parts.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    let mut line = format!("epoch {}: loss {:.4} ({}), {:.1} s", e.epoch, e.loss, parts.join(", "), e.secs);
    line += &e.decisions.to_string();
    line
}
