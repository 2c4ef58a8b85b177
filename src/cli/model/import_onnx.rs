//! ONNX graphs of others, as packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::graph_hearing::{self, Hearing};
use super::import_labels::{label_names, labels};
use super::import_network::NetworkArgs;
use crate::checked_file::{self, Links};
use crate::cli::output;
use crate::cli::train::data::folder_name;
use crate::error::{Error, Result};
use crate::model::classifier::Classifier;
use crate::model::manifest::{self, Activation, Architecture, Head, Label, Manifest};
use crate::model::onnx::{Axis, FramePooling, Graph, MAX_BYTES, OnnxSpec, ScoreKind, Wishes, discover};
use crate::model::package::Package;

/// The graph's file in the package.
const GRAPH: &str = "classifier.onnx";

/// The licence of weights whose licence nobody gave.
const UNKNOWN_LICENCE: &str = "LicenseRef-unknown";

/// What a file may say of the rate that its network hears at.
const RATE_KEYS: [&str; 3] = ["sample_rate", "sampling_rate", "samplerate"];

/// What a person may say of a graph.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct GraphArgs {
    /// TOML file with a table [front_end], as in a model.toml: the spectrogram that the graph hears [default: a waveform]
    #[arg(long, value_name = "FILE", env = "EARWITNESS_FRONT_END", help_heading = "Graphs (.onnx)")]
    front_end: Option<PathBuf>,
    /// Sample rate that a graph of waveforms hears at, in Hz [default: what the file says]
    #[arg(long, value_name = "HZ", env = "EARWITNESS_RATE", value_parser = clap::value_parser!(u32).range(8_000..=192_000), help_heading = "Graphs (.onnx)")]
    rate: Option<u32>,
    /// The graph's input [default: its only one]
    #[arg(long, value_name = "NAME", env = "EARWITNESS_INPUT_NAME", help_heading = "Graphs (.onnx)")]
    input_name: Option<String>,
    /// What each axis of the input is: one, samples, frames, bands [default: found out]
    #[arg(long, value_name = "AXIS,…", env = "EARWITNESS_AXES", value_delimiter = ',', value_parser = axis, help_heading = "Graphs (.onnx)")]
    axes: Option<Vec<Axis>>,
    /// The output that has the scores [default: the first with one for each label]
    #[arg(long, value_name = "NAME", env = "EARWITNESS_OUTPUT_NAME", help_heading = "Graphs (.onnx)")]
    output_name: Option<String>,
    /// What the scores are [default: found out]
    #[arg(long, value_enum, value_name = "KIND", env = "EARWITNESS_SCORES", help_heading = "Graphs (.onnx)")]
    scores: Option<Scores>,
    /// How a graph's scores of several frames become one of a segment
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        env = "EARWITNESS_FRAMES",
        default_value = "mean",
        help_heading = "Graphs (.onnx)"
    )]
    frames: Frames,
}

/// What a graph's scores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scores {
    /// Probabilities, each label for itself
    Probabilities,
    /// Probabilities of one of the labels: they sum to 1
    Shares,
    /// Logits, for a sigmoid each
    Logits,
    /// Logits, for a softmax over all
    SoftmaxLogits,
}

/// How frames become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Frames {
    /// Their mean
    Mean,
    /// The largest
    Max,
}

fn axis(text: &str) -> std::result::Result<Axis, String> {
    match text.trim() {
        "one" | "1" => Ok(Axis::One),
        "samples" => Ok(Axis::Samples),
        "frames" => Ok(Axis::Frames),
        "bands" => Ok(Axis::Bands),
        _ => Err("give one, samples, frames or bands for each axis".into()),
    }
}

impl GraphArgs {
    fn wishes(&self) -> Wishes {
        let scores = |scores: Scores| match scores {
            Scores::Probabilities => (ScoreKind::Probabilities, Activation::Sigmoid),
            Scores::Shares => (ScoreKind::Probabilities, Activation::Softmax),
            Scores::Logits => (ScoreKind::Logits, Activation::Sigmoid),
            Scores::SoftmaxLogits => (ScoreKind::Logits, Activation::Softmax),
        };
        Wishes {
            input: self.input_name.clone(),
            axes: self.axes.clone(),
            output: self.output_name.clone(),
            scores: self.scores.map(scores),
            frames: if self.frames == Frames::Max { FramePooling::Max } else { FramePooling::Mean },
        }
    }
}

