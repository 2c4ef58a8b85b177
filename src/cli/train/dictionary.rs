//! `earwitness train dictionary`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

use super::data::{self, Bar};
use crate::cli::output::note;
use crate::cli::parse::{count, not_negative};
use crate::error::Result;
use crate::model::manifest::Training;
use crate::model::package::Package;
use crate::model::tensors::Arrays;
use crate::train::dictionary::{DictionaryData, DictionaryParams, Recipe, learn_dictionary};

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

/// The file with the dictionary.
pub(in crate::cli) const FILE: &str = "dictionary.safetensors";

/// Learns the dictionary and adds it to the package.
///
/// # Errors
/// Where settings, data or the package cannot be used.
pub fn run(args: &Args) -> Result<()> {
    let package = Package::open(&args.model)?;
    let mut manifest = package.manifest().clone();
    let front_end = manifest.front_end.params()?;
    let length = manifest.segment.clip_samples(front_end.stft.hop);
    let rate = front_end.sample_rate;
    let loaded = data::load(&args.data, args.noise.as_deref(), &args.folds, &[], rate, length)?;
    let recipe = match args.recipe.as_str() {
        "whole" => Recipe::Whole { n_components: args.components },
        _ => Recipe::PerClass {
            per_class: args.components_per_class,
            noise: if loaded.noise.is_empty() { 0 } else { args.noise_components },
            keep_noise: true,
            max_clips: usize::MAX,
        },
    };
    let params = DictionaryParams {
        sparsity: args.sparsity as f32,
        max_iters: args.iterations,
        seed: args.seed,
        ..DictionaryParams::new(front_end.stft, recipe)
    };
    let what = DictionaryData {
        clips: &loaded.train.samples,
        targets: &loaded.train.targets,
        labels: &loaded.labels,
        background: &loaded.noise,
    };
    let bar = Bar::new(1)?;
    let dictionary = learn_dictionary(&what, &params, &mut |p| {
        bar.part(p.part_index * p.max_iters + p.iteration, p.n_parts * p.max_iters, p.part);
    })?;
    bar.finish();
    let n_components = dictionary.names.len();
    manifest.set_dictionary(FILE, dictionary.names);
    manifest.training.get_or_insert_with(Training::default).commands.push(data::command_line());
    let mut arrays = Arrays::default();
    arrays.insert("W", [dictionary.n_bins, n_components], dictionary.w);
    Package::write(&args.model, manifest, &[(FILE.to_string(), arrays)].into())?;
    note(&format!("a dictionary of {n_components} components is in {}", args.model.display()));
    Ok(())
}
