//! `earwitness train flint`.

use super::beside::{Added, BesideArgs, run as teach};
use crate::cli::parse::{count, not_negative, positive, share_below_one};
use crate::error::Result;
use crate::model::flint::FlintConfig;
use crate::model::manifest::{Flint, Manifest};
use crate::model::package::Package;
use crate::model::tap_shapes::TapShapes;
use crate::train::flint::FlintLesson;

const AFTER_HELP: &str = "\
Examples:
  earwitness train flint --data esc13 --noise noise --model models/mine
  earwitness train flint --data esc13 --model models/mine --attributes 24 --epochs 20
  earwitness explain yard.wav --model models/mine --method flint

The classifier stays as it is. FLINT learns attributes of its hidden layers: maps that say where
in the sound each attribute was found. A linear layer repeats the classifier's decision from their
maxima alone, so every attribute's part in a decision can be read off, and a decoder rebuilds the
classifier's input from the maps. Training wants few attributes in one sound (conciseness) and many in
the whole data set (diversity).";

/// Train the attributes of FLINT and add them to a package.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// What every such training takes.
    #[command(flatten)]
    pub beside: BesideArgs,
    /// Attributes (J)
    #[arg(long, value_name = "N", env = "EARWITNESS_ATTRIBUTES", default_value_t = 64, value_parser = count)]
    pub attributes: usize,
    /// Channels inside the network that makes attributes of hidden layers
    #[arg(long, value_name = "N", env = "EARWITNESS_ATTRIBUTE_CHANNELS", default_value_t = 64, value_parser = count)]
    pub attribute_channels: usize,
    /// Weight of the fidelity to the classifier (L_of)
    #[arg(long, value_name = "W", env = "EARWITNESS_FIDELITY", default_value_t = 1.0, value_parser = positive)]
    pub fidelity: f64,
    /// Weight of the reconstruction of the input (L_if)
    #[arg(long, value_name = "W", env = "EARWITNESS_RECONSTRUCTION", default_value_t = 5.0, value_parser = not_negative)]
    pub reconstruction: f64,
    /// Weight of conciseness and diversity (L_cd)
    #[arg(long, value_name = "W", env = "EARWITNESS_DIVERSITY", default_value_t = 0.2, value_parser = not_negative)]
    pub diversity: f64,
    /// Weight of the mean attribute
    #[arg(long, value_name = "W", env = "EARWITNESS_SPARSITY", default_value_t = 0.1, value_parser = not_negative)]
    pub sparsity: f64,
    /// Attributes whose relevance is above this are played in an interpretation
    #[arg(long, value_name = "TAU", env = "EARWITNESS_RELEVANCE_THRESHOLD", default_value_t = 0.2, value_parser = share_below_one)]
    pub relevance_threshold: f64,
}

/// Trains the attributes and adds them to the package.
///
/// # Errors
/// Where settings, data or the package cannot be used, and on an interrupt.
pub fn run(args: &Args) -> Result<()> {
    let package = Package::open(&args.beside.model)?;
    let manifest = package.manifest();
    let net = FlintConfig {
        net: TapShapes::from_manifest(manifest)?,
        n_attributes: args.attributes,
        channels: args.attribute_channels,
    };
    let lesson = FlintLesson {
        net,
        activation: manifest.classifier.activation,
        fidelity: args.fidelity as f32,
        reconstruction: args.reconstruction as f32,
        diversity: args.diversity as f32,
        sparsity: args.sparsity as f32,
    };
    let describe = |manifest: &mut Manifest, weights: String| {
        manifest.flint = Some(Flint {
            n_attributes: args.attributes,
            channels: args.attribute_channels,
            relevance_threshold: args.relevance_threshold as f32,
            weights,
        });
    };
    teach(&args.beside, &package, &lesson, &Added { name: "flint", what: "the attributes", describe: &describe })
}
