//! `earwitness evaluate`: the papers' figures for a model on a data set.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

use crate::config::METHODS;

const AFTER_HELP: &str = "\
Examples:
  earwitness evaluate --data esc13
  earwitness evaluate --data esc13 --model models/mine --folds 4 --json scores.json

The data set has the layout of ESC-50: audio/FOLD-SOURCE-TAKE-CLASS.wav (flac, ogg)
and meta/esc50.csv.";

/// Measure a model on a data set.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    pub data: PathBuf,
    /// The model: a name of `earwitness model list`, or a package's folder
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL", default_value = crate::model::package::DEFAULT_MODEL)]
    pub model: String,
    /// Use these folds only, as in 1,2 [default: all]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// The method to measure
    #[arg(long, value_name = "METHOD", env = "EARWITNESS_METHOD", default_value = "l2i", value_parser = PossibleValuesParser::new(METHODS))]
    pub method: String,
    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE", env = "EARWITNESS_JSON_FILE")]
    pub json: Option<PathBuf>,
    /// Seed of the random baselines
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
}
