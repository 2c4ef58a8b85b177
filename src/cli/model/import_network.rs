//! Networks that others trained and published, as packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cli::output;
use crate::cli::parse::{positive, share_below_one};
use crate::cli::train::data::{command_line, folder_name, today};
use crate::error::{Error, Result};
use crate::model::audioset;
use crate::model::classifier::Classifier;
use crate::model::efficientat::{EfficientAtConfig, HOP, RATE_HZ, TAPS, front_end};
use crate::model::manifest::{
    self, Activation, Architecture, FORMAT_VERSION, FrontEndSpec, Head, Label, Manifest, Segment, Training,
};
use crate::model::package::Package;
use crate::model::torch_file;
use crate::train::csv::Table;

/// The file of the weights in the package.
const WEIGHTS: &str = "classifier.safetensors";

/// What a package says beside the weights.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct NetworkArgs {
    /// Kind of the network that the checkpoint holds; makes a package of it
    #[arg(long, value_enum, value_name = "KIND", env = "EARWITNESS_ARCHITECTURE", requires_all = ["labels", "out", "licence"], help_heading = "Networks")]
    pub(in crate::cli) architecture: Option<Kind>,
    /// CSV file with the labels in the order of the network's outputs: a column display_name (or name, category), perhaps index
    #[arg(
        long,
        value_name = "FILE.csv",
        env = "EARWITNESS_LABELS",
        requires = "architecture",
        help_heading = "Networks"
    )]
    labels: Option<PathBuf>,
    /// Folder of the package that is made
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT", requires = "architecture", help_heading = "Networks")]
    out: Option<PathBuf>,
    /// Licence of the weights, as an SPDX expression: their authors say it
    #[arg(long, value_name = "SPDX", env = "EARWITNESS_LICENCE", requires = "architecture", help_heading = "Networks")]
    licence: Option<String>,
    /// Where the weights come from, in words or as an address; the package keeps it
    #[arg(long, value_name = "TEXT", env = "EARWITNESS_SOURCE", help_heading = "Networks")]
    source: Option<String>,
    /// Seconds that a monitor hears at once
    #[arg(long, value_name = "SECS", env = "EARWITNESS_SEGMENT_SECS", default_value_t = 2.0, value_parser = positive, help_heading = "Networks")]
    segment_secs: f64,
    /// Seconds from one segment to the next
    #[arg(long, value_name = "SECS", env = "EARWITNESS_STRIDE_SECS", default_value_t = 0.25, value_parser = positive, help_heading = "Networks")]
    stride_secs: f64,
    /// Default probability at which an event starts
    #[arg(long, value_name = "P", env = "EARWITNESS_ON_THRESHOLD", default_value_t = 0.2, value_parser = share_below_one, help_heading = "Networks")]
    on_threshold: f64,
    /// Default probability below which an event ends
    #[arg(long, value_name = "P", env = "EARWITNESS_OFF_THRESHOLD", default_value_t = 0.1, value_parser = share_below_one, help_heading = "Networks")]
    off_threshold: f64,
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
    if args.source.is_none() {
        output::note("the package does not say where its weights come from; say it with --source");
    }
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
    let file = folder_name(checkpoint);
    let from = args.source.as_ref().map(|source| format!(", from {source}")).unwrap_or_default();
    Ok(Manifest {
        format: FORMAT_VERSION,
        name: folder_name(out),
        description: format!("EfficientAT of width {}, {} labels, imported", config.width, labels.len()),
        licence: licence.to_owned(),
        front_end: FrontEndSpec::from(&front_end()?),
        segment: Segment {
            n_frames: frames(args.segment_secs),
            stride_frames: frames(args.stride_secs),
            clip_frames: None,
        },
        labels,
        classifier: manifest::Classifier {
            causal: None,
            architecture: Architecture::EfficientAt,
            input_pool: 1,
            widths: Vec::new(),
            time_pools: Vec::new(),
            width: Some(config.width),
            hidden_units: Some(config.n_hidden),
            layers: Vec::new(),
            head: Head::Mlp,
            activation: Activation::Sigmoid,
            taps: TAPS.map(str::to_owned).to_vec(),
            weights: WEIGHTS.to_owned(),
        },
        l2i: None,
        lmac: None,
        flint: None,
        vibi: None,
        iba: None,
        drsa: BTreeMap::new(),
        files: Default::default(),
        training: Some(Training {
            commands: vec![command_line()],
            data: format!("what its authors trained it on: {file}{from}"),
            seed: 0,
            date: today(),
        }),
        scores: Default::default(),
    })
}

/// The labels' names in the order of their indices, or of the rows where there are none.
fn label_names(path: &Path) -> Result<Vec<String>> {
    let table = Table::read(path)?;
    let Some(name) = ["display_name", "name", "category"].iter().find_map(|column| table.column(column)) else {
        return Err(Error::input(format!(
            "{} has no column display_name, name or category; give a CSV file with a header and a label a row",
            path.display()
        )));
    };
    let index = table.column("index");
    let mut rows = Vec::with_capacity(table.rows.len());
    for (i, (line, fields)) in table.rows.iter().enumerate() {
        let at = match index {
            None => Some(i),
            Some(column) => fields[column].parse::<usize>().ok(),
        };
        let at = at.ok_or_else(|| {
            Error::input(format!("line {line} of {} has an index that is no number; mend that line", path.display()))
        })?;
        rows.push((at, fields[name].clone()));
    }
    rows.sort_by_key(|(at, _)| *at);
    if let Some((wanted, _)) = rows.iter().enumerate().find(|(i, (at, _))| i != at) {
        return Err(Error::input(format!(
            "{} has not each index from 0 to {} once (see index {wanted}); give one row for each output of the network",
            path.display(),
            rows.len().saturating_sub(1)
        )));
    }
    Ok(rows.into_iter().map(|(_, name)| name).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_in_the_order_of_their_indices() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l.csv");
        let names = |text: &str| {
            std::fs::write(&path, text).unwrap();
            label_names(&path).map_err(|e| e.to_string())
        };
        let three = ["dog", "Bow, wow", "cat"].map(str::to_owned).to_vec();
        assert_eq!(names("index,mid,display_name\n1,b,\"Bow, wow\"\n0,a,dog\n2,c,cat\n").unwrap(), three);
        assert_eq!(names("name\ndog\n\"Bow, wow\"\ncat\n").unwrap(), three);
        assert!(names("label\ndog\n").unwrap_err().contains("no column display_name"));
        assert!(names("index,name\n0,dog\n2,cat\n").unwrap_err().contains("see index 1"));
        assert!(names("index,name\n0,dog\n0,cat\n").unwrap_err().contains("see index 1"));
        assert!(names("index,name\nx,dog\n").unwrap_err().contains("line 2"));
    }
}
