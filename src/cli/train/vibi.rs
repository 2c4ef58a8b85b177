//! `earwitness train vibi`.

use super::beside::{Added, BesideArgs, run as teach};
use crate::cli::parse::{count, not_negative, positive};
use crate::error::{Error, Result};
use crate::model::manifest::{Manifest, Vibi};
use crate::model::package::Package;
use crate::model::vibi::VibiConfig;
use crate::train::vibi::VibiLesson;

const AFTER_HELP: &str = "\
Examples:
  earwitness train vibi --data esc13 --noise noise --model models/mine
  earwitness train vibi --data esc13 --model models/mine --chosen 0.5 --epochs 60
  earwitness explain yard.wav --model models/mine --method vibi

The classifier stays as it is and counts as a black box. VIBI cuts its input into chunks of time and
frequency. An explainer chooses some of them, and an approximator repeats the classifier's decision
from these alone. --beta holds the choice near an even one: the higher it is, the less the choice
says. The chosen chunks are the interpretation.";

/// Train VIBI's choice of chunks and add it to a package.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// What every such training takes.
    #[command(flatten)]
    pub beside: BesideArgs,
    /// Frames of a chunk, a multiple of 16
    #[arg(long, value_name = "N", env = "EARWITNESS_CHUNK_FRAMES", default_value_t = 32, value_parser = count)]
    pub chunk_frames: usize,
    /// Bands of a chunk, a multiple of 8
    #[arg(long, value_name = "N", env = "EARWITNESS_CHUNK_BANDS", default_value_t = 16, value_parser = count)]
    pub chunk_bands: usize,
    /// Share of the chunks that are chosen, above 0 and below 1
    #[arg(long, value_name = "P", env = "EARWITNESS_CHOSEN", default_value_t = 0.25, value_parser = positive)]
    pub chosen: f64,
    /// Channels of the networks' first maps; later ones have two and four times as many
    #[arg(long, value_name = "N", env = "EARWITNESS_CHUNK_CHANNELS", default_value_t = 16, value_parser = count)]
    pub chunk_channels: usize,
    /// Weight of the bottleneck (β)
    #[arg(long, value_name = "W", env = "EARWITNESS_BETA", default_value_t = 0.01, value_parser = not_negative)]
    pub beta: f64,
    /// Temperature of the choice in training: near 0 a chunk is chosen or not, above 1 all are chosen a little
    #[arg(long, value_name = "T", env = "EARWITNESS_TEMPERATURE", default_value_t = 0.7, value_parser = positive)]
    pub temperature: f64,
}

/// Trains explainer and approximator and adds them to the package.
///
/// # Errors
/// Where settings, data or the package cannot be used, and on an interrupt.
pub fn run(args: &Args) -> Result<()> {
    let package = Package::open(&args.beside.model)?;
    let manifest = package.manifest();
    let net = VibiConfig {
        n_mels: manifest.front_end.n_mels,
        n_classes: manifest.labels.len(),
        chunk: [args.chunk_frames, args.chunk_bands],
        channels: args.chunk_channels,
        chosen: args.chosen as f32,
        silence: manifest.front_end.params()?.compression.silence(),
    };
    let lesson = VibiLesson {
        net: net.checked().map_err(|e| Error::usage(e.to_string()))?,
        activation: manifest.classifier.activation,
        bottleneck: args.beta as f32,
        temperature: args.temperature as f32,
    };
    let describe = |manifest: &mut Manifest, weights: String| {
        manifest.vibi = Some(Vibi {
            chunk_frames: args.chunk_frames,
            chunk_bands: args.chunk_bands,
            chosen: args.chosen as f32,
            channels: args.chunk_channels,
            weights,
        });
    };
    teach(
        &args.beside,
        &package,
        &lesson,
        &Added { name: "vibi", what: "explainer and approximator", describe: &describe },
    )
}
