//! `earwitness train classifier`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, PossibleValuesParser};

use super::causal;
use super::data::{self, Bar, DataArgs};
use crate::cli::parse::{count, not_negative, positive, share, share_below_one};
use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
use crate::error::{Error, Result};
use crate::model::manifest::{
    Activation, Architecture, Classifier, FORMAT_VERSION, FrontEndSpec, Head, Label, Manifest, Segment, Training,
};
use crate::model::package::Package;
use crate::model::tensors::Arrays;
use crate::model::vgg::VggConfig;
use crate::train::augment::AugmentParams;
use crate::train::classifier::{ClassifierTraining, Progress, train};
use crate::units::SampleRate;

const AFTER_HELP: &str = "\
Examples:
  earwitness train classifier --data esc13 --noise noise --out models/mine
  earwitness train classifier --data esc13 --folds 1,2,3 --validate-folds 4 --out fold4 --epochs 60
  earwitness train classifier --data esc13 --out models/mine --resume
  earwitness train classifier --data esc13 --noise noise --start models/mine --out models/quick \
      --window-share 0.8 --segment-frames 128 --epochs 24 --lr 1e-3

An interrupted training goes on where it was with --resume; the same seed gives the same weights.";

/// Train a classifier and make a package of it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The data set.
    #[command(flatten)]
    pub set: DataArgs,
    /// Folder of the package to make; its name becomes the model's
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT")]
    pub out: PathBuf,
    /// Family of the net: vgg hears segments; causal hears a stream, learns from scenes mixed of the recordings, and may have
    /// a teacher
    #[arg(long, value_name = "KIND", env = "EARWITNESS_ARCHITECTURE", default_value = "vgg", value_parser = PossibleValuesParser::new(["vgg", "causal"]))]
    pub architecture: String,
    /// Of a causal net: an EfficientAT, which hears the same scenes and is imitated: a package that `model import` made, or a
    /// published checkpoint
    #[arg(long, value_name = "DIR|FILE.pt", env = "EARWITNESS_TEACHER")]
    pub teacher: Option<PathBuf>,
    /// Of a causal net: steps of training, each of a batch of scenes made anew
    #[arg(long, value_name = "N", env = "EARWITNESS_STEPS", default_value_t = 15_000, value_parser = count)]
    pub steps: usize,
    /// Width of the net: 1 has blocks of 16, 32, 64, 128, 256 and 512 channels
    #[arg(long, value_name = "F", env = "EARWITNESS_WIDTH", default_value_t = 1.0, value_parser = positive)]
    pub width: f64,
    /// Frames averaged into one before the first convolution
    #[arg(long, value_name = "N", env = "EARWITNESS_INPUT_POOL", default_value_t = 2, value_parser = count, help_heading = "Shape")]
    pub input_pool: usize,
    /// Frames made one by the pooling behind each block but the last: 2, or 1 to halve frequency alone
    #[arg(
        long,
        value_name = "N,…",
        env = "EARWITNESS_TIME_POOLS",
        value_delimiter = ',',
        default_value = "2,2,2,2,1",
        help_heading = "Shape"
    )]
    pub time_pools: Vec<usize>,
    /// Sample rate that the model listens at, in Hz
    #[arg(long, value_name = "HZ", env = "EARWITNESS_SAMPLE_RATE", default_value_t = 22_050, value_parser = clap::value_parser!(u32).range(8_000..=192_000), help_heading = "Shape")]
    pub sample_rate: u32,
    /// Length of the Fourier transform and of its window, in samples
    #[arg(long, value_name = "N", env = "EARWITNESS_N_FFT", default_value_t = 1024, value_parser = count, help_heading = "Shape")]
    pub n_fft: usize,
    /// Samples from one frame to the next
    #[arg(long, value_name = "N", env = "EARWITNESS_HOP", default_value_t = 345, value_parser = count, help_heading = "Shape")]
    pub hop: usize,
    /// Mel bands
    #[arg(long, value_name = "N", env = "EARWITNESS_MELS", default_value_t = 64, value_parser = count, help_heading = "Shape")]
    pub mels: usize,
    /// Frames of a clip, for training and measuring; longer clips are cut, shorter ones end in silence
    #[arg(long, value_name = "N", env = "EARWITNESS_CLIP_FRAMES", default_value_t = 320, value_parser = count, help_heading = "Shape")]
    pub clip_frames: usize,
    /// Frames that a monitor hears at once [default: 192; causal: 128]
    #[arg(long, value_name = "N", env = "EARWITNESS_SEGMENT_FRAMES", value_parser = count, help_heading = "Shape")]
    pub segment_frames: Option<usize>,
    /// Frames from one segment to the next [default: 32; causal: 16]
    #[arg(long, value_name = "N", env = "EARWITNESS_STRIDE_FRAMES", value_parser = count, help_heading = "Shape")]
    pub stride_frames: Option<usize>,
    /// Frames of the windows that are cut from clips as a live stream shows them, many just after a sound began
    #[arg(long, value_name = "N", env = "EARWITNESS_WINDOW_FRAMES", default_value_t = 96, value_parser = count, help_heading = "Shape")]
    pub window_frames: usize,
    /// Share of the batches that are such windows, not whole clips
    #[arg(long, value_name = "P", env = "EARWITNESS_WINDOW_SHARE", default_value_t = 0.0, value_parser = share, help_heading = "Shape")]
    pub window_share: f64,
    /// Share of pooled features dropped during training
    #[arg(long, value_name = "P", env = "EARWITNESS_DROPOUT", default_value_t = 0.3, value_parser = share_below_one)]
    pub dropout: f64,
    /// Default probability at which an event starts [default: 0.9; causal: 0.5]
    #[arg(long, value_name = "P", env = "EARWITNESS_ON_THRESHOLD", value_parser = positive)]
    pub on_threshold: Option<f64>,
    /// Default probability below which an event ends [default: 0.3; causal: 0.2]
    #[arg(long, value_name = "P", env = "EARWITNESS_OFF_THRESHOLD", value_parser = positive)]
    pub off_threshold: Option<f64>,
    /// Passes over the data
    #[arg(long, value_name = "N", env = "EARWITNESS_EPOCHS", default_value_t = 100, value_parser = count)]
    pub epochs: usize,
    /// Clips in a batch [default: 16; causal: 64]
    #[arg(long, value_name = "N", env = "EARWITNESS_BATCH", value_parser = count)]
    pub batch: Option<usize>,
    /// Highest learning rate of the one-cycle schedule [default: 0.004; causal: 0.003]
    #[arg(long, value_name = "RATE", env = "EARWITNESS_LR", value_parser = positive)]
    pub lr: Option<f64>,
    /// Weight decay of AdamW
    #[arg(long, value_name = "RATE", env = "EARWITNESS_WEIGHT_DECAY", default_value_t = 1e-3, value_parser = not_negative)]
    pub weight_decay: f64,
    /// Begin with the weights of this package, which has the same classes and shape, instead of random ones
    #[arg(long, value_name = "DIR", env = "EARWITNESS_START")]
    pub start: Option<PathBuf>,
    /// Seed of the weights, the order and the augmentation
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Go on with an interrupted training in --out
    #[arg(long, env = "EARWITNESS_RESUME", value_parser = FalseyValueParser::new())]
    pub resume: bool,
    /// From logits to probabilities: sigmoid can say that nothing is there
    #[arg(long, value_name = "KIND", env = "EARWITNESS_ACTIVATION", default_value = "sigmoid", value_parser = PossibleValuesParser::new(["sigmoid", "softmax"]))]
    pub activation: String,
    /// Sentence that `model list` shows
    #[arg(long, value_name = "TEXT", env = "EARWITNESS_DESCRIPTION", default_value = "")]
    pub description: String,
    /// Licence of the weights, as an SPDX expression
    #[arg(long, value_name = "SPDX", env = "EARWITNESS_LICENCE", default_value = "MIT OR Apache-2.0")]
    pub licence: String,
}

