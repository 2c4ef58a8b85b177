//! What to probe.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;

use super::frequency::Scaling;
use crate::cli::parse::count;

/// What is of the tables alone.
const TABLES: [&str; 5] = ["sets", "domain", "corrupt", "limit", "markdown"];

/// What to probe; each writes its own tables.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Probes")]
pub struct ProbeArgs {
    /// Make the classifier random layer by layer and say how much explanations change
    #[arg(long, env = "EARWITNESS_SANITY", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub sanity: bool,
    /// Replace the classifier's input by silence, most relevant places first, and follow the score
    #[arg(long, env = "EARWITNESS_FLIPPING", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub flipping: bool,
    /// Flip by concept: patches of every concept at once, for the concepts of the model, random ones and none; see 'train drsa'
    #[arg(long, env = "EARWITNESS_FLIP_CONCEPTS", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub flip_concepts: bool,
    /// Compare explanations with the objects that a clip is made of, in a set of 'train synthetic'
    #[arg(long, env = "EARWITNESS_OBJECTS", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub objects: bool,
    /// Change sounds a little (1 dB louder, 10 ms later, noise 40 dB below) and measure how far masks move
    #[arg(long, env = "EARWITNESS_STABILITY", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub stability: bool,
    /// Multiply frequencies by FACTOR and say what the classifier takes the clips for; for all labels, or as in male=1.5,female=0.66
    #[arg(long, value_name = "[LABEL=]FACTOR,…", env = "EARWITNESS_SCALE_FREQUENCY", value_delimiter = ',', conflicts_with_all = TABLES)]
    pub scale_frequency: Vec<Scaling>,
    /// Remove what is relevant and retrain, on the folds that are not measured; results lie in DIR, and the same command goes on there
    #[arg(long, value_name = "DIR", env = "EARWITNESS_ROAR", conflicts_with_all = TABLES)]
    pub roar: Option<PathBuf>,
    /// Draw into DIR: a page a clip with each method's mask, the curves of flipping (which are measured for it), and relevance vectors by t-SNE
    #[arg(long, value_name = "DIR", env = "EARWITNESS_PLOTS", conflicts_with_all = TABLES)]
    pub plots: Option<PathBuf>,
    /// Randomise, flip and draw pages for so many clips, as many of each class
    #[arg(long, value_name = "N", env = "EARWITNESS_PROBE_CLIPS", default_value_t = 26, value_parser = count)]
    pub probe_clips: usize,
    /// Shares of the input that --roar removes, in percent
    #[arg(long, value_name = "PERCENT,…", env = "EARWITNESS_ROAR_SHARES", value_delimiter = ',', default_values_t = [10, 30, 50, 70, 90], requires = "roar", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub roar_shares: Vec<u8>,
    /// Passes over the data of each training of --roar
    #[arg(long, value_name = "N", env = "EARWITNESS_ROAR_EPOCHS", default_value_t = 30, requires = "roar", value_parser = count)]
    pub roar_epochs: usize,
}

impl ProbeArgs {
    /// Whether anything is to be probed.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.sanity
            || self.flipping
            || self.flip_concepts
            || self.objects
            || self.stability
            || !self.scale_frequency.is_empty()
            || self.roar.is_some()
            || self.plots.is_some()
    }
}
