//! What `earwitness train classifier` can be told.

use std::path::PathBuf;

use clap::builder::{FalseyValueParser, PossibleValuesParser};

use super::data::DataArgs;
use crate::cli::parse::{count, not_negative, positive, share, share_below_one, word};
use crate::train::dataset::Target;

/// The file with the weights.
pub(super) const WEIGHTS: &str = "classifier.safetensors";

const AFTER_HELP: &str = "\
Examples:
  earwitness train classifier --data esc13 --noise noise --out models/mine
  earwitness train classifier --data esc13 --folds 1,2,3 --validate-folds 4 --out fold4 --epochs 60
  earwitness train classifier --data esc13 --out models/mine --resume
  earwitness train classifier --data esc13 --noise noise --start models/mine --out models/quick \
      --window-share 0.8 --segment-frames 128 --epochs 24 --lr 1e-3
  earwitness train classifier --data toy --validate-folds 5 --architecture drsa-cnn --out models/toy
  earwitness train classifier --data fsdd --validate-folds 1 --architecture audionet --out models/digits

An interrupted training goes on where it was with --resume; the same seed gives the same weights.";

/// Train a classifier and make a package of it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The data set.
    #[command(flatten)]
    pub set: DataArgs,
    /// What is to be recognised: the set's classes (of spoken digits, the digit), or the speaker's sex, where AudioMNIST's table
    /// says it
    #[arg(long, value_name = "WHAT", env = "EARWITNESS_TARGET", default_value = "class", value_parser = word::<Target>(&["class", "sex"]))]
    pub target: Target,
    /// Folder of the package to make; its name becomes the model's
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT")]
    pub out: PathBuf,
    /// Family of the net: vgg hears segments; causal hears a stream, learns from scenes mixed of the recordings, and may have
    /// a teacher; drsa-cnn is the small one of the concept papers, audionet and alexnet those of AudioMNIST,
    /// of which the first hears samples
    #[arg(long, value_name = "KIND", env = "EARWITNESS_ARCHITECTURE", default_value = "vgg", value_parser = PossibleValuesParser::new(["vgg", "causal", "drsa-cnn", "audionet", "alexnet"]))]
    pub architecture: String,
    /// Of a causal net: an EfficientAT, which hears the same scenes and is imitated: a package that `model import` made, or a
    /// published checkpoint
    #[arg(long, value_name = "DIR|FILE.pt", env = "EARWITNESS_TEACHER")]
    pub teacher: Option<PathBuf>,
    /// Of a causal net: steps of training, each of a batch of scenes made anew
    #[arg(long, value_name = "N", env = "EARWITNESS_STEPS", default_value_t = 15_000, value_parser = count)]
    pub steps: usize,
    /// Width of the net: 1 is as published; a vgg has blocks of 16, 32, 64, 128, 256 and 512 channels then
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
    /// Sample rate that the model listens at, in Hz [default: 22050; drsa-cnn: 16000; audionet and alexnet:
    /// 8000]
    #[arg(long, value_name = "HZ", env = "EARWITNESS_SAMPLE_RATE", value_parser = clap::value_parser!(u32).range(8_000..=192_000), help_heading = "Shape")]
    pub sample_rate: Option<u32>,
    /// Length of the Fourier transform and of its window, in samples [default: 1024; drsa-cnn: 512, with a window of 400;
    /// audionet: 256; alexnet: 455]
    #[arg(long, value_name = "N", env = "EARWITNESS_N_FFT", value_parser = count, help_heading = "Shape")]
    pub n_fft: Option<usize>,
    /// Samples from one frame to the next [default: 345; drsa-cnn: 240; audionet: 80; alexnet: 35]
    #[arg(long, value_name = "N", env = "EARWITNESS_HOP", value_parser = count, help_heading = "Shape")]
    pub hop: Option<usize>,
    /// Mel bands; audionet and alexnet have none
    #[arg(long, value_name = "N", env = "EARWITNESS_MELS", default_value_t = 64, value_parser = count, help_heading = "Shape")]
    pub mels: usize,
    /// Frames of a clip, for training and measuring; longer clips are cut, shorter ones end in silence [default: 320; drsa-cnn:
    /// 64; audionet: 100; alexnet: 227]
    #[arg(long, value_name = "N", env = "EARWITNESS_CLIP_FRAMES", value_parser = count, help_heading = "Shape")]
    pub clip_frames: Option<usize>,
    /// Frames that a monitor hears at once [default: 192; causal: 128; the others: a clip]
    #[arg(long, value_name = "N", env = "EARWITNESS_SEGMENT_FRAMES", value_parser = count, help_heading = "Shape")]
    pub segment_frames: Option<usize>,
    /// Frames from one segment to the next [default: 32; causal and drsa-cnn: 16; audionet: 25; alexnet:
    /// 57]
    #[arg(long, value_name = "N", env = "EARWITNESS_STRIDE_FRAMES", value_parser = count, help_heading = "Shape")]
    pub stride_frames: Option<usize>,
    /// Frames of the windows that are cut from clips as a live stream shows them, many just after a sound began
    #[arg(long, value_name = "N", env = "EARWITNESS_WINDOW_FRAMES", default_value_t = 96, value_parser = count, help_heading = "Shape")]
    pub window_frames: usize,
    /// Share of the batches that are such windows, not whole clips
    #[arg(long, value_name = "P", env = "EARWITNESS_WINDOW_SHARE", default_value_t = 0.0, value_parser = share, help_heading = "Shape")]
    pub window_share: f64,
    /// Share of what dense layers read that is dropped during training [default: 0.3; drsa-cnn: 0; audionet and alexnet: 0.5]
    #[arg(long, value_name = "P", env = "EARWITNESS_DROPOUT", value_parser = share_below_one)]
    pub dropout: Option<f64>,
    /// Default probability at which an event starts [default: 0.9; causal: 0.5]
    #[arg(long, value_name = "P", env = "EARWITNESS_ON_THRESHOLD", value_parser = positive)]
    pub on_threshold: Option<f64>,
    /// Default probability below which an event ends [default: 0.3; causal: 0.2]
    #[arg(long, value_name = "P", env = "EARWITNESS_OFF_THRESHOLD", value_parser = positive)]
    pub off_threshold: Option<f64>,
    /// Passes over the data [default: 100; drsa-cnn: 40; audionet and alexnet: 20]
    #[arg(long, value_name = "N", env = "EARWITNESS_EPOCHS", value_parser = count)]
    pub epochs: Option<usize>,
    /// Clips in a batch [default: 16; causal: 64; the others: 32]
    #[arg(long, value_name = "N", env = "EARWITNESS_BATCH", value_parser = count)]
    pub batch: Option<usize>,
    /// Highest learning rate of the one-cycle schedule [default: 0.004; causal: 0.003; the others: 0.001]
    #[arg(long, value_name = "RATE", env = "EARWITNESS_LR", value_parser = positive)]
    pub lr: Option<f64>,
    /// Weight decay of AdamW [default: 0.001; drsa-cnn, audionet and alexnet: 0]
    #[arg(long, value_name = "RATE", env = "EARWITNESS_WEIGHT_DECAY", value_parser = not_negative)]
    pub weight_decay: Option<f64>,
    /// Begin with the weights of this package, which has the same classes and shape, instead of random ones
    #[arg(long, value_name = "DIR", env = "EARWITNESS_START")]
    pub start: Option<PathBuf>,
    /// Seed of the weights, the order and the augmentation
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Go on with an interrupted training in --out
    #[arg(long, env = "EARWITNESS_RESUME", value_parser = FalseyValueParser::new())]
    pub resume: bool,
    /// From logits to probabilities: sigmoid can say that nothing is there [default: sigmoid;
    /// drsa-cnn, audionet and alexnet: softmax]
    #[arg(long, value_name = "KIND", env = "EARWITNESS_ACTIVATION", value_parser = PossibleValuesParser::new(["sigmoid", "softmax"]))]
    pub activation: Option<String>,
    /// Sentence that `model list` shows
    #[arg(long, value_name = "TEXT", env = "EARWITNESS_DESCRIPTION", default_value = "")]
    pub description: String,
    /// Licence of the weights, as an SPDX expression
    #[arg(long, value_name = "SPDX", env = "EARWITNESS_LICENCE", default_value = "MIT OR Apache-2.0")]
    pub licence: String,
}
