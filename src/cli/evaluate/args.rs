//! What `earwitness evaluate` takes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, PossibleValuesParser};

use crate::cli::methods::MethodParser;
use crate::cli::parse::{count, word};
use crate::cli::probe::ProbeArgs;
use crate::error::{Error, Result};
use crate::eval::domain::Domain;
use crate::eval::mixtures::SetKind;
use crate::train::dataset::Target;

/// The corruptions by the names of the command line.
pub(super) const CORRUPTIONS: [(&str, SetKind); 2] =
    [("noise", SetKind::CorruptNoise), ("overlap", SetKind::CorruptOverlap)];

const AFTER_HELP: &str = "\
Examples:
  earwitness evaluate --data esc13
  earwitness evaluate --data esc13 --model models/mine --folds 4 --json scores.json
  earwitness evaluate --data esc13 --folds 4 --noise noise --methods all --json tables.json
  earwitness evaluate --data esc13 --folds 4 --corrupt noise,overlap
  earwitness evaluate --data esc13 --folds 4 --decisions
  earwitness evaluate --data esc13 --folds 4 --sanity --flipping --plots pictures
  earwitness evaluate --data esc13 --folds 4 --methods l2i,lrp --roar retrained
  earwitness evaluate --stream yard.wav --truth yard.csv --json yard.json

The data set has the layout of ESC-50: audio/FOLD-SOURCE-TAKE-CLASS.wav (flac, ogg)
and meta/esc50.csv. Without --methods, --sets and --corrupt the classifier and, where the
model has them, the components of L2I are measured; with them, methods are compared as in
the L-MAC and L2I papers, and the tables are Markdown. docs/tables.md explains each
figure.
With --decisions, evaluate measures the methods that have a decision of their own, which is to
repeat the classifier's (l2i, flint, vibi, apnet): how often it does.
With a probe, evaluate runs the probes of --methods (default: all) instead. Measuring all
methods takes long; use --limit and --probe-clips for a quick look. --roar trains a
classifier for every method and share, which takes hours.

With --stream, evaluate listens to a recording as a monitor does, and compares its events with
those that --truth lists. docs/measuring.md explains each figure.";

/// Measure a model on a data set or on an annotated stream, and compare methods.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA", required_unless_present = "stream")]
    pub data: Option<PathBuf>,
    /// Listen to this recording as a monitor does, instead of measuring a data set
    #[arg(long, value_name = "FILE", env = "EARWITNESS_STREAM", requires = "truth", help_heading = "Stream")]
    pub stream: Option<PathBuf>,
    /// What sounds in the recording: CSV with the columns label,onset_s,offset_s,clip,snr_db
    #[arg(long, value_name = "FILE", env = "EARWITNESS_TRUTH", requires = "stream", help_heading = "Stream")]
    pub truth: Option<PathBuf>,
    /// Report labels that the model only shows, too (`alarm = false`)
    #[arg(long, env = "EARWITNESS_EVERY_LABEL", requires = "stream", value_parser = FalseyValueParser::new(), help_heading = "Stream")]
    pub every_label: bool,
    /// The model: a name of `earwitness model list`, or a package's folder
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL", default_value = crate::model::package::DEFAULT_MODEL)]
    pub model: OsString,
    /// What is to be recognised: the set's classes (of spoken digits, the digit), or the speaker's sex, where AudioMNIST's table
    /// says it
    #[arg(long, value_name = "WHAT", env = "EARWITNESS_TARGET", default_value = "class", value_parser = word::<Target>(&["class", "sex"]))]
    pub target: Target,
    /// Use these folds only, as in 1,2 [default: all]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// Compare these methods, as in l2i,lrp:epsilon,random; `all` is every one the model has, and the baselines
    #[arg(long, value_name = "METHOD,…", env = "EARWITNESS_METHODS", value_delimiter = ',', value_parser = MethodParser::ANY)]
    pub methods: Vec<String>,
    /// Measure how the methods decide that decide themselves: fidelity to the classifier, accuracy, and F1 of several labels
    #[arg(long, env = "EARWITNESS_DECISIONS", conflicts_with_all = ["stream", "markdown", "sets", "corrupt"], value_parser = FalseyValueParser::new())]
    pub decisions: bool,
    /// The evaluation sets to compare on [default: in-domain,out-of-domain]
    #[arg(long, value_name = "SET,…", env = "EARWITNESS_SETS", value_delimiter = ',', value_parser = PossibleValuesParser::new(SetKind::TABLES.map(SetKind::name)))]
    pub sets: Vec<String>,
    /// Where masks are laid
    #[arg(long, value_name = "DOMAIN,…", env = "EARWITNESS_DOMAIN", value_delimiter = ',', default_value = "stft,mel", value_parser = PossibleValuesParser::new([Domain::Stft.name(), Domain::Mel.name()]))]
    pub domain: Vec<String>,
    /// Corrupt the clips and measure how much of the target the interpretations keep
    #[arg(long, value_name = "HOW,…", env = "EARWITNESS_CORRUPT", value_delimiter = ',', value_parser = PossibleValuesParser::new(CORRUPTIONS.map(|c| c.0)))]
    pub corrupt: Vec<String>,
    /// Folder of background recordings for the in-domain set; without it the clips are alone
    #[arg(long, value_name = "DIR", env = "EARWITNESS_NOISE")]
    pub noise: Option<PathBuf>,
    /// Folder of speech recordings for the speech set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_SPEECH")]
    pub speech: Option<PathBuf>,
    /// Draw at most this many clips for each set, and for L2I's components
    #[arg(long, value_name = "N", env = "EARWITNESS_LIMIT", value_parser = count)]
    pub limit: Option<usize>,
    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE", env = "EARWITNESS_JSON_FILE")]
    pub json: Option<PathBuf>,
    /// Also write the tables of a comparison to this file, as Markdown
    #[arg(long, value_name = "FILE", env = "EARWITNESS_MARKDOWN")]
    pub markdown: Option<PathBuf>,
    /// Seed of everything that is drawn at random
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// What else to find out about the methods; then it is done instead.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

impl Args {
    /// The folder of the data set; clap asks for it where there is no stream.
    pub(super) fn data(&self) -> Result<&Path> {
        self.data.as_deref().ok_or_else(|| Error::usage("there is nothing to measure on; give --data or --stream"))
    }

    /// Whether methods are to be compared, and not only the classifier and L2I's components measured.
    pub(super) fn compares(&self) -> bool {
        let lists = [&self.methods, &self.sets, &self.corrupt];
        !self.decisions && (lists.iter().any(|list| !list.is_empty()) || self.markdown.is_some())
    }
}
