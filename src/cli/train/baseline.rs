//! `earwitness train baseline`: what a dictionary decides without a network, beside what models decide.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{FalseyValueParser, PossibleValuesParser};

use super::data::{self, Bar};
use crate::cli::output;
use crate::cli::parse::{count, not_negative, positive};
use crate::error::{Error, Result};
use crate::eval::decisions::{Decided, table};
use crate::eval::evaluate::targets_for_model;
use crate::model::package::{DEFAULT_MODEL, Package, find_model};
use crate::train::classifier::Clips;
use crate::train::nmf_baseline::{NmfProgress, NmfTraining, Spectrum, spectra, train};

const AFTER_HELP: &str = "\
Examples:
  earwitness train baseline --data esc13 --folds 1,2,3 --validate-folds 4 --out runs/nmf
  earwitness train baseline --data esc13 --folds 1,2,3 --validate-folds 4 --out runs/nmf \\
      --kind task-driven-nmf --spectrum mel --components 256
  earwitness train baseline --data esc13 --folds 1,2,3 --validate-folds 4 --out runs/nmf \\
      --beside models/posthoc,models/joint --json table.json

Prints Table VIII of the extended L2I paper: accuracy on the held-out folds of

  unsupervised-nmf   W by sparse NMF, mean activations of each clip, a linear classifier
  task-driven-nmf    from there on, W and the classifier learn together from the labels
  --beside models    their classifier, and their L2I interpreter's own answer

Compare models only that were trained on the same folds. The folder --out keeps each baseline
as a checkpoint, with which --resume goes on.";

/// Train classifiers on a dictionary alone, without a network, and compare models with them.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    pub data: PathBuf,
    /// Folder for the checkpoints
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT")]
    pub out: PathBuf,
    /// Which baselines
    #[arg(long, value_name = "KIND,…", env = "EARWITNESS_KIND", value_delimiter = ',', default_value = "unsupervised-nmf,task-driven-nmf", value_parser = PossibleValuesParser::new([UNSUPERVISED, TASK_DRIVEN]))]
    pub kind: Vec<String>,
    /// Train on these folds, as in 1,2,3 [default: all that are not validated on]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// Measure on these folds
    #[arg(long, value_name = "N,…", env = "EARWITNESS_VALIDATE_FOLDS", value_delimiter = ',', required = true)]
    pub validate_folds: Vec<u32>,
    /// The model whose sample rate, transform and length of clips are used: a name, or a package's folder
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL", default_value = DEFAULT_MODEL)]
    pub model: OsString,
    /// Models to measure on the same clips, in the same table
    #[arg(long, value_name = "NAME|DIR,…", env = "EARWITNESS_BESIDE", value_delimiter = ',')]
    pub beside: Vec<OsString>,
    /// What the dictionary is learnt from: ln(1+|X|), or the root of mel bands of power
    #[arg(long, value_name = "WHAT", env = "EARWITNESS_SPECTRUM", default_value = "log-magnitude", value_parser = PossibleValuesParser::new(["log-magnitude", "mel"]))]
    pub spectrum: String,
    /// Components of the dictionary; the paper tried 64 to 512
    #[arg(long, value_name = "N", env = "EARWITNESS_COMPONENTS", default_value_t = 128, value_parser = count)]
    pub components: usize,
    /// Weight of the sparsity of the activations
    #[arg(long, value_name = "MU", env = "EARWITNESS_SPARSITY", default_value_t = 0.8, value_parser = not_negative)]
    pub sparsity: f64,
    /// Updates of the unsupervised dictionary
    #[arg(long, value_name = "N", env = "EARWITNESS_ITERATIONS", default_value_t = 200, value_parser = count)]
    pub iterations: usize,
    /// Frames averaged into one
    #[arg(long, value_name = "N", env = "EARWITNESS_GROUP_FRAMES", default_value_t = 5, value_parser = count)]
    pub group_frames: usize,
    /// Weight of the squared size of the linear classifier
    #[arg(long, value_name = "W", env = "EARWITNESS_PENALTY", default_value_t = 0.01, value_parser = not_negative)]
    pub penalty: f64,
    /// Passes over the data in which dictionary and classifier learn together
    #[arg(long, value_name = "N", env = "EARWITNESS_EPOCHS", default_value_t = 20, value_parser = count)]
    pub epochs: usize,
    /// Clips in a batch of those passes
    #[arg(long, value_name = "N", env = "EARWITNESS_BATCH", default_value_t = 16, value_parser = count)]
    pub batch: usize,
    /// Highest learning rate of those passes
    #[arg(long, value_name = "RATE", env = "EARWITNESS_LR", default_value_t = 1e-2, value_parser = positive)]
    pub lr: f64,
    /// Also write the table to this file, as JSON
    #[arg(long, value_name = "FILE", env = "EARWITNESS_JSON_FILE")]
    pub json: Option<PathBuf>,
    /// Seed of the first guess, the order and the intervals
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Go on with interrupted trainings in --out
    #[arg(long, env = "EARWITNESS_RESUME", value_parser = FalseyValueParser::new())]
    pub resume: bool,
}