/// The file with the weights.
pub(super) const WEIGHTS: &str = "classifier.safetensors";

/// Trains and writes the package.
///
/// # Errors
/// Where settings, data or the output folder cannot be used, and on an interrupt.
pub fn run(args: &Args) -> Result<()> {
    if args.architecture == "causal" {
        return causal::run(args);
    }
    let how_without_classes = training(args, 0)?;
    let rate = how_without_classes.front_end.sample_rate;
    let length = segment(args).clip_samples(args.hop);
    let loaded = args.set.load(rate, length)?;
    let how = training(args, loaded.labels.len())?;
    how.net.validate()?;
    if args.window_frames < how.net.time_pooling() {
        return Err(Error::usage(format!(
            "windows of {} frames are shorter than what the net makes one, {}; give a longer --window-frames",
            args.window_frames,
            how.net.time_pooling()
        )));
    }
    let mut manifest = manifest(args, &how, &loaded)?;
    let start = match &args.start {
        Some(dir) => Some(weights_to_start_with(dir, &mut manifest)?),
        None => None,
    };
    VggConfig::from_manifest(&manifest)?;
    let checkpoint = data::checkpoint(&args.out, "classifier", args.resume)?;
    let mut bar = Bar::new(args.epochs)?;
    let arrays =
        train(&how, start.as_ref(), &loaded.train, &loaded.noise, &loaded.validation, Some(&checkpoint), &mut |p| {
            match p {
                Progress::Batch(done, all) => bar.batch(done, all),
                Progress::Epoch(e) => {
                    let mut line = format!("epoch {}: loss {:.4}, {:.1} s", e.epoch, e.loss, e.secs);
                    if let (Some(a), Some(m)) = (e.accuracy, e.macro_auprc) {
                        line += &format!(", accuracy {:.1} %, macro-AUPRC {m:.3}", 100.0 * a);
                    }
                    bar.epoch(e.epoch, &line)
                }
            }
        })?;
    bar.finish();
    Package::write(&args.out, manifest, &[(WEIGHTS.to_string(), arrays)].into())?;
    data::discard(&checkpoint);
    crate::cli::output::note(&format!("the classifier is in {}", args.out.display()));
    Ok(())
}

