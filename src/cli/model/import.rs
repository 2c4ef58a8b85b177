//! `earwitness model import`: dictionaries that others learnt.

use std::path::PathBuf;

use crate::cli::output;
use crate::cli::train::data::{command_line, folder_name};
use crate::cli::train::dictionary::FILE;
use crate::error::Result;
use crate::model::dictionary::import;
use crate::model::manifest::Training;
use crate::model::npy;
use crate::model::package::Package;
use crate::model::tensors::Arrays;

const AFTER_HELP: &str = "\
Examples:
  earwitness model import initW.npy --model models/mine --from-rate 44100
  earwitness train l2i --data esc13 --noise noise --model models/mine

The file is a matrix W of NumPy, one row a frequency bin and one column a pattern, float32 or
float64, such as the dictionaries of the L2I authors (513 bins at 44.1 kHz). As in their program,
negative values become 0 and every column gets the length 1. The package gets W in place of its
dictionary and loses Ψ and Θ, which spoke of the old one: train them anew.

Bins are not Hz. Without --from-rate, row k becomes bin k of the model, so a dictionary made at
another rate has all its patterns at other frequencies than it was made for. With --from-rate,
the patterns are read at the model's frequencies by linear interpolation, and what lies above the
model's half rate is lost. Window and hop stay the model's own.";

/// Put a dictionary of another program into a package
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct ImportArgs {
    /// The dictionary, as a NumPy matrix: bins × components
    #[arg(value_name = "FILE.npy")]
    file: PathBuf,
    /// Folder of the package that gets it, made by `train classifier`
    #[arg(long, value_name = "DIR", env = "EARWITNESS_MODEL")]
    model: PathBuf,
    /// Sample rate that the dictionary was made at, in Hz: brings its patterns to the model's frequencies [default: rows
    /// are taken for the model's bins]
    #[arg(long, value_name = "HZ", env = "EARWITNESS_FROM_RATE", value_parser = clap::value_parser!(u32).range(1_000..=768_000))]
    from_rate: Option<u32>,
}

/// Puts the dictionary into the package and says what its bins mean there.
///
/// # Errors
/// Where the file is no dictionary for the package, or the package cannot be read or written.
pub(in crate::cli) fn run(args: &ImportArgs) -> Result<()> {
    let package = Package::open(&args.model)?;
    let mut manifest = package.manifest().clone();
    let (rate_hz, n_bins) = (manifest.front_end.sample_rate_hz, manifest.front_end.n_bins());
    let name = args.file.display().to_string();
    let matrix = npy::read(&args.file)?;
    let imported = import(&name, &matrix, n_bins, rate_hz, args.from_rate)?;
    let n_components = imported.columns.len();
    manifest.set_dictionary(FILE, imported.columns.iter().map(|c| format!("component {c}")).collect());
    manifest.training.get_or_insert_with(Training::default).commands.push(command_line());
    let mut arrays = Arrays::default();
    arrays.insert("W", [n_bins, n_components], imported.w);
    Package::write(&args.model, manifest, &[(FILE.to_string(), arrays)].into())?;
    let hz = |rate: u32, bins: usize| f64::from(rate) / 2.0 / bins.saturating_sub(1).max(1) as f64;
    output::note(&match args.from_rate {
        None => format!(
            "row k of {} was taken for bin k, {:.1} Hz apart in this model ({rate_hz} Hz); if it was made at another rate, \
             its patterns are now at other frequencies: import it again with --from-rate",
            folder_name(&args.file),
            hz(rate_hz, n_bins)
        ),
        Some(from) => format!(
            "patterns of {} bins {:.1} Hz apart were read at {n_bins} bins {:.1} Hz apart; above {} Hz nothing is left of them",
            matrix.rows,
            hz(from, matrix.rows),
            hz(rate_hz, n_bins),
            from.min(rate_hz) / 2
        ),
    });
    if !imported.left_out.is_empty() {
        let columns: Vec<String> = imported.left_out.iter().map(usize::to_string).collect();
        output::note(&format!(
            "{} components have nothing where the model hears and were left out: {}",
            columns.len(),
            columns.join(", ")
        ));
    }
    output::note(&format!(
        "a dictionary of {n_components} components is in {}; train Ψ and Θ on it with 'earwitness train l2i'",
        args.model.display()
    ));
    Ok(())
}
