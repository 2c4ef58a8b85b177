//! `earwitness train lmac`.

use std::path::PathBuf;

use clap::builder::{BoolishValueParser, FalseyValueParser};

use super::data::{self, Bar, DataArgs};
use crate::cli::output::note;
use crate::cli::parse::{count, not_negative, positive, share};
use crate::error::{Error, Result};
use crate::model::classifier::frozen;
use crate::model::lmac::LmacConfig;
use crate::model::manifest::{Lmac, Manifest, Training};
use crate::model::package::Package;
use crate::model::tap_shapes::TapShapes;
use crate::model::tensors::Arrays;
use crate::train::augment::AugmentParams;
use crate::train::classifier::TrainingClips;
use crate::train::lmac::{LmacEpoch, LmacProgress, LmacTraining, Objective, train};

const AFTER_HELP: &str = "\
Examples:
  earwitness train lmac --data esc13 --noise noise --model models/mine
  earwitness train lmac --data esc13 --noise noise --model models/mine --finetune --epochs 10 --lr 3e-4
  earwitness train lmac --data esc13 --noise noise --model models/mine --objective separate

The classifier stays as it is. The decoder learns masks whose inside the classifier recognises and
whose outside it does not (Eq. 2 of the L-MAC paper), for any class that a sound may hold; asked for
one that the classifier rules out (--absent), it is to keep nothing. --finetune goes on with the decoder of the
package and draws masks towards the loud parts of the clean sound, where they resemble it already:
they then are easier to listen to, and a little less faithful. --objective separate learns from mixtures
whose parts are known: masks are gains that keep the part which the classifier heard.";

/// Train the decoder of L-MAC and add it to a package.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
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
    #[arg(long, value_name = "N", env = "EARWITNESS_BATCH", default_value_t = 8, value_parser = count)]
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule
    #[arg(long, value_name = "RATE", env = "EARWITNESS_LR", default_value_t = 5e-4, value_parser = positive)]
    pub lr: f64,
    /// Weight decay
    #[arg(long, value_name = "W", env = "EARWITNESS_WEIGHT_DECAY", default_value_t = 1e-4, value_parser = not_negative)]
    pub weight_decay: f64,
    /// Share of the batches that are windows as a monitor hears them, and not whole clips
    #[arg(long, value_name = "P", env = "EARWITNESS_WINDOW_SHARE", default_value_t = 0.8, value_parser = share)]
    pub window_share: f64,
    /// Share of the examples in which a clip of another class sounds as well
    #[arg(long, value_name = "P", env = "EARWITNESS_MIX_PROB", default_value_t = 0.75, value_parser = share)]
    pub mix_prob: f64,
    /// Share of the examples that are asked for a class that the classifier rules out (of models of several labels, where
    /// masks are made for each)
    #[arg(long, value_name = "P", env = "EARWITNESS_ABSENT", default_value_t = 0.3, value_parser = share)]
    pub absent: f64,
    /// Channels of the decoder's widest maps
    #[arg(long, value_name = "N", env = "EARWITNESS_LMAC_CHANNELS", default_value_t = 64, value_parser = count)]
    pub channels: usize,
    /// Make masks for each class, and not only for the likeliest
    #[arg(long, value_name = "BOOL", env = "EARWITNESS_CONDITIONED", default_value_t = true, action = clap::ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub conditioned: bool,
    /// What masks are to do: explain (Eq. 2 of the paper), or also separate: keep the very part of a mixture that has the class
    #[arg(long, value_name = "NAME", env = "EARWITNESS_OBJECTIVE", default_value = "mask")]
    pub objective: ObjectiveName,
    /// Weight of the part to be kept, with --objective separate
    #[arg(long, value_name = "W", env = "EARWITNESS_SEPARATION", default_value_t = 1.0, value_parser = positive)]
    pub separation: f64,
    /// Weight of recognising the class inside the mask (λ_in)
    #[arg(long, value_name = "W", env = "EARWITNESS_L_IN", default_value_t = 4.0, value_parser = not_negative)]
    pub l_in: f64,
    /// Weight of not recognising it outside (λ_out)
    #[arg(long, value_name = "W", env = "EARWITNESS_L_OUT", default_value_t = 1.0, value_parser = not_negative)]
    pub l_out: f64,
    /// Weight of the mask's mean (λ_s)
    #[arg(long, value_name = "W", env = "EARWITNESS_L1", default_value_t = 2.0, value_parser = not_negative)]
    pub l1: f64,
    /// Go on with the decoder of the package and draw its masks towards the clean sound
    #[arg(long, env = "EARWITNESS_FINETUNE", value_parser = FalseyValueParser::new())]
    pub finetune: bool,
    /// Weight of the clean sound in fine-tuning (λ_g)
    #[arg(long, value_name = "W", env = "EARWITNESS_GUIDE", default_value_t = 4.0, value_parser = positive)]
    pub guide: f64,
    /// Least likeness of the masked and the clean sound for a mask to be drawn there, 0 to 1
    #[arg(long, value_name = "X", env = "EARWITNESS_CROSSCOR_THRESHOLD", default_value_t = 0.6, value_parser = share)]
    pub crosscor_threshold: f64,
    /// What counts as loud in the clean sound, as a share of its loudest bin
    #[arg(long, value_name = "X", env = "EARWITNESS_BIN_THRESHOLD", default_value_t = 0.35, value_parser = share)]
    pub bin_threshold: f64,
    /// Seed of the weights, the order and the augmentation
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Go on with an interrupted training in --model
    #[arg(long, env = "EARWITNESS_RESUME", value_parser = FalseyValueParser::new())]
    pub resume: bool,
}

