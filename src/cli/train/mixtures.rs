//! `earwitness train mixtures`.

use std::path::PathBuf;

use crate::cli::output::{make_folder, note, progress};
use crate::cli::parse::{count, positive};
use crate::error::{Error, Result};
use crate::train::dataset::DataSet;
use crate::train::mixtures::{MixtureParams, write_mixtures};
use crate::units::SampleRate;

const AFTER_HELP: &str = "\
Examples:
  earwitness train mixtures --data everyday --folds 4 --out several
  earwitness evaluate --data several --model models/mine --decisions

Each mixture holds one to three clips of different labels, at levels within 10 dB of each other. The
set has one column of 0 and 1 for each label, as multi-label sets have. The same seed gives the same
bytes.";

/// Make a set with several labels a clip from one with one
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set to mix
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    pub data: PathBuf,
    /// Folder of the data set to make
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT")]
    pub out: PathBuf,
    /// Mix clips of these folds, as in 1,2,3 [default: all]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// Mixtures of each fold
    #[arg(long, value_name = "N", env = "EARWITNESS_PER_FOLD", default_value_t = 400, value_parser = count)]
    pub per_fold: usize,
    /// Length of a mixture
    #[arg(long, value_name = "SECONDS", env = "EARWITNESS_SECONDS", default_value_t = 5.0, value_parser = positive)]
    pub seconds: f64,
    /// Rate of the mixtures, in Hz
    #[arg(long, value_name = "HZ", env = "EARWITNESS_RATE", default_value_t = 16_000)]
    pub rate: u32,
    /// Seed of everything random
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
}

/// Makes the data set.
///
/// # Errors
/// Where the data set cannot be read, or the folder holds one or cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let rate = SampleRate::new(args.rate)
        .ok_or_else(|| Error::usage(format!("a rate of {} Hz cannot be; give one as in 16000", args.rate)))?;
    let set = DataSet::open(&args.data)?;
    make_folder(&args.out, "--out")?;
    let params = MixtureParams {
        folds: args.folds.clone(),
        per_fold: args.per_fold,
        rate,
        n_samples: (args.seconds * f64::from(args.rate)).round() as usize,
        seed: args.seed,
    };
    let bar = progress("mixing {wide_bar} {pos}/{len}");
    let made = write_mixtures(&args.out, &set, &params, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    note(&format!("{made} mixtures of {} labels are in {}", set.labels.len(), args.out.display()));
    Ok(())
}
