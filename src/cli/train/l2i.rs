//! `earwitness train l2i`.

use std::path::PathBuf;

use clap::builder::{FalseyValueParser, PossibleValuesParser};

use crate::cli::parse::{count, positive};

const AFTER_HELP: &str = "\
Examples:
  earwitness train l2i --data esc13 --noise noise --model models/mine
  earwitness train l2i --data esc13 --model models/mine --pooling max --epochs 20

The classifier stays as it is (post-hoc); Ψ learns activations of the dictionary, Θ learns to
decide as the classifier.";

/// Train the listenable interpreter and add it to a package.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    pub data: PathBuf,
    /// Folder of recordings of background, mixed in during training
    #[arg(long, value_name = "DIR", env = "EARWITNESS_NOISE")]
    pub noise: Option<PathBuf>,
    /// Folder of the package, with a classifier and a dictionary
    #[arg(long, value_name = "DIR", env = "EARWITNESS_MODEL")]
    pub model: PathBuf,
    /// Train on these folds, as in 1,2,3 [default: all that are not validated on]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// Measure on these folds after every epoch [default: none]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_VALIDATE_FOLDS", value_delimiter = ',')]
    pub validate_folds: Vec<u32>,
    /// Passes over the data
    #[arg(long, value_name = "N", env = "EARWITNESS_EPOCHS", default_value_t = 35, value_parser = count)]
    pub epochs: usize,
    /// Clips in a batch
    #[arg(long, value_name = "N", env = "EARWITNESS_BATCH", default_value_t = 16, value_parser = count)]
    pub batch: usize,
    /// Learning rate of Adam
    #[arg(long, value_name = "RATE", env = "EARWITNESS_LR", default_value_t = 5e-4, value_parser = positive)]
    pub lr: f64,
    /// How Θ pools activations over time
    #[arg(long, value_name = "KIND", env = "EARWITNESS_POOLING", default_value = "attention", value_parser = PossibleValuesParser::new(["attention", "max"]))]
    pub pooling: String,
    /// Seed of the weights, the order and the augmentation
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Go on with an interrupted training in --model
    #[arg(long, env = "EARWITNESS_RESUME", value_parser = FalseyValueParser::new())]
    pub resume: bool,
}
