//! `earwitness train classifier`.

use std::path::PathBuf;

use clap::builder::{FalseyValueParser, PossibleValuesParser};

use crate::cli::parse::{count, not_negative, positive};

const AFTER_HELP: &str = "\
Examples:
  earwitness train classifier --data esc13 --noise noise --out models/mine
  earwitness train classifier --data esc13 --folds 1,2,3 --validate-folds 4 --out fold4 --epochs 60
  earwitness train classifier --data esc13 --out models/mine --resume

An interrupted training goes on where it was with --resume; the same seed gives the same weights.";

/// Train a classifier and make a package of it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    pub data: PathBuf,
    /// Folder of recordings of background, mixed in during training
    #[arg(long, value_name = "DIR", env = "EARWITNESS_NOISE")]
    pub noise: Option<PathBuf>,
    /// Folder of the package to make; its name becomes the model's
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT")]
    pub out: PathBuf,
    /// Train on these folds, as in 1,2,3 [default: all that are not validated on]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// Measure on these folds after every epoch [default: none]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_VALIDATE_FOLDS", value_delimiter = ',')]
    pub validate_folds: Vec<u32>,
    /// Width of the net: 1 has blocks of 16, 32, 64, 128, 256 and 512 channels
    #[arg(long, value_name = "F", env = "EARWITNESS_WIDTH", default_value_t = 1.0, value_parser = positive)]
    pub width: f64,
    /// Passes over the data
    #[arg(long, value_name = "N", env = "EARWITNESS_EPOCHS", default_value_t = 100, value_parser = count)]
    pub epochs: usize,
    /// Clips in a batch
    #[arg(long, value_name = "N", env = "EARWITNESS_BATCH", default_value_t = 16, value_parser = count)]
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule
    #[arg(long, value_name = "RATE", env = "EARWITNESS_LR", default_value_t = 4e-3, value_parser = positive)]
    pub lr: f64,
    /// Weight decay of AdamW
    #[arg(long, value_name = "RATE", env = "EARWITNESS_WEIGHT_DECAY", default_value_t = 1e-3, value_parser = not_negative)]
    pub weight_decay: f64,
    /// Seed of the weights, the order and the augmentation
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Go on with an interrupted training in --out
    #[arg(long, env = "EARWITNESS_RESUME", value_parser = FalseyValueParser::new())]
    pub resume: bool,
    /// Also learn from the probabilities of another model package: its folder, or none
    #[arg(long, value_name = "none|DIR", env = "EARWITNESS_TEACHER", default_value = "none")]
    pub teacher: String,
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
