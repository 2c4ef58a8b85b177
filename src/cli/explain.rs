//! `earwitness explain`: what the classifier heard in a recording.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::builder::PossibleValuesParser;

use super::output;
use crate::dsp::resample;
use crate::engine::inference::Inference;
use crate::engine::offline::{RecordingParams, explain_recording};
use crate::engine::report::{Event, ModelRef};
use crate::error::{Error, Result};
use crate::interpret::l2i::L2i;
use crate::media::decode::read_recording;
use crate::model::classifier::Classifier;
use crate::model::package::{Package, find_model};
use crate::record::{EventFolders, FolderOptions};
use crate::units::{ClassId, StreamClock};

/// Explains with every method there is.
pub const ALL_METHODS: &str = "all";

const AFTER_HELP: &str = "\
Examples:
  earwitness explain bark.wav --out explained
  earwitness explain *.flac --out explained --label dog
  earwitness explain bark.wav --out explained --method all

Writes one folder a recording and method, with clip.wav, interpretation.wav, a file for each
relevant component, spectrogram.png and event.json.";

/// Explain recordings offline.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Recordings: wav, flac, ogg, mp3
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Folder to write the explanations into
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT")]
    pub out: PathBuf,
    /// The method, or all
    #[arg(long, value_name = "METHOD", env = "EARWITNESS_METHOD", default_value = "l2i", value_parser = PossibleValuesParser::new(["l2i", ALL_METHODS]))]
    pub method: String,
    /// The model: a name of `earwitness model list`, or a package's folder
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL", default_value = crate::model::package::DEFAULT_MODEL)]
    pub model: String,
    /// Explain this label, whatever its score; may be given again [default: the top label]
    #[arg(long, value_name = "LABEL", env = "EARWITNESS_LABEL", value_delimiter = ',')]
    pub label: Vec<String>,
}

/// Most components that get a file of their own.
const MAX_COMPONENTS: usize = 5;

/// Explains each recording and says where the folder is.
///
/// # Errors
/// Where the model, a recording or the output folder cannot be used.
pub fn run(args: &Args) -> Result<()> {
    let package = Package::open(&find_model(&args.model)?)?;
    let classifier = Classifier::load(&package)?;
    // So far there is one method: "all" and "l2i" are the same.
    let interpreter = L2i::load(&package)?;
    let classes = classes(&classifier, &args.label)?;
    let mut inference = Inference::new(classifier, Some(Box::new(interpreter)));
    let folders = EventFolders::new(&args.out, FolderOptions { private: false, ..FolderOptions::default() })?;
    for file in &args.files {
        for class in &classes {
            explain(file, &package, &mut inference, *class, &folders)?;
        }
    }
    Ok(())
}

/// The classes to explain; `None` is the top one.
fn classes(classifier: &Classifier, labels: &[String]) -> Result<Vec<Option<ClassId>>> {
    if labels.is_empty() {
        return Ok(vec![None]);
    }
    let known: Vec<&str> = classifier.labels().iter().map(|l| l.name.as_str()).collect();
    let find = |label: &String| {
        known
            .iter()
            .position(|k| k == label)
            .map(|i| Some(ClassId(i)))
            .ok_or_else(|| Error::usage(format!("the model has no label '{label}'; it has {}", known.join(", "))))
    };
    labels.iter().map(find).collect()
}

fn explain(
    file: &Path,
    package: &Package,
    inference: &mut Inference,
    class: Option<ClassId>,
    folders: &EventFolders,
) -> Result<()> {
    let recording = read_recording(file)?;
    if recording.truncated {
        output::note(&format!("{} ends too early; what is there is explained", file.display()));
    }
    let sample_rate = inference.classifier().front_end().sample_rate;
    let samples = resample(&recording.mono(), recording.sample_rate, sample_rate)?;
    let name = file.file_name().map_or_else(|| file.to_string_lossy(), |n| n.to_string_lossy());
    // A recording starts when its file was last written less its length, as far as anyone can tell.
    let written = std::fs::metadata(file).and_then(|m| m.modified()).unwrap_or_else(|_| SystemTime::now());
    let length = std::time::Duration::from_secs_f64(sample_rate.secs(samples.len() as u64));
    let params = RecordingParams {
        source: format!("file:{name}"),
        model: ModelRef { name: package.manifest().name.clone(), sha256: package.sha256().to_string() },
        clock: StreamClock { start: written.checked_sub(length).unwrap_or(written), sample_rate },
        max_components: MAX_COMPONENTS,
    };
    let report = explain_recording(&samples, inference, class, &params)?;
    let dir = folders.write(&report)?;
    output::print(&sentence(&name, &report.event, &dir))
}

/// One line a person can read.
fn sentence(name: &str, event: &Event, dir: &Path) -> String {
    let mut line = format!("{name}: {} {:.2}", event.label, event.score);
    if let Some(f) = event.faithfulness {
        let verdict = if f.agrees {
            "the interpretation alone says the same"
        } else {
            "the interpretation alone says something else"
        };
        line += &format!(", {verdict} ({:.2}; {:.2} without it)", f.prob_in, f.prob_out);
    }
    format!("{line}\n  {}\n", dir.display())
}
