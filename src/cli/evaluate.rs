//! `earwitness evaluate`: the papers' figures for a model on a data set.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

use super::output;
use crate::config::METHODS;
use crate::error::{Error, Result};
use crate::eval::evaluate::{EvaluationOptions, evaluate, targets_for_model};
use crate::eval::report::table;
use crate::interpret::Segment;
use crate::interpret::l2i::L2i;
use crate::model::package::{Package, find_model};
use crate::train::dataset::DataSet;
use crate::train::load::load_clips;

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

/// Measures, prints the table and writes the JSON file.
///
/// # Errors
/// Where data, model or file cannot be used.
pub fn run(args: &Args) -> Result<()> {
    let package = Package::open(&find_model(&args.model)?)?.for_clips();
    let l2i = L2i::load(&package)?;
    let front_end = package.manifest().front_end.params()?;
    let set = DataSet::open(&args.data)?;
    let folds = if args.folds.is_empty() { set.folds() } else { args.folds.clone() };
    let (metas, _) = set.split(&folds)?;
    let labels: Vec<&str> = package.manifest().label_names().collect();
    let classes: Vec<Vec<usize>> = metas.iter().map(|m| m.targets.clone()).collect();
    let targets = targets_for_model(&set.labels, &labels, &classes)?;
    let bar = output::progress("{msg} {wide_bar} {pos}/{len}");
    let step = |what: &'static str, done: usize, all: usize| {
        bar.set_message(what);
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let length = package.manifest().segment.clip_samples(front_end.stft.hop);
    let clips = load_clips(&metas, front_end.sample_rate, length, &mut |done, all| step("loading", done, all))?;
    let options =
        EvaluationOptions { method: args.method.clone(), folds, seed: args.seed, ..EvaluationOptions::default() };
    let explain = |segment: &Segment<'_>| l2i.explain_fully(segment);
    let evaluation =
        evaluate(&package, &clips, &targets, explain, &options, &mut |done, all| step("measuring", done, all))?;
    bar.finish_and_clear();
    let json = serde_json::to_string_pretty(&evaluation)
        .map_err(|e| Error::bug(format!("the figures cannot be written as JSON ({e}); please report this")))?;
    if let Some(path) = &args.json {
        std::fs::write(path, format!("{json}\n")).map_err(|e| {
            Error::output(format!("cannot write the figures to {} ({e}); choose another file", path.display()))
                .with_source(e)
        })?;
    }
    output::print(&table(&evaluation))
}
