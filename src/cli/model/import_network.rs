//! Networks that others trained and published, as packages.

use std::path::{Path, PathBuf};

use super::import_labels::label_names;
use crate::cli::output;
use crate::cli::parse::{positive, share_below_one};
use crate::cli::train::data::{command_line, folder_name, today};
use crate::error::{Error, Result};
use crate::model::audioset;
use crate::model::classifier::Classifier;
use crate::model::efficientat::{EfficientAtConfig, HOP, RATE_HZ, TAPS, front_end};
use crate::model::manifest::{self, Activation, Architecture, FrontEndSpec, Head, Label, Manifest, Segment, Training};
use crate::model::package::Package;
use crate::model::torch_file;

/// The file of the weights in the package.
const WEIGHTS: &str = "classifier.safetensors";

/// Seconds that a checkpoint's network hears at once, and from one segment to the next.
const SEGMENT_SECS: f64 = 2.0;
const STRIDE_SECS: f64 = 0.25;

/// What a package says beside the weights.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct NetworkArgs {
    /// Kind of the network that the checkpoint holds; makes a package of it
    #[arg(long, value_enum, value_name = "KIND", env = "EARWITNESS_ARCHITECTURE", help_heading = "Networks")]
    pub(in crate::cli) architecture: Option<Kind>,
    /// Labels in the order of the network's outputs: a CSV file with a column display_name (or name, category), perhaps index, or
    /// a text file with one label a line
    #[arg(long, value_name = "FILE", env = "EARWITNESS_LABELS", help_heading = "Networks")]
    pub(super) labels: Option<PathBuf>,
    /// Folder of the package that is made
    #[arg(long, visible_alias = "into", value_name = "DIR", env = "EARWITNESS_OUT", help_heading = "Networks")]
    pub(super) out: Option<PathBuf>,
    /// Licence of the weights, as an SPDX expression: their authors say it [a graph: LicenseRef-unknown]
    #[arg(long, value_name = "SPDX", env = "EARWITNESS_LICENCE", help_heading = "Networks")]
    pub(super) licence: Option<String>,
    /// Where the weights come from, in words or as an address; the package keeps it
    #[arg(long, value_name = "TEXT", env = "EARWITNESS_SOURCE", help_heading = "Networks")]
    source: Option<String>,
    /// Seconds that a monitor hears at once [default: 2; of a graph what it fixes, or 1]
    #[arg(long, value_name = "SECS", env = "EARWITNESS_SEGMENT_SECS", value_parser = positive, help_heading = "Networks")]
    pub(super) segment_secs: Option<f64>,
    /// Seconds from one segment to the next [default: 0.25; of a graph half a segment, 0.5 at most]
    #[arg(long, value_name = "SECS", env = "EARWITNESS_STRIDE_SECS", value_parser = positive, help_heading = "Networks")]
    pub(super) stride_secs: Option<f64>,
    /// Default probability at which an event starts
    #[arg(long, value_name = "P", env = "EARWITNESS_ON_THRESHOLD", default_value_t = 0.2, value_parser = share_below_one, help_heading = "Networks")]
    pub(super) on_threshold: f64,
    /// Default probability below which an event ends
    #[arg(long, value_name = "P", env = "EARWITNESS_OFF_THRESHOLD", default_value_t = 0.1, value_parser = share_below_one, help_heading = "Networks")]
    pub(super) off_threshold: f64,
}

impl NetworkArgs {
    /// Whether anything was said that is for networks alone.
    pub(super) const fn is_given(&self) -> bool {
        self.labels.is_some() || self.out.is_some() || self.licence.is_some()
    }

    /// How the package says it was made from `file`.
    pub(super) fn training(&self, file: &Path) -> Training {
        if self.source.is_none() {
            output::note("the package does not say where its weights come from; say it with --source");
        }
        let from = self.source.as_ref().map(|source| format!(", from {source}")).unwrap_or_default();
        Training {
            commands: vec![command_line()],
            data: format!("what its authors trained it on: {}{from}", folder_name(file)),
            seed: 0,
            date: today(),
        }
    }
}

/// Networks that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Kind {
    /// The mn networks of EfficientAT (MobileNetV3, AudioSet), as their authors publish them
    #[value(name = "efficientat")]
    EfficientAt,
}

/// Makes a package of a checkpoint, and opens it as a monitor would.
///
/// # Errors
/// Where the checkpoint or the labels cannot be read or do not fit each other, or the package cannot be written.
pub(super) fn run(checkpoint: &Path, args: &NetworkArgs) -> Result<()> {
    let (Some(labels), Some(out), Some(licence)) = (&args.labels, &args.out, &args.licence) else {
        return Err(Error::usage("--architecture needs --labels, --out and --licence"));
    };
    let arrays = torch_file::read(checkpoint)?;
    let config = EfficientAtConfig::find(&arrays)?;
    let names = label_names(labels)?;
    if names.len() != config.n_classes {
        return Err(Error::input(format!(
            "{} has {} labels and {} has {} outputs; give the labels that the network was trained with",
            labels.display(),
            names.len(),
            checkpoint.display(),
            config.n_classes
        )));
    }
    let labels = audioset::labels(&names, args.on_threshold as f32, args.off_threshold as f32);
    let manifest = manifest(args, &config, checkpoint, out, licence, labels)?;
    let package = Package::write(out, manifest, &[(WEIGHTS.to_string(), arrays)].into())?;
    Classifier::load(&package)?;
    output::note(&format!(
        "an EfficientAT network of width {} with {} labels is in {}; try it with 'earwitness monitor --model {}'",
        config.width,
        config.n_classes,
        out.display(),
        out.display()
    ));
    Ok(())
}

fn manifest(
    args: &NetworkArgs,
    config: &EfficientAtConfig,
    checkpoint: &Path,
    out: &Path,
    licence: &str,
    labels: Vec<Label>,
) -> Result<Manifest> {
    let frames = |secs: f64| ((secs * f64::from(RATE_HZ) / HOP as f64).round() as usize).max(1);
    let segment = Segment {
        n_frames: frames(args.segment_secs.unwrap_or(SEGMENT_SECS)),
        stride_frames: frames(args.stride_secs.unwrap_or(STRIDE_SECS)),
        clip_frames: None,
    };
    let description = format!("EfficientAT of width {}, {} labels, imported", config.width, labels.len());
    let classifier = manifest::Classifier {
        width: Some(config.width),
        hidden_units: Some(config.n_hidden),
        taps: TAPS.map(str::to_owned).to_vec(),
        ..manifest::Classifier::new(Architecture::EfficientAt, Head::Mlp, Activation::Sigmoid, WEIGHTS.to_owned())
    };
    Ok(Manifest {
        description,
        licence: licence.to_owned(),
        training: Some(args.training(checkpoint)),
        ..Manifest::new(folder_name(out), FrontEndSpec::from(&front_end()?), segment, labels, classifier)
    })
}