/// Makes a package of a graph, and opens it as a monitor would.
///
/// # Errors
/// Where graph or labels cannot be read or do not fit each other, or the package cannot be written.
pub(super) fn run(file: &Path, args: &NetworkArgs, graph_args: &GraphArgs) -> Result<()> {
    if args.architecture.is_some() {
        return Err(Error::usage("an .onnx file is a graph, whatever its network; leave --architecture out"));
    }
    let (Some(labels_file), Some(out)) = (&args.labels, &args.out) else {
        return Err(Error::usage("an .onnx file needs --labels FILE and --into DIR"));
    };
    let name = file.display().to_string();
    let bytes = checked_file::read(file, Links::Follow, MAX_BYTES).map_err(|e| {
        Error::model(format!("cannot read {name} ({e}); name an .onnx file of at most {} MiB", MAX_BYTES >> 20))
            .with_source(e)
    })?;
    let graph = Graph::load(&bytes, &name)?;
    let names = label_names(labels_file)?;
    let wishes = graph_args.wishes();
    let (hearing, spec) = heard(&graph, &name, &wishes, args, graph_args)?;
    let sizes = [hearing.front_end.n_mels, names.len()];
    let (spec, activation) = discover(&graph, &wishes, spec, &graph_hearing::sounds(&hearing)?, sizes)?;
    let labels = labels(&names, args.on_threshold as f32, args.off_threshold as f32);
    say_what_was_found(&hearing, &spec, activation);
    let licence = args.licence.clone().unwrap_or_else(|| {
        output::note("the package does not say what you may do with its weights; say it with --licence");
        UNKNOWN_LICENCE.to_owned()
    });
    let n_labels = labels.len();
    let manifest = Manifest {
        licence,
        training: Some(args.training(file)),
        ..manifest(folder_name(out), &hearing, spec, activation, labels)
    };
    let package = Package::write_bytes(out, manifest, &BTreeMap::from([(GRAPH.to_owned(), bytes)]))?;
    Classifier::load(&package)?;
    output::note(&format!(
        "a graph with {n_labels} labels is in {0}; try it with 'earwitness monitor --model {0}'",
        out.display()
    ));
    Ok(())
}

/// What the graph hears, and how, but for its output.
fn heard(
    graph: &Graph,
    name: &str,
    wishes: &Wishes,
    args: &NetworkArgs,
    graph_args: &GraphArgs,
) -> Result<(Hearing, OnnxSpec)> {
    let input = wishes.input_of(graph, name)?;
    let front_end = graph_args.front_end.as_deref().map(graph_hearing::read_front_end).transpose()?;
    let axes = wishes.axes_of(&input, front_end.as_ref().map(|f| f.n_mels))?;
    let secs = [args.segment_secs, args.stride_secs];
    let hearing = match front_end {
        Some(front_end) => graph_hearing::of_spectrogram(front_end, &input, &axes, secs)?,
        None => graph_hearing::of_waveform(rate(graph, name, graph_args)?, &input, &axes, secs)?,
    };
    let spec = OnnxSpec {
        input: input.name,
        axes,
        samples: hearing.samples,
        output: String::new(),
        scores: ScoreKind::Logits,
        frames: wishes.frames,
    };
    if !spec.axes_fit() || (spec.hears_samples() != graph_args.front_end.is_none()) {
        return Err(Error::usage(
            "--axes has to name samples once for a waveform, or frames and bands once each where there is a --front-end",
        ));
    }
    Ok((hearing, spec))
}

/// The rate that a graph of waveforms hears at.
fn rate(graph: &Graph, name: &str, args: &GraphArgs) -> Result<u32> {
    let told = || RATE_KEYS.iter().find_map(|key| graph.metadata(key)?.trim().parse().ok());
    let rate: u32 = args.rate.or_else(told).ok_or_else(|| {
        Error::usage(format!("{name} does not say at which rate it hears a waveform; say it in Hz with --rate"))
    })?;
    if (8_000..=192_000).contains(&rate) {
        return Ok(rate);
    }
    Err(Error::usage(format!("{name} says that it hears {rate} Hz, which cannot be; give the right rate with --rate")))
}

/// Tells what was found out, so that a person can see whether it is right.
fn say_what_was_found(hearing: &Hearing, spec: &OnnxSpec, activation: Activation) {
    let f = &hearing.front_end;
    let secs = |frames: usize| frames as f64 * f.frame_secs();
    let what = if spec.hears_samples() { "a waveform" } else { "a spectrogram" };
    let scores = match (spec.scores, activation) {
        (ScoreKind::Probabilities, Activation::Sigmoid) => "probabilities, each label for itself",
        (ScoreKind::Probabilities, Activation::Softmax) => "probabilities that sum to 1",
        (ScoreKind::Logits, Activation::Sigmoid) => "logits, with a sigmoid each",
        (ScoreKind::Logits, Activation::Softmax) => "logits, with a softmax over all",
    };
    output::note(&format!(
        "the graph hears {what} at {} Hz, {:.3} s every {:.3} s, by its input {}; its output {} has {scores}",
        f.sample_rate_hz,
        secs(hearing.segment.n_frames),
        secs(hearing.segment.stride_frames),
        spec.input,
        spec.output
    ));
}

/// The manifest, but for licence and origin.
fn manifest(name: String, hearing: &Hearing, spec: OnnxSpec, activation: Activation, labels: Vec<Label>) -> Manifest {
    let description = format!("An ONNX graph of {} labels, imported", labels.len());
    let classifier = manifest::Classifier {
        onnx: Some(spec),
        ..manifest::Classifier::new(Architecture::Onnx, Head::Graph, activation, GRAPH.to_owned())
    };
    Manifest { description, ..Manifest::new(name, hearing.front_end.clone(), hearing.segment, labels, classifier) }
}
