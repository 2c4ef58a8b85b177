//! `earwitness train`: make a model package from a data set.

pub mod apnet;
pub mod baseline;
mod beside;
mod by_design;
mod causal;
pub mod classifier;
mod classifier_args;
pub(super) mod data;
pub mod dictionary;
pub mod drsa;
pub mod flint;
pub mod iba;
mod interpreter;
pub mod l2i;
pub mod lmac;
pub mod mixtures;
mod recipe;
mod start;
pub mod synthetic;
pub mod vibi;

const AFTER_HELP: &str = "\
Examples, in this order:
  earwitness train classifier --data esc13 --noise noise --out models/mine
  earwitness train dictionary --data esc13 --noise noise --model models/mine
  earwitness train l2i        --data esc13 --noise noise --model models/mine
  earwitness train lmac       --data esc13 --noise noise --model models/mine
  earwitness train drsa       --data esc13 --model models/mine
  earwitness train flint      --data esc13 --noise noise --model models/mine
  earwitness train vibi       --data esc13 --noise noise --model models/mine
  earwitness train apnet      --data esc13 --noise noise --model models/mine
  earwitness train iba        --data esc13 --model models/mine
  earwitness evaluate         --data esc13 --model models/mine

The data set has the layout of ESC-50: audio/FOLD-SOURCE-TAKE-CLASS.wav (flac, ogg)
and meta/esc50.csv.";

/// What to train.
#[derive(Debug, Clone, clap::Subcommand)]
#[command(after_help = AFTER_HELP)]
pub enum TrainCommand {
    /// Train a classifier and make a package of it
    Classifier(Box<classifier::Args>),
    /// Learn the dictionary of spectral patterns and add it to a package
    Dictionary(dictionary::Args),
    /// Train the listenable interpreter and add it to a package
    L2i(l2i::Args),
    /// Train the decoder of L-MAC and add it to a package
    Lmac(lmac::Args),
    /// Train the attributes of FLINT and add them to a package
    Flint(flint::Args),
    /// Train VIBI's choice of chunks and add it to a package
    Vibi(vibi::Args),
    /// Train APNet's prototypes and add them to a package
    Apnet(apnet::Args),
    /// Learn how a hidden layer's values are distributed, for IBA, and add it to a package
    Iba(iba::Args),
    /// Find concepts in a hidden layer and add them to a package
    Drsa(drsa::Args),
    /// Train classifiers on a dictionary alone, without a network, and compare models with them
    Baseline(baseline::Args),
    /// Make the two synthetic classes whose every sound is known
    Synthetic(synthetic::Args),
    /// Make a set with several labels a clip from one with one
    Mixtures(mixtures::Args),
}

/// Runs the command.
///
/// # Errors
/// As the command's own.
pub fn run(command: &TrainCommand) -> crate::Result<()> {
    match command {
        TrainCommand::Classifier(args) => classifier::run(args),
        TrainCommand::Dictionary(args) => dictionary::run(args),
        TrainCommand::L2i(args) => interpreter::run(args),
        TrainCommand::Lmac(args) => lmac::run(args),
        TrainCommand::Flint(args) => flint::run(args),
        TrainCommand::Vibi(args) => vibi::run(args),
        TrainCommand::Apnet(args) => apnet::run(args),
        TrainCommand::Iba(args) => iba::run(args),
        TrainCommand::Drsa(args) => drsa::run(args),
        TrainCommand::Baseline(args) => baseline::run(args),
        TrainCommand::Synthetic(args) => synthetic::run(args),
        TrainCommand::Mixtures(args) => mixtures::run(args),
    }
}
