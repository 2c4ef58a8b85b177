//! `earwitness train l2i`.

use std::path::PathBuf;

use clap::builder::{FalseyValueParser, PossibleValuesParser};

use super::data::{self, Bar, DataArgs, Loaded};
use crate::cli::output::note;
use crate::cli::parse::{count, not_negative, positive, share_below_one};
use crate::error::{Error, Result};
use crate::model::classifier::frozen;
use crate::model::l2i::L2iConfig;
use crate::model::manifest::{Manifest, Pooling, Training};
use crate::model::package::Package;
use crate::train::augment::AugmentParams;
use crate::train::l2i::{Frozen, L2iProgress, L2iTraining, train};

const AFTER_HELP: &str = "\
Examples:
  earwitness train l2i --data esc13 --noise noise --model models/mine
  earwitness train l2i --data esc13 --model models/mine --pooling max --epochs 20
  earwitness train l2i --data esc13 --noise noise --model models/mine --by-design --out models/joint

Without --by-design the classifier stays as it is (post-hoc): Ψ learns activations of the
dictionary, Θ learns to decide as the classifier.

With --by-design the classifier's layers learn too, from everything the interpreter learns from,
and the result is another model, in --out. That is for where the interpreter's own answer is to
count: no share of such a decision is left unexplained. It is not where a classifier is already in
use and trusted: the new one is another, trained without windows and masks of the spectrum.
docs/lab/esc13.md has figures of both.";

/// Train the listenable interpreter and add it to a package.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The data set.
    #[command(flatten)]
    pub set: DataArgs,
    /// Folder of the package, with a classifier and a dictionary
    #[arg(long, value_name = "DIR", env = "EARWITNESS_MODEL")]
    pub model: PathBuf,
    /// Train the classifier too, together with the interpreter, and make another package of both in --out
    #[arg(long, env = "EARWITNESS_BY_DESIGN", value_parser = FalseyValueParser::new(), help_heading = "By design")]
    pub by_design: bool,
    /// Folder of the package to make with --by-design; its name becomes the model's
    #[arg(long, value_name = "DIR", env = "EARWITNESS_JOINT_OUT", requires = "by_design", help_heading = "By design")]
    pub out: Option<PathBuf>,
    /// Whose answer the labels teach with --by-design: the classifier's, which the interpreter repeats, or the
    /// interpreter's alone (the paper's variant NoPred)
    #[arg(long, value_name = "WHOSE", env = "EARWITNESS_PREDICTION_ON", default_value = "classifier", requires = "by_design", value_parser = PossibleValuesParser::new(["classifier", "interpreter"]), help_heading = "By design")]
    pub prediction_on: String,
    /// Weight of the loss on the labels with --by-design
    #[arg(long, value_name = "W", env = "EARWITNESS_PREDICTION", default_value_t = 1.0, requires = "by_design", value_parser = positive, help_heading = "By design")]
    pub prediction: f64,
    /// Begin with the weights of the model's classifier, not with random ones, with --by-design
    #[arg(long, env = "EARWITNESS_WARM_START", requires = "by_design", value_parser = FalseyValueParser::new(), help_heading = "By design")]
    pub warm_start: bool,
    /// Passes over the data [default: 35, and 100 with --by-design]
    #[arg(long, value_name = "N", env = "EARWITNESS_EPOCHS", value_parser = count)]
    pub epochs: Option<usize>,
    /// Clips in a batch
    #[arg(long, value_name = "N", env = "EARWITNESS_BATCH", default_value_t = 16, value_parser = count)]
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule [default: 0.001, and 0.003 with --by-design]
    #[arg(long, value_name = "RATE", env = "EARWITNESS_LR", value_parser = positive)]
    pub lr: Option<f64>,
    /// Weight of the reconstruction of the input (α in Eq. 4 of the extended paper) [default: 5, and 3 with --by-design]
    #[arg(long, value_name = "W", env = "EARWITNESS_RECONSTRUCTION", value_parser = not_negative)]
    pub reconstruction: Option<f64>,
    /// Weight of the fidelity to the classifier
    #[arg(long, value_name = "W", env = "EARWITNESS_FIDELITY", default_value_t = 1.0, value_parser = positive)]
    pub fidelity: f64,
    /// Weight of the sparsity of the activations (β in Eq. 4) [default: 0.4, and 0.2 with --by-design]
    #[arg(long, value_name = "W", env = "EARWITNESS_SPARSITY", value_parser = not_negative)]
    pub sparsity: Option<f64>,
    /// Width of Ψ, even; the published network has 256
    #[arg(long, value_name = "N", env = "EARWITNESS_PSI_CHANNELS", default_value_t = 128, value_parser = count)]
    pub psi_channels: usize,
    /// Width of Θ's attention; the published network has 256
    #[arg(long, value_name = "N", env = "EARWITNESS_THETA_HIDDEN", default_value_t = 128, value_parser = count)]
    pub theta_hidden: usize,
    /// Share of Θ's attention inputs dropped during training
    #[arg(long, value_name = "P", env = "EARWITNESS_DROPOUT", default_value_t = 0.2, value_parser = share_below_one)]
    pub dropout: f64,
    /// Share of Θ's pooled activations dropped during training: spreads a decision over more components
    #[arg(long, value_name = "P", env = "EARWITNESS_POOLED_DROPOUT", default_value_t = 0.0, value_parser = share_below_one)]
    pub pooled_dropout: f64,
    /// Weight of the squared size of Θ's dense layer: spreads a decision over more components
    #[arg(long, value_name = "W", env = "EARWITNESS_THETA_DECAY", default_value_t = 0.02, value_parser = not_negative)]
    pub theta_decay: f64,
    /// Components whose relevance is above this are played in an interpretation (τ)
    #[arg(long, value_name = "TAU", env = "EARWITNESS_RELEVANCE_THRESHOLD", default_value_t = 0.0, value_parser = not_negative)]
    pub relevance_threshold: f64,
    /// How Θ pools activations over time
    #[arg(long, value_name = "KIND", env = "EARWITNESS_POOLING", default_value = "attention", value_parser = PossibleValuesParser::new(["attention", "max"]))]
    pub pooling: String,
    /// Seed of the weights, the order and the augmentation
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Go on with an interrupted training in --model, or in --out with --by-design
    #[arg(long, env = "EARWITNESS_RESUME", value_parser = FalseyValueParser::new())]
    pub resume: bool,
}

