//! `earwitness explain`: what the classifier heard in a recording.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

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