/// What masks are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ObjectiveName {
    /// Let the classifier recognise the class in what they keep and not in the rest; they scale logarithms of magnitudes
    Mask,
    /// Keep the part of a mixture that has the class, too; they scale magnitudes
    Separate,
}

/// The file with the decoder.
const WEIGHTS: &str = "lmac.safetensors";

/// Trains the decoder and adds it to the package.
///
/// # Errors
/// Where settings, data or the package cannot be used, and on an interrupt.
pub fn run(args: &Args) -> Result<()> {
    let package = Package::open(&args.model)?;
    let mut manifest = package.manifest().clone();
    let classifier = frozen(&package)?;
    let how = settings(args, &manifest, TapShapes::from_manifest(&manifest)?)?;
    let start = if args.finetune { Some(trained(&package, &how)?) } else { None };
    let length = manifest.segment.clip_samples(how.front_end.stft.hop);
    let rate = how.front_end.sample_rate;
    let loaded = args.set.load(rate, length)?.for_model(&manifest, &args.set.data)?;
    let checkpoint = data::checkpoint(&args.model, "lmac", args.resume)?;
    let mut bar = Bar::new(args.epochs)?;
    let sounds = TrainingClips { clips: &loaded.train, noise: &loaded.noise, validation: &loaded.validation };
    let arrays = train(&how, classifier.as_ref(), sounds, start.as_ref(), Some(&checkpoint), &mut |p| match p {
        LmacProgress::Batch(done, all) => bar.batch(done, all),
        LmacProgress::Epoch(e) => bar.epoch(e.epoch, &line(&e)),
    })?;
    bar.finish();
    manifest.lmac = Some(Lmac {
        channels: how.net.channels,
        conditioned: how.net.conditioned,
        scale: how.objective.scale(),
        weights: WEIGHTS.to_string(),
    });
    manifest.training.get_or_insert_with(Training::default).commands.push(data::command_line());
    Package::write(&args.model, manifest, &[(WEIGHTS.to_string(), arrays)].into())?;
    data::discard(&checkpoint);
    note(&format!("the decoder is in {}", args.model.display()));
    Ok(())
}

fn settings(args: &Args, manifest: &Manifest, net: TapShapes) -> Result<LmacTraining> {
    let segment = &manifest.segment;
    let objective = match args.objective {
        ObjectiveName::Mask => Objective::Mask,
        ObjectiveName::Separate => Objective::Separate { weight: args.separation as f32 },
    };
    Ok(LmacTraining {
        net: LmacConfig { net, channels: args.channels, conditioned: args.conditioned },
        front_end: manifest.front_end.params()?,
        activation: manifest.classifier.activation,
        objective,
        clip_frames: segment.clip_frames.unwrap_or(segment.n_frames),
        window_frames: segment.n_frames,
        window_share: args.window_share,
        epochs: args.epochs,
        batch: args.batch,
        learning_rate: args.lr as f32,
        weight_decay: args.weight_decay as f32,
        inside: args.l_in as f32,
        outside: args.l_out as f32,
        sparsity: args.l1 as f32,
        guide: if args.finetune { args.guide as f32 } else { 0.0 },
        crosscor_threshold: args.crosscor_threshold as f32,
        bin_threshold: args.bin_threshold as f32,
        absent: args.absent,
        augment: AugmentParams { mix_prob: args.mix_prob, ..AugmentParams::default() },
        seed: args.seed,
    })
}

/// The decoder of the package, which must have the shape that is trained.
fn trained(package: &Package, how: &LmacTraining) -> Result<Arrays> {
    let has = LmacConfig::from_manifest(package.manifest())?;
    let scale = package.manifest().lmac.as_ref().map(|lmac| lmac.scale);
    if scale != Some(how.objective.scale()) {
        return Err(Error::usage(format!(
            "the decoder of {} was trained with another --objective; fine-tune it with the same",
            package.dir().display()
        )));
    }
    if has != how.net {
        return Err(Error::usage(format!(
            "the decoder of {} has {} channels and --conditioned {}; fine-tune it with the same",
            package.dir().display(),
            has.channels,
            has.conditioned
        )));
    }
    let weights = package.manifest().lmac.as_ref().map_or(WEIGHTS, |lmac| lmac.weights.as_str());
    package.tensors(weights)
}

fn line(e: &LmacEpoch) -> String {
    let mut line = format!(
        "epoch {}: loss {:.4} (inside {:.4}, outside {:.4}), mask {:.3}, {:.1} s",
        e.epoch, e.loss, e.inside, e.outside, e.mask, e.secs
    );
    if e.guided > 0.0 {
        line += &format!(", {:.0} % guided", 100.0 * e.guided);
    }
    if let Some(f) = e.figures {
        line += &format!(
            ", AI {:.1}, AD {:.1}, Fid-In {:.3}, FF {:.3}, mask {:.3} (of the unlikeliest class {:.3})",
            f.average_increase, f.average_drop, f.input_fidelity, f.faithfulness, f.mask, f.absent_mask
        );
    }
    line
}
