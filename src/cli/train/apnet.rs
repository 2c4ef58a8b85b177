//! `earwitness train apnet`.

use super::beside::{Added, BesideArgs, run as teach};
use crate::cli::parse::{count, not_negative, positive, share_below_one};
use crate::error::{Error, Result};
use crate::model::apnet::ApnetConfig;
use crate::model::manifest::{Apnet, Manifest};
use crate::model::package::Package;
use crate::train::apnet::ApnetLesson;

const AFTER_HELP: &str = "\
Examples:
  earwitness train apnet --data esc13 --noise noise --model models/mine
  earwitness train apnet --data esc13 --model models/mine --prototypes 5 --epochs 60
  earwitness explain yard.wav --model models/mine --method apnet

APNet is a classifier of its own, which the package holds beside its classifier. It compares a sound
with prototypes that it has learned, a few for each label, and decides from how similar they are.
It learns from the labels, not from the classifier, and explains its own decision: which prototypes
the sound is like, and where. `evaluate --decisions` says how often it is right, and how often it
agrees with the classifier.";

/// Train APNet's prototypes and add them to a package.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// What every such training takes.
    #[command(flatten)]
    pub beside: BesideArgs,
    /// Prototypes of each label
    #[arg(long, value_name = "N", env = "EARWITNESS_PROTOTYPES", default_value_t = 2, value_parser = count)]
    pub prototypes: usize,
    /// Frames of a prototype, a multiple of 4
    #[arg(long, value_name = "N", env = "EARWITNESS_PROTOTYPE_FRAMES", default_value_t = 64, value_parser = count)]
    pub prototype_frames: usize,
    /// Channels of the network's maps
    #[arg(long, value_name = "N", env = "EARWITNESS_PROTOTYPE_CHANNELS", default_value_t = 32, value_parser = count)]
    pub prototype_channels: usize,
    /// Weight of the labels (α)
    #[arg(long, value_name = "W", env = "EARWITNESS_LABEL_WEIGHT", default_value_t = 10.0, value_parser = positive)]
    pub label_weight: f64,
    /// Weight of the distances between prototypes and sounds (β)
    #[arg(long, value_name = "W", env = "EARWITNESS_PROTOTYPE_WEIGHT", default_value_t = 5.0, value_parser = not_negative)]
    pub prototype_weight: f64,
    /// Weight of the reconstruction of the input (γ)
    #[arg(long, value_name = "W", env = "EARWITNESS_RECONSTRUCTION", default_value_t = 5.0, value_parser = not_negative)]
    pub reconstruction: f64,
    /// Prototypes whose relevance is above this are played in an interpretation
    #[arg(long, value_name = "TAU", env = "EARWITNESS_RELEVANCE_THRESHOLD", default_value_t = 0.2, value_parser = share_below_one)]
    pub relevance_threshold: f64,
}

/// Trains the prototypes and adds them to the package.
///
/// # Errors
/// Where settings, data or the package cannot be used, and on an interrupt.
pub fn run(args: &Args) -> Result<()> {
    let package = Package::open(&args.beside.model)?;
    let manifest = package.manifest();
    let net = ApnetConfig {
        n_mels: manifest.front_end.n_mels,
        n_classes: manifest.labels.len(),
        n_prototypes: args.prototypes * manifest.labels.len(),
        frames: args.prototype_frames,
        channels: args.prototype_channels,
        silence: manifest.front_end.params()?.compression.silence(),
    }
    .checked()
    .map_err(|e| Error::usage(e.to_string()))?;
    let lesson = ApnetLesson {
        net: net.clone(),
        activation: manifest.classifier.activation,
        labels: args.label_weight as f32,
        prototypes: args.prototype_weight as f32,
        reconstruction: args.reconstruction as f32,
    };
    let describe = |manifest: &mut Manifest, weights: String| {
        manifest.apnet = Some(Apnet {
            n_prototypes: net.n_prototypes,
            frames: net.frames,
            channels: net.channels,
            relevance_threshold: args.relevance_threshold as f32,
            weights,
        });
    };
    teach(&args.beside, &package, &lesson, &Added { name: "apnet", what: "the prototypes", describe: &describe })
}