const UNSUPERVISED: &str = "unsupervised-nmf";
const TASK_DRIVEN: &str = "task-driven-nmf";

/// Trains, measures, prints the table and writes the JSON file.
///
/// # Errors
/// Where settings, data, models or files cannot be used, and on an interrupt.
pub fn run(args: &Args) -> Result<()> {
    let model = Package::open(&find_model(&args.model)?)?;
    let front_end = model.manifest().front_end.params()?;
    let length = model.manifest().segment.clip_samples(front_end.stft.hop);
    let rate = front_end.sample_rate;
    let loaded = data::load(&args.data, None, &args.folds, &args.validate_folds, rate, length)?;
    let beside = args.beside.iter().map(|name| Package::open(&find_model(name)?)).collect::<Result<Vec<_>>>()?;
    if let Some(other) = beside.iter().find(|p| {
        let m = p.manifest();
        m.front_end.sample_rate_hz != rate.hz() || m.segment.clip_samples(m.front_end.hop) != length
    }) {
        return Err(Error::usage(format!(
            "{} hears at another rate or other clips than {}; measure it apart, with --model {}",
            other.manifest().name,
            model.manifest().name,
            other.dir().display()
        )));
    }
    let mut how = NmfTraining {
        spectrum: if args.spectrum == "mel" { Spectrum::Mel } else { Spectrum::LogMagnitude },
        front_end,
        group_frames: args.group_frames,
        n_components: args.components,
        sparsity: args.sparsity as f32,
        max_iters: args.iterations,
        penalty: args.penalty as f32,
        epochs: 0,
        batch: args.batch,
        learning_rate: args.lr as f32,
        n_classes: loaded.labels.len(),
        seed: args.seed,
    };
    let of = |clips: &Clips| -> Result<Clips> {
        Ok(Clips { samples: spectra(&how, &clips.samples)?, targets: clips.targets.clone() })
    };
    let (train_spectra, validation_spectra) = (of(&loaded.train)?, of(&loaded.validation)?);
    let mut rows = Vec::new();
    for kind in &args.kind {
        how.epochs = if kind == TASK_DRIVEN { args.epochs } else { 0 };
        let checkpoint = data::checkpoint(&args.out, kind, args.resume)?;
        let mut bar = Bar::new(how.epochs)?;
        let baseline = train(&how, &train_spectra, &validation_spectra, Some(&checkpoint), &mut |p| match p {
            NmfProgress::Update(done, all) => bar.update(done, all, "dictionary"),
            NmfProgress::Batch(done, all) => bar.batch(done, all),
            NmfProgress::Epoch(e) => {
                let mut line = format!("{kind}, epoch {}: loss {:.4}, {:.1} s", e.epoch, e.loss, e.secs);
                if let (Some(a), Some(m)) = (e.accuracy, e.macro_auprc) {
                    line += &format!(", accuracy {:.1} %, macro-AUPRC {m:.3}", 100.0 * a);
                }
                bar.epoch(e.epoch, &line)
            }
        })?;
        bar.finish();
        let scores = baseline.scores(&validation_spectra.samples);
        rows.push(Decided::new(kind, &scores, None, how.n_classes, &loaded.validation.targets, args.seed));
    }
    for package in beside {
        let package = package.for_clips();
        let labels: Vec<&str> = package.manifest().label_names().collect();
        let targets = targets_for_model(&loaded.labels, &labels, &loaded.validation.targets)?;
        let bar = output::progress("measuring {wide_bar} {pos}/{len}");
        bar.set_length(targets.len() as u64);
        rows.extend(Decided::of_package(&package, &loaded.validation.samples, &targets, args.seed, &mut |done| {
            bar.set_position(done as u64);
        })?);
        bar.finish_and_clear();
    }
    if let Some(path) = &args.json {
        std::fs::write(path, output::json("the table", &rows)?).map_err(|e| {
            Error::output(format!("cannot write the table to {} ({e}); choose another file", path.display()))
                .with_source(e)
        })?;
    }
    output::print(&table(&rows))
}
