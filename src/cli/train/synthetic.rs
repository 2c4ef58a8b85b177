//! `earwitness train synthetic`.

use std::path::PathBuf;

use crate::cli::output::{make_folder, note, progress};
use crate::cli::parse::{count, not_negative};
use crate::error::Result;
use crate::train::synthetic::{CLASSES, SyntheticParams, write_set};

const AFTER_HELP: &str = "\
Examples:
  earwitness train synthetic --out toy
  earwitness train synthetic --out small --per-class 200 --seed 2
  earwitness train classifier --data toy --validate-folds 5 --architecture drsa-cnn --out models/toy

One second at 16 kHz a clip, in the layout of ESC-50, in five folds. parts/ holds every sound
object of a clip alone, as long and as loud as in the clip, and meta/parts.tsv lists them, so that
what a method finds can be compared with what is there. The same seed gives the same bytes.";

/// Make the two synthetic classes whose every sound is known
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set to make
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT")]
    pub out: PathBuf,
    /// Clips of each of the two classes
    #[arg(long, value_name = "N", env = "EARWITNESS_PER_CLASS", default_value_t = 2000, value_parser = count)]
    pub per_class: usize,
    /// Deviation of the noise, where an object's amplitude is 0.5 to 1
    #[arg(long, value_name = "F", env = "EARWITNESS_NOISE_DEVIATION", default_value_t = 0.1, value_parser = not_negative)]
    pub noise_deviation: f64,
    /// Seed of everything random
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
}

/// Makes the data set.
///
/// # Errors
/// Where the folder holds a data set or cannot be written.
pub fn run(args: &Args) -> Result<()> {
    make_folder(&args.out, "--out")?;
    let bar = progress("making clips {wide_bar} {pos}/{len}");
    let params = SyntheticParams { noise: args.noise_deviation, seed: args.seed };
    write_set(&args.out, args.per_class, &params, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    note(&format!(
        "{} clips of {} are in {}",
        CLASSES.len() * args.per_class,
        CLASSES.join(" and "),
        args.out.display()
    ));
    Ok(())
}