/// The weights of another package of the same net; its commands come first in the new one's record.
pub(super) fn weights_to_start_with(dir: &Path, manifest: &mut Manifest) -> Result<Arrays> {
    let package = Package::open(dir)?;
    let other = package.manifest();
    let names = |m: &Manifest| m.labels.iter().map(|l| l.name.clone()).collect::<Vec<_>>();
    // Activation, taps and the file's name are not the net.
    let shape = |m: &Manifest| Classifier {
        activation: Activation::Sigmoid,
        taps: Vec::new(),
        weights: String::new(),
        ..m.classifier.clone()
    };
    if shape(other) != shape(manifest) || names(other) != names(manifest) {
        return Err(Error::usage(format!(
            "the model {} has another shape or other classes than what is to be trained; give its shape, or leave --start out",
            other.name
        )));
    }
    if let (Some(now), Some(before)) = (&mut manifest.training, &other.training) {
        let classifier = before.commands.iter().filter(|c| c.contains(" train classifier ")).cloned();
        now.commands.splice(0..0, classifier);
    }
    package.tensors(&other.classifier.weights)
}

/// The settings as the training room wants them.
fn training(args: &Args, n_classes: usize) -> Result<ClassifierTraining> {
    let sample_rate =
        SampleRate::new(args.sample_rate).ok_or_else(|| Error::usage("--sample-rate 0 cannot be used"))?;
    let widths = [16.0, 32.0, 64.0, 128.0, 256.0, 512.0].map(|w| ((w * args.width).round() as usize).max(1)).to_vec();
    Ok(ClassifierTraining {
        net: VggConfig {
            n_mels: args.mels,
            input_pool: args.input_pool,
            widths,
            time_pools: args.time_pools.clone(),
            n_classes,
        },
        activation: if args.activation == "softmax" { Activation::Softmax } else { Activation::Sigmoid },
        front_end: FrontEndParams {
            sample_rate,
            stft: StftParams {
                n_fft: args.n_fft,
                hop: args.hop,
                win_length: args.n_fft,
                window: WindowKind::Hann,
                centred: true,
            },
            mel: MelParams {
                n_mels: args.mels,
                scale: MelScale::Htk,
                norm: MelNorm::None,
                f_min_hz: 0.0,
                f_max_hz: args.sample_rate as f32 / 2.0,
            },
            pre_emphasis: 0.0,
            power: SpectrumPower::Power,
            compression: Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 },
        },
        segment_frames: args.clip_frames,
        window_frames: args.window_frames,
        window_share: args.window_share,
        epochs: args.epochs,
        batch: args.batch.unwrap_or(16),
        learning_rate: args.lr.unwrap_or(4e-3) as f32,
        weight_decay: args.weight_decay as f32,
        dropout: args.dropout as f32,
        smoothing: (0.01, 0.96),
        augment: AugmentParams::default(),
        seed: args.seed,
    })
}

fn segment(args: &Args) -> Segment {
    Segment {
        n_frames: args.segment_frames.unwrap_or(192),
        stride_frames: args.stride_frames.unwrap_or(32),
        clip_frames: Some(args.clip_frames),
    }
}

fn manifest(args: &Args, how: &ClassifierTraining, loaded: &data::Loaded) -> Result<Manifest> {
    let (on, off) = (args.on_threshold.unwrap_or(0.9) as f32, args.off_threshold.unwrap_or(0.3) as f32);
    let label = |name: &String| Label::new(name, on, off);
    let description = match args.description.as_str() {
        "" => format!("Sound events of {}, {} classes", data::folder_name(&args.set.data), loaded.labels.len()),
        given => given.to_string(),
    };
    let taps = ["block4", "block5", "block6"].map(str::to_string).to_vec();
    Ok(Manifest {
        format: FORMAT_VERSION,
        name: data::folder_name(&args.out),
        description,
        licence: args.licence.clone(),
        front_end: FrontEndSpec::from(&how.front_end),
        segment: segment(args),
        labels: loaded.labels.iter().map(label).collect(),
        classifier: Classifier {
            architecture: Architecture::Vgg,
            input_pool: args.input_pool,
            widths: how.net.widths.clone(),
            time_pools: args.time_pools.clone(),
            causal: None,
            width: None,
            hidden_units: None,
            head: Head::MeanMax,
            activation: how.activation,
            taps,
            weights: WEIGHTS.to_string(),
        },
        l2i: None,
        lmac: None,
        drsa: BTreeMap::new(),
        files: Default::default(),
        training: Some(Training {
            commands: vec![data::command_line()],
            data: loaded.about.clone(),
            seed: args.seed,
            date: data::today(),
        }),
        scores: Default::default(),
    })
}
