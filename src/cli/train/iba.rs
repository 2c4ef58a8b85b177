//! `earwitness train iba`.

use std::path::PathBuf;

use super::data::{self, Bar};
use crate::cli::output::note;
use crate::cli::parse::positive;
use crate::error::{Error, Result};
use crate::interpret::concepts::blocks;
use crate::interpret::iba::BlockOutputs;
use crate::model::manifest::{Iba, Training};
use crate::model::package::Package;
use crate::train::iba::statistics;

const AFTER_HELP: &str = "\
Examples:
  earwitness train iba --data esc13 --model models/mine
  earwitness train iba --data esc13 --model models/mine --layer block3 --beta 30
  earwitness explain yard.wav --model models/mine --method iba

The classifier stays as it is. IBA explains each sound by itself: it replaces by noise as much of a
hidden layer as the decision can spare, and what it cannot replace counts in bits. All that it must
learn from a data set is how the layer's values are distributed, so one pass over the clips is enough
and there is nothing to resume.";

/// The file with the statistics.
const WEIGHTS: &str = "iba.safetensors";

/// Learn how a hidden layer's values are distributed, for IBA, and add it to a package.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    pub data: PathBuf,
    /// Folder of the package, with a classifier
    #[arg(long, value_name = "DIR", env = "EARWITNESS_MODEL")]
    pub model: PathBuf,
    /// Learn from these folds, as in 1,2,3 [default: all]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// The layer, as in block4: the output of that block [default: the block two thirds of the way up]
    #[arg(long, value_name = "LAYER", env = "EARWITNESS_LAYER")]
    pub layer: Option<String>,
    /// Price of the mean information (β): the higher it is, the less is kept
    #[arg(long, value_name = "W", env = "EARWITNESS_BETA", default_value_t = 10.0, value_parser = positive)]
    pub beta: f64,
}

/// Learns the layer's statistics and adds them to the package.
///
/// # Errors
/// Where data or the package cannot be used.
pub fn run(args: &Args) -> Result<()> {
    let package = Package::open(&args.model)?;
    let mut manifest = package.manifest().clone();
    let layer = match &args.layer {
        Some(layer) => layer.clone(),
        None => format!("block{}", blocks(&package)?.0 + 1),
    };
    let spec = Iba { layer, beta: args.beta as f32, weights: WEIGHTS.to_owned() };
    let block = spec.block().ok_or_else(|| {
        Error::usage(format!("there is no layer '{}'; give --layer a block, as in block4", spec.layer))
    })?;
    let outputs = BlockOutputs::open(&package, block)?;
    let front_end = manifest.front_end.params()?;
    let length = manifest.segment.clip_samples(front_end.stft.hop);
    let loaded = data::load(&args.data, None, &args.folds, &[], front_end.sample_rate, length)?;
    let bar = Bar::new(1)?;
    let n_frames = manifest.segment.n_frames;
    let arrays =
        statistics(&outputs, &front_end, n_frames, &loaded.train, &mut |done, all| bar.part(done, all, "listening"))?;
    bar.finish();
    let layer = spec.layer.clone();
    manifest.iba = Some(spec);
    manifest.training.get_or_insert_with(Training::default).commands.push(data::command_line());
    Package::write(&args.model, manifest, &[(WEIGHTS.to_owned(), arrays)].into())?;
    note(&format!("the statistics of {layer} are in {}", args.model.display()));
    Ok(())
}
