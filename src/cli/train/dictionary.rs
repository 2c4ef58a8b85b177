//! `earwitness train dictionary`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

use crate::cli::parse::{count, not_negative};

const AFTER_HELP: &str = "\
Examples:
  earwitness train dictionary --data esc13 --noise noise --model models/mine
  earwitness train dictionary --data esc13 --model models/mine --recipe whole --components 100

Sparse non-negative matrix factorisation of log(1+|X|), frames averaged in fives, columns of unit norm.";

/// Learn the dictionary of spectral patterns and add it to a package.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    pub data: PathBuf,
    /// Folder of recordings of background, for the noise components
    #[arg(long, value_name = "DIR", env = "EARWITNESS_NOISE")]
    pub noise: Option<PathBuf>,
    /// Folder of the package, made by `train classifier`
    #[arg(long, value_name = "DIR", env = "EARWITNESS_MODEL")]
    pub model: PathBuf,
    /// Learn from these folds, as in 1,2,3 [default: all]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// Components for each class beside fixed ones for noise, or for the whole set at once
    #[arg(long, value_name = "RECIPE", env = "EARWITNESS_RECIPE", default_value = "per-class", value_parser = PossibleValuesParser::new(["per-class", "whole"]))]
    pub recipe: String,
    /// Components of each class, with --recipe per-class
    #[arg(long, value_name = "N", env = "EARWITNESS_COMPONENTS_PER_CLASS", default_value_t = 8, value_parser = count)]
    pub components_per_class: usize,
    /// Components of the noise, with --recipe per-class; 0 for none
    #[arg(long, value_name = "N", env = "EARWITNESS_NOISE_COMPONENTS", default_value_t = 10)]
    pub noise_components: usize,
    /// Components in all, with --recipe whole
    #[arg(long, value_name = "N", env = "EARWITNESS_COMPONENTS", default_value_t = 100, value_parser = count)]
    pub components: usize,
    /// Weight of the sparsity of the activations
    #[arg(long, value_name = "MU", env = "EARWITNESS_SPARSITY", default_value_t = 0.8, value_parser = not_negative)]
    pub sparsity: f64,
    /// Updates
    #[arg(long, value_name = "N", env = "EARWITNESS_ITERATIONS", default_value_t = 200, value_parser = count)]
    pub iterations: usize,
    /// Seed of the first guess
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
}
