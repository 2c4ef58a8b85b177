//! `earwitness model import`: networks that others trained (checkpoints and ONNX graphs), and dictionaries that others learnt.

use std::path::{Path, PathBuf};

use super::import_network::{self, NetworkArgs};
use super::import_onnx::{self, GraphArgs};
use crate::cli::output;
use crate::cli::train::data::{command_line, folder_name};
use crate::cli::train::dictionary::FILE;
use crate::error::{Error, Result};
use crate::model::dictionary::import;
use crate::model::manifest::Training;
use crate::model::npy;
use crate::model::package::Package;
use crate::model::tensors::Arrays;

const AFTER_HELP: &str = "\
Examples:
  earwitness model import mn04_as.pt --architecture efficientat --labels class_labels_indices.csv \\
      --licence MIT --source \"EfficientAT's releases\" --out models/mn04
  earwitness model import bells.onnx --labels bells.txt --rate 16000 --into models/bells
  earwitness model import crnn.onnx --labels crnn.txt --front-end crnn.toml --into models/crnn
  earwitness model import initW.npy --model models/mine --from-rate 44100
  earwitness train l2i --data esc13 --noise noise --model models/mine

With --architecture, the file is a checkpoint of PyTorch (torch.save), and a package is made of it
that listens on the CPU. Width and number of labels are found in the checkpoint. Labels of AudioSet
get short names and groups; those that name no sound of their own are only shown. Whether you may
use the weights is for their authors to say: look for their licence and give it with --licence.

An .onnx file is a graph of any network with one input that gives a score for each label. It hears a
waveform at --rate, or, with --front-end, a spectrogram that this program makes: the file has a table
[front_end] as a model.toml has. What the graph does not say of its axes, outputs and scores is found
out by running it; say it where that fails. Import graphs of people you trust: a graph is a program.

Without --architecture, any other file is a matrix W of NumPy, one row a frequency bin and one column a pattern, float32 or
float64, such as the dictionaries of the L2I authors (513 bins at 44.1 kHz). As in their program,
negative values become 0 and every column gets the length 1. The package gets W in place of its
dictionary and loses Ψ and Θ, which spoke of the old one: train them anew.

Bins are not Hz. Without --from-rate, row k becomes bin k of the model, so a dictionary made at
another rate has all its patterns at other frequencies than it was made for. With --from-rate,
the patterns are read at the model's frequencies by linear interpolation, and what lies above the
model's half rate is lost. Window and hop stay the model's own.";

/// Make a package of a published network, or put a dictionary of another program into a package
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct ImportArgs {
    /// The graph (.onnx), the checkpoint (.pt), or the dictionary as a NumPy matrix: bins × components (.npy)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    graph: GraphArgs,
    /// Folder of the package that gets the dictionary, made by `train classifier`
    #[arg(long, value_name = "DIR", env = "EARWITNESS_MODEL")]
    model: Option<PathBuf>,
    /// Sample rate that the dictionary was made at, in Hz: brings its patterns to the model's frequencies [default: rows
    /// are taken for the model's bins]
    #[arg(long, value_name = "HZ", env = "EARWITNESS_FROM_RATE", value_parser = clap::value_parser!(u32).range(1_000..=768_000))]
    from_rate: Option<u32>,
}

/// Makes the package, or puts the dictionary into one.
///
/// # Errors
/// Where the file is none that fits, or a package cannot be read or written.
pub(in crate::cli) fn run(args: &ImportArgs) -> Result<()> {
    if args.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")) {
        return import_onnx::run(&args.file, &args.network, &args.graph);
    }
    match (&args.network.architecture, &args.model) {
        (Some(_), _) => import_network::run(&args.file, &args.network),
        (None, Some(model)) if !args.network.is_given() => dictionary(args, model),
        _ => Err(Error::usage(
            "say what to import: name an .onnx file, give --architecture for a checkpoint, or --model for a dictionary",
        )),
    }
}

/// Puts the dictionary into the package and says what its bins mean there.
fn dictionary(args: &ImportArgs, model: &Path) -> Result<()> {
    let package = Package::open(model)?;
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
    Package::write(model, manifest, &[(FILE.to_string(), arrays)].into())?;
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
        model.display()
    ));
    Ok(())
}