/// The file with Ψ and Θ.
pub(super) const WEIGHTS: &str = "l2i.safetensors";

/// A package with a classifier and a dictionary, and all that is needed to train on it.
pub(super) struct Prepared {
    pub(super) package: Package,
    /// With the shape that the flags ask for.
    pub(super) manifest: Manifest,
    pub(super) how: L2iTraining,
    /// W, `[n_bins, n_components]`.
    pub(super) dictionary: Vec<f32>,
    pub(super) loaded: Loaded,
}

/// Reads package and data.
pub(super) fn prepare(args: &Args) -> Result<Prepared> {
    let package = Package::open(&args.model)?;
    let mut manifest = package.manifest().clone();
    let dictionary_file = set_shape(args, &mut manifest)?;
    let (epochs, lr, reconstruction, sparsity) =
        if args.by_design { (100, 3e-3, 3.0, 0.2) } else { (35, 1e-3, 5.0, 0.4) };
    let how = L2iTraining {
        front_end: manifest.front_end.params()?,
        activation: manifest.classifier.activation,
        epochs: args.epochs.unwrap_or(epochs),
        batch: args.batch,
        learning_rate: args.lr.unwrap_or(lr) as f32,
        reconstruction: args.reconstruction.unwrap_or(reconstruction) as f32,
        fidelity: args.fidelity as f32,
        sparsity: args.sparsity.unwrap_or(sparsity) as f32,
        dropout: args.dropout as f32,
        pooled_dropout: args.pooled_dropout as f32,
        theta_decay: args.theta_decay as f32,
        augment: AugmentParams::default(),
        seed: args.seed,
        net: L2iConfig::from_manifest(&manifest.clone().for_clips())?,
    };
    let tensors = package.tensors(&dictionary_file)?;
    let dictionary = tensors.get("W", &[manifest.front_end.n_bins(), how.net.n_components])?.to_vec();
    let length = manifest.segment.clip_samples(how.front_end.stft.hop);
    let rate = how.front_end.sample_rate;
    let loaded = args.set.load(rate, length)?.for_model(&manifest, &args.set.data)?;
    Ok(Prepared { package, manifest, how, dictionary, loaded })
}

/// Trains Ψ and Θ for the classifier as it is.
pub(super) fn post_hoc(args: &Args) -> Result<()> {
    let Prepared { package, mut manifest, how, dictionary, loaded } = prepare(args)?;
    let classifier = frozen(&package)?;
    let checkpoint = data::checkpoint(&args.model, "l2i", args.resume)?;
    let frozen = Frozen { classifier: classifier.as_ref(), dictionary: &dictionary };
    let mut bar = Bar::new(how.epochs)?;
    let validation = &loaded.validation;
    let arrays =
        train(&how, &frozen, &loaded.train, &loaded.noise, validation, Some(&checkpoint), &mut |p| show(&mut bar, &p))?;
    bar.finish();
    if let Some(l2i) = &mut manifest.l2i {
        l2i.weights = Some(WEIGHTS.to_string());
    }
    manifest.training.get_or_insert_with(Training::default).commands.push(data::command_line());
    Package::write(&args.model, manifest, &[(WEIGHTS.to_string(), arrays)].into())?;
    data::discard(&checkpoint);
    note(&format!("the interpreter is in {}", args.model.display()));
    Ok(())
}

/// Tells how far a training is; returns whether to go on.
pub(super) fn show(bar: &mut Bar, progress: &L2iProgress) -> bool {
    match progress {
        L2iProgress::Batch(done, all) => bar.batch(*done, *all),
        L2iProgress::Epoch(e) => {
            let mut line = format!(
                "epoch {}: loss {:.4} (reconstruction {:.4}, fidelity {:.4}, labels {:.4}), {:.1} s",
                e.epoch, e.loss, e.reconstruction, e.fidelity_loss, e.prediction_loss, e.secs
            );
            line += &e.decisions.to_string();
            bar.epoch(e.epoch, &line)
        }
    }
}

/// Writes the flags' shape into the manifest and gives the dictionary's file.
fn set_shape(args: &Args, manifest: &mut Manifest) -> Result<String> {
    let name = manifest.name.clone();
    let l2i = manifest.l2i.as_mut().ok_or_else(|| {
        Error::model(format!("the model {name} has no dictionary; learn one first with 'earwitness train dictionary'"))
    })?;
    l2i.psi_channels = args.psi_channels;
    l2i.theta_hidden = args.theta_hidden;
    l2i.pooling = if args.pooling == "max" { Pooling::Max } else { Pooling::Attention };
    l2i.relevance_threshold = args.relevance_threshold as f32;
    Ok(l2i.dictionary.clone())
}
